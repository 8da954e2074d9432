"""The same facts make the same account, in whatever order they arrive, however often, and however they are cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from seamline import Seat, SyncContext
from seamline.events import ProposalViewed
from seamline_workers.jobs.rebuild import verify
from seamline_workers.store import columns, folding
from seamline_workers.store.store import Store
from support.works import Works, event

BEGUN = datetime(2026, 11, 20, tzinfo=UTC)
SOURCES = ("crm", "mail")

#: One fact: its source, its type, which of two or three things it is about, and its minute; there are few of each.
Fact = tuple[str, str, int, int]
#: A delivery: its source, its items, and whether it is translated before the next one comes.
Cut = tuple[str, list[dict[str, Any]], bool]
Arrivals = tuple[list[Fact], list[Cut]]
KINDS: dict[str, dict[str, Any]] = {
    "ad.clicked": {"click_id": "K{}"},
    "lead.received": {"lead_id": "L{}", "channel": "form"},
    "email.received": {"message_id": "<{}@acme.example>", "sender": "dana@acme.example"},
    "deal.created": {"deal_id": "D{}"},
    "deal.won": {"deal_id": "D{}"},
    "deal.lost": {"deal_id": "D{}"},
    "proposal.sent": {"proposal_id": "P{}"},
    "proposal.viewed": {"proposal_id": "P{}"},
    "proposal.accepted": {"proposal_id": "P{}"},
    "proposal.declined": {"proposal_id": "P{}"},
    "contract.signed": {"contract_id": "C{}"},
    "contract.voided": {"contract_id": "C{}"},
    "kickoff.held": {},
    "relationship.ended": {},
}
facts = st.tuples(st.sampled_from(SOURCES), st.sampled_from(sorted(KINDS)), st.integers(1, 3), st.integers(0, 12))
lives = st.lists(facts, min_size=2, max_size=14, unique=True)


def item(number: int, fact: Fact, again: int = 0) -> dict[str, Any]:
    """An item that tells a fact; ``again``: another item, as when a poll finds what a webhook told."""
    _, kind, of, minute = fact
    told = {name: value.format(of) for name, value in KINDS[kind].items()}
    at = (BEGUN + timedelta(minutes=minute)).isoformat()
    return {"key": f"item {number} {again}", "events": [event(kind, at=at, fact=f"fact {number}", **told)]}


@st.composite
def arrivals(draw: st.DrawFn) -> Arrivals:
    """Facts, and how they arrive: in any order, some of them again, one or several in a delivery."""
    life = draw(lives)
    turns = [(n, again) for n in range(len(life)) for again in draw(st.sampled_from([(0,), (0,), (0, 0), (0, 1)]))]
    cut: list[Cut] = []
    for n, again in draw(st.permutations(turns)):
        source, told = life[n][0], item(n, life[n], again)
        if cut and cut[-1][0] == source and not cut[-1][2] and len(cut[-1][1]) < 4 and draw(st.booleans()):
            cut[-1][1].append(told)
        else:
            cut.append((source, [told], draw(st.booleans())))
    return life, cut


def note(event: ProposalViewed, ctx: SyncContext) -> None:
    ctx.flag("viewed", key=event.proposal_id, text="They looked")


def fresh(store: Store) -> Works:
    """A company without a past."""
    with store.begin() as connection:
        for table in columns.metadata.sorted_tables:
            if table.name not in ("sources", "lanes", "ledger_head"):
                connection.execute(table.delete())
        connection.execute(text("DELETE FROM lanes WHERE kind = 2"))
        connection.execute(text("UPDATE ledger_head SET seq = 0"))
    seat = Seat("dirk", owns=["proposal.*"])
    seat.on(ProposalViewed)(note)
    company = Works(store, seat)
    for name in SOURCES:
        company.source(name)
    return company


def known(company: Works) -> tuple[list[Any], list[Any], list[Any]]:
    """All that must not depend on the order: the facts, who was handed which, and what is known of the account."""
    told = company.all("""
        SELECT id, type, version, source, occurred_at, timebasis, trust, history, data FROM events
        WHERE source <> '/engine' ORDER BY id
    """)
    handed = company.all("""
        SELECT e.id, h.seat, h.owner FROM handoffs h JOIN events e ON e.seq = h.event_seq
        WHERE e.source <> '/engine' ORDER BY e.id, h.seat
    """)
    account = company.all("SELECT stage, projection, last_event_at, group_id FROM accounts")
    return [tuple(row) for row in told], [tuple(row) for row in handed], [tuple(row) for row in account]


def told_in_order(store: Store, life: list[Fact]) -> Any:
    """What is known where each fact comes once, alone, and when it happens."""
    company = fresh(store)
    for n, fact in sorted(enumerate(life), key=lambda one: one[1][3]):
        company.tell(item(n, fact), source=fact[0])
    found = known(company)
    company.close()
    assert len(found[0]) == len(life)
    assert len(found[2]) == 1
    return found


def assert_same_in_any_order(store: Store, life: list[Fact], cut: list[Cut]) -> None:
    expected = told_in_order(store, life)
    company = fresh(store)
    for source, items, at_once in cut:
        company.deliver(*items, source=source)
        if at_once:
            company.translate()
    company.translate()
    assert known(company) == expected
    assert verify(store).differing == ()
    company.close()


@pytest.fixture
def small_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late facts are folded in from a base as soon as there are a few."""
    monkeypatch.setattr(folding, "NEAR", 2)
    monkeypatch.setattr(folding, "FAR", 4)


@pytest.mark.usefixtures("small_base")
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(told=arrivals())
def test_any_order_and_duplication_of_an_account_s_deliveries_gives_the_same_facts_and_the_same_projection(
    store: Store, told: Arrivals
) -> None:
    assert_same_in_any_order(store, *told)


@pytest.mark.long
@pytest.mark.usefixtures("small_base")
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(told=arrivals())
def test_many_orders_and_duplications_give_the_same_facts_and_the_same_projection(store: Store, told: Arrivals) -> None:
    assert_same_in_any_order(store, *told)
