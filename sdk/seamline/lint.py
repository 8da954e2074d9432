"""What is wrong with a company's process before it touches a customer: findings about a roster, purely.

An error means that seats must not run: they would run inside a broken process. A warning stops nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Literal

from seamline.boundary import Roster, TwoOwners
from seamline.events.base import STAGES, catalogue
from seamline.gate import Gate, StageRow
from seamline.guard import Holds, guard_id
from seamline.seat import FIELDS


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (error) or should be looked at (warning)."""

    level: Literal["error", "warning"]
    code: str
    subject: str
    message: str
    fix: str

    def shape(self) -> dict[str, str]:
        return asdict(self)


def lint(roster: Roster, channels: Collection[str] = (), configured: Collection[str] | None = None) -> list[Finding]:
    """Look at a roster; errors first. ``channels``: the names of the ways out to humans outside.

    ``configured``: the names of all channels; None: nobody knows yet which there will be.
    """
    found = [
        *_owners(roster),
        *_seats(roster),
        *_named(roster),
        *_stages(roster),
        *_gates(roster),
        *_ways_out(roster, channels),
        *_gated(roster, configured),
        *_expectations(roster),
        *_guards(roster),
    ]
    return sorted(found, key=lambda finding: finding.level)


def two_owners(error: TwoOwners) -> Finding:
    """The finding about a roster that could not be made."""
    return Finding("error", "two-owners", error.event_type, str(error), "Make one seat's `owns` more specific.")


def _owners(roster: Roster) -> Iterator[Finding]:
    """Every event that somebody consumes has exactly one owner.

    A seat with code consumes what it handles, whoever sits in it: a human who takes it over hears of all that it is
    informed of, and that must not break a process that was whole.
    """
    fix = "Add it to the `owns` of one seat."
    for event_type in catalogue():
        consumers = [seat for seat in roster.seats if seat.consumes(event_type)]
        if not consumers or roster.owner(event_type) is not None:
            continue
        names = ", ".join(seat.name for seat in consumers)
        if any(event_type in seat.handlers or not seat.coded for seat in consumers):
            yield Finding("error", "no-owner", event_type, f"is consumed by {names}, but no seat owns it", fix)
        else:
            yield Finding("warning", "no-owner", event_type, f"is told to {names}, and no seat owns it", fix)


def _seats(roster: Roster) -> Iterator[Finding]:
    names = {seat.name for seat in roster.seats}
    staffed = any(seat.kind == "human" for seat in roster.seats)
    for seat in roster.seats:
        for word, other in (("reports_to", seat.reports_to), ("escalates_to", seat.escalates_to)):
            if other is not None and other not in names:
                message = f"{word} names {other}, and there is no such seat"
                yield Finding("error", "no-seat", seat.name, message, f"There are: {', '.join(sorted(names))}.")
        if seat.facing == "unclassified":
            message = "nobody has said whether it is customer-facing or internal"
            fix = f'Write facing = "customer_facing" or "internal_operations" under [seats.{seat.name}].'
            yield Finding("error", "unclassified", seat.name, message, fix)
        if not seat.does_not_own:
            message = "does not say what is not its business"
            fix = "Name under `does_not_own` what others might expect of it."
            yield Finding("warning", "does-not-own", seat.name, message, fix)
        if staffed and seat.kind == "agent" and roster.human_above(seat.name) is None:
            message = "answers to no human"
            yield Finding("warning", "no-human", seat.name, message, "Name a human seat under `reports_to`.")


def _named(roster: Roster) -> Iterator[Finding]:
    """Types that seats name and that there are not: what is misspelt is handed to nobody, and nothing else says so."""
    for seat in roster.seats:
        for word in ("owns", "informed", "makes"):
            for name in misspelt(getattr(seat, word)):
                message = f"{word} names {name}, and no event is named so"
                yield Finding("warning", "no-event", seat.name, message, meant(name))


def misspelt(names: Iterable[str]) -> list[str]:
    """Those names of event types, or globs, that fit none."""
    return [name for name in names if not any(fnmatchcase(one, name) for one in catalogue())]


def meant(name: str) -> str:
    """What to do about a name that fits no event type."""
    known = [*catalogue(), *sorted({f"{one.partition('.')[0]}.*" for one in catalogue()})]
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else "Write a type of docs/events.md, or of your own, or a glob."


def _stages(roster: Roster) -> Iterator[Finding]:
    """Every stage is handed on: to a seat, in a tone, with what the customer must have been told."""
    if not roster.seats:
        return
    if not roster.stages:
        message = "are not declared: nobody is handed a customer who moves on"
        yield Finding("warning", "no-stages", "stages", message, "Give the roster a StageRow for each stage.")
        return
    declared = Counter(row.stage for row in roster.stages)
    for stage in STAGES:
        if declared[stage] != 1:
            message = "has no handoff" if not declared[stage] else "has more than one handoff"
            yield Finding("error", "handoff", f"stages.{stage}", message, "Give the roster one StageRow for it.")
    for row in roster.stages:
        yield from _stage(row, roster)


def _stage(row: StageRow, roster: Roster) -> Iterator[Finding]:
    subject = f"stages.{row.stage}"
    if row.to_seat not in {seat.name for seat in roster.seats}:
        message = f"is handed to {row.to_seat}, and there is no such seat"
        yield Finding("error", "handoff", subject, message, "Name a seat under `to_seat`.")
    for word, value in (("tone", row.tone.strip()), ("must_know", row.must_know)):
        if not value:
            yield Finding("error", "handoff", subject, f"says no {word}", f"Write its {word}.")
    for name in row.required:
        if name not in FIELDS and name not in catalogue():
            message = f"requires {name}, which is neither an event type nor one of {', '.join(FIELDS)}"
            yield Finding("error", "handoff", subject, message, "Name what the handoff must carry.")


def _gates(roster: Roster) -> Iterator[Finding]:
    """Every gate has a human who opens it, and no other."""
    kinds = {seat.name: seat.kind for seat in roster.seats}
    for name, many in Counter(gate.id for gate in roster.gates).items():
        if many > 1:
            yield Finding("error", "gate", f"gates.{name}", "is declared twice", "Give each gate an id of its own.")
    for gate in roster.gates:
        yield from _gate(gate, kinds)


def _gate(gate: Gate, kinds: dict[str, Literal["agent", "human"]]) -> Iterator[Finding]:
    subject, fix = f"gates.{gate.id}", "Name human seats under `approvers`."
    if not gate.approvers:
        yield Finding("error", "gate", subject, "has no approver", fix)
    for name in (*gate.approvers, *((gate.escalates_to,) if gate.escalates_to else ())):
        if name not in kinds:
            yield Finding("error", "gate", subject, f"names {name}, and there is no such seat", fix)
        elif kinds[name] == "agent":
            yield Finding("error", "gate", subject, f"names {name}, an agent: agents approve nothing", fix)
    if kinds and not any(fnmatchcase(name, gate.seat) for name in kinds):
        message = f"is about {gate.seat}, and no seat is named so"
        yield Finding("warning", "gate", subject, message, "Name a seat, or a glob that fits one.")


def _ways_out(roster: Roster, channels: Collection[str]) -> Iterator[Finding]:
    for channel in sorted(channels):
        if not any(fnmatchcase(channel, gate.channel) for gate in roster.gates):
            message = "is a way out that no gate opens: nothing could ever leave there"
            fix = "Declare a Gate for it, or take the channel out of the configuration."
            yield Finding("error", "no-gate", f"channels.{channel}", message, fix)


def _gated(roster: Roster, configured: Collection[str] | None) -> Iterator[Finding]:
    """Gates that open no channel that there is: one is misspelt."""
    for gate in roster.gates:
        if configured is not None and not any(fnmatchcase(one, gate.channel) for one in configured):
            message = f"is about the channel {gate.channel}, and none is named so: it opens nothing"
            known = ", ".join(sorted(configured)) or "none"
            fix = f"Mend its `channel`, or configure one; there are: {known}."
            yield Finding("warning", "gate", f"gates.{gate.id}", message, fix)


def _expectations(roster: Roster) -> Iterator[Finding]:
    for seat in roster.seats:
        for one in seat.expectations:
            owner, informed = roster.route(one.otherwise.event_type)
            if owner is None and not informed:
                message = f"what it says when {one.fact.event_type} is late ({one.otherwise.event_type}) reaches nobody"
                fix = f"Let a seat own and handle {one.otherwise.event_type}."
                yield Finding("warning", "unheard", seat.name, message, fix)


def _guards(roster: Roster) -> Iterator[Finding]:
    for name, many in Counter(guard_id(guard) for guard in roster.guards).items():
        if many > 1:
            yield Finding("error", "guard", name, "is declared twice", "Leave one of the guards out.")
    names = sorted(seat.name for seat in roster.seats)
    for guard in roster.guards:
        if isinstance(guard, Holds) and guard.winner not in names:
            message = f"waits for {guard.winner} to look, and there is no such seat: it holds for ever"
            yield Finding("error", "guard", guard_id(guard), message, f"There are: {', '.join(names)}.")


__all__ = ["Finding", "lint", "meant", "misspelt", "two_owners"]
