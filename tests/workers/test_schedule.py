"""The schedule: who may have a thread, and that work does not wait for a broker that is away."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from seamline import Seat, SyncContext
from seamline.events import ProposalViewed
from seamline.inbox import NEW
from seamline_workers.handoff.elsewhere import inboxes
from seamline_workers.handoff.outbox import Outbox
from seamline_workers.handoff.run import Run, Work
from seamline_workers.log import Seldom
from seamline_workers.running.pace import SLOW
from seamline_workers.running.schedule import LEASE_S, Schedule, admit
from seamline_workers.store import lanes, ledger, processes
from seamline_workers.store.store import open_store
from support.lanework import await_a_waiting_lock
from support.works import Works, viewed

MakeWorks = Callable[..., Works]


def running(work: Work, seconds: float = 0.0) -> Run:
    """A run whose handler has been running for so long."""
    run = Run(work)
    run.handler_since = run.started - seconds if seconds else None
    return run


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


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


def test_of_many_threads_that_are_rung_at_once_one_has_the_work(works: MakeWorks, switching: None) -> None:
    company = works(Seat("dirk", owns=["proposal.*"]))
    schedule = Schedule(company.engine, threads=8, linger=0.0)
    barrier, work = threading.Barrier(8), Work("source", "1")
    claimed: list[Run] = []

    def ring() -> None:
        for _ in range(100):
            barrier.wait(30)
            run = schedule.claim(work)
            claimed.extend([run] if run else [])
            barrier.wait(30)
            if run is not None:
                schedule.end(run, more=False)

    threads = [threading.Thread(target=ring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    schedule.close()
    assert len(claimed) == 100


def test_runs_may_end_while_the_schedule_works_out_how_long_it_may_wait(works: MakeWorks, switching: None) -> None:
    company = works(Seat("dirk", owns=["proposal.*"]))
    schedule = Schedule(company.engine, threads=8, linger=30.0)
    looking, errors = threading.Event(), list[BaseException]()

    def look() -> None:
        try:
            while not looking.is_set():
                schedule._pause()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    for n in range(3_000):
        schedule.end(schedule.start(Work("seat", str(n))), more=False)
    looking.set()
    thread.join(30)
    schedule.close()
    assert errors == []


def test_what_is_due_is_woken_by_whoever_holds_no_lane_that_an_account_s_holder_waits_for(postgres_url: str) -> None:
    store, seat = open_store(postgres_url, pool=6, worker=True), Seat("dirk", owns=["proposal.*"])
    seat.on(ProposalViewed)(lambda _event, _ctx: None)
    company = Works(store, seat)
    company.tell(viewed(1), viewed(2))
    company.write("UPDATE handoffs SET state = 3, due = 1, awaits = '' WHERE event_seq = 1")
    company.write("UPDATE lanes SET held = 1, due = 1 WHERE seat = 'dirk'")
    account = company.one("SELECT id FROM accounts")
    schedule = Schedule(company.engine, threads=4, linger=0.0)
    waking = threading.Thread(target=schedule._due)
    with store.begin() as connection:
        ledger.lock(connection, [account])
        waking.start()
        await_a_waiting_lock(store)
        connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
        lanes.add(connection, [(account, "dirk", 3)])
    waking.join(30)
    assert [state for _, _, state in company.states()] == ["ready", "ready"]
    assert company.one("SELECT held FROM lanes WHERE seat = 'dirk'") == 0
    schedule.close()
    company.close()
    store.close()


def test_who_was_held_up_itself_declares_nobody_dead(works: MakeWorks) -> None:
    company = works(Seat("dirk", owns=["proposal.*"]))
    schedule = Schedule(company.engine, threads=4, linger=0.0)
    with company.store.begin() as connection:
        processes.register(connection, "other")

    def outage() -> None:
        """The store hung: nobody could beat for twice the lease."""
        company.write("UPDATE workers SET beat_at = beat_at - :us", us=int(2 * LEASE_S * 1_000_000))

    outage()
    schedule._beaten -= 2 * LEASE_S
    for _ in range(2):  # the second comes in time, and the other has not had its turn yet
        schedule._beat()
        assert company.one("SELECT count(*) FROM workers") == 2
    schedule._bury_from -= 2 * LEASE_S
    schedule._beat()
    assert [name for (name,) in company.all("SELECT name FROM workers")] == ["test"]
    schedule.close()


def test_a_store_that_hangs_after_a_beat_makes_nobody_look_dead(works: MakeWorks) -> None:
    company = works(Seat("dirk", owns=["proposal.*"]))
    with company.store.begin() as connection:
        processes.register(connection, "other")
    company.write("UPDATE workers SET beat_at = beat_at - :us", us=int(2 * LEASE_S * 1_000_000))
    with company.store.begin() as connection:
        assert processes.bury(connection, int(LEASE_S * 1_000_000), company.engine.worker_id) == 0
    company.write("UPDATE workers SET beat_at = beat_at - :us WHERE name = 'other'", us=int(2 * LEASE_S * 1_000_000))
    with company.store.begin() as connection:
        assert processes.bury(connection, int(LEASE_S * 1_000_000), company.engine.worker_id) == 1


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_anew_declares_nobody_dead(works: MakeWorks, hours: int) -> None:
    company = works(Seat("dirk", owns=["proposal.*"]))
    schedule = Schedule(company.engine, threads=4, linger=0.0)
    with company.store.begin() as connection:
        processes.register(connection, "other")
    schedule._beat()
    # The store's clock is set anew: as if all beats so far were told by the old one.
    back = hours * 3_600_000_000
    company.write("UPDATE workers SET beat_at = beat_at - :us", us=back)
    assert schedule._told is not None
    schedule._told -= back
    for _ in range(2):  # the second comes in time, and the other has not had its turn yet
        schedule._beat()
        assert company.one("SELECT count(*) FROM workers") == 2
    schedule.close()


def test_who_died_before_the_clock_was_set_back_is_buried_a_lease_later(works: MakeWorks) -> None:
    company = works(Seat("dirk", owns=["proposal.*"]))
    lease, by = int(LEASE_S * 1_000_000), company.engine.worker_id
    with company.store.begin() as connection:
        processes.register(connection, "other")
    company.write("UPDATE workers SET beat_at = beat_at + 3600000000 WHERE name = 'other'")
    with company.store.begin() as connection:
        assert processes.bury(connection, lease, by) == 0
    company.write("UPDATE workers SET beat_at = beat_at + :us WHERE name = 'test'", us=lease + 1)
    with company.store.begin() as connection:
        assert processes.bury(connection, lease, by) == 1


def test_it_beats_while_what_the_watch_writes_waits_for_a_lock(postgres_url: str) -> None:
    store, seat, returned = (
        open_store(postgres_url, pool=8, worker=True),
        Seat("dirk", owns=["proposal.*"]),
        threading.Event(),
    )

    @seat.on(ProposalViewed)
    def look(event: ProposalViewed, ctx: SyncContext) -> None:
        if event.proposal_id == "P2":
            returned.wait(30)

    company = Works(store, seat)
    company.tell(viewed(1), viewed(2, "ben@other.example"))
    schedule = Schedule(company.engine, threads=4, linger=0.0)
    run = schedule.start(Work("seat", "dirk"))
    working = threading.Thread(target=lambda: schedule.end(run, company.engine.do(run)))
    working.start()
    while run.slow_for(time.monotonic()) < SLOW:
        pass
    holder = store.engine.connect()
    holder.execute(text("SELECT 1 FROM lanes WHERE seat = 'dirk' FOR UPDATE"))
    before = company.one("SELECT beat_at FROM workers")
    schedule.upkeep()
    await_a_waiting_lock(store)
    schedule._next.clear()
    schedule.upkeep()
    assert company.one("SELECT beat_at FROM workers") > before
    await_a_waiting_lock(store)
    holder.rollback()
    holder.close()
    returned.set()
    working.join(30)
    schedule.close()
    assert [state for _, _, state in company.states()] == ["done", "done"]
    company.close()
    store.close()


def test_lost_rings_are_told_of_now_and_then_with_their_number() -> None:
    seldom = Seldom("ring_lost")
    with capture_logs() as lines:
        for _ in range(50):
            seldom.warning(error="ConnectionError")
        seldom._quiet_until = 0.0
        seldom.warning(error="ConnectionError")
    assert [(line["event"], line["count"]) for line in lines] == [("ring_lost", 1), ("ring_lost", 50)]


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


def test_a_folder_that_cannot_be_read_holds_up_no_work(works: MakeWorks, tmp_path: Path) -> None:
    company = works(Seat("dirk", owns=["proposal.*"]))
    away = Seat("pulse", inbox="dir:elsewhere")
    _, out = inboxes(away, tmp_path)
    out.path(NEW).parent.mkdir(parents=True)
    out.path(NEW).touch()  # a file where the folder was
    company.engine.jobs["outbox"] = outbox = Outbox(company.store, [away], tmp_path)
    company.deliver(viewed(1))
    schedule = Schedule(company.engine, threads=4, linger=0.0)
    with capture_logs() as lines:
        run = schedule.next(5.0)
    schedule.close()
    assert run is not None
    assert run.work.kind == "source"
    assert not [line for line in lines if line["event"] == "store_unreachable"]
    with capture_logs() as lines:
        assert not outbox.some()
    assert [(line["event"], line["seat"]) for line in lines] == [("outbox_unusable", "pulse")]
