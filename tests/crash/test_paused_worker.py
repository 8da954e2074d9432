"""A worker that stood still (SIGSTOP) for longer than its lease: others took over, and what it writes then is void."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence

import pytest

from seamline_workers.crashpoint import WORKER
from support.crash import LEASE_S, LONG_S, Company

DONE = "SELECT count(*) FROM handoffs WHERE state = 2"
HELD_DONE = """
SELECT count(*) FROM handoffs h JOIN events e ON e.seq = h.event_seq
WHERE e.data LIKE '%"held"%' AND h.seat = 'first' AND h.state = 2
"""
#: Steps within a transaction: whoever stands still there holds its locks, and nobody takes over before it goes on.
LOCKING = ("translate.appended", "translate.commit", "handoff.completed", "handoff.commit")
#: Handoffs of one lane that were done in another order than the ledger's.
OUT_OF_ORDER = """
SELECT count(*) FROM handoffs a JOIN handoffs b ON b.account_id = a.account_id AND b.seat = a.seat
WHERE a.event_seq < b.event_seq AND a.done_at > b.done_at
"""
#: Events that stand in the ledger before one of a delivery that arrived before theirs.
OUT_OF_TURN = "SELECT count(*) FROM events a JOIN events b ON a.seq < b.seq AND a.delivery_id > b.delivery_id"


def go_on_and_end(company: Company, paused: Sequence[subprocess.Popen[bytes]]) -> None:
    """Let paused workers go on; each ends when what it had in hand has come to its end."""
    company.go_on(paused)
    for worker in paused:
        worker.terminate()
    for worker in paused:
        assert worker.wait(60) == 0


def assert_each_once_and_in_order(company: Company, leads: int) -> None:
    company.assert_each_once(leads)
    assert company.number("SELECT count(*) FROM deliveries WHERE state = 2") == leads
    assert company.number(OUT_OF_ORDER) == 0
    assert company.number(OUT_OF_TURN) == 0
    assert company.number("SELECT count(*) FROM lanes WHERE lease IS NOT NULL") == 0


@pytest.mark.parametrize("points", [("translate.leased", "handoff.leased"), ("translate.read", "handoff.finishing")])
def test_what_a_worker_writes_that_was_paused_past_its_lease_is_void(company: Company, points: Sequence[str]) -> None:
    company.deliver([f"lead {n}" for n in range(20)])
    paused = [company.paused_worker(point) for point in points]
    company.worker()
    company.wait_until(DONE, 40)
    company.deliver([f"later {n}" for n in range(20)])
    company.wait_until(DONE, 80)
    go_on_and_end(company, paused)
    assert_each_once_and_in_order(company, 40)
    for worker in paused:
        assert company.number(f"SELECT count(*) FROM flags WHERE text LIKE '%in {worker.pid}'") == 0


def test_what_another_has_in_hand_meanwhile_is_not_ended_by_the_one_that_was_paused(company: Company) -> None:
    hold = company.config.with_name("hold")
    company.deliver(["held", *[f"lead {n}" for n in range(9)]])
    paused = company.paused_worker("handoff.finishing", since="held in *")
    hold.touch()
    company.worker()
    wait_for(lambda: len(list(hold.parent.glob("held in *"))) == 2)
    done = company.number(HELD_DONE)
    go_on_and_end(company, [paused])
    assert (done, company.number(HELD_DONE)) == (0, 0)
    hold.unlink()
    company.wait_until(DONE, 20)
    assert_each_once_and_in_order(company, 10)
    assert company.number(f"SELECT count(*) FROM flags WHERE text = 'first saw it in {paused.pid}'") == 0


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.long
def test_a_worker_paused_past_its_lease_at_any_step_doubles_nothing(company: Company) -> None:
    leads = 0
    for point in WORKER:
        company.deliver([f"{point} {n}" for n in range(50)])
        leads += 50
        paused = company.paused_worker(point, locking=point in LOCKING)
        other = company.worker()
        if point in LOCKING:
            wait_until_silent(company, paused)
        else:
            company.wait_until(DONE, 2 * leads)
        go_on_and_end(company, [paused])
        company.wait_until(DONE, 2 * leads)
        company.wait_until(f"SELECT count(*) FROM workers WHERE name LIKE '%\\:{other.pid}'", 1)
        other.terminate()
        assert other.wait(60) == 0
    assert_each_once_and_in_order(company, leads)


def wait_until_silent(company: Company, worker: subprocess.Popen[bytes]) -> None:
    """Wait until a worker has not been heard of for as long as its lease lasts, or is taken for dead."""
    heard = f"SELECT coalesce(max(beat_at), 0) FROM workers WHERE name LIKE '%\\:{worker.pid}'"
    wait_for(lambda: company.number(heard) < company.store.database_time() - float(LEASE_S) * 1_000_000)
