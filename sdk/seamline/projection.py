"""What is known of an account: its stage, what stands beside it, and what opens gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic_core import from_json, to_json

from seamline.events.base import Stage
from seamline.transition import OVERLAYS, At, skipped

#: Most marks that a projection keeps; the oldest go first.
MAX_MARKS = 32

#: ``skipped``: stages were passed over. ``returned``: back from the exit. ``misfit``: fits no transition.
#: ``untrusted``: would have moved the account, had it come from somebody whose word opens gates.
MarkKind = Literal["skipped", "returned", "misfit", "untrusted"]


def _ordered(value: Any) -> Any:
    return dict(sorted(value.items())) if type(value) is dict and len(value) > 1 else value


@dataclass(slots=True)
class Projection:
    """What is known of an account. Plain JSON values throughout; treat it as a value and never change it.

    ``types``: by event type, how many, the newest's time and id, how many of them open gates, the newest such time.
    ``deals`` and ``proposals``: state by id (open, won, lost; open, accepted, declined, expired, past).
    ``contracts``: by id ``[signed | voided | declined | past, trusted, deal, proposal, engagement, project]``; the
    project is the one whose onboarding it started.
    ``projects``: by id ``[open | closed, engagement]``. ``risks``: open flags by id, with their severity.
    ``pursuits``: what is being sold while in delivery, and since when. ``settled``: of an exit's checklist, the items
    that are, each with the event that says so. ``marks``: ``[kind, event, type, from, to]``.
    """

    stage: At = None
    newest: tuple[int, str] = (-(2**63), "")
    types: dict[str, list[Any]] = field(default_factory=dict)
    deals: dict[str, str] = field(default_factory=dict)
    proposals: dict[str, str] = field(default_factory=dict)
    contracts: dict[str, list[Any]] = field(default_factory=dict)
    projects: dict[str, list[Any]] = field(default_factory=dict)
    risks: dict[str, str] = field(default_factory=dict)
    pursuits: dict[str, int] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)
    marks: list[list[Any]] = field(default_factory=list)

    @property
    def overlays(self) -> tuple[Stage, ...]:
        """What stands beside delivery: retention while a risk is open, expansion while more is being sold."""
        if self.stage != "delivery":
            return ()
        opened = {"retention": bool(self.risks), "expansion": bool(self.pursuits)}
        return tuple(overlay for overlay in OVERLAYS if opened[overlay])

    def count(self, event_type: str) -> int:
        """How many events of a type there are."""
        known = self.types.get(event_type)
        return known[0] if known else 0

    def last(self, event_type: str) -> tuple[int, str] | None:
        """Time and id of the newest event of a type."""
        known = self.types.get(event_type)
        return (known[1], known[2]) if known else None

    def opens(self, fact: str, voided_by: str | None = None) -> bool:
        """Whether a gate that requires ``fact`` is open: told by somebody whose word counts, and not voided since.

        Contracts are told apart: one that is voided closes nothing that another one opened.
        """
        if fact == "contract.signed":
            return any(contract[0] == "signed" and contract[1] for contract in self.contracts.values())
        known = self.types.get(fact)
        if not known or not known[3]:
            return False
        voided = self.last(voided_by) if voided_by else None
        return voided is None or voided[0] < known[4]

    def permits(self, fields: Mapping[str, Any], fact: str, voided_by: str | None = None) -> bool:
        """Whether a gate that requires ``fact`` is open for an event with this data.

        A contract that the data names must be in force itself, and not be another project's: one signed for earlier
        work starts nothing new.
        """
        if fact != "contract.signed":
            return self.opens(fact, voided_by)
        return bool(self.signed_for(contract=fields.get("contract_id"), project=fields.get("project_id")))

    def signed_for(
        self,
        *,
        contract: str | None = None,
        deal: str | None = None,
        proposal: str | None = None,
        engagement: str | None = None,
        project: str | None = None,
    ) -> tuple[str, ...]:
        """Contracts in force for what is named here, signed by somebody whose word counts.

        A contract that names a deal, a proposal or an engagement is for that one; one that names none is for the
        first project that it starts.
        """
        wanted = (deal, proposal, engagement)
        return tuple(
            key
            for key, (state, trusted, *links, started) in sorted(self.contracts.items())
            if state == "signed"
            and trusted
            and contract in (None, key)
            and (project is None or started in (None, project))
            and _is_for(links, wanted)
        )

    def to_json(self) -> bytes:
        """The projection as compact JSON: equal projections give equal bytes."""
        found = {name: getattr(self, name) for name in _FIELDS}
        return to_json({name: _ordered(value) for name, value in found.items() if value})

    @staticmethod
    def from_json(text: bytes | str) -> Projection:
        """Read what ``to_json`` wrote."""
        found = from_json(text)
        at, event_id = found.pop("newest")
        return Projection(newest=(at, event_id), **found)


_FIELDS = tuple(sorted(Projection.__slots__))


def _is_for(links: Sequence[str | None], wanted: Sequence[str | None]) -> bool:
    if not any(links) or not any(wanted):
        return True
    shared = [(link, asked) for link, asked in zip(links, wanted, strict=True) if link and asked]
    return bool(shared) and all(link == asked for link, asked in shared)


class Move(NamedTuple):
    """What a fold changed about the stage: the main stage, and overlays that opened and closed."""

    before: At
    after: At
    skipped: tuple[Stage, ...]
    opened: tuple[Stage, ...]
    closed: tuple[Stage, ...]


def moved(before: Projection, after: Projection) -> Move | None:
    """What differs between two projections of an account as ``stage.changed`` tells it; None: nothing."""
    had, has = before.overlays, after.overlays
    if before.stage == after.stage and had == has:
        return None
    opened = tuple(overlay for overlay in has if overlay not in had)
    closed = tuple(overlay for overlay in had if overlay not in has)
    passed = skipped(before.stage, after.stage) if before.stage != after.stage else ()
    return Move(before.stage, after.stage, passed, opened, closed)
