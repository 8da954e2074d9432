"""What a configuration names and nothing is called: it would be passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator

from seamline.boundary import Roster
from seamline.errors import ConfigError
from seamline.lint import Finding, meant, misspelt
from seamline_workers.company.config import Config
from seamline_workers.outbound.outbound import DECIDING, Outbound


def misnamed(config: Config, roster: Roster) -> Iterator[Finding]:
    """Names that a roster, with the types that its modules declare, does not know."""
    yield from _allowed(config)
    yield from _deciders(config, roster)


def _allowed(config: Config) -> Iterator[Finding]:
    """Entries of ``allow`` that keep out what they were to let in."""
    for name, section in config.sources.items():
        for glob in misspelt(section.allow or ()):
            message = f"allow names {glob}, and no event is named so"
            yield Finding("warning", "no-event", f"sources.{name}", message, meant(glob))


def _deciders(config: Config, roster: Roster) -> Iterator[Finding]:
    """Seats of gates whose assignee nobody is who may decide: only an admin could open the gate."""
    try:
        outbound = Outbound.of(config, roster)
    except ConfigError:  # told of with the channels
        return
    names = [name for name, person in config.people.items() if person.role in DECIDING]
    names += [token.name for token in config.api.tokens if token.role in DECIDING]
    seats = {seat.name: seat for gate in roster.gates for seat in outbound.approvers(gate)}
    for seat in seats.values():
        if seat.assignee is not None and not any(outbound.holds(name, seat) for name in names):
            message = f"is {seat.assignee}'s, and no approver of [people] or of [api] tokens is called so"
            fix = f"Mend the assignee under [seats.{seat.name}], or give them a name and a role that may decide."
            yield Finding("warning", "no-decider", f"seats.{seat.name}", message, fix)


__all__ = ["misnamed"]
