"""The organisation chart, and the seam in it: which seats are inside, which face the customer, and what is between."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from seamline.events.base import Stage
from seamline.gate import gate_for
from seamline.map import gate_of
from seamline.mapping import BoundaryMap, ChartRow, Facing, GateRow, HandoffRow

Kind = Literal["agent", "human"]


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChartSeat(ChartRow):
    """A seat of the chart. ``seam``: an agent whose words reach customers when a human has let them pass."""

    name: str
    seam: bool = False


class ChartEdge(_Shown):
    """Who answers to whom."""

    from_seat: str
    to_seat: str
    kind: Literal["reports_to", "escalates_to"]


class Chart(_Shown):
    """The seats with their accountabilities, each on one side of the seam, and who answers to whom."""

    seats: tuple[ChartSeat, ...]
    edges: tuple[ChartEdge, ...]


class SeamEdge(_Shown):
    """A way across the seam: from a seat inside to the human who opens the gate, or to whom a stage is handed."""

    id: str
    kind: Literal["gate", "handoff"]
    from_seat: str
    to_seat: str
    gate: str | None = Field(description="the row of the boundary map; null: this way out is closed")
    approver: str | None
    approvers: tuple[str, ...] = ()
    channel: str = "*"
    audience: str = "*"
    stage: Stage | Literal["*"] = "*"
    tone: str | None = None
    must_know: tuple[str, ...] = ()


class Sides(_Shown):
    """The seats on either side."""

    customer_facing: tuple[ChartSeat, ...]
    internal_operations: tuple[ChartSeat, ...]


class Seam(_Shown):
    """Exactly where the seam is: the seats on either side, and every way across with its gate and its approver."""

    sides: Sides
    edges: tuple[SeamEdge, ...]
    handoffs: tuple[HandoffRow, ...] = Field(description="what each stage hands on, wherever it stays")


def org_chart(
    told: BoundaryMap, *, facing: Facing | None = None, kind: Literal["agent", "human"] | None = None
) -> Chart:
    """The chart of a map, or those of its seats that are asked for with the edges between them."""
    seats = tuple(_seat(row, told) for row in told.seats if facing in (None, row.facing) and kind in (None, row.kind))
    return Chart(seats=seats, edges=tuple(_edges(seats)))


def seam_of(told: BoundaryMap) -> Seam:
    """The seam of a map."""
    seats = org_chart(told).seats
    inside = tuple(seat for seat in seats if seat.facing == "internal_operations")
    outside = tuple(seat for seat in seats if seat.facing == "customer_facing")
    edges = [edge for gate in told.gates for edge in _through(gate, inside)]
    edges += [edge for row in told.seams.handoffs for edge in _across(row, told)]
    return Seam(
        sides=Sides(customer_facing=outside, internal_operations=inside),
        edges=tuple(edges),
        handoffs=told.seams.handoffs,
    )


def _seat(row: ChartRow, told: BoundaryMap) -> ChartSeat:
    opened = any(fnmatchcase(row.id, gate.seat) and gate.audience != "team" for gate in told.gates)
    return ChartSeat(**row.model_dump(), name=row.id, seam=row.kind == "agent" and opened)


def _edges(seats: tuple[ChartSeat, ...]) -> Iterator[ChartEdge]:
    known = {seat.id for seat in seats}
    for seat in seats:
        if seat.reports_to in known:
            yield ChartEdge(from_seat=seat.id, to_seat=str(seat.reports_to), kind="reports_to")
        if seat.escalates_to in known:
            yield ChartEdge(from_seat=seat.id, to_seat=str(seat.escalates_to), kind="escalates_to")


def _through(gate: GateRow, inside: tuple[ChartSeat, ...]) -> Iterator[SeamEdge]:
    for seat in inside:
        if seat.id in gate.approvers or not fnmatchcase(seat.id, gate.seat):
            continue
        yield SeamEdge(
            id=f"{gate.id}.{seat.id}",
            kind="gate",
            from_seat=seat.id,
            to_seat=gate.approvers[0],
            gate=gate.id,
            approver=gate.approvers[0],
            approvers=gate.approvers,
            channel=gate.channel,
            audience=gate.audience,
            stage=gate.stage,
        )


def _across(row: HandoffRow, told: BoundaryMap) -> Iterator[SeamEdge]:
    """The handoffs from one side to the other; what is said to the customer then passes the gate of the side inside."""
    sides = {seat.id: seat.facing for seat in told.seats}
    gates = tuple(gate_of(gate) for gate in told.gates)
    for seat in row.from_seats:
        if sides.get(seat) == sides.get(row.to_seat):
            continue
        inside = seat if sides.get(seat) == "internal_operations" else row.to_seat
        gate = gate_for(gates, inside, "*", "customer", row.stage)
        yield SeamEdge(
            id=f"{row.id}.{seat}",
            kind="handoff",
            from_seat=seat,
            to_seat=row.to_seat,
            gate=None if gate is None else gate.id,
            approver=None if gate is None else gate.approvers[0],
            approvers=() if gate is None else gate.approvers,
            audience="customer",
            stage=row.stage,
            tone=row.tone,
            must_know=row.must_know,
        )


__all__ = ["Chart", "ChartEdge", "ChartSeat", "Seam", "SeamEdge", "Sides", "org_chart", "seam_of"]
