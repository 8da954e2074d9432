"""A kickoff must be booked within 48 hours of the deal closing: to the second, whatever comes late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamline import Seat, SyncContext
from seamline.events import (
    ContractSigned,
    DealLost,
    DealWon,
    KickoffBooked,
    KickoffCancelled,
    KickoffOverdue,
    RelationshipEnded,
)
from seamline_workers.store.store import Store
from seamline_workers.translation.interpret import to_us
from support.clocks import SetClock
from support.works import Works, event, signed, viewed

MakeWorks = Callable[..., Works]
CLOSED = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
S, H = timedelta(seconds=1), timedelta(hours=1)


def crystal() -> Seat:
    """A seat that expects a kickoff, as the agency's does."""
    seat = Seat("crystal", owns=["kickoff.*", "deal.*"])
    seat.expect(
        KickoffBooked,
        after=DealWon,
        within=48 * H,
        otherwise=KickoffOverdue,
        rule="R32",
        started="closed_at",
        done="booked_at",
        each=("engagement_id", "deal_id"),
        same=("deal_id",),
        undone=KickoffCancelled,
        which="calendar_event_id",
        grace=24 * H,
        unless=(DealLost, RelationshipEnded),
        when=lambda deal: deal.engagement != "addendum",
        fill=lambda deal, known: {
            "deal_closed_at": deal.closed_at,
            "waiting_for": "booking" if known.has(ContractSigned) else "contract",
        },
    )

    @seat.on(KickoffOverdue)
    def overdue(late: KickoffOverdue, ctx: SyncContext) -> None:
        ctx.flag("kickoff-overdue", key=late.deal_id or "", text=f"No {late.waiting_for}", evidence=[late])

    return seat


def at(after: timedelta) -> str:
    return (CLOSED + after).isoformat()


def won(deal: str = "D1", after: timedelta = timedelta(0), **fields: Any) -> dict[str, Any]:
    return event("deal.won", deal_id=deal, closed_at=at(after), **{"at": at(after)} | fields)


def booked(after: timedelta, meeting: str = "M1", **fields: Any) -> dict[str, Any]:
    told = {"calendar_event_id": meeting, "starts_at": at(200 * H), "booked_at": at(after), "at": at(after)}
    return event("kickoff.booked", **told | fields)


def cancelled(after: timedelta, meeting: str = "M1") -> dict[str, Any]:
    return event("kickoff.cancelled", calendar_event_id=meeting, at=at(after))


def company(works: MakeWorks) -> tuple[Works, SetClock]:
    clock = SetClock(CLOSED)
    return works(crystal(), clock=clock), clock


def states(one: Works) -> list[tuple[str, str]]:
    """(state, due since the deal closed) of each row."""
    rows = one.all("SELECT state, due_at FROM deadlines ORDER BY id")
    return [(state, str(timedelta(microseconds=due - to_us(CLOSED)))) for state, due in rows]


def overdue(one: Works) -> int:
    return one.types().count("kickoff.overdue")


def flags(one: Works) -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in one.all("SELECT state, reason FROM flags ORDER BY id")]


def test_r32_nothing_is_said_until_the_last_moment_has_passed(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won())
    for after in (48 * H - S, 48 * H):
        clock.set(CLOSED + after)
        one.sweep()
        assert overdue(one) == 0
    clock.set(CLOSED + 48 * H + S)
    one.sweep()
    one.sweep()
    assert overdue(one) == 1
    assert flags(one) == [("open", None)]
    assert states(one) == [("fired", "2 days, 0:00:00")]


def test_r32_the_alarm_says_what_it_is_about_and_what_it_waits_for(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won(), won("D2", email="ben@other.example"), signed(2, "ben@other.example"))
    clock.set(CLOSED + 49 * H)
    one.sweep()
    told = one.all("SELECT data, occurred_at, source, trust FROM events WHERE type = 'kickoff.overdue' ORDER BY seq")
    assert ['"waiting_for":"contract"' in row.data for row in told] == [True, False]
    assert all('"deadline":"2026-11-12T09:00:00Z"' in row.data for row in told)
    assert {(row.source, row.trust, row.occurred_at) for row in told} == {
        ("/seats/crystal", "seat", to_us(CLOSED + 48 * H))
    }
    [fired, _] = one.all("SELECT data FROM events WHERE type = 'deadline.fired'")
    assert '"late_by":3600.0' in fired.data
    assert '"rule":"R32"' in fired.data


def test_r32_booked_at_the_last_moment_is_in_time(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won(), booked(48 * H))
    clock.set(CLOSED + 49 * H)
    one.sweep()
    assert overdue(one) == 0
    assert states(one) == [("cancelled", "2 days, 0:00:00")]


def test_r32_booked_a_second_later_is_flagged_once_although_it_is_known_before_anybody_looks(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won(), booked(48 * H + S))
    clock.set(CLOSED + 500 * H)
    one.sweep()
    assert overdue(one) == 1
    assert states(one) == [("resolved", "2 days, 0:00:00")]
    assert len(flags(one)) == 1


def test_r32_booked_before_the_deal_closed_counts_also_when_it_is_told_after(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(booked(-30 * H))
    one.tell(won())
    one.tell(won("D2", email="ben@other.example"))
    one.tell(booked(-30 * H, "M2", email="ben@other.example"))
    clock.set(CLOSED + 49 * H)
    one.sweep()
    assert overdue(one) == 0
    assert {state for state, _ in states(one)} == {"cancelled"}


def test_r32_a_webhook_that_was_late_clears_the_flag_and_the_record_stays(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won())
    clock.set(CLOSED + 49 * H)
    one.sweep()
    one.tell(booked(47 * H))
    assert flags(one) == [("cleared", "resolved: kickoff.booked had come in time")]
    assert states(one) == [("resolved", "2 days, 0:00:00")]
    assert overdue(one) == 1
    assert one.one("SELECT cleared_by FROM flags") == "engine"


def test_r32_what_had_come_in_time_raises_no_flag_where_it_is_known_before_the_seat_looks(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won())
    clock.set(CLOSED + 49 * H)
    one.step()
    one.tell(booked(47 * H))
    one.work()
    assert flags(one) == []
    assert ("kickoff.overdue", "crystal", "cancelled") in one.states()


def test_r32_after_a_cancellation_there_is_a_day_more_or_what_was_left(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won(), booked(H), cancelled(40 * H))
    assert states(one) == [("armed", str(64 * H))]
    one.tell(won("D2", email="b@other.example"), booked(H, "M2", email="b@other.example"))
    one.tell(event("kickoff.cancelled", "b@other.example", calendar_event_id="M2", at=at(2 * H)))
    assert states(one)[1] == ("armed", str(48 * H))
    clock.set(CLOSED + 64 * H + S)
    one.sweep()
    assert overdue(one) == 2


def test_r32_a_reschedule_is_still_booked_in_either_order(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won(), booked(H), booked(20 * H, "M2"), cancelled(20 * H, "M1"))
    one.tell(won("D2", email="b@other.example"), booked(H, "N1", email="b@other.example"))
    one.tell(event("kickoff.cancelled", "b@other.example", calendar_event_id="N1", at=at(50 * H)))
    one.tell(booked(50 * H + S, "N2", email="b@other.example"))
    clock.set(CLOSED + 500 * H)
    one.sweep()
    assert overdue(one) == 0
    assert [state for state, _ in states(one)] == ["cancelled", "cancelled"]


def test_r32_a_kickoff_that_is_called_off_after_an_alarm_is_watched_again(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won())
    clock.set(CLOSED + 49 * H)
    one.sweep()
    one.tell(booked(50 * H))
    one.tell(cancelled(60 * H))
    assert states(one) == [("armed", str(84 * H))]
    clock.set(CLOSED + 85 * H)
    one.sweep()
    assert overdue(one) == 2
    assert [state for state, _ in flags(one)] == ["cleared", "open"]


def test_r32_another_deal_of_the_customer_needs_a_kickoff_of_its_own(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won(), booked(H))
    one.tell(won("D2", 900 * H, at=at(900 * H)))
    clock.set(CLOSED + 950 * H)
    one.sweep()
    assert overdue(one) == 1
    assert '"deal_id":"D2"' in one.one("SELECT data FROM events WHERE type = 'kickoff.overdue'")


def test_r32_a_deal_that_is_won_twice_is_missed_once(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won("D1", 2 * H))
    one.tell(won("D1"))
    clock.set(CLOSED + 60 * H)
    one.sweep()
    assert overdue(one) == 1


def test_r32_nobody_waits_for_an_addendum_or_a_deal_that_is_lost_or_an_old_customer(works: MakeWorks) -> None:
    one, clock = company(works)
    one.tell(won("D1", engagement="addendum"))
    one.tell(won("D2", email="b@other.example"), event("deal.lost", "b@other.example", deal_id="D2", at=at(H)))
    one.tell(won("D3", email="c@third.example"), event("deal.lost", "c@third.example", deal_id="D9", at=at(H)))
    clock.set(CLOSED + 60 * H)
    one.sweep()
    assert overdue(one) == 1
    assert '"deal_id":"D3"' in one.one("SELECT data FROM events WHERE type = 'kickoff.overdue'")


def test_r32_history_arms_nothing(works: MakeWorks) -> None:
    clock = SetClock(CLOSED)
    one = works(crystal(), clock=clock, live_from=to_us(CLOSED + H))
    one.tell(won())
    clock.set(CLOSED + 60 * H)
    one.sweep()
    assert (overdue(one), states(one)) == (0, [])


def test_r32_linked_accounts_are_one(works: MakeWorks) -> None:
    one, clock = company(works)
    ref = {"of": "person", "kind": "invitee", "id": "I1"}
    one.tell(won())
    one.tell(booked(H, party={"refs": [ref]}))
    assert states(one)[0][0] == "armed"
    one.tell(viewed(party={"email": "dana@acme.example", "refs": [ref]}))
    assert states(one)[0][0] == "cancelled"
    clock.set(CLOSED + 60 * H)
    one.sweep()
    assert overdue(one) == 0


FACTS = [
    won(),
    booked(-20 * H, "M0"),
    cancelled(-10 * H, "M0"),
    booked(10 * H, "M1"),
    cancelled(30 * H, "M1"),
    booked(31 * H, "M2"),
    cancelled(47 * H, "M2"),
    booked(70 * H, "M3"),
    event("deal.lost", deal_id="D1", at=at(90 * H)),
]


@given(
    chosen=st.lists(st.sampled_from(range(1, len(FACTS))), unique=True, max_size=6),
    place=st.integers(0, 6),
    batches=st.lists(st.integers(1, 3), min_size=8, max_size=8),
    now=st.sampled_from([40, 49, 72, 1000]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_r32_the_same_facts_in_any_order_end_alike_and_alarm_at_most_once(
    lite_store: Callable[[], Store], chosen: list[int], place: int, batches: list[int], now: int
) -> None:
    order = [FACTS[n] for n in chosen]
    order.insert(place, FACTS[0])
    ends = []
    for facts in (sorted(order, key=lambda fact: fact["at"]), order):
        clock = SetClock(CLOSED)
        one = Works(lite_store(), crystal(), clock=clock)
        left = list(facts)
        for size in batches:
            if left:
                one.tell(*left[:size])
                left = left[size:]
        one.tell(*left) if left else None
        clock.set(CLOSED + now * H)
        one.sweep()
        assert overdue(one) <= 1
        ends.append((states(one), overdue(one)))
        one.close()
        one.store.close()
    assert ends[0] == ends[1]
