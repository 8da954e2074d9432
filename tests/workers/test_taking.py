"""R61: who enters a stage is handed to one seat, with what it must know; if nobody takes it in time, a human has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seamline import Seat, SyncContext
from seamline.envelope import ENGINE
from seamline.errors import RetryLater
from seamline.events import MessageDelivered, StageChanged
from seamline.gate import StageRow
from seamline.inbox import Inbox
from seamline_workers.bus.mirror import Mirror
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.record import list_record
from support.clocks import SetClock
from support.works import Works, event, viewed

MakeWorks = Callable[..., Works]
BEGAN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
H = timedelta(hours=1)
ROW = StageRow(
    "onboarding",
    "crystal",
    tone="warm and exact",
    must_know=("who calls next", "when the kickoff is"),
    required=("contract.signed", "deal.won", "contact.email", "account.manager"),
)
COO = Seat("coo", kind="human", facing="customer_facing", assignee="coo@example.com")


def enter(one: Works) -> None:
    """A prospect becomes a customer."""
    one.tell(viewed(1, at="2026-11-20T11:00:00Z"))
    one.tell(event("deal.won", deal_id="D1", at="2026-11-20T12:00:00Z"))


def taken(one: Works) -> list[tuple[str, int, int]]:
    query = """
    SELECT h.seat, h.state, h.owner FROM handoffs h JOIN events e ON e.seq = h.event_seq
    WHERE e.type = 'stage.changed' ORDER BY h.seat
    """
    return [tuple(row) for row in one.all(query)]


def watch(one: Works) -> str:
    return str(one.one("SELECT state FROM deadlines WHERE kind = 'handoff'"))


def test_r61_an_agent_takes_a_stage_over_with_its_message_and_no_handler(works: MakeWorks) -> None:
    one = works(Seat("crystal", reports_to="coo"), COO, stages=[ROW], clock=SetClock(BEGAN))
    enter(one)
    [message] = one.all("SELECT from_seat, to_seat, topic, body FROM messages")
    assert message[:3] == ("engine", "crystal", "stage.onboarding")
    for said in (
        "Tone: warm and exact",
        "who calls next; when the kickoff is",
        "Known: deal.won, contact.email",
        "Missing: contract.signed, account.manager",
    ):
        assert said in message.body
    assert watch(one) == "armed"
    one.work()
    assert taken(one) == [("crystal", 2, 1)]
    assert watch(one) == "cancelled"
    assert one.one("SELECT count(*) FROM tasks") == 0


def test_r61_one_seat_takes_it_over_and_others_only_read_of_it(works: MakeWorks) -> None:
    heard: list[str] = []
    crystal, pulse, dirk = Seat("crystal"), Seat("pulse"), Seat("dirk", owns=["stage.*"])
    for seat in (crystal, pulse, dirk):
        seat.on(StageChanged)(lambda _, ctx: heard.append(ctx.seat))
    one = works(crystal, pulse, dirk, stages=[ROW], clock=SetClock(BEGAN))
    enter(one)
    one.work()
    assert sorted(heard) == ["crystal", "dirk", "pulse"]
    assert [(seat, owner) for seat, _, owner in taken(one)] == [("crystal", 1), ("dirk", 0), ("pulse", 0)]


def test_r61_what_nobody_takes_in_time_is_a_humans_and_what_is_taken_later_is_settled(works: MakeWorks) -> None:
    clock, ready = SetClock(BEGAN), [False]
    crystal = Seat("crystal", reports_to="dirk")
    dirk = Seat("dirk", reports_to="coo")

    @crystal.on(StageChanged)
    def take(_: StageChanged, ctx: SyncContext) -> None:
        if not ready[0]:
            raise RetryLater("not yet")
        ctx.log("taken")

    one = works(crystal, dirk, COO, stages=[ROW], clock=clock)
    enter(one)
    one.work()
    clock.set(BEGAN + 4 * H - timedelta(seconds=1))
    one.sweep()
    assert watch(one) == "armed"
    clock.set(BEGAN + 4 * H)
    one.sweep()
    one.sweep()
    assert watch(one) == "fired"
    [task] = one.all("SELECT assignee, title, rule, state FROM tasks")
    assert task.assignee == "coo@example.com"
    assert "crystal has not taken over" in task.title
    assert (task.rule, task.state) == ("R61", "open")
    assert '"rule":"R61"' in one.one("SELECT data FROM events WHERE type = 'deadline.fired'")
    ready[0] = True
    one.hurry()
    one.work()
    assert watch(one) == "resolved"
    assert one.one("SELECT state FROM tasks") == "done"


def test_r61_a_human_takes_over_by_a_task(works: MakeWorks) -> None:
    team = Seat("team", kind="human", facing="customer_facing")
    row = StageRow("onboarding", "team", tone="warm", must_know=())
    one = works(team, stages=[row], clock=SetClock(BEGAN))
    enter(one)
    one.work()
    assert watch(one) == "cancelled"
    assert one.one("SELECT count(*) FROM tasks") == 1


def test_r61_history_hands_nobody_over(works: MakeWorks) -> None:
    one = works(Seat("crystal"), stages=[ROW], clock=SetClock(BEGAN), live_from=2**60)
    enter(one)
    assert (taken(one), one.all("SELECT * FROM messages"), one.all("SELECT * FROM deadlines")) == ([], [], [])


def test_r61_r64_r68_a_stages_message_goes_the_way_of_every_other(works: MakeWorks, tmp_path: Path) -> None:
    heard: list[MessageDelivered] = []
    crystal = Seat("crystal")
    crystal.on_message("stage.*")(lambda message, _: heard.append(message))
    one = works(crystal, Seat("pulse"), stages=[ROW], clock=SetClock(BEGAN))
    enter(one)
    one.work()
    [(number, cause)] = one.all("SELECT id, cause FROM messages")
    [message] = heard
    assert (message.message_id, message.from_seat, message.to_seat) == (str(number), "engine", "crystal")
    assert str(message.envelope.causation) == cause
    assert "who calls next" in message.body
    [entry] = [row for row in list_record(one.store, Query(), unmasked=True)["items"] if "message" in row["action"]]
    assert entry["actor"] == {"kind": "engine", "id": "engine"}
    assert (entry["content"] or {})["message_id"] == str(number)
    Mirror(one.store, one.roster.seats, tmp_path).some()
    claimed = Inbox(tmp_path, "crystal").claim()
    assert claimed is not None
    assert (claimed.envelope.sender, claimed.envelope.topic) == (ENGINE, "stage.onboarding")


def test_r61_r94_a_human_who_took_a_seat_over_is_told_too_and_has_one_task(works: MakeWorks) -> None:
    crystal = Seat("crystal", kind="human", assignee="kim@example.com")
    one = works(crystal, stages=[ROW], clock=SetClock(BEGAN))
    enter(one)
    one.work()
    [told] = one.all("SELECT data FROM events WHERE type = 'message.delivered'")
    assert json.loads(told.data)["to_seat"] == "crystal"
    assert one.one("SELECT count(*) FROM tasks") == 1
    assert [state[:2] for state in one.states() if state[0] == "message.delivered"] == []
