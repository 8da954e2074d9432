"""The ledger: one order without gaps, a projection that is a pure fold, and a rebuild that gives it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamline import Seat, SyncContext
from seamline.events import ProposalViewed
from seamline_workers.jobs.rebuild import rebuild, verify
from seamline_workers.store.store import Store
from support.works import Works, event, signed, viewed

MakeWorks = Callable[..., Works]

TOLD = [
    event("lead.received", lead_id="L1", channel="form", at="2026-11-01T08:00:00Z"),
    event("proposal.sent", proposal_id="P1", at="2026-11-02T08:00:00Z"),
    viewed(1, at="2026-11-03T08:00:00Z"),
    event("proposal.accepted", proposal_id="P1", at="2026-11-04T08:00:00Z"),
    event("deal.won", deal_id="D1", at="2026-11-05T08:00:00Z"),
    signed(1, at="2026-11-06T08:00:00Z"),
]


def flagging() -> Seat:
    seat = Seat("dirk", owns=["proposal.*"])

    @seat.on(ProposalViewed)
    def note(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("viewed", key=event.proposal_id, text="They looked")

    return seat


def projections(works: Works) -> list[Any]:
    return [tuple(row) for row in works.all("SELECT id, stage, projection FROM accounts ORDER BY id")]


def test_r95_a_rebuild_from_the_ledger_gives_the_same_projections_byte_for_byte_and_sends_nothing(
    works: MakeWorks,
) -> None:
    company = works(flagging())
    for n, told in enumerate(TOLD):
        company.tell(
            {"key": f"a{n}", "events": [told]}, {"key": f"b{n}", "events": [told | {"party": {"email": "o@b.example"}}]}
        )
    company.work()
    before = projections(company)
    counts = "SELECT (SELECT count(*) FROM events) + 1000 * (SELECT count(*) FROM effects)"
    written = company.one(counts)
    assert verify(company.store).differing == ()
    company.write('UPDATE accounts SET projection = \'{"newest":[0,""]}\', stage = NULL')
    assert len(verify(company.store).differing) == 2
    assert rebuild(company.store).groups == 2
    assert projections(company) == before
    assert company.one(counts) == written
    assert company.states().count(("proposal.viewed", "dirk", "done")) == 2


def arrivals() -> st.SearchStrategy[list[int]]:
    """Every fact at least once, in any order, some of them again."""
    again = st.lists(st.integers(0, len(TOLD) - 1), max_size=4)
    return again.flatmap(lambda more: st.permutations([*range(len(TOLD)), *more]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=arrivals(), number=st.uuids())
def test_r88_any_order_and_duplication_of_deliveries_gives_the_same_facts_and_projection(
    store: Store, order: list[int], number: Any
) -> None:
    works = Works(store)
    told = [one | {"party": {"email": f"{number.hex}@{number.hex}.example"}} for one in TOLD]
    for n in order:
        works.tell({"key": f"{number.hex} {n}", "events": [told[n]]})
    query = """
    SELECT e.type, a.stage, a.projection FROM events e JOIN accounts a ON a.id = e.account_id
    WHERE e.data LIKE :like AND e.type <> 'stage.changed' ORDER BY e.occurred_at
    """
    found = works.all(query, like=f"%{number.hex}%")
    assert [row.type for row in found] == [one["type"] for one in TOLD]
    reference = Works(store)
    other = number.hex[::-1] + "x"
    for n, one in enumerate(TOLD):
        reference.tell(
            {"key": f"{number.hex} in order {n}", "events": [one | {"party": {"email": f"{other}@{other}.example"}}]}
        )
    ordered = reference.all(query, like=f"%{other}%")
    assert found[0].stage == ordered[0].stage == "onboarding"
    assert verify(store).differing == ()
    works.close()
    reference.close()


def test_older_facts_than_the_source_is_live_from_wake_nobody(works: MakeWorks) -> None:
    company = works(flagging(), live_from=1_762_000_000_000_000)  # 2025-11-01
    company.tell(viewed(1, at="2024-01-01T00:00:00Z"), viewed(2, at="2026-01-01T00:00:00Z"))
    assert company.one("SELECT count(*) FROM events WHERE history = 1") == 1
    assert [state[0] for state in company.states()] == ["proposal.viewed"]


def test_a_source_cannot_tell_what_only_the_engine_may_say(works: MakeWorks) -> None:
    company = works(flagging())
    company.tell(event("risk.cleared", flag_id="F1", by="anna", reason="it is fine", signals=[], severity="watch"))
    assert company.types() == []
    assert company.one("SELECT state FROM items") in (3, 4)
