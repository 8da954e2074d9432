"""Arin: calls, and the note that a human reads before the shift or that is never posted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast

import pytest

from seamline import Event, Party
from seamline.company import Company
from seamline.context import Draft, Effect, Log, Message, Task
from seamline.errors import ConfigError
from seamline.events import CallCompleted, CoachingPosted, LeadReceived, MessageDelivered
from seamline.testing import run_handler, run_timer
from seamline.testing.handling import place
from seamline_agency.coaching import facts_of, since
from seamline_agency.roster import roster
from seamline_agency.seats.arin import arin
from seamline_agency.seats.pepper import pepper
from seamline_agency.settings import Settings
from support.agency import BEGAN, Agency
from support.handlers import NOW, customer, drafted, of, only

#: Six in the morning in Chicago, on a Tuesday: two hours before the shift.
SIX = datetime(2026, 11, 24, 12, tzinfo=UTC)
CALLER = Party(phone="+13125550100")


def a_call(n: int = 1, outcome: str = "answered", **fields: Any) -> CallCompleted:
    told = {"party": CALLER, "occurred_at": NOW + timedelta(minutes=n), "call_id": f"C{n}", "fact": f"call {n}"}
    return CallCompleted.model_validate(told | {"direction": "inbound", "outcome": outcome} | fields)


class Calls:
    """A company of which only calls are asked."""

    def __init__(self, *calls: CallCompleted) -> None:
        self._calls = [place(call, number) for number, call in enumerate(calls, 1)]
        self.since: datetime | None = None

    def events(self, *_types: type[Event], since: datetime) -> Sequence[Event]:
        self.since = since
        return self._calls


def note(*calls: CallCompleted, now: datetime = SIX, day: str = "2026-11-24") -> list[Effect]:
    return run_timer(arin, "coaching", key=day, now=now, company=cast(Company, Calls(*calls)))


def test_r74_a_note_is_due_an_hour_before_the_shift_and_lapses_when_it_begins() -> None:
    draft = drafted(note(a_call(1), a_call(2, "missed")))
    assert draft.due_at == SIX + timedelta(hours=1)
    assert draft.expires_at == SIX + timedelta(hours=2)
    assert (draft.channel, draft.recipients, draft.sends) == ("slack", ("C0CALLCENTER",), CoachingPosted)
    assert draft.fields == {"shift_start": SIX + timedelta(hours=2), "audience": "call center team"}
    assert len(draft.sources) == 2
    assert draft.subject is None
    assert draft.body.startswith("Before the shift of Tuesday, 24 November")


def test_r74_once_the_shift_has_begun_no_note_is_written() -> None:
    effects = note(a_call(), now=SIX + timedelta(hours=2))
    assert [type(effect) for effect in effects] == [Log]


def test_r74_without_calls_there_is_nothing_to_coach() -> None:
    assert of(note(), Draft) == []
    assert of(note(a_call(direction="outbound")), Draft) == []


def test_a_note_counts_and_names_hours_and_no_caller() -> None:
    calls = [a_call(1), a_call(2, "missed"), a_call(3, "voicemail"), a_call(4, first_time=True), a_call(5, duration=8)]
    body = drafted(note(*calls)).body
    for word in ("5 calls came in, 3 were answered", "2 calls were not taken", "10:00 and 11:00", "first time", "20 s"):
        assert word in body
    assert str(CALLER.phone) not in body


def test_a_note_is_about_what_came_since_the_note_of_the_shift_before() -> None:
    company = Calls(a_call())
    run_timer(arin, "coaching", key="2026-11-23", now=SIX - timedelta(days=1), company=cast(Company, company))
    assert company.since == datetime(2026, 11, 20, 12, tzinfo=UTC)  # Friday, six in the morning
    assert since(SIX.date(), Settings()) == SIX - timedelta(days=1)


def test_what_there_is_nothing_to_say_about_is_not_said() -> None:
    call = place(a_call(), 1)
    assert isinstance(call, CallCompleted)
    assert set(facts_of([call], "UTC")) == {"figures"}


def test_r73_a_note_goes_out_at_a_gate_of_its_own_though_it_stays_inside() -> None:
    gate = roster.gate("arin", "slack", "team", None)
    assert gate is not None
    assert (gate.id, gate.approvers) == ("coaching", ("coo",))


def test_r73_r74_through_the_engine_the_note_waits_for_the_coo_and_is_written_once(agency: Agency) -> None:
    [daily] = [row for row in agency.rows("deadlines") if row.seat == "arin"]
    agency.tell(a_call(occurred_at=BEGAN), a_call(2, "missed", occurred_at=BEGAN))
    agency.work()
    at = datetime.fromtimestamp(daily.due_at / 1_000_000, UTC)
    agency.sweep(at)
    agency.sweep(at + timedelta(minutes=30))
    notes = [row for row in agency.rows("drafts") if row.seat == "arin"]
    assert [(row.state, row.gate, row.sends) for row in notes] == [("pending", "coaching", "coaching.posted")]
    assert agency.ledger("coaching.posted") == []


# --- calls ----------------------------------------------------------------------------------------------------------


def test_a_call_that_nobody_took_is_called_back() -> None:
    assert only(run_handler(arin, a_call(outcome="missed"), account=customer("delivery")), Task).assignee == (
        "call_center_team"
    )
    assert of(run_handler(arin, a_call(), account=customer("delivery")), Task) == []


def test_r15_of_a_caller_whom_nobody_knows_pepper_is_told_and_a_human_by_her() -> None:
    assert only(run_handler(arin, a_call()), Message).to == "pepper"
    told = MessageDelivered(
        message_id="7", from_seat="arin", to_seat="pepper", kind="INFORM", topic="unknown caller", body="A call."
    )
    assert only(run_handler(pepper, told), Task).assignee == "coo"
    lead = LeadReceived(lead_id="L1", channel="call", fact="lead")
    assert run_handler(pepper, told, [lead]) == []


# --- settings -------------------------------------------------------------------------------------------------------


def test_the_shift_is_a_setting_and_a_wrong_one_says_what_to_write() -> None:
    told = {"SEAMLINE_AGENCY_SHIFT_START": "09:30", "SEAMLINE_AGENCY_SHIFT_DAYS": "0,6"}
    read = Settings.read(told | {"SEAMLINE_AGENCY_TIMEZONE": "Europe/Berlin", "HOME": "/"})
    assert (read.shift_start, read.shift_days, read.hours.tz) == (time(9, 30), (0, 6), "Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SHIFT_START", "eight", "such as 08:00"),
        ("SHIFT_START", "01:00", "02:00:00 or later"),
        ("SHIFT_DAYS", "7", "from 0 .Monday. to 6"),
        ("TIMEZONE", "Mars/Olympus", "no time zone"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Settings.read({f"SEAMLINE_AGENCY_{name}": value})
