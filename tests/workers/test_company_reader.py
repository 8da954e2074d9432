"""Reading the whole company: as of a place in the ledger, of all accounts, and without one query an account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from seamline import Seat, SyncContext
from seamline.events import DealWon, LeadReceived, RelationshipEnded
from seamline_workers.handoff.company_reader import ASTRAY_US, CompanyReader
from seamline_workers.store.store import now_us
from support.works import Works, event
from workers.conftest import MakeWorks

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def sales() -> Seat:
    """A seat that leaves something of each kind with humans."""
    seat = Seat("sales", owns=["lead.*", "deal.*"])

    @seat.on(LeadReceived)
    def lead(event: LeadReceived, ctx: SyncContext) -> None:
        ctx.flag("a-lead", key=event.lead_id, text="look", severity="risk")
        ctx.task("Answer", key=event.lead_id, due_at=datetime(2026, 12, 1, tzinfo=UTC), assignee="coo", rule="R17")

    return seat


def head(works: Works) -> int:
    return int(works.one("SELECT seq FROM ledger_head WHERE id = 1"))


def test_events_of_all_accounts_are_read_up_to_a_place_and_of_these_types_alone(works: MakeWorks) -> None:
    company = works(sales())
    company.tell(event("lead.received", "a@acme.example", lead_id="1", channel="form"))
    company.tell(event("deal.won", "b@birch.example", deal_id="D"))
    company.work()
    place = head(company)
    company.tell(event("lead.received", "c@cedar.example", lead_id="2", channel="form"))
    company.work()
    reader = CompanyReader(company.store, place)
    found = reader.events(LeadReceived, DealWon, since=LONG_AGO)
    assert [one.event_type for one in found] == ["lead.received", "deal.won"]
    assert len({one.envelope.account for one in found}) == 2
    assert [one.event_type for one in reader.events(DealWon, since=LONG_AGO)] == ["deal.won"]
    assert reader.events(RelationshipEnded, since=LONG_AGO) == []


def test_only_what_came_since_is_read_and_the_search_for_it_ends_at_the_right_place(works: MakeWorks) -> None:
    company = works(sales())
    for number in range(20):
        company.tell(event("lead.received", f"a{number}@acme{number}.example", lead_id=str(number), channel="form"))
    company.work()
    # Each came an hour and a bit after the one before.
    step, last = ASTRAY_US + 60_000_000, now_us()
    with company.store.begin() as connection:
        connection.execute(
            text("UPDATE events SET received_at = :last - (:head - seq) * :step"),
            {"last": last, "head": head(company), "step": step},
        )
    reader = CompanyReader(company.store, head(company))
    for hours in (1, 5, 12, 19):
        since = datetime.fromtimestamp(last / 1e6, UTC) - timedelta(hours=hours)
        want = company.one(
            "SELECT count(*) FROM events WHERE type = 'lead.received' AND received_at >= :since",
            since=int(since.timestamp() * 1e6),
        )
        assert len(reader.events(LeadReceived, since=since)) == want


def test_what_is_open_with_humans_is_read_of_all_accounts_oldest_first(works: MakeWorks) -> None:
    company = works(sales())
    for name in ("a@acme.example", "b@birch.example"):
        company.tell(event("lead.received", name, lead_id=name[0], channel="form"))
    company.work()
    found = CompanyReader(company.store, head(company)).open()
    assert sorted((one.kind, one.name, one.severity, one.rule) for one in found) == [
        ("flag", "a-lead", "risk", None),
        ("flag", "a-lead", "risk", None),
        ("task", "Answer", None, "R17"),
        ("task", "Answer", None, "R17"),
    ]
    assert {one.due_at for one in found if one.kind == "task"} == {datetime(2026, 12, 1, tzinfo=UTC)}
    assert [one.since for one in found] == sorted(one.since for one in found)
    with company.store.begin() as connection:
        connection.execute(text("UPDATE tasks SET state = 'done'"))
    assert {one.kind for one in CompanyReader(company.store, head(company)).open()} == {"flag"}


def test_a_source_is_told_with_its_last_delivery_and_why_its_poll_fails(works: MakeWorks) -> None:
    company = works(sales())
    company.source("calendar")
    company.tell(event("lead.received", "a@acme.example", lead_id="1", channel="form"))
    company.work()
    with company.store.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO polls (source_id, poll, scope, baseline, due, attempts, reason)
            SELECT id, 'events', '', 0, 0, 7, 'the token expired' FROM sources WHERE name = 'calendar'
            """)
        )
    told = {one.name: one for one in CompanyReader(company.store, head(company)).sources()}
    assert told["crm"].last_at is not None
    assert told["crm"].failing is None
    assert (told["calendar"].last_at, told["calendar"].failing) == (None, "the token expired")


LATE = "2026-11-20T15:00:00Z"


def test_r57_an_exit_is_open_until_it_is_logged(works: MakeWorks) -> None:
    company = works(Seat("sales", owns=["relationship.*"]))
    company.tell(event("deal.won", "a@acme.example", deal_id="D"))
    company.tell(event("relationship.ended", "a@acme.example", at="2026-11-20T13:00:00Z"))
    company.work()
    [left] = CompanyReader(company.store, head(company)).exits()
    assert left.account == str(company.one("SELECT id FROM accounts WHERE stage = 'exit'"))
    company.tell(event("relationship.ended", "b@birch.example", at="2026-11-20T14:00:00Z"))
    company.tell(event("exit.logged", "a@acme.example", reason="moved on", by="coo", ended_on="2026-11-20", at=LATE))
    company.work()
    [other] = CompanyReader(company.store, head(company)).exits()
    assert other.account != left.account
