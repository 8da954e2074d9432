"""The schedule: who may have a thread, and that work does not wait for a broker that is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from seamline import Seat, SyncContext
from seamline.events import ProposalViewed
from seamline_workers.run import Run, Work
from seamline_workers.schedule import Schedule, admit
from support.works import Works, viewed

MakeWorks = Callable[..., Works]


def running(work: Work, seconds: float = 0.0) -> Run:
    """A run whose handler has been running for so long."""
    run = Run(work)
    run.handler_since = run.started - seconds if seconds else None
    return run


def test_a_source_has_one_run_and_a_quick_seat_too() -> None:
    for work in (Work("source", "1"), Work("seat", "dirk")):
        assert admit(work, [], 8, lambda _: False)
        assert not admit(work, [running(work)], 8, lambda _: False)


def test_a_slow_seat_gets_more_threads_but_leaves_two() -> None:
    work = Work("seat", "slow")
    for busy in range(6):
        assert admit(work, [running(work, 30.0)] * busy, 8, lambda _: True)
    assert not admit(work, [running(work, 30.0)] * 6, 8, lambda _: True)


def test_all_slow_seats_together_leave_one_thread() -> None:
    one, other = Work("seat", "one"), Work("seat", "other")
    runs = [running(one, 30.0)] * 5 + [running(other, 30.0)] * 2
    assert not admit(other, runs, 8, lambda work: work.kind == "seat")
    assert admit(Work("source", "1"), runs, 8, lambda work: work.kind == "seat")


def test_work_is_done_here_while_no_broker_carries_rings(works: MakeWorks) -> None:
    seat = Seat("dirk", owns=["proposal.*"])
    seen = threading.Event()

    @seat.on(ProposalViewed)
    def note(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.log("seen")
        seen.set()

    company = works(seat)
    company.deliver(viewed(1))
    schedule = Schedule(company.engine, threads=4, linger=0.0)

    def away(_: Any) -> None:
        raise ConnectionError

    rounds = threading.Thread(target=schedule.rounds, args=(away,))
    rounds.start()
    try:
        assert seen.wait(30)
    finally:
        schedule.stopping.set()
        rounds.join()
        while schedule.runs():
            pass
        schedule.close()
    assert company.states() == [("proposal.viewed", "dirk", "done")]
