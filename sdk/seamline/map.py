"""The boundary map of a roster: where agents run, where humans gate, and what happens at the seam."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TypeVar

from seamline.boundary import Roster
from seamline.errors import ConfigError
from seamline.events.base import STAGES, Stage, catalogue
from seamline.expectation import Expectation
from seamline.gate import Gate, StageRow
from seamline.guard import Guard, Holds, Requires, Settled, guard_id
from seamline.mapping import (
    BoundaryMap,
    Capability,
    ChartRow,
    ExpectationRow,
    GateRow,
    GuardRow,
    HandoffRow,
    PriorityRow,
    Row,
    RunRow,
    Seams,
    difference,
)
from seamline.seat import Seat
from seamline.transition import TRANSITIONS

R = TypeVar("R", bound=Row)


def boundary_map(roster: Roster) -> BoundaryMap:
    """The map of a roster. Raises ConfigError where a seat stands on neither side, or two rows have one id."""
    seats = sorted(roster.seats, key=lambda seat: seat.name)
    seams = Seams(
        handoffs=tuple(_handoff(row, roster) for row in _by_stage(roster)),
        priorities=_distinct(_priority(guard, roster) for guard in roster.guards if isinstance(guard, Holds)),
        guards=_distinct(_guard(guard) for guard in roster.guards if not isinstance(guard, Holds)),
        expectations=_distinct(_expectation(one, roster) for seat in seats for one in seat.expectations),
    )
    return BoundaryMap(
        seats=tuple(chart_row(seat) for seat in seats),
        runs=tuple(_run(seat, roster) for seat in seats if seat.kind == "agent"),
        gates=_distinct(gate_row(gate) for gate in roster.gates),
        seams=seams,
    )


def chart_row(seat: Seat) -> ChartRow:
    """A seat of the chart. Raises ConfigError where nobody has said which side it is on."""
    if seat.facing not in ("customer_facing", "internal_operations"):
        raise ConfigError(f"seat {seat.name}: facing is {seat.facing}; write customer_facing or internal_operations")
    return ChartRow(
        id=seat.name,
        kind=seat.kind,
        facing=seat.facing,
        role=seat.role,
        owns=tuple(seat.owns),
        does_not_own=tuple(seat.does_not_own),
        makes=tuple(seat.makes),
        reports_to=seat.reports_to,
        escalates_to=seat.escalates_to,
        authority=tuple(seat.authority),
    )


def gate_row(gate: Gate) -> GateRow:
    """A gate as its row."""
    return GateRow(
        id=gate.id,
        seat=gate.seat,
        channel=gate.channel,
        audience=gate.audience,
        stage=gate.stage,
        approvers=gate.approvers,
        expires_s=_seconds(gate.expires),
        remind_s=_seconds(gate.remind),
        escalates_to=gate.escalates_to,
        four_eyes=gate.four_eyes,
    )


def gate_of(row: GateRow) -> Gate:
    """The gate that a row tells of: what is in force is read from the map, not from the code."""
    return Gate(
        id=row.id,
        approvers=row.approvers,
        seat=row.seat,
        channel=row.channel,
        audience=row.audience,
        stage=row.stage,
        expires=timedelta(seconds=row.expires_s),
        remind=timedelta(seconds=row.remind_s),
        escalates_to=row.escalates_to,
        four_eyes=row.four_eyes,
    )


def _run(seat: Seat, roster: Roster) -> RunRow:
    makes = tuple(sorted(name for name, event in catalogue().items() if _makes(seat, name, event.nature, roster)))
    can: list[Capability] = ["read", "flag"] if seat.coded else []
    if makes:
        can.append("judge")
    if any(fnmatchcase(seat.name, gate.seat) for gate in roster.gates):
        can.append("draft")
    return RunRow(
        id=f"run.{seat.name}",
        seat=seat.name,
        owns=tuple(sorted(name for name in catalogue() if roster.owner(name) is seat)),
        handles=tuple(sorted(seat.handlers)),
        makes=makes,
        deadlines=tuple(sorted(seat.timers)),
        messages=tuple(sorted(seat.answers)),
        requires=dict(sorted(seat.requires.items())),
        capability=tuple(can),
    )


def _makes(seat: Seat, name: str, nature: str, roster: Roster) -> bool:
    return nature == "judgement" and roster.maker(name) is seat


def _by_stage(roster: Roster) -> list[StageRow]:
    return sorted(roster.stages, key=lambda row: STAGES.index(row.stage))


def _handoff(row: StageRow, roster: Roster) -> HandoffRow:
    before = _from(row.stage)
    known = [roster.stage(stage) for stage in before]
    return HandoffRow(
        id=f"stage.{row.stage}",
        stage=row.stage,
        from_stages=before,
        from_seats=tuple(dict.fromkeys(one.to_seat for one in known if one is not None)),
        to_seat=row.to_seat,
        required=row.required,
        tone=row.tone,
        must_know=row.must_know,
        take_within_s=_seconds(row.take_within),
        patience_s=_seconds(row.patience),
    )


def _from(stage: Stage) -> tuple[Stage, ...]:
    """The stages from which the transition table leads here; what stands beside delivery is entered from there."""
    if stage in ("retention", "expansion"):
        return ("delivery",)
    left = {at for row in TRANSITIONS if row.to == stage for at in row.moves if at is not None}
    return tuple(one for one in STAGES if one in left)


def _priority(guard: Holds, roster: Roster) -> PriorityRow:
    owners = (roster.maker(name) or roster.owner(name) for name in sorted(guard.guards))
    losers = dict.fromkeys(seat.name for seat in owners if seat is not None and seat.name != guard.winner)
    return PriorityRow(
        id=guard_id(guard),
        rule=guard.rule,
        winner=guard.winner,
        losers=tuple(losers),
        events=tuple(sorted(guard.guards)),
        look=guard.look.event_type,
        blocked=None if guard.blocked is None else guard.blocked.event_type,
        max_age_s=_seconds(guard.max_age),
    )


def _guard(guard: Guard) -> GuardRow:
    needs: tuple[str, ...] = ()
    if isinstance(guard, Requires):
        needs = (guard.fact.event_type,)
    elif isinstance(guard, Settled):
        needs = guard.items
    reason = guard.reason if isinstance(guard, Requires) else ""
    events = tuple(sorted(guard.guards))
    return GuardRow(id=guard_id(guard), rule=guard.rule, code=guard.code, events=events, needs=needs, reason=reason)


def _expectation(one: Expectation, roster: Roster) -> ExpectationRow:
    receiver = roster.owner(one.otherwise.event_type)
    return ExpectationRow(
        id=f"expect.{one.seat}.{one.name}",
        rule=one.rule,
        seat=one.seat,
        after=one.after.event_type,
        fact=one.fact.event_type,
        within_s=_seconds(one.within),
        otherwise=one.otherwise.event_type,
        receiver=None if receiver is None else receiver.name,
    )


def _distinct(rows: Iterable[R]) -> tuple[R, ...]:
    """The rows by id, each id once."""
    found: dict[str, R] = {}
    for row in rows:
        if row.id in found:
            raise ConfigError(f"two rows of the boundary map are named {row.id!r}; give each its own id")
        found[row.id] = row
    return tuple(found[name] for name in sorted(found))


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


__all__ = ["BoundaryMap", "boundary_map", "chart_row", "difference", "gate_of", "gate_row"]
