"""Radar's morning briefing, in memory; through the engine: test_morning.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from seamline import Event
from seamline.company import Company, Exit, Open, SourceState
from seamline.context import Emit
from seamline.events import (
    ApprovalExpired,
    BriefingIssued,
    DeadlineFired,
    DealWon,
    ExitAdhocDetected,
    FollowupMissed,
    GuardRefused,
    IdentityConflict,
    KickoffBooked,
    KickoffOverdue,
    LeadReceived,
    LeadTriaged,
    MessageDeadLettered,
    MetricsMissing,
    ResponseSent,
)
from seamline.testing import ACCOUNT, MemoryCompany, place, run_timer
from seamline_agency.briefing import INCIDENTS, percentiles
from seamline_agency.roster import roster
from seamline_agency.seats.radar import radar

#: 07:00 in Chicago on a Friday.
NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)
DAY = "2026-11-20"
NAMES = {"7": "Harbor Lane Dental", "8": "Cedar Row Vets"}
SECTIONS = {"urgent", "today", "systems", "context", "warnings"}


def told(event: Event, account: str = "7", at: datetime = NOW - timedelta(hours=2), number: int = 1) -> Event:
    """An event of an account as it stands in the ledger."""
    return place(event.model_copy(update={"occurred_at": at}), number, replace(ACCOUNT, id=account), at)


def briefing(company: Company, history: list[Event] | None = None, now: datetime = NOW) -> BriefingIssued:
    [effect] = run_timer(radar, "briefing", history or [], now=now, key=DAY, roster=roster, company=company)
    assert isinstance(effect, Emit)
    assert isinstance(effect.event, BriefingIssued)
    assert (effect.key, effect.once) == (DAY, True)
    return effect.event


def lines(section: str, **company: Any) -> str:
    return "\n".join(briefing(MemoryCompany(named=NAMES, **company)).sections[section])


def test_r80_a_company_of_which_there_is_nothing_to_tell_has_its_briefing_with_all_sections() -> None:
    found = briefing(MemoryCompany())
    assert (found.day, found.recipient, found.stale_sources) == (date(2026, 11, 20), "coo", ())
    assert set(found.sections) == SECTIONS
    assert all(section == ("nothing",) for section in found.sections.values())


INCIDENT: dict[type[Event], Event] = {
    GuardRefused: GuardRefused(rule="R4", code="NO_CONTRACT", cause="c", actor="/seats/crystal"),
    KickoffOverdue: KickoffOverdue(project_id="p", deal_closed_at=NOW, deadline=NOW, waiting_for="booking"),
    FollowupMissed: FollowupMissed(proposal_id="p", earliest=NOW, latest=NOW),
    MetricsMissing: MetricsMissing(platform="meta", day=date(2026, 11, 19)),
    ApprovalExpired: ApprovalExpired(draft_id="1", draft_sha256="0"),
    IdentityConflict: IdentityConflict(account="7", key="k"),
    ExitAdhocDetected: ExitAdhocDetected(),
    MessageDeadLettered: MessageDeadLettered(message_id="m", from_seat="pepper", to_seat="dirk", kind="INFORM"),
}


@pytest.mark.parametrize("kind", INCIDENTS, ids=[kind.event_type for kind in INCIDENTS])
def test_r5_every_kind_of_incident_is_counted_by_rule_seat_and_account(kind: type[Event]) -> None:
    three = [told(INCIDENT[kind], account, number=number) for number, account in enumerate(("7", "7", "8"))]
    found = lines("warnings", told=three)
    assert "Harbor Lane Dental, 2" in found
    assert "Cedar Row Vets, 1" in found
    assert f"{kind.event_type} R" in found


def test_r5_a_refusal_is_counted_by_its_own_rule_and_by_the_seat_that_asked() -> None:
    other = GuardRefused(rule="R53", code="PULSE_HOLD", cause="c", actor="/seats/dirk")
    found = lines("warnings", told=[told(INCIDENT[GuardRefused], number=1), told(other, number=2)])
    assert "guard.refused R4 by crystal" in found
    assert "guard.refused R53 by dirk" in found


def test_r5_what_the_last_briefing_told_is_not_told_again() -> None:
    company = MemoryCompany(told=[told(INCIDENT[ExitAdhocDetected])])
    last = BriefingIssued(day=date(2026, 11, 19), recipient="coo", occurred_at=NOW - timedelta(hours=1))
    assert briefing(company, [last]).sections["warnings"] == ("nothing",)


def test_r5_what_came_while_the_last_briefing_was_written_is_told_by_the_next() -> None:
    rang, wrote = NOW - timedelta(hours=24), NOW - timedelta(hours=23)
    fields = {"deadline_id": "1", "due_at": rang, "rule": "R80", "cause": "c", "actor": "engine", "occurred_at": rang}
    fired = DeadlineFired.model_validate({**fields, "name": "briefing"})
    last = BriefingIssued(day=date(2026, 11, 19), recipient="coo", occurred_at=wrote)
    company = MemoryCompany(told=[told(INCIDENT[ExitAdhocDetected], at=wrote - timedelta(minutes=1), number=3)])
    assert briefing(company, [last]).sections["warnings"] == ("nothing",)
    assert briefing(company, [fired, last]).sections["warnings"] != ("nothing",)


def test_r5_a_morning_on_which_nothing_ran_is_made_up_for() -> None:
    company = MemoryCompany(told=[told(INCIDENT[ExitAdhocDetected], at=NOW - timedelta(days=2))])
    last = BriefingIssued(day=date(2026, 11, 17), recipient="coo", occurred_at=NOW - timedelta(days=3))
    assert briefing(company, [last]).sections["warnings"] != ("nothing",)


def a_lead(at: datetime, name: str = "L1") -> Event:
    return told(LeadReceived(lead_id=name, channel="form"), at=at, number=1)


def an_answer(at: datetime) -> Event:
    return told(ResponseSent(message_ref="m", lead_id="L1"), at=at, number=2)


def test_r20_a_lead_that_was_answered_later_than_a_business_hour_is_late() -> None:
    began = datetime(2026, 11, 19, 16, tzinfo=UTC)  # 10:00 in Chicago
    late = [a_lead(began), an_answer(began + timedelta(hours=1, seconds=1))]
    assert "R20 answered late: Harbor Lane Dental, after 1.0 h" in lines("warnings", told=late)
    assert "R20" not in lines("warnings", told=[a_lead(began), an_answer(began + timedelta(hours=1))])


def test_r20_a_lead_of_the_night_is_not_late_before_its_first_business_hour_is_over() -> None:
    assert "R20" not in lines("warnings", told=[a_lead(NOW - timedelta(hours=8))])
    assert "R20 not answered" in lines("warnings", told=[a_lead(NOW - timedelta(days=1))])


def test_r20_a_lead_that_warrants_no_answer_is_not_late() -> None:
    vendor = LeadTriaged(
        lead_id="L1", bucket="team_or_vendor", urgency="low", response_warranted=False, reason="wants to sell"
    )
    assert "R20" not in lines("warnings", told=[a_lead(NOW - timedelta(days=1)), told(vendor, number=2)])


def test_r35_the_time_from_a_won_deal_to_its_kickoff_is_told_as_p50_and_p90() -> None:
    events: list[Event] = []
    for number in range(10):
        account, won = str(number), NOW - timedelta(days=10)
        booked = won + timedelta(hours=number + 1)
        events.append(told(DealWon(deal_id=f"d{number}", closed_at=won), account, won, number))
        kickoff = KickoffBooked(project_id="p", calendar_event_id="e", starts_at=NOW, booked_at=booked)
        events.append(told(kickoff, account, booked, 20 + number))
    assert "p50 5.5 h, p90 9.1 h (10 deals in 30 days)" in lines("context", told=events)


def test_r35_of_one_deal_both_are_its_own() -> None:
    assert percentiles([timedelta(hours=3)]) == (timedelta(hours=3), timedelta(hours=3))


def test_r80_what_waits_for_a_human_is_told_urgent_or_today() -> None:
    began = NOW - timedelta(days=3)
    waiting = [
        Open("flag", "1", "risk", "pulse", "7", began, severity="risk"),
        Open("task", "2", "Call back", "arin", "8", began, NOW - timedelta(hours=1), assignee="coo"),
        Open("draft", "3", "mail", "pulse", "7", began, NOW + timedelta(hours=2)),
        Open("task", "4", "Next week", "arin", "8", began, NOW + timedelta(days=7)),
    ]
    urgent, today = lines("urgent", waiting=waiting), lines("today", waiting=waiting)
    assert "Flag risk by pulse: Harbor Lane Dental" in urgent
    assert "Overdue task for coo: Call back (Cedar Row Vets)" in urgent
    assert "draft by pulse on mail: Harbor Lane Dental" in today
    assert "Next week" not in urgent + today
    assert "1 draft, 2 tasks, 1 flag; the oldest since 2026-11-17 13:00 UTC" in today


def test_r57_an_exit_that_is_not_logged_stays_in_the_briefing() -> None:
    assert "Exit not logged: Harbor Lane Dental" in lines("urgent", left=[Exit("7", NOW - timedelta(days=40))])


def test_r80_a_stale_source_is_named_and_a_dead_one_stops_nothing() -> None:
    sources = [
        SourceState("calendar", NOW - timedelta(hours=1)),
        SourceState("leads", NOW - timedelta(hours=25)),
        SourceState("crm", None),
        SourceState("slack", NOW - timedelta(minutes=5), failing="the token expired"),
    ]
    found = briefing(MemoryCompany(known=sources))
    assert found.stale_sources == ("leads", "crm", "slack")
    systems = "\n".join(found.sections["systems"])
    assert "STALE slack" in systems
    assert "the token expired" in systems
    assert "STALE calendar" not in systems


def test_a_section_is_no_list_of_hundreds() -> None:
    many = [told(INCIDENT[ExitAdhocDetected], str(account), number=account) for account in range(80)]
    section = briefing(MemoryCompany(told=many)).sections["warnings"]
    assert len(section) == 51
    assert section[-1] == "and 30 more"


def test_only_a_daily_about_the_company_reads_the_company() -> None:
    with pytest.raises(LookupError, match="only a daily about the company"):
        run_timer(radar, "briefing", now=NOW, key=DAY)
