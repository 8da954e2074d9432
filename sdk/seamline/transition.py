"""The transition table: which event moves an account from which stage to which, as data.

The main path is awareness, inquiry, proposal, onboarding, delivery, exit; retention and expansion are overlays beside
delivery. ``None`` stands for an account of which nothing is known yet. Three things may happen to an event of the
table: its row moves the account; it is at home in the stage and nothing moves; or it fits nowhere: then it is kept, the
stage stays, and a human gets a flag. Events that are not in the table say nothing about the stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seamline.events.base import Stage

#: A customer's way; leaving it out of order is legal forwards, and marked.
MAIN_PATH: tuple[Stage, ...] = ("awareness", "inquiry", "proposal", "onboarding", "delivery", "exit")
#: What may stand beside delivery.
OVERLAYS: tuple[Stage, ...] = ("retention", "expansion")

#: What must hold besides for a row to move: names of predicates that ``seamline.stages`` evaluates.
Condition = Literal["always", "is a lead", "new engagement", "proposal unknown", "no other deal"]
#: What becomes of an event whose condition does not hold: nothing, or a flag.
Otherwise = Literal["stay", "misfit"]
At = Stage | None

_BEFORE_PROPOSAL: tuple[At, ...] = (None, "awareness", "inquiry")
_BEFORE_ONBOARDING: tuple[At, ...] = (*_BEFORE_PROPOSAL, "proposal")
_BEFORE_DELIVERY: tuple[At, ...] = (*_BEFORE_ONBOARDING, "onboarding")
_AND_LATER: tuple[At, ...] = ("onboarding", "delivery")
EVERYWHERE: tuple[At, ...] = (None, *MAIN_PATH)


@dataclass(frozen=True)
class Transition:
    """One row: ``event`` moves an account that is in ``moves`` to ``to`` and is at home in ``stays``.

    ``trusted``: only a fact of a trust that opens gates moves it; from anybody else it is a misfit.
    """

    event: str
    to: Stage
    moves: tuple[At, ...]
    stays: tuple[At, ...] = ()
    when: Condition = "always"
    otherwise: Otherwise = "stay"
    trusted: bool = False


TRANSITIONS: tuple[Transition, ...] = (
    Transition("ad.clicked", "awareness", moves=(None,), stays=MAIN_PATH),
    Transition("audience.engaged", "awareness", moves=(None,), stays=MAIN_PATH),
    # A returning customer asks again.
    Transition("lead.received", "inquiry", (None, "awareness", "exit"), ("inquiry", "proposal", *_AND_LATER)),
    Transition(
        "email.triaged",
        "inquiry",
        (None, "awareness", "exit"),
        ("inquiry", "proposal", *_AND_LATER),
        when="is a lead",
    ),
    Transition("deal.created", "inquiry", (None, "awareness", "exit"), ("inquiry", "proposal", *_AND_LATER)),
    # A CRM goes on moving old deals about after the end; that brings nobody back.
    Transition("deal.stage_changed", "inquiry", (None, "awareness"), ("inquiry", "proposal", *_AND_LATER, "exit")),
    # Sent after the deal was won: the contract, going out for signature.
    Transition("proposal.sent", "proposal", (*_BEFORE_PROPOSAL, "exit"), ("proposal", *_AND_LATER)),
    # Known ones are read again long after they were lost or signed.
    Transition(
        "proposal.viewed",
        "proposal",
        _BEFORE_PROPOSAL,
        ("proposal", *_AND_LATER, "exit"),
        when="proposal unknown",
    ),
    Transition(
        "proposal.commented",
        "proposal",
        _BEFORE_PROPOSAL,
        ("proposal", *_AND_LATER, "exit"),
        when="proposal unknown",
    ),
    Transition("proposal.accepted", "proposal", _BEFORE_PROPOSAL, ("proposal", *_AND_LATER, "exit")),
    # An addendum to what we do not know we have: somebody must look.
    Transition(
        "deal.won",
        "onboarding",
        (*_BEFORE_ONBOARDING, "exit"),
        _AND_LATER,
        when="new engagement",
        otherwise="misfit",
    ),
    Transition(
        "deal.lost",
        "inquiry",
        (None, "awareness", "proposal", "onboarding"),
        ("inquiry", "delivery", "exit"),
        when="no other deal",
    ),
    # At the end of a relationship people sign, too: terminations.
    Transition("contract.signed", "onboarding", _BEFORE_ONBOARDING, _AND_LATER, trusted=True),
    Transition("project.created", "onboarding", _BEFORE_ONBOARDING, _AND_LATER),
    Transition("onboarding.started", "onboarding", _BEFORE_ONBOARDING, _AND_LATER),
    # A kickoff may be booked before the deal closes, but hardly held.
    Transition("kickoff.held", "onboarding", _BEFORE_ONBOARDING, _AND_LATER),
    Transition("onboarding.completed", "delivery", _BEFORE_DELIVERY, ("delivery",)),
    # Figures of an account that nobody told about: a customer from before our time.
    Transition("metrics.snapshot", "delivery", moves=(None,), stays=MAIN_PATH),
    Transition("relationship.ended", "exit", (*_BEFORE_DELIVERY, "delivery"), ("exit",), trusted=True),
    Transition("exit.logged", "exit", (*_BEFORE_DELIVERY, "delivery"), ("exit",)),
    Transition("expansion.recommended", "expansion", moves=(), stays=("delivery",)),
)

#: The table by event type.
BY_EVENT: Mapping[str, Transition] = {row.event: row for row in TRANSITIONS}

_PLACE: Mapping[At, int] = {None: 0, **{stage: place for place, stage in enumerate(MAIN_PATH)}}


def skipped(at: At, to: At) -> tuple[Stage, ...]:
    """The stages between, on the way forwards; a returning customer starts again before inquiry."""
    start = 0 if at == "exit" else _PLACE[at]
    return () if to == "exit" else MAIN_PATH[start + 1 : _PLACE[to]]
