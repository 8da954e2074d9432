"""The morning briefing through the real engine: of the whole company, once a day, whatever a source does not tell."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from seamline import Party
from seamline.calendar import next_local
from seamline.events import BriefingIssued, DealWon, ExitLogged, LeadReceived, RelationshipEnded
from support.agency import Agency

H, D = timedelta(hours=1), timedelta(days=1)
DANA = Party(name="Dana", email="dana@acme.example", company="Acme")
PAT = Party(name="Pat", email="pat@cedar.example", company="Cedar Row")


def seven(after: datetime | None = None) -> datetime:
    """The next time at which it is 07:00 where the agency is."""
    return next_local(after or datetime.now(UTC), time(7), "America/Chicago")


def briefings(agency: Agency) -> list[BriefingIssued]:
    return [one for one in agency.ledger("briefing.issued") if isinstance(one, BriefingIssued)]


def lines(found: BriefingIssued, section: str) -> str:
    return "\n".join(found.sections[section])


def test_r80_there_is_one_briefing_a_day_to_the_coo_at_seven_where_the_company_is(agency: Agency) -> None:
    first = seven()
    agency.sweep(first - timedelta(seconds=1))
    assert not briefings(agency)
    agency.sweep(first)
    agency.sweep(first + H)
    [found] = briefings(agency)
    assert (found.recipient, found.day) == ("coo", first.date())
    assert set(found.sections) == {"urgent", "today", "systems", "context", "warnings"}
    agency.sweep(seven(first))
    assert len(briefings(agency)) == 2
    read_by = {row.assignee for row in agency.rows("tasks") if "briefing.issued" in row.title}
    assert read_by == {agency.engine.seats["coo"].assignee}


def test_r5_r80_what_went_wrong_is_counted_by_rule_seat_and_account_of_all_customers(agency: Agency) -> None:
    now = datetime.now(UTC)
    agency.tell(
        DealWon(fact="w1", party=DANA, occurred_at=now - H, closed_at=now - H, deal_id="D1"),
        DealWon(fact="w2", party=PAT, occurred_at=now - H, closed_at=now - H, deal_id="D2"),
    )
    agency.work()
    assert len(agency.ledger("guard.refused")) == 2
    agency.sweep(seven())
    [found] = briefings(agency)
    warnings = lines(found, "warnings")
    assert "guard.refused R4 by crystal: Acme, 1" in warnings
    assert "guard.refused R4 by crystal: Cedar Row, 1" in warnings
    agency.sweep(seven(seven()))
    assert "guard.refused R4" not in lines(briefings(agency)[-1], "warnings")


def test_r80_a_source_that_tells_nothing_is_named_as_stale_and_stops_nothing(agency: Agency) -> None:
    agency.tell(LeadReceived(fact="l1", party=DANA, occurred_at=datetime.now(UTC), lead_id="L1", channel="form"))
    agency.work()
    agency.sweep(seven())
    [found] = briefings(agency)
    assert "facts" not in found.stale_sources
    assert {"proposals", "crm", "calendar"} <= set(found.stale_sources)
    assert "STALE crm: has told nothing yet" in lines(found, "systems")
    agency.sweep(seven(seven()) + D)
    assert "facts" in briefings(agency)[-1].stale_sources


def test_r20_a_lead_that_nobody_answers_is_in_the_briefing(agency: Agency) -> None:
    agency.tell(LeadReceived(fact="l1", party=DANA, occurred_at=datetime.now(UTC), lead_id="L1", channel="form"))
    agency.work()
    agency.sweep(seven() + 5 * D)
    assert "R20 not answered: Acme" in lines(briefings(agency)[-1], "warnings")


def test_r57_r80_an_exit_stays_in_the_briefing_until_it_is_logged(agency: Agency) -> None:
    now = datetime.now(UTC)
    agency.tell(DealWon(fact="w1", party=DANA, occurred_at=now - 2 * H, closed_at=now - 2 * H, deal_id="D1"))
    agency.tell(RelationshipEnded(fact="e1", party=DANA, occurred_at=now - H))
    agency.work()
    agency.sweep(seven())
    agency.sweep(seven(seven()))
    assert all("Exit not logged: Acme" in lines(one, "urgent") for one in briefings(agency))
    assert not agency.ledger(ExitLogged.event_type)


def test_r80_a_company_that_was_down_for_days_is_briefed_once_for_all_of_them(agency: Agency) -> None:
    agency.sweep(seven() + 3 * D + H)
    [found] = briefings(agency)
    assert found.day == (seven() + 3 * D).date()
