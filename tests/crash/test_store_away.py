"""PostgreSQL stopped under a worker's hands: it goes on when the store is back, without a restart."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import open_store
from support.crash import LEASE_S, LONG_S, Company
from support.servers import Postgres

DONE = "SELECT count(*) FROM handoffs WHERE state = 2"


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server of this test's own: others must not be stopped with it."""
    with Postgres(shared_buffers="32MB") as server:
        yield server


@pytest.fixture
def company(tmp_path: Path, postgres: Postgres) -> Iterator[Company]:
    url = postgres.url(postgres.create_database())
    store = open_store(url, pool=4)
    upgrade(store)
    found = Company(tmp_path, store, url)
    yield found
    found.close()
    store.close()


def until(seen: Callable[[], bool], what: str) -> None:
    """Look until something is so."""
    end = time.monotonic() + LONG_S
    while not seen():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.01)


def unread(port: int) -> bool:
    """Whether somebody has asked a server of this machine for something that it has not taken yet."""
    for row in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        _, local, _, _, queues, *_ = row.split()
        if int(local.partition(":")[2], 16) == port and int(queues.partition(":")[2], 16):
            return True
    return False


def hang(postgres: Postgres) -> None:
    """Freeze the server, and return when it is asked for something while it hangs.

    Where it hangs in the middle of what all of the worker's connections asked before, nothing more is ever asked.
    """
    end = time.monotonic() + LONG_S
    while True:
        postgres.freeze()
        look = time.monotonic() + 2 * float(LEASE_S)
        while time.monotonic() < look:
            if unread(postgres.port):
                return
            time.sleep(0.01)
        assert time.monotonic() < end, "the worker never asks a server that hangs"
        postgres.thaw()


def outages(company: Company, postgres: Postgres, lasts: Callable[[], None], leads: int) -> None:
    """Freeze the server and stop it, each until the worker has met that and ``lasts`` returns."""
    worker = company.worker()
    company.deliver([f"first {n}" for n in range(leads)])
    company.wait_until_some(DONE)
    hang(postgres)
    lasts()
    postgres.thaw()
    company.deliver([f"second {n}" for n in range(leads)])
    company.wait_until_some(DONE, leads)
    told = company.log.stat().st_size
    postgres.halt(signal.SIGINT)
    until(lambda: b"OperationalError" in company.log.read_bytes()[told:], "the worker meets a server that is away")
    lasts()
    postgres.rerun()
    company.store.engine.dispose()
    company.deliver([f"third {n}" for n in range(leads)])
    company.wait_until(DONE, 2 * 3 * leads)
    assert worker.poll() is None
    company.assert_each_once(3 * leads)


def test_a_worker_outlives_a_postgresql_that_hangs_and_one_that_is_shut_down(
    company: Company, postgres: Postgres
) -> None:
    outages(company, postgres, lambda: None, 200)


@pytest.mark.long
def test_a_worker_outlives_outages_longer_than_its_lease(company: Company, postgres: Postgres) -> None:
    outages(company, postgres, lambda: time.sleep(5 * float(LEASE_S)), 1_000)
