"""R4 over orders and duplications: no prefix of the ledger has onboarding before the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Literal

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seamline import Event, Party
from seamline.events import ContractSigned, ContractVoided, DealWon, ProposalAccepted
from support.agency import BEGAN, Agency

Step = Literal["won", "won again", "signed", "voided", "accepted", "work", "replay"]
FACTS: tuple[Step, ...] = ("won", "won again", "signed", "voided", "accepted")
STEPS: tuple[Step, ...] = (*FACTS, "work", "replay")
_CUSTOMERS = count(1)


def fact(step: Step, customer: int) -> Event:
    """The fact of a step; told again it is the same one."""
    about = {
        "party": Party(email=f"dana@customer{customer}.example.com"),
        "occurred_at": BEGAN + timedelta(hours=FACTS.index(step)),
        "fact": f"{step} {customer}",
    }
    match step:
        case "won" | "won again":
            return DealWon.model_validate(about | {"deal_id": f"D{customer}"})
        case "signed":
            return ContractSigned.model_validate(about | {"contract_id": f"K{customer}"})
        case "voided":
            return ContractVoided.model_validate(about | {"contract_id": f"K{customer}"})
        case _:
            return ProposalAccepted.model_validate(about | {"proposal_id": f"P{customer}"})


def live(agency: Agency, steps: Sequence[Step]) -> list[str]:
    """A new customer's life in these steps; returns the types of the ledger's events in their order."""
    customer = next(_CUSTOMERS)
    for step in steps:
        if step == "work":
            agency.work()
        elif step == "replay":
            for event_type in ("deal.won", "project.created"):
                agency.replay(event_type, "crystal")
        else:
            agency.tell(fact(step, customer))
    agency.work()
    return agency.types(email=f"dana@customer{customer}.example.com")


# A store is made once for all the lives of a run: each life has a customer of its own.
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=9))
@example(steps=["won", "work", "signed", "work", "voided", "work", "replay"])
@example(steps=["voided", "won", "work", "signed", "replay"])
@example(steps=["signed", "voided", "won"])
@example(steps=["accepted", "won", "work", "replay", "work", "signed", "signed", "won again"])
def test_r4_no_prefix_of_the_ledger_has_onboarding_before_the_contract(agency: Agency, steps: list[Step]) -> None:
    types = live(agency, steps)
    starts = [place for place, kind in enumerate(types) if kind == "onboarding.started"]
    for place in starts:
        before = types[:place]
        assert "contract.signed" in before
        assert "contract.voided" not in before  # it was withdrawn after it was signed, in whatever order we heard
        assert "project.created" in before
    won, signed, voided = ({"won", "won again"} & set(steps), "signed" in steps, "voided" in steps)
    assert types.count("project.created") == (1 if won else 0)
    assert len(starts) <= 1
    if not (won and signed):
        assert starts == []
    elif not voided:
        assert len(starts) == 1
