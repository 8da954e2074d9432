"""The boundary map as a document: what its rows say. ``seamline.map`` makes one of a roster.

Three sections, named as the people who answer for them name them: where agents run (``runs``), where humans gate
(``gates``), and what happens at the seam (``seams``). Every row has an id that stays as long as what it is about does,
so that a decision can cite it.
"""

from __future__ import annotations

import json
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from seamline.events.base import Stage
from seamline.gate import Audience

Facing = Literal["customer_facing", "internal_operations"]
#: What an agent may do. ``draft``: a gate opens it a way out; no agent ever sends.
Capability = Literal["read", "flag", "judge", "draft"]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Told):
    """Something that the map says, under an id of its own."""

    id: str


class ChartRow(Row):
    """A seat: one role, on one side of the seam."""

    kind: Literal["agent", "human"]
    facing: Facing
    role: str
    owns: tuple[str, ...] = ()
    does_not_own: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    reports_to: str | None = None
    escalates_to: str | None = None
    authority: tuple[str, ...] = ()


class RunRow(Row):
    """Where an agent runs: what it is handed, what it may judge, and what must be known before it does."""

    seat: str
    owns: tuple[str, ...]
    handles: tuple[str, ...]
    makes: tuple[str, ...]
    deadlines: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    requires: dict[str, tuple[str, ...]] = {}
    capability: tuple[Capability, ...] = ()


class GateRow(Row):
    """Where humans gate: a way out, and who opens it. Nothing passes by itself, and nothing passes for good."""

    seat: str
    channel: str
    audience: Audience | Literal["*"]
    stage: Stage | Literal["*"]
    approvers: tuple[str, ...]
    expires_s: int
    remind_s: int
    escalates_to: str | None = None
    four_eyes: bool = False
    human_only: Literal[True] = True
    standing_approval: Literal[False] = False
    batch_approval: Literal[False] = False
    on_expire: Literal["drop"] = "drop"


class HandoffRow(Row):
    """What a stage hands on: to whom, with which fields, in which tone, and what the customer was told before."""

    stage: Stage
    from_stages: tuple[Stage, ...]
    from_seats: tuple[str, ...]
    to_seat: str
    required: tuple[str, ...]
    tone: str
    must_know: tuple[str, ...]
    take_within_s: int
    patience_s: int


class PriorityRow(Row):
    """Who wins where two seats disagree: the loser's events are held while the winner's risk is open."""

    rule: str
    winner: str
    losers: tuple[str, ...]
    events: tuple[str, ...]
    look: str
    blocked: str | None
    max_age_s: int
    effect: Literal["hold"] = "hold"


class GuardRow(Row):
    """What may not happen: the events that are refused until what is needed is known."""

    rule: str
    code: str
    events: tuple[str, ...]
    needs: tuple[str, ...] = ()
    reason: str = ""


class ExpectationRow(Row):
    """What must come after what, by when, and who hears of it otherwise."""

    rule: str
    seat: str
    after: str
    fact: str
    within_s: int
    otherwise: str
    receiver: str | None


class Seams(_Told):
    """What happens at the seam."""

    handoffs: tuple[HandoffRow, ...] = ()
    priorities: tuple[PriorityRow, ...] = ()
    guards: tuple[GuardRow, ...] = ()
    expectations: tuple[ExpectationRow, ...] = ()


class BoundaryMap(_Told):
    """Where agents run, where humans gate, and what happens at the seam."""

    seats: tuple[ChartRow, ...] = ()
    runs: tuple[RunRow, ...] = ()
    gates: tuple[GateRow, ...] = ()
    seams: Seams = Seams()

    @cached_property
    def canonical(self) -> str:
        """The map as JSON that is the same for the same map: what its version is made of."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def version(self) -> str:
        """The SHA-256 of the map, in hex."""
        return sha256(self.canonical.encode()).hexdigest()

    def rows(self) -> dict[str, Row]:
        """Every row by its id, section by section."""
        seams = self.seams
        seats: dict[str, Row] = {f"seat.{row.id}": row for row in self.seats}
        sections: tuple[tuple[Row, ...], ...] = (
            self.runs, self.gates, seams.handoffs, seams.priorities, seams.guards, seams.expectations,
        )  # fmt: skip
        return seats | {row.id: row for section in sections for row in section}

    def of_stage(self, stage: str) -> BoundaryMap:
        """The map of one stage: its gates and its handoff; whoever runs and what is guarded is so in every stage."""
        gates = tuple(gate for gate in self.gates if gate.stage in (stage, "*"))
        handoffs = tuple(row for row in self.seams.handoffs if row.stage == stage)
        return self.model_copy(update={"gates": gates, "seams": self.seams.model_copy(update={"handoffs": handoffs})})

    def to_opa_data(self) -> dict[str, Any]:
        """The map as data for Rego rules: rows by id, below ``seamline.boundary``."""
        told = self.model_dump(mode="json")
        seams = {section: _by_id(rows) for section, rows in told["seams"].items()}
        sections = {section: _by_id(told[section]) for section in ("seats", "runs", "gates")}
        return {"seamline": {"boundary": {"version": self.version, **sections, "seams": seams}}}


def _by_id(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["id"]: row for row in rows}


def difference(old: BoundaryMap | None, new: BoundaryMap) -> list[dict[str, Any]]:
    """What a map changes: ``{"row", "change": added|removed|changed, "fields"?: {name: [old, new]}}``, by row."""
    before = {} if old is None else old.rows()
    after = new.rows()
    found: list[dict[str, Any]] = []
    for row in sorted(before.keys() | after.keys()):
        if row not in before or row not in after:
            found.append({"row": row, "change": "added" if row in after else "removed"})
        elif before[row] != after[row]:
            was, now = before[row].model_dump(mode="json"), after[row].model_dump(mode="json")
            fields = {
                name: [was.get(name), now.get(name)] for name in sorted(was | now) if was.get(name) != now.get(name)
            }
            found.append({"row": row, "change": "changed", "fields": fields})
    return found


__all__ = [
    "BoundaryMap",
    "Capability",
    "ChartRow",
    "ExpectationRow",
    "Facing",
    "GateRow",
    "GuardRow",
    "HandoffRow",
    "PriorityRow",
    "Row",
    "RunRow",
    "Seams",
    "difference",
]
