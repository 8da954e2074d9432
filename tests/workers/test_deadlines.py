"""Deadlines: what seats set and are asked every day; each fires once, however many look, and however late."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest

from seamline import Seat, SyncContext
from seamline.errors import ConfigError
from seamline.events import (
    ContractSigned,
    DeadlineFired,
    DealLost,
    DealWon,
    KickoffBooked,
    KickoffOverdue,
    ProposalViewed,
    RelationshipEnded,
)
from seamline_workers.handoff.run import Run, Work
from seamline_workers.store.store import Store
from seamline_workers.translation.interpret import to_us
from support.clocks import SetClock
from support.works import Works, event, viewed

MakeWorks = Callable[..., Works]
BEGAN = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
M, H, D = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Dirk:
    """A seat that asks to be asked again four hours after a proposal was viewed, unless a deal is lost or signed."""

    def __init__(self, waits: timedelta = 4 * H) -> None:
        self.seat = Seat("dirk", owns=["proposal.*", "deal.*", "contract.*"])
        self.asked: list[tuple[str | None, str, float, datetime]] = []

        @self.seat.on(ProposalViewed)
        def seen(view: ProposalViewed, ctx: SyncContext) -> None:
            begins = view.envelope.time + waits
            ctx.deadline(
                "follow up/again", at=begins, key=view.proposal_id, unless=[DealLost, ContractSigned], rule="R27"
            )

        @self.seat.due("follow up/again")
        def again(fired: DeadlineFired, ctx: SyncContext) -> None:
            self.asked.append((fired.name, fired.key, fired.late_by, ctx.now))
            ctx.task("Follow up", key=fired.key)


def rows(one: Works) -> list[tuple[str, str]]:
    return [(row.state, row.rule) for row in one.all("SELECT state, rule FROM deadlines ORDER BY id")]


def seen_at(after: timedelta, n: int = 1, email: str = "dana@acme.example") -> dict[str, object]:
    return viewed(n, email, at=(BEGAN + after).isoformat())


def test_a_seat_is_asked_at_the_time_that_it_set_and_nobody_else(works: MakeWorks) -> None:
    dirk, clock = Dirk(), SetClock(BEGAN)
    other = Seat("radar", owns=["deadline.*"])
    heard: list[str] = []
    other.on(DeadlineFired)(lambda fired, _: heard.append(fired.seat))
    one = works(dirk.seat, other, clock=clock)
    one.tell(seen_at(0 * H))
    one.work()
    clock.set(BEGAN + 4 * H - M)
    one.sweep()
    assert dirk.asked == []
    clock.set(BEGAN + 4 * H)
    one.sweep()
    one.sweep()
    assert dirk.asked == [("follow up/again", "P1", 0.0, BEGAN + 4 * H)]
    assert heard == []
    assert rows(one) == [("fired", "R27")]
    assert [kind for kind in one.types() if kind.startswith("deadline.")] == ["deadline.armed", "deadline.fired"]
    assert one.one("SELECT count(*) FROM tasks") == 1


def test_set_again_under_its_name_and_key_the_time_moves(works: MakeWorks) -> None:
    dirk, clock = Dirk(), SetClock(BEGAN)
    one = works(dirk.seat, clock=clock)
    one.tell(seen_at(0 * H), seen_at(0 * H, 2))
    one.work()
    one.tell(seen_at(1 * H))
    one.work()
    clock.set(BEGAN + 4 * H)
    one.sweep()
    assert [key for _, key, _, _ in dirk.asked] == ["P2"]
    clock.set(BEGAN + 5 * H)
    one.sweep()
    assert [key for _, key, _, _ in dirk.asked] == ["P2", "P1"]
    assert len(rows(one)) == 2


def test_the_same_name_of_linked_accounts_is_one(works: MakeWorks) -> None:
    dirk, clock = Dirk(), SetClock(BEGAN)
    one = works(dirk.seat, clock=clock)
    ref = {"of": "person", "kind": "contact", "id": "I1"}
    one.tell(viewed(1, party={"refs": [ref]}, at=BEGAN.isoformat()))
    one.work()
    one.tell(viewed(9, party={"email": "dana@acme.example", "refs": [ref]}, at=BEGAN.isoformat()))
    one.tell(seen_at(1 * H, 1))
    one.work()
    assert len(rows(one)) == 2  # P1 and P9
    clock.set(BEGAN + 9 * H)
    one.sweep()
    assert sorted(key for _, key, _, _ in dirk.asked) == ["P1", "P9"]


def test_what_ends_it_cancels_it_at_once(works: MakeWorks) -> None:
    dirk, clock = Dirk(), SetClock(BEGAN)
    one = works(dirk.seat, clock=clock)
    one.tell(seen_at(0 * H), seen_at(0 * H, 2, "ben@other.example"))
    one.work()
    one.tell(event("deal.lost", deal_id="D1"))
    assert [state for state, _ in rows(one)] == ["cancelled", "armed"]
    assert "deadline.cancelled" in one.types()
    clock.set(BEGAN + D)
    one.sweep()
    assert [key for _, key, _, _ in dirk.asked] == ["P2"]


def test_what_ends_it_counts_where_this_process_did_not_know_of_it(works: MakeWorks, store: Store) -> None:
    dirk, clock = Dirk(), SetClock(BEGAN)
    one = works(dirk.seat, clock=clock)
    two = works(Seat("dirk", owns=["proposal.*", "deal.*"]), clock=clock, name="other")
    one.tell(seen_at(0 * H))
    one.work()
    two.tell(event("deal.lost", deal_id="D1"))
    clock.set(BEGAN + D)
    one.sweep()
    assert dirk.asked == []
    assert rows(one) == [("cancelled", "R27")]


def test_of_what_is_known_already_only_what_is_newer_than_the_event_ends_it(works: MakeWorks) -> None:
    dirk, clock = Dirk(), SetClock(BEGAN)
    one = works(dirk.seat, clock=clock)
    one.tell(event("deal.lost", deal_id="old"))
    one.tell(seen_at(0 * H))
    one.tell(seen_at(0 * H, 2, "ben@other.example"))
    one.tell(event("deal.lost", "ben@other.example", deal_id="new"))
    one.work()
    assert [state for state, _ in rows(one)] == ["armed", "cancelled"]
    assert one.types().count("deadline.armed") == 1


def test_what_was_replayed_sets_nothing_again(works: MakeWorks) -> None:
    dirk, clock = Dirk(), SetClock(BEGAN)
    one = works(dirk.seat, clock=clock)
    one.tell(seen_at(0 * H))
    one.work()
    clock.set(BEGAN + 5 * H)
    one.sweep()
    one.replay("proposal.viewed", "dirk")
    one.replay("deadline.fired", "dirk")
    one.sweep()
    assert rows(one) == [("fired", "R27")]
    assert one.types().count("deadline.fired") == 1
    assert one.one("SELECT count(*) FROM tasks") == 1


def test_a_seat_that_is_no_more_is_asked_nothing(works: MakeWorks) -> None:
    dirk, clock = Dirk(), SetClock(BEGAN)
    one = works(dirk.seat, clock=clock)
    one.tell(seen_at(0 * H))
    one.work()
    two = works(Seat("crystal"), clock=clock, name="older")
    clock.set(BEGAN + 12 * H)
    two.sweep()
    assert rows(one) == [("armed", "R27")]  # a newer process may know the seat
    one.write("UPDATE deadlines SET lease = NULL")
    clock.set(BEGAN + 2 * D)
    two.sweep()
    assert rows(one) == [("cancelled", "R27")]


# --- once, however many look ------------------------------------------------------------------------------------------


def waiting_seat() -> Seat:
    seat = Seat("crystal", owns=["kickoff.*", "deal.*"])
    seat.expect(KickoffBooked, after=DealWon, within=48 * H, otherwise=KickoffOverdue, rule="R32")
    return seat


def test_each_fires_once_however_many_processes_look_at_once(works: MakeWorks, store: Store) -> None:
    clock = SetClock(BEGAN)
    several = [works(waiting_seat(), clock=clock, name=f"p{n}") for n in range(3)]
    facts = [event("deal.won", f"c{n}@company{n}.example", deal_id=f"D{n}", at=BEGAN.isoformat()) for n in range(240)]
    several[0].tell(*facts)
    clock.set(BEGAN + 7 * D)
    begin = threading.Barrier(len(several))

    def look(one: Works) -> None:
        begin.wait()
        one.step()

    threads = [threading.Thread(target=look, args=(one,)) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    several[0].step()
    types = several[0].types()
    assert types.count("kickoff.overdue") == types.count("deadline.fired") == 240
    assert {state for state, _ in rows(several[0])} == {"fired"}


def test_what_a_process_took_and_did_not_do_is_done_by_another(
    works: MakeWorks, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SetClock(BEGAN)
    one = works(waiting_seat(), clock=clock)
    one.tell(event("deal.won", deal_id="D1", at=BEGAN.isoformat()))
    clock.set(BEGAN + 7 * D)
    one.write("UPDATE deadlines SET lease = 9000000000000000")
    one.sweep()
    assert "kickoff.overdue" not in one.types()
    one.write("UPDATE deadlines SET lease = 1")
    one.sweep()
    assert one.types().count("kickoff.overdue") == 1


def test_one_whose_seat_says_nonsense_spoils_no_other_and_a_human_hears_of_it(works: MakeWorks) -> None:
    clock, seat = SetClock(BEGAN), Seat("crystal", owns=["kickoff.*", "deal.*"])
    seat.expect(
        KickoffBooked,
        after=DealWon,
        within=48 * H,
        otherwise=KickoffOverdue,
        fill=lambda deal, _: {
            "deal_id": deal.deal_id,
            **({"waiting_for": "godot"} if deal.deal_id == "D1" else {}),
        },
    )
    one = works(seat, clock=clock)
    one.tell(
        event("deal.won", deal_id="D1", at=BEGAN.isoformat()),
        event("deal.won", "ben@other.example", deal_id="D2", at=BEGAN.isoformat()),
    )
    clock.set(BEGAN + 7 * D)
    one.sweep()
    assert one.types().count("deadline.fired") == 2
    assert one.types().count("kickoff.overdue") == 1
    assert [row.title for row in one.all("SELECT title FROM tasks WHERE kind = 'needs_human'")] == [
        "crystal could not say kickoff.overdue"
    ]


def test_who_expects_what_is_not_its_own_to_say_is_a_mistake_in_the_roster(works: MakeWorks) -> None:
    dash = Seat("dash", does_not_own=["kickoff.*"])
    dash.expect(KickoffBooked, after=DealWon, within=H, otherwise=KickoffOverdue)
    with pytest.raises(ConfigError, match=r"dash may not emit kickoff\.overdue"):
        works(dash)


# --- every day --------------------------------------------------------------------------------------------------------


class Radar:
    """A seat that is asked about the company at seven, and about each account at eight while it is a customer."""

    def __init__(self, tz: str | None = None, days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)) -> None:
        self.seat = Seat("radar", owns=["deal.*", "briefing.issued"])
        self.asked: list[tuple[str, str, str]] = []

        @self.seat.daily("briefing", at=time(7), tz=tz, days=days)
        def briefing(fired: DeadlineFired, ctx: SyncContext) -> None:
            self.asked.append(("company", fired.key, str(timedelta(seconds=fired.late_by))))
            assert ctx.account.stage is None

        @self.seat.daily("figures", at=time(8), tz=tz, after=DealWon, until=[RelationshipEnded])
        def figures(fired: DeadlineFired, ctx: SyncContext) -> None:
            self.asked.append((ctx.account.name or "", fired.key, str(timedelta(seconds=fired.late_by))))


def test_r80_a_seat_is_asked_about_the_company_every_day_at_its_own_time(works: MakeWorks) -> None:
    radar, clock = Radar(), SetClock(BEGAN)
    one = works(radar.seat, clock=clock, timezone="America/Chicago")  # seven there is 13:00 UTC in winter
    for after in (4 * H - M, 4 * H, 5 * H, D, D + 4 * H):
        clock.set(BEGAN + after)
        one.sweep()
    assert radar.asked == [("company", "2026-11-10", "0:00:00"), ("company", "2026-11-11", "0:00:00")]


def test_days_that_passed_while_nothing_ran_are_asked_about_once_late(works: MakeWorks) -> None:
    radar, clock = Radar(), SetClock(BEGAN)
    works(radar.seat, clock=clock)
    clock.set(BEGAN + 7 * D)
    one = works(radar.seat, clock=clock, name="a week later")
    one.sweep()
    one.sweep()
    assert radar.asked == [("company", "2026-11-17", "2:00:00")]
    clock.set(BEGAN + 8 * D)
    one.sweep()
    assert [day for _, day, _ in radar.asked] == ["2026-11-17", "2026-11-18"]


def test_a_day_of_the_week_that_is_not_asked_for_is_left_out(works: MakeWorks) -> None:
    radar, clock = Radar(days=(0, 1, 2, 3, 4)), SetClock(BEGAN)
    one = works(radar.seat, clock=clock)
    for day in range(1, 9):
        clock.set(BEGAN + day * D)
        one.sweep()
    assert [day for _, day, _ in radar.asked] == [f"2026-11-{day}" for day in (11, 12, 13, 16, 17, 18)]


def test_r36_each_account_is_asked_about_from_a_fact_until_another(works: MakeWorks) -> None:
    radar, clock = Radar(), SetClock(BEGAN)
    one = works(radar.seat, clock=clock)
    one.tell(event("deal.won", "a@acme.example", deal_id="D1"), event("deal.won", "b@other.example", deal_id="D2"))
    one.tell(event("deal.won", "a@acme.example", deal_id="D3"))
    clock.set(BEGAN + D)
    one.sweep()
    ended = event("relationship.ended", "b@other.example", reason="over", effective_at=BEGAN.isoformat())
    one.tell(ended | {"at": "2026-11-21T00:00:00Z"})
    clock.set(BEGAN + 2 * D)
    one.sweep()
    of_accounts = [(name, day) for name, day, _ in radar.asked if name != "company"]
    assert sorted(of_accounts) == [
        ("a@acme.example", "2026-11-11"),
        ("a@acme.example", "2026-11-12"),
        ("b@other.example", "2026-11-11"),
    ]


def test_an_hour_that_the_clocks_skip_is_asked_at_their_change(works: MakeWorks) -> None:
    seat, clock = Seat("radar"), SetClock(datetime(2027, 3, 28, 0, 0, tzinfo=UTC))
    asked: list[datetime] = []
    seat.daily("night", at=time(2, 30), tz="Europe/Berlin")(lambda fired, _: asked.append(fired.due_at))
    one = works(seat, clock=clock)
    for hours in range(49):
        clock.set(datetime(2027, 3, 28, 0, 0, tzinfo=UTC) + hours * H)
        one.sweep()
    assert asked == [datetime(2027, 3, 28, 1, 0, tzinfo=UTC), datetime(2027, 3, 29, 0, 30, tzinfo=UTC)]


def test_a_time_of_day_that_was_changed_is_followed(works: MakeWorks) -> None:
    clock = SetClock(BEGAN)
    early, late = Seat("radar"), Seat("radar")
    asked: list[datetime] = []
    early.daily("briefing", at=time(10))(lambda fired, _: asked.append(fired.due_at))
    late.daily("briefing", at=time(15))(lambda fired, _: asked.append(fired.due_at))
    works(early, clock=clock)
    one = works(late, clock=clock, name="changed")
    for hours in range(10):
        clock.set(BEGAN + hours * H)
        one.sweep()
    assert asked == [BEGAN + 6 * H]


def test_the_company_is_no_customer_and_what_is_done_for_it_is_written(works: MakeWorks) -> None:
    radar, clock = Radar(), SetClock(BEGAN)
    one = works(radar.seat, clock=clock)
    clock.set(BEGAN + D)
    one.sweep()
    assert one.one("SELECT stage FROM accounts") is None
    assert one.states() == [("deadline.fired", "radar", "done")]
    assert one.one("SELECT due_at FROM deadlines WHERE state = 'armed'") == to_us(BEGAN + 2 * D - 2 * H)


def test_a_piece_of_work_that_is_a_sweep_says_whether_there_is_more(works: MakeWorks) -> None:
    clock = SetClock(BEGAN)
    one = works(waiting_seat(), clock=clock)
    assert not one.engine.do(Run(Work("deadline", "")))
