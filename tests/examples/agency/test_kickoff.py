"""R32 at the agency: a kickoff that is not booked within 48 hours of the deal closing is flagged by Crystal."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from seamline import Event, Party
from seamline.events import ContractSigned, DealWon, KickoffBooked, KickoffCancelled
from support.agency import BEGAN, Agency

H, S = timedelta(hours=1), timedelta(seconds=1)
DANA = Party(email="dana@acme.example", company="Acme")


def won(**fields: Any) -> DealWon:
    told = {"fact": "won", "party": DANA, "occurred_at": BEGAN + 9 * H, "closed_at": BEGAN, "deal_id": "D1"}
    return DealWon.model_validate(told | fields)


def booked(at: datetime, meeting: str = "M1", **fields: Any) -> KickoffBooked:
    told = {"fact": f"booked {meeting}", "party": DANA, "occurred_at": at, "booked_at": at, "starts_at": BEGAN + 99 * H}
    return KickoffBooked.model_validate(told | {"calendar_event_id": meeting} | fields)


def overdue(agency: Agency) -> list[Event]:
    return agency.ledger("kickoff.overdue")


def alarms(agency: Agency) -> list[tuple[str, str]]:
    flags = [(row.text, row.state) for row in agency.rows("flags") if row.name == "kickoff-overdue"]
    return flags + [(row.assignee, row.state) for row in agency.rows("tasks") if row.rule == "R32"]


def test_r32_crystal_flags_a_kickoff_that_is_not_booked_when_48_hours_have_passed(agency: Agency) -> None:
    agency.tell(won())
    agency.work()
    agency.sweep(BEGAN + 48 * H)
    assert overdue(agency) == []
    agency.sweep(BEGAN + 48 * H + S)
    agency.sweep(BEGAN + 300 * H)
    [late] = overdue(agency)
    assert late.model_dump(include={"deadline", "deal_id", "project_id", "deal_closed_at", "waiting_for"}) == {
        "deadline": BEGAN + 48 * H,
        "deal_id": "D1",
        "project_id": "project-D1",
        "deal_closed_at": BEGAN,
        "waiting_for": "contract",
    }
    assert alarms(agency) == [
        ("No kickoff was booked within 48 hours; it waits for a signed contract", "open"),
        ("onboarding_team", "open"),
    ]


def test_r32_with_the_contract_only_the_booking_is_waited_for(agency: Agency) -> None:
    agency.tell(won(), ContractSigned(fact="signed", party=DANA, occurred_at=BEGAN, contract_id="C1"))
    agency.work()
    agency.sweep(BEGAN + 49 * H)
    assert alarms(agency)[0][0] == "No kickoff was booked within 48 hours; it waits for the booking"


def test_r32_a_webhook_that_was_late_takes_flag_and_task_back_and_leaves_the_record(agency: Agency) -> None:
    agency.tell(won())
    agency.work()
    agency.sweep(BEGAN + 50 * H)
    agency.tell(booked(BEGAN + 47 * H))
    agency.work()
    assert [state for _, state in alarms(agency)] == ["cleared", "dismissed"]
    assert len(overdue(agency)) == 1


def test_r32_booked_before_the_deal_closed_or_rescheduled_is_booked(agency: Agency) -> None:
    agency.tell(booked(BEGAN - 5 * H))
    agency.tell(won())
    cancelled = KickoffCancelled(
        fact="cancelled", party=DANA, occurred_at=BEGAN + 20 * H, calendar_event_id="M1", starts_at=BEGAN + 99 * H
    )
    agency.tell(booked(BEGAN + 20 * H, "M2"), cancelled)
    agency.work()
    agency.sweep(BEGAN + 300 * H)
    assert overdue(agency) == []


def test_r32_what_is_added_to_an_engagement_needs_no_kickoff(agency: Agency) -> None:
    agency.tell(won(engagement="addendum"))
    agency.work()
    agency.sweep(BEGAN + 300 * H)
    assert overdue(agency) == []
