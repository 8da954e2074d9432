"""Redis and RabbitMQ carry only rings: whatever becomes of them, nothing is lost and no worker is started again."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from support.crash import Company
from support.servers import Redis

DONE = "SELECT count(*) FROM handoffs WHERE state = 2"
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672"


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis() as server:
        yield server


def work_through(company: Company, worker: subprocess.Popen[bytes], leads: int, so_far: int) -> int:
    """Deliver so many leads more and wait until all are handled by the same worker. Returns how many there are now."""
    company.deliver([f"lead {so_far + n}" for n in range(leads)])
    company.wait_until(DONE, 2 * (so_far + leads))
    assert worker.poll() is None
    return so_far + leads


def test_a_redis_that_is_killed_and_comes_back_loses_nothing_and_needs_no_restart(
    company: Company, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLINE_QUEUE__URL", redis.url())
    worker = company.worker()
    leads = work_through(company, worker, 40, 0)
    redis.halt(signal.SIGKILL)
    leads = work_through(company, worker, 40, leads)
    redis.rerun()  # empty: every ring that it carried is lost
    leads = work_through(company, worker, 40, leads)
    company.assert_each_once(leads)


def test_two_workers_hear_rings_of_one_redis_and_do_everything_once(
    company: Company, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLINE_QUEUE__URL", redis.url())
    one, other = company.worker(), company.worker()
    leads = work_through(company, one, 100, 0)
    one.kill()
    leads = work_through(company, other, 40, leads)
    company.assert_each_once(leads)


def test_rabbitmq_carries_rings_as_well(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        socket.create_connection(("127.0.0.1", 5672), timeout=1).close()
    except OSError:
        pytest.skip("no RabbitMQ answers on 127.0.0.1:5672")
    monkeypatch.setenv("SEAMLINE_QUEUE__URL", RABBITMQ)
    leads = work_through(company, company.worker(), 40, 0)
    company.assert_each_once(leads)
