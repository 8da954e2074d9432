"""PostgreSQL stopped under a worker's hands: it goes on when the store is back, without a restart."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import open_store
from support.crash import Company
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


def outages(company: Company, postgres: Postgres, seconds: float, leads: int) -> None:
    worker = company.worker()
    company.deliver([f"first {n}" for n in range(leads)])
    company.wait_until_some(DONE)
    postgres.freeze()
    time.sleep(seconds)
    postgres.thaw()
    company.deliver([f"second {n}" for n in range(leads)])
    company.wait_until_some(DONE, leads)
    postgres.halt(signal.SIGINT)
    time.sleep(seconds)
    postgres.rerun()
    company.store.engine.dispose()
    company.deliver([f"third {n}" for n in range(leads)])
    company.wait_until(DONE, 2 * 3 * leads)
    assert worker.poll() is None
    company.assert_each_once(3 * leads)


def test_a_worker_outlives_a_postgresql_that_hangs_and_one_that_is_shut_down(
    company: Company, postgres: Postgres
) -> None:
    outages(company, postgres, 3.0, 200)


@pytest.mark.long
def test_a_worker_outlives_outages_longer_than_its_lease(company: Company, postgres: Postgres) -> None:
    outages(company, postgres, 10.0, 1_000)
