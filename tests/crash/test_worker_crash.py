"""The worker killed (SIGKILL) at every step between lease and outcome: nothing is lost, nothing happens twice.

It proves process death, not power loss.
"""

from __future__ import annotations

import signal

import pytest

from seamline_workers.crashpoint import WORKER
from support.crash import Company

DONE = "SELECT count(*) FROM handoffs WHERE state = 2"
DEAD = "SELECT count(*) FROM handoffs WHERE state = 5"


def kill_at_every_step(company: Company, leads_a_step: int, times: range) -> int:
    """Deliver and kill a worker, at each step; returns how many leads were delivered.

    What a dead worker left runs in a process of its own first. Where that did all there was to do, the worker itself
    is given more, until it reaches its step.
    """
    leads = 0

    def deliver(point: str) -> None:
        nonlocal leads
        company.deliver([f"{point} {leads + n}" for n in range(leads_a_step)])
        leads += leads_a_step

    for point in WORKER:
        for time in times:
            deliver(point)
            worker = company.worker(f"{point}:{time}")
            while not company.ended(worker, DONE, 2 * leads):
                deliver(point)
            assert worker.returncode == -signal.SIGKILL, point
    return leads


def test_r92_a_worker_killed_at_any_step_loses_nothing_and_doubles_nothing(company: Company) -> None:
    leads = kill_at_every_step(company, 20, range(1, 2))
    company.worker()
    company.wait_until(DONE, 2 * leads)
    company.assert_each_once(leads)


@pytest.mark.long
def test_five_thousand_deliveries_through_workers_killed_at_every_step(company: Company) -> None:
    leads = kill_at_every_step(company, 5_000 // (len(WORKER) * 3) + 1, range(1, 4))
    company.worker()
    company.wait_until(DONE, 2 * leads)
    assert leads >= 5_000
    company.assert_each_once(leads)


def test_a_handler_that_kills_its_process_is_dead_after_three_lonely_crashes_and_harms_nobody(
    company: Company,
) -> None:
    company.deliver([f"lead {n}" for n in range(40)] + ["deadly"] + [f"later {n}" for n in range(40)])
    worker = company.worker()
    assert worker.wait(120) == -signal.SIGKILL
    survivor = company.worker()
    company.wait_until(DEAD, 1)
    company.wait_until(DONE, 2 * 81 - 1)
    assert survivor.poll() is None
    reason = "SELECT count(*) FROM handoffs WHERE state = 5 AND reason LIKE '%died three times%'"
    assert company.number(reason) == 1
    assert company.number("SELECT count(*) FROM flags") == 2 * 81 - 1


def poison_among(company: Company, others: int) -> None:
    leads = [f"lead {n}" for n in range(others)]
    company.deliver([*leads[: others // 2], "unreadable", *leads[others // 2 :]])
    company.worker()
    company.wait_until("SELECT count(*) FROM deliveries WHERE state = 4", 1)
    company.wait_until(DONE, 2 * others)
    company.assert_each_once(others)


def test_a_delivery_that_cannot_be_read_is_put_aside_and_harms_nobody(company: Company) -> None:
    poison_among(company, 200)


@pytest.mark.long
def test_one_poison_delivery_among_five_thousand(company: Company) -> None:
    poison_among(company, 5_000)
