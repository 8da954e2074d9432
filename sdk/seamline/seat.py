"""Seats: the roles of a company, held by agents or humans, and what each handles."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar

from seamline.context import Context, SyncContext
from seamline.errors import ConfigError
from seamline.events.base import Event

E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Any], Awaitable[None] | None]


@dataclass
class Seat:
    """One role. ``owns`` and ``informed`` are event types or globs; the most specific ``owns`` of all seats wins.

    ``makes`` names judgements that this seat makes although another one owns and handles them: Pepper triages a lead,
    Dirk goes on from there. Of whatever nobody ``makes``, the owner is the maker.
    An agent works inside; only a human may face the customer. Handlers are plain functions (``def``, with a
    SyncContext) or coroutines (``async def``, with a Context); the first parameter's event type is what they get.
    """

    name: str
    role: str = ""
    kind: Literal["agent", "human"] = "agent"
    owns: Sequence[str] = ()
    does_not_own: Sequence[str] = ()
    makes: Sequence[str] = ()
    informed: Sequence[str] = ()
    reports_to: str | None = None
    escalates_to: str | None = None
    authority: Sequence[str] = ()
    facing: Literal["customer_facing", "internal_operations"] | None = None
    assignee: str | None = None
    handlers: dict[str, Handler] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.name.islower() or len(self.name) > 32:
            raise ConfigError(f"seat name {self.name!r} must be lower-case letters, digits and _, at most 32")
        if self.facing is None:
            self.facing = "internal_operations"
        if self.kind == "agent" and self.facing != "internal_operations":
            raise ConfigError(
                f"seat {self.name} is an agent: agents are internal_operations; a human seat faces the customer"
            )

    def on(self, event: type[E]) -> Callable[[Callable[[E, Any], Any]], Callable[[E, Any], Any]]:
        """Handle an event type. One handler a type and seat."""
        if not event.event_type:
            raise ConfigError(f"{event.__name__} is not a declared event type")

        def register(handler: Callable[[E, Any], Any]) -> Callable[[E, Any], Any]:
            if event.event_type in self.handlers:
                raise ConfigError(f"seat {self.name} handles {event.event_type} twice")
            if len(inspect.signature(handler).parameters) != 2:
                raise ConfigError(f"handler {handler.__qualname__} of seat {self.name} must take (event, ctx)")
            wanted = inspect.get_annotations(handler).get("ctx")
            if wanted in (Context, "Context") and not inspect.iscoroutinefunction(handler):
                raise ConfigError(
                    f"handler {handler.__qualname__}: a plain def reads through SyncContext; use async def for Context"
                )
            self.handlers[event.event_type] = handler
            return handler

        return register

    def handler(self, event_type: str) -> Handler | None:
        return self.handlers.get(event_type)

    def consumes(self, event_type: str) -> bool:
        """Whether a handoff of this type to this seat has something to do."""
        if self.kind == "human":
            return (
                self.owning(event_type) >= 0 or matching(self.informed, event_type) >= 0 or event_type in self.handlers
            )
        return event_type in self.handlers

    def owning(self, event_type: str) -> int:
        """How specifically this seat owns the type; -1: not at all."""
        return matching(self.owns, event_type)


def matching(globs: Sequence[str], event_type: str) -> int:
    """The length of the most specific glob that fits, an exact name beating any glob; -1: none fits."""
    best = -1
    for glob in globs:
        if glob == event_type:
            return 1_000
        if fnmatchcase(event_type, glob):
            best = max(best, len(glob))
    return best


__all__ = ["Context", "Handler", "Seat", "SyncContext", "matching"]
