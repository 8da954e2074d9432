"""R8: a handler runs when what it requires is known; until then its handoff waits, and its lane goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seamline import Seat, SyncContext
from seamline.errors import ConfigError
from seamline.events import DealWon, LeadReceived, ProposalViewed
from seamline.gate import StageRow
from support.works import Works, event, signed, viewed

MakeWorks = Callable[..., Works]
NOBODY = {"refs": [{"of": "person", "kind": "contact", "id": "7"}]}


def seat(*requires: str) -> tuple[Seat, list[str]]:
    """A seat that handles a won deal where these are known, and whatever else comes."""
    crystal, ran = Seat("crystal", owns=["deal.*", "proposal.*", "contract.*"]), []

    @crystal.on(DealWon, requires=requires)
    def won(deal: DealWon, _: SyncContext) -> None:
        ran.append(deal.deal_id)

    @crystal.on(ProposalViewed)
    def seen(view: ProposalViewed, _: SyncContext) -> None:
        ran.append(view.proposal_id)

    return crystal, ran


def _ignore(_event: object, _ctx: object) -> None:
    """Handle whatever comes."""


def refusals(one: Works) -> list[str]:
    return [row.data for row in one.all("SELECT data FROM events WHERE type = 'guard.refused' ORDER BY seq")]


def test_r8_a_handler_waits_for_the_event_that_it_requires_and_runs_by_itself(works: MakeWorks) -> None:
    crystal, ran = seat("contract.signed")
    one = works(crystal)
    one.tell(event("deal.won", deal_id="D1"))
    one.work()
    one.tell(viewed(1))
    one.work()
    assert ran == ["P1"]  # its lane goes on
    assert one.states()[0] == ("deal.won", "crystal", "parked")
    assert one.one("SELECT awaits FROM handoffs WHERE state = 3") == "contract.signed"
    [refused] = refusals(one)
    for said in ('"rule":"R8"', '"code":"INCOMPLETE"', '"missing":["contract.signed"]'):
        assert said in refused
    one.tell(signed(1))
    one.work()
    assert ran == ["P1", "D1"]


def test_r8_nothing_waits_for_what_is_known(works: MakeWorks) -> None:
    crystal, ran = seat("contract.signed", "contact.email", "account.name")
    one = works(crystal)
    one.tell(signed(1, party={"email": "dana@acme.example", "name": "Dana"}), event("deal.won", deal_id="D1"))
    one.work()
    assert ran == ["D1"]
    assert refusals(one) == []


def test_r8_a_field_may_come_with_any_fact(works: MakeWorks) -> None:
    crystal, ran = seat("contact.email")
    one = works(crystal)
    one.tell(event("deal.won", party=NOBODY, deal_id="D1"))
    one.work()
    one.tell(viewed(1, party=NOBODY))
    one.work()
    assert ran == ["P1"]
    assert [state for kind, _, state in one.states() if kind == "deal.won"] == ["parked"]
    assert len(refusals(one)) == 1  # said once, however many facts come that are none of them
    one.tell(viewed(2, party=NOBODY | {"email": "dana@acme.example"}))
    one.work()
    assert ran == ["P1", "D1", "P2"] or ran == ["P1", "P2", "D1"]


def test_r8_several_are_waited_for_at_once(works: MakeWorks) -> None:
    crystal, ran = seat("contract.signed", "proposal.accepted")
    one = works(crystal)
    one.tell(event("deal.won", deal_id="D1"))
    one.work()
    assert '"missing":["contract.signed","proposal.accepted"]' in refusals(one)[0]
    one.tell(signed(1))
    one.work()
    assert ran == []
    one.tell(event("proposal.accepted", proposal_id="P1"))
    one.work()
    assert ran == ["D1"]


def test_r8_what_comes_while_it_is_looked_for_is_not_missed(works: MakeWorks) -> None:
    crystal, ran = seat("contract.signed", "proposal.accepted")
    one = works(crystal)
    one.tell(event("deal.won", deal_id="D1"))
    one.tell(signed(1), event("proposal.accepted", proposal_id="P1"))
    one.work()
    assert ran == ["D1"]


def test_r8_after_the_patience_of_its_stage_a_human_has_it(works: MakeWorks) -> None:
    crystal, ran = seat("contact.phone")
    row = StageRow("onboarding", "crystal", tone="warm", must_know=("the kickoff",))
    one = works(crystal, stages=[row])
    one.tell(event("deal.won", deal_id="D1"))
    one.work()
    [[due, planned]] = one.all("SELECT due, created_at FROM handoffs WHERE state = 3")
    assert due - planned == 4 * 3600 * 1_000_000
    one.write("UPDATE handoffs SET created_at = created_at - 14400000000, due = 1 WHERE state = 3")
    one.wake_parked()
    one.work()
    assert ran == []
    assert ("deal.won", "crystal", "needs_human") in one.states()
    [task] = one.all("SELECT kind, text FROM tasks WHERE kind = 'needs_human'")
    assert "contact.phone" in task.text


def test_r8_an_inquiry_has_five_minutes(works: MakeWorks) -> None:
    pepper = Seat("pepper", owns=["lead.*"])
    pepper.on(LeadReceived, requires=["contact.phone"])(_ignore)
    one = works(pepper)
    one.tell(event("lead.received", lead_id="L1", channel="form"))
    one.work()
    [[due, planned]] = one.all("SELECT due, created_at FROM handoffs WHERE state = 3")
    assert due - planned == 300 * 1_000_000


def test_r8_what_nobody_could_ever_know_is_a_mistake_in_the_seat() -> None:
    crystal = Seat("crystal")
    with pytest.raises(ConfigError, match=r"requires 'contract.singed', which is neither an event type nor"):
        crystal.on(DealWon, requires=["contract.singed"])(_ignore)
    with pytest.raises(ConfigError, match=r"requires is a list"):
        crystal.on(DealWon, requires="contract.signed")(_ignore)
