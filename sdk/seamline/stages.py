"""How an account's stage follows from its events: a pure fold by (occurred_at, id).

The same set of events gives the same projection, byte for byte, in whatever order they arrived: fold what is newer
than all before, and refold from the start when ``needs_refold`` says that an event is older.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

from seamline.events.base import STAGES
from seamline.projection import MAX_MARKS, MarkKind, Move, Projection, moved
from seamline.transition import (
    BY_EVENT,
    EVERYWHERE,
    MAIN_PATH,
    OVERLAYS,
    TRANSITIONS,
    At,
    Condition,
    Transition,
    skipped,
)

#: Trusts at which a fact opens a gate: a relayed or unverified word does not sign a contract.
GATE_TRUST = ("signed", "authenticated", "polled", "human")


class Fact(NamedTuple):
    """One event as the fold sees it: ``at`` in microseconds since 1970, ``id`` as 32 hexadecimal digits."""

    type: str
    data: Mapping[str, Any]
    at: int
    id: str
    trust: str

    @property
    def trusted(self) -> bool:
        return self.trust in GATE_TRUST

    def key(self, name: str) -> str:
        """An id in the data, as text."""
        return str(self.data.get(name))


def needs_refold(projection: Projection, occurred_at_us: int, id_hex: str, event_type: str = "") -> bool:
    """Whether an event is older than the newest folded, or takes one back: then fold all from the start."""
    return (occurred_at_us, id_hex) < projection.newest or event_type == "event.retracted"


def refold(facts: Iterable[Fact]) -> Projection:
    """Fold a set of events from the start, in any order given; those that were retracted do not count."""
    ordered = sorted(facts, key=lambda fact: (fact.at, fact.id))
    retracted = {fact.key("event_id").replace("-", "") for fact in ordered if fact.type == "event.retracted"}
    projection = Projection()
    for fact in ordered:
        if fact.id not in retracted:
            projection = fold(projection, *fact)
    return projection


def fold(
    projection: Projection,
    event_type: str,
    data: Mapping[str, Any],
    occurred_at_us: int,
    id_hex: str,
    trust: str,
) -> Projection:
    """The account after one more event, which must be newer than all before (see ``needs_refold``)."""
    p, types = projection, projection.types.copy()
    total, _, _, gates, gate_at = types.get(event_type) or _NONE
    if trust in GATE_TRUST:
        gates, gate_at = gates + 1, occurred_at_us
    types[event_type] = [total + 1, occurred_at_us, id_hex, gates, gate_at]
    # Positional, and sharing what does not change: this runs for every event of every account.
    after = Projection(
        p.stage,
        (occurred_at_us, id_hex),
        types,
        p.deals,
        p.proposals,
        p.contracts,
        p.projects,
        p.risks,
        p.pursuits,
        p.settled,
        p.marks,
    )
    row, track = BY_EVENT.get(event_type), _TRACKED.get(event_type)
    if row is None and track is None:
        return after
    fact = Fact(event_type, data, occurred_at_us, id_hex, trust)
    # The table asks what was known before; what is tracked may depend on where the account then is.
    if row is not None:
        _transit(after, row, fact)
    if track is not None:
        track(after, fact)
    return after


_NONE: list[Any] = [0, 0, "", 0, None]


def _transit(p: Projection, row: Transition, fact: Fact) -> None:
    at = p.stage
    if at in row.moves:
        if row.trusted and not fact.trusted:
            _mark(p, "untrusted", row, at)
        elif _CONDITIONS[row.when](p, fact):
            _move(p, row, at)
        elif row.otherwise == "misfit":
            _mark(p, "misfit", row, at)
    elif at not in row.stays:
        _mark(p, "misfit", row, at)


def _mark(p: Projection, kind: MarkKind, row: Transition, at: At) -> None:
    p.marks = [*p.marks, [kind, p.newest[1], row.event, at, row.to]][-MAX_MARKS:]


def _move(p: Projection, row: Transition, at: At) -> None:
    p.stage = row.to
    if at == "exit":
        _mark(p, "returned", row, at)
    if skipped(at, row.to):
        _mark(p, "skipped", row, at)
    if row.to == "exit":
        _end(p)
    elif row.to in ("onboarding", "delivery") or row.event == "deal.lost":
        # What was offered up to now is settled; read again later it is no new pursuit.
        p.proposals = {key: "past" if state == "open" else state for key, state in p.proposals.items()}
    if row.to == "delivery":
        p.pursuits = {f"deal:{key}": p.newest[0] for key, state in p.deals.items() if state == "open"}


def _end(p: Projection) -> None:
    # A customer who returns starts anew: an old contract opens no gate, an old deal holds no stage, and another end has
    # another checklist.
    p.settled = {}
    p.pursuits = {}
    p.deals = dict.fromkeys(p.deals, "past")
    p.proposals = dict.fromkeys(p.proposals, "past")
    p.contracts = {key: ["past" if c[0] == "signed" else c[0], *c[1:]] for key, c in p.contracts.items()}


# --- what decides a conditional row ----------------------------------------------------------------------------------


def _no_other_deal(p: Projection, fact: Fact) -> bool:
    """No other deal holds the stage: an open one the proposal stage, a won one or a contract the onboarding."""
    lost = fact.key("deal_id")
    others = {state for key, state in p.deals.items() if key != lost}
    if p.stage != "onboarding":
        return "open" not in others
    held = any(state == "signed" and trusted and deal != lost for state, trusted, deal, *_ in p.contracts.values())
    return p.deals.get(lost) == "won" and not held and "won" not in others


_CONDITIONS: dict[Condition, Callable[[Projection, Fact], bool]] = {
    "always": lambda _p, _fact: True,
    "is a lead": lambda _p, fact: fact.data.get("outcome") == "lead",
    "new engagement": lambda _p, fact: fact.data.get("engagement") != "addendum",
    "proposal unknown": lambda p, fact: fact.key("proposal_id") not in p.proposals,
    "no other deal": _no_other_deal,
}

# --- what is tracked besides the stage -------------------------------------------------------------------------------

_Kind = Literal["deal", "proposal"]


def _known(p: Projection, kind: _Kind) -> dict[str, str]:
    return p.deals if kind == "deal" else p.proposals


def _set(p: Projection, kind: _Kind, key: str, state: str) -> None:
    if kind == "deal":
        p.deals = {**p.deals, key: state}
    else:
        p.proposals = {**p.proposals, key: state}


def _pursue(p: Projection, pursuit: str) -> None:
    if p.stage == "delivery" and pursuit not in p.pursuits:
        p.pursuits = {**p.pursuits, pursuit: p.newest[0]}


def _opened(kind: _Kind, p: Projection, fact: Fact, *, again: bool = False) -> None:
    key = fact.key(f"{kind}_id")
    state = _known(p, kind).get(key)
    # Sent again, changed: what was declined or lapsed is on the table once more.
    if state is None or (again and state in ("declined", "expired", "past")):
        _set(p, kind, key, "open")
        state = "open"
    if state == "open":
        _pursue(p, f"{kind}:{key}")


def _closed(kind: _Kind, state: str, p: Projection, fact: Fact) -> None:
    key = fact.key(f"{kind}_id")
    _set(p, kind, key, state)
    if f"{kind}:{key}" in p.pursuits:
        left = {pursuit: since for pursuit, since in p.pursuits.items() if pursuit != f"{kind}:{key}"}
        # A recommendation has been followed once what was sold on it is settled.
        p.pursuits = {} if set(left) == {"recommendation"} else left


def _contract(state: str, p: Projection, fact: Fact) -> None:
    key = fact.key("contract_id")
    known = p.contracts.get(key) or _NO_CONTRACT
    # A word that opens no gate takes nothing from one that does, nor says what it is for; voiding closes, whoever says
    # so.
    trusted = fact.trusted or (known[1] and known[0] == state)
    links = known[2:5]
    if fact.trusted:
        links = [fact.data.get(name) or old for name, old in zip(_LINKS, links, strict=True)]
    p.contracts = {**p.contracts, key: [state, trusted, *links, known[5]]}


_NO_CONTRACT: list[Any] = [None, False, None, None, None, None]
_LINKS = ("deal_id", "proposal_id", "engagement_id")


def _started(p: Projection, fact: Fact) -> None:
    key = fact.key("contract_id")
    contract = p.contracts.get(key)
    if contract is not None and contract[5] is None:
        p.contracts = {**p.contracts, key: [*contract[:5], fact.key("project_id")]}


def _project(state: str, p: Projection, fact: Fact) -> None:
    key = fact.key("project_id")
    engagement = fact.data.get("engagement_id") or (p.projects[key][1] if key in p.projects else None)
    p.projects = {**p.projects, key: [state, engagement]}


def _flagged(p: Projection, fact: Fact) -> None:
    p.risks = {**p.risks, fact.key("flag_id"): fact.key("severity")}


def _cleared(p: Projection, fact: Fact) -> None:
    p.risks = {flag: severity for flag, severity in p.risks.items() if flag != fact.key("flag_id")}


def _recommended(p: Projection, _fact: Fact) -> None:
    _pursue(p, "recommendation")


def _blocked(p: Projection, _fact: Fact) -> None:
    p.pursuits = {pursuit: since for pursuit, since in p.pursuits.items() if pursuit != "recommendation"}


def _verified(p: Projection, fact: Fact) -> None:
    p.settled = {**p.settled, fact.key("item"): fact.id}


def _reopened(p: Projection, fact: Fact) -> None:
    p.settled = {item: by for item, by in p.settled.items() if item != fact.key("item")}


_TRACKED: dict[str, Callable[[Projection, Fact], None]] = {
    "deal.created": partial(_opened, "deal"),
    "deal.stage_changed": partial(_opened, "deal"),
    "deal.won": partial(_closed, "deal", "won"),
    "deal.lost": partial(_closed, "deal", "lost"),
    "proposal.sent": partial(_opened, "proposal", again=True),
    "proposal.viewed": partial(_opened, "proposal"),
    "proposal.commented": partial(_opened, "proposal"),
    "proposal.accepted": partial(_closed, "proposal", "accepted"),
    "proposal.declined": partial(_closed, "proposal", "declined"),
    "proposal.expired": partial(_closed, "proposal", "expired"),
    "contract.signed": partial(_contract, "signed"),
    "contract.voided": partial(_contract, "voided"),
    "contract.declined": partial(_contract, "declined"),
    "onboarding.started": _started,
    "project.created": partial(_project, "open"),
    "project.closed": partial(_project, "closed"),
    "risk.flagged": _flagged,
    "risk.cleared": _cleared,
    "expansion.recommended": _recommended,
    "expansion.blocked": _blocked,
    "exit.item_verified": _verified,
    "exit.item_reopened": _reopened,
}

#: The types whose data the fold looks at; of the others it counts how many there are, and when.
READS_DATA = frozenset({*_TRACKED, "event.retracted", *(row.event for row in TRANSITIONS if row.when != "always")})

__all__ = [  # noqa: RUF022  (grouped by what they are)
    # the table
    "STAGES",
    "MAIN_PATH",
    "OVERLAYS",
    "EVERYWHERE",
    "TRANSITIONS",
    "Transition",
    "skipped",
    # the fold
    "Fact",
    "GATE_TRUST",
    "READS_DATA",
    "Projection",
    "fold",
    "refold",
    "needs_refold",
    # what changed
    "Move",
    "moved",
    "MAX_MARKS",
]
