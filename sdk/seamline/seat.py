"""Seats: the roles of a company, held by agents or humans, and what each handles."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from fnmatch import fnmatchcase
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from seamline.context import Context, SyncContext
from seamline.errors import ConfigError
from seamline.events.base import Event, catalogue
from seamline.events.control import DeadlineFired, MessageDelivered
from seamline.expectation import Daily, Expectation

#: What a handler or a stage may require to be known besides event types.
FIELDS = ("contact.email", "contact.phone", "account.name", "account.manager")

Handler = Callable[[Any, Any], Awaitable[None] | None]
H = TypeVar("H", bound=Callable[..., Any])


@dataclass
class Seat:
    """One role. ``owns`` and ``informed`` are event types or globs; the most specific ``owns`` of all seats wins.

    ``makes`` names judgements that this seat makes although another one owns and handles them: Pepper triages a lead,
    Dirk goes on from there. Of whatever nobody ``makes``, the owner is the maker.
    ``informed`` are types that it hears of without owning them. Its unsolved cases go to the seat ``escalates_to``,
    else ``reports_to``. ``authority`` says in words what it may decide. ``assignee`` is who sits in it, by the name,
    address or Slack id of ``[people]``.
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
    #: ``unclassified``: nobody has said which side it is on; the process check asks for it.
    facing: Literal["customer_facing", "internal_operations", "unclassified"] | None = None
    assignee: str | None = None
    #: Where a seat that lives elsewhere is reached: ``dir:/path`` (maildir-shaped files), or an HTTPS address.
    inbox: str | None = None
    endpoint: str | None = None
    handlers: dict[str, Handler] = field(default_factory=dict, repr=False)
    requires: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    timers: dict[str, Handler] = field(default_factory=dict, repr=False)
    answers: dict[str, Handler] = field(default_factory=dict, repr=False)
    expectations: list[Expectation] = field(default_factory=list, repr=False)
    dailies: list[Daily] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.name.islower() or len(self.name) > 32:
            raise ConfigError(f"seat name {self.name!r} must be lower-case letters, digits and _, at most 32")
        for field_name in ("owns", "does_not_own", "makes", "informed", "authority"):
            # Read letter by letter, the "*" of "deal.*" would own everything.
            if isinstance(getattr(self, field_name), str):
                raise ConfigError(f"seat {self.name}: {field_name} is a list, such as [{getattr(self, field_name)!r}]")
        for field_name in ("reports_to", "escalates_to", "assignee"):
            if not isinstance(given := getattr(self, field_name), (str, NoneType)):
                raise ConfigError(f"seat {self.name}: {field_name} is a name, not a {type(given).__name__}")
        if self.kind not in ("agent", "human"):
            raise ConfigError(f"seat {self.name}: kind is 'agent' or 'human', not {self.kind!r}")
        if self.facing not in (None, "customer_facing", "internal_operations", "unclassified"):
            known = "'customer_facing', 'internal_operations' or 'unclassified'"
            raise ConfigError(f"seat {self.name}: facing is {known}, not {self.facing!r}")
        if self.inbox is not None and not self.inbox.startswith("dir:"):
            raise ConfigError(f"seat {self.name}: inbox is a folder such as 'dir:/srv/bus', not {self.inbox[:40]!r}")
        if self.endpoint is not None and not self.endpoint.startswith("https://"):
            raise ConfigError(f"seat {self.name}: endpoint is an address that begins with https://")
        if self.inbox is not None and self.endpoint is not None:
            raise ConfigError(f"seat {self.name}: it has an inbox or an endpoint, not both")
        if self.facing is None:
            self.facing = "internal_operations"
        if self.kind == "agent" and self.facing == "customer_facing":
            raise ConfigError(
                f"seat {self.name} is an agent: agents are internal_operations; a human seat faces the customer"
            )

    def on(self, event: type[Event], *, requires: Sequence[str] = ()) -> Callable[[H], H]:
        """Handle an event type. One handler a type and seat. Raises ConfigError where it cannot be handed that type.

        ``requires`` names what must be known of the account before the handler runs: event types, or ``contact.email``,
        ``contact.phone``, ``account.name``, ``account.manager``. Until then the handoff waits, and its lane goes on.
        """
        if not (isinstance(event, type) and issubclass(event, Event) and event.event_type):
            named = getattr(event, "__name__", repr(event))
            raise ConfigError(
                f"seat {self.name}: on() takes a declared event type, such as ProposalViewed, not {named}"
            )

        if isinstance(requires, str):
            raise ConfigError(f"seat {self.name}: requires is a list, such as [{requires!r}]")
        for name in requires:
            if name not in FIELDS and name not in catalogue():
                fields = ", ".join(FIELDS)
                raise ConfigError(
                    f"seat {self.name} requires {name!r}, which is neither an event type nor one of {fields}"
                )

        def register(handler: H) -> H:
            self._runs_here(handler)
            if event.event_type in self.handlers:
                raise ConfigError(f"seat {self.name} handles {event.event_type} twice")
            _check_handler(self.name, event, handler)
            self.handlers[event.event_type] = handler
            if requires:
                self.requires[event.event_type] = tuple(requires)
            return handler

        return register

    def on_message(self, topic: str = "*") -> Callable[[H], H]:
        """Handle messages of other seats: those of a topic, or all that no other handler takes."""
        if not isinstance(topic, str):
            raise ConfigError(f"seat {self.name}: on_message() takes a topic, such as 'price', not {topic!r}")
        return self._register(self.answers, topic, "messages of topic", MessageDelivered)

    def due(self, name: str) -> Callable[[H], H]:
        """Handle the deadlines that this seat sets by ``ctx.deadline(name, …)``."""
        return self._register(self.timers, name, "deadline", DeadlineFired)

    def daily(
        self,
        name: str,
        *,
        at: time,
        tz: str | None = None,
        after: type[Event] | None = None,
        until: Sequence[type[Event]] = (),
        days: Sequence[int] = (0, 1, 2, 3, 4, 5, 6),
    ) -> Callable[[H], H]:
        """Be asked at a time of day: about the company, or with ``after`` about each account from that fact on."""

        if not isinstance(until, (tuple, list)):
            raise ConfigError(f"seat {self.name}: daily {name!r}: until is a list, such as (RelationshipEnded,)")

        def register(handler: H) -> H:
            self._register(self.timers, name, "deadline", DeadlineFired)(handler)
            self.dailies.append(Daily(self.name, name, at, tz, after, tuple(until), tuple(days)))
            return handler

        return register

    def expect(
        self,
        fact: type[Event],
        *,
        after: type[Event],
        within: timedelta,
        otherwise: type[Event],
        **more: Any,
    ) -> Expectation:
        """Say what must come after ``after``, and what this seat says if it does not; see seamline.expectation."""
        expected = Expectation(self.name, fact, after, within, otherwise, **more)
        if any(one.name == expected.name for one in self.expectations):
            raise ConfigError(f"seat {self.name} expects {expected.name} twice")
        self.expectations.append(expected)
        return expected

    def _register(self, handlers: dict[str, Handler], name: str, what: str, event: type[Event]) -> Callable[[H], H]:
        def register(handler: H) -> H:
            self._runs_here(handler)
            if name in handlers:
                raise ConfigError(f"seat {self.name} handles {what} {name!r} twice")
            _check_handler(self.name, event, handler)
            handlers[name] = handler
            return handler

        return register

    def _runs_here(self, handler: Handler) -> None:
        """Raise ConfigError where nothing would ever call a handler."""
        if self.elsewhere:
            where = "an inbox" if self.inbox else "an endpoint"
            name = getattr(handler, "__qualname__", repr(handler))
            raise ConfigError(
                f"handler {name} of seat {self.name} would never run: declared with {where}, the seat lives elsewhere; "
                f"take one of them away"
            )

    def handler(self, event_type: str) -> Handler | None:
        return self.handlers.get(event_type)

    def answering(self, topic: str) -> Handler | None:
        """The handler of messages of a topic, the most specific one."""
        fitting = [name for name in self.answers if fnmatchcase(topic, name)]
        return self.answers[max(fitting, key=lambda name: (name == topic, len(name)))] if fitting else None

    def handling(self, event: Event) -> Handler | None:
        """The handler of an event that is handed to this seat; of a message by its topic, of a deadline by its name."""
        if isinstance(event, DeadlineFired) and event.seat == self.name and event.name in self.timers:
            return self.timers[event.name]
        if isinstance(event, MessageDelivered) and (found := self.answering(event.topic)) is not None:
            return found
        return self.handler(event.event_type)

    @property
    def elsewhere(self) -> bool:
        """Whether this seat lives outside the process: it is reached by files or by an address."""
        return self.kind == "agent" and bool(self.inbox or self.endpoint)

    @property
    def coded(self) -> bool:
        """Whether this seat has code of its own, be it taken over by a human or not."""
        return bool(self.handlers or self.answers or self.timers)

    def consumes(self, event_type: str) -> bool:
        """Whether a handoff of this type to this seat has something to do."""
        if self.kind == "human" or self.elsewhere:
            return (
                self.owning(event_type) >= 0 or matching(self.informed, event_type) >= 0 or event_type in self.handlers
            )
        return event_type in self.handlers

    def owning(self, event_type: str) -> int:
        """How specifically this seat owns the type; -1: not at all."""
        return matching(self.owns, event_type)


def _check_handler(seat: str, event: type[Event], handler: Callable[..., Any]) -> None:
    """Raise ConfigError where a handler's signature does not fit what it will be given."""
    where = f"handler {handler.__qualname__} of seat {seat}"
    parameters = tuple(inspect.signature(handler).parameters.values())
    if len(parameters) != 2:
        raise ConfigError(f"{where} must take (event, ctx)")
    told, wanted = (_annotated(handler, parameter.annotation) for parameter in parameters)
    taken = told if isinstance(told, tuple) else (told,)
    if all(isinstance(one, type) and issubclass(one, Event) for one in taken) and not issubclass(event, taken):
        names = " | ".join(one.__name__ for one in taken)
        raise ConfigError(f"{where} takes {names} but is registered for {event.__name__}")
    if wanted is Context and not inspect.iscoroutinefunction(handler):
        raise ConfigError(f"{where}: a plain def reads through SyncContext; use async def for Context")
    if wanted is SyncContext and inspect.iscoroutinefunction(handler):
        raise ConfigError(f"{where}: an async def reads through Context; use a plain def for SyncContext")


def _annotated(handler: Callable[..., Any], annotation: Any) -> Any:
    """What an annotation names, of a union all its members; None where that is neither names nor types.

    Postponed ones are text.
    """
    if isinstance(annotation, str):
        known = getattr(inspect.unwrap(handler), "__globals__", {})
        named = tuple(known.get(name.strip()) for name in annotation.split("|"))
        return named if len(named) > 1 else named[0]
    members = get_args(annotation) if get_origin(annotation) in (UnionType, Union) else ()
    return members or annotation


def matching(globs: Sequence[str], event_type: str) -> int:
    """The length of the most specific glob that fits, an exact name beating any glob; -1: none fits."""
    best = -1
    for glob in globs:
        if glob == event_type:
            return 1_000
        if fnmatchcase(event_type, glob):
            best = max(best, len(glob))
    return best


__all__ = ["FIELDS", "Context", "Handler", "Seat", "SyncContext", "matching"]
