"""The queue of drafts as a list: what stands beside each, found for all of them at once."""

from __future__ import annotations

from sqlalchemy import event as sqlalchemy_event

from seamline import Seat, SyncContext
from seamline.events import LeadReceived
from seamline_workers.store.linking import join
from seamline_workers.store.reading.drafts import list_drafts, show_draft
from seamline_workers.store.reading.query import Query
from support.office import MakeOffice, Office, drafting


def dirk() -> Seat:
    """A seat that writes to every lead besides."""
    seat = Seat("dirk", informed=["lead.*"])

    @seat.on(LeadReceived)
    def offer(told: LeadReceived, ctx: SyncContext) -> None:
        ctx.draft("mail", to=[told.party.email or ""], subject="An offer", body="More?", key=told.lead_id)

    return seat


def beside(company: Office) -> dict[str, list[str]]:
    """What the list says of each draft, which is what the draft alone says."""
    now = company.clock()
    listed = list_drafts(company.works.store, Query(), unmasked=True, now=now)["items"]
    for one in listed:
        alone = show_draft(company.works.store, one["id"], unmasked=True, now=now)
        assert alone is not None
        assert alone["conflicts"] == one["conflicts"]
    return {one["id"]: one["conflicts"] for one in listed}


def test_a_list_of_drafts_makes_as_many_look_ups_for_many_as_for_one(office: MakeOffice) -> None:
    company = office(drafting(), dirk())
    statements: list[str] = []
    sqlalchemy_event.listen(
        company.works.store.engine, "before_cursor_execute", lambda _c, _cur, text, *_rest: statements.append(text)
    )

    def looked() -> int:
        statements.clear()
        list_drafts(company.works.store, Query(), unmasked=True, now=company.clock())
        return len(statements)

    company.lead()
    once = looked()
    for n in range(12):
        company.lead(f"M{n}", f"eve@other{n}.example")
    assert looked() == once


def test_what_stands_beside_a_draft_is_of_its_own_customer_and_of_those_linked_with_it(office: MakeOffice) -> None:
    company = office(drafting(), dirk())
    company.lead("L1")
    company.lead("L2", "eve@other.example")
    first, second, third, fourth = (str(row.id) for row in company.works.drafts())
    assert beside(company) == {first: [second], second: [first], third: [fourth], fourth: [third]}
    accounts = sorted({row.account_id for row in company.works.drafts()})
    with company.works.store.begin() as connection:
        join(connection, *accounts, evidence="key", now=1)
    by_seat = {str(row.id): row.seat for row in company.works.drafts()}
    told = beside(company)
    for one, others in told.items():
        assert {by_seat[other] for other in others} == {"pepper", "dirk"} - {by_seat[one]}
    assert [len(others) for others in told.values()] == [2, 2, 2, 2]


def test_a_draft_that_is_decided_against_has_nothing_beside_it_and_stands_beside_none(office: MakeOffice) -> None:
    company = office(drafting(), dirk())
    company.lead()
    first, second = company.works.drafts()
    company.works.reject(first.id)
    assert beside(company) == {str(first.id): [], str(second.id): []}
