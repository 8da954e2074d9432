"""What a handler may read of an account, never later than its own event: who it is, its events, what seats said."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from pydantic_core import to_jsonable_python

from seamline.company import Company
from seamline.events.base import Event, Ref
from seamline.events.control import MessageDelivered

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Account:
    """An account as of the event's place in the ledger. ``facts`` counts what is known, by event type.

    ``contacts``: its people, each ``{"id", "name", "email", "phone"}``, of which all but the id may be None.
    ``manager``: who looks after it, as ``contact.assigned`` told it. ``provisional``: nobody knows yet whose it is.
    ``refs``: the ids that providers have for it and for its contacts. ``risks``: how severe each open one is.
    """

    id: str
    name: str | None
    stage: str | None
    overlays: tuple[str, ...]
    provisional: bool
    manager: str | None
    contacts: tuple[dict[str, Any], ...] = ()
    facts: dict[str, int] = field(default_factory=dict)
    refs: tuple[Ref, ...] = ()
    risks: dict[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """What the engine reads for a handler: never later than the handler's own event."""

    def account(self) -> Account: ...

    def events(
        self, event_type: str, where: dict[str, Any], limit: int | None, since: datetime | None = None
    ) -> list[Event]: ...

    def count(self, event_type: str, where: dict[str, Any]) -> int: ...

    def company(self) -> Company | None:
        """The whole company; None: this handler was asked about one account."""
        ...


def event_type(event: type[Event]) -> str:
    """The name of an event type. Raises TypeError for what is none: a name is no type."""
    if not (isinstance(event, type) and issubclass(event, Event)):
        raise TypeError(f"this takes an event type, such as DealWon, not {event!r}")
    return event.event_type


def _stored(event: type[Event], where: dict[str, Any]) -> dict[str, Any]:
    """Values as the ledger holds them, without what is as by default. Raises TypeError for a field that it lacks."""
    stored = {}
    for name, value in where.items():
        field = event.model_fields.get(name)
        if field is None:
            raise TypeError(f"{event.__name__} has no field {name!r}; there are: {', '.join(event.model_fields)}")
        default = field.get_default(call_default_factory=True, validated_data={})
        stored[name] = None if value == default else to_jsonable_python(value)
    return stored


class SyncTimeline:
    """The account's events up to and with this one.

    ``where`` are fields of the event and the values that they must have. Raises TypeError for a field that it lacks.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def count(self, event: type[Event], **where: Any) -> int:
        """How many events of a type there are, with these values in their data."""
        return self._reader.count(event_type(event), _stored(event, where))

    def last(self, event: type[E], **where: Any) -> E | None:
        """The newest by its place in the ledger; None: there is none."""
        found = self._reader.events(event_type(event), _stored(event, where), 1)
        return found[0] if found else None  # type: ignore[return-value]

    def all(self, event: type[E], **where: Any) -> list[E]:
        """Newest first."""
        return self._reader.events(event_type(event), _stored(event, where), None)  # type: ignore[return-value]

    def since(self, moment: datetime, event: type[E], **where: Any) -> list[E]:
        """Newest first, those that happened then or later: a long history need not be read to its beginning."""
        name, stored = event_type(event), _stored(event, where)
        return self._reader.events(name, stored, None, moment)  # type: ignore[return-value]


class Timeline:
    """The account's events up to and with this one, for ``async def`` handlers; see SyncTimeline."""

    def __init__(self, reader: Reader) -> None:
        self._sync = SyncTimeline(reader)

    async def count(self, event: type[Event], **where: Any) -> int:
        """How many events of a type there are, with these values in their data."""
        return self._sync.count(event, **where)

    async def last(self, event: type[E], **where: Any) -> E | None:
        """The newest by its place in the ledger; None: there is none."""
        return self._sync.last(event, **where)

    async def all(self, event: type[E], **where: Any) -> list[E]:
        """Newest first."""
        return self._sync.all(event, **where)

    async def since(self, moment: datetime, event: type[E], **where: Any) -> list[E]:
        """Newest first, those that happened then or later."""
        return self._sync.since(moment, event, **where)


class SyncFacts:
    """What is known of the account."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def known(self, event: type[Event]) -> bool:
        """Whether any event of this type has been told of the account."""
        return self._reader.account().facts.get(event_type(event), 0) > 0


class Facts:
    """What is known of the account, for ``async def`` handlers."""

    def __init__(self, reader: Reader) -> None:
        self._sync = SyncFacts(reader)

    async def known(self, event: type[Event]) -> bool:
        """Whether any event of this type has been told of the account."""
        return self._sync.known(event)


class SyncMessages:
    """What other seats have told this one about the account, up to this event."""

    def __init__(self, reader: Reader, seat: str) -> None:
        self._timeline = SyncTimeline(reader)
        self._seat = seat

    def all(self, topic: str | None = None, *, from_seat: str | None = None) -> list[MessageDelivered]:
        """Newest first; those of a topic, of a seat, or all."""
        told: dict[str, Any] = {"to_seat": self._seat}
        if topic is not None:
            told["topic"] = topic
        if from_seat is not None:
            told["from_seat"] = from_seat
        return self._timeline.all(MessageDelivered, **told)

    def last(self, topic: str | None = None, *, from_seat: str | None = None) -> MessageDelivered | None:
        """The newest; None: there is none."""
        found = self.all(topic, from_seat=from_seat)
        return found[0] if found else None


class Messages:
    """What other seats have told this one about the account, for ``async def`` handlers."""

    def __init__(self, reader: Reader, seat: str) -> None:
        self._sync = SyncMessages(reader, seat)

    async def all(self, topic: str | None = None, *, from_seat: str | None = None) -> list[MessageDelivered]:
        """Newest first; those of a topic, of a seat, or all."""
        return self._sync.all(topic, from_seat=from_seat)

    async def last(self, topic: str | None = None, *, from_seat: str | None = None) -> MessageDelivered | None:
        """The newest; None: there is none."""
        return self._sync.last(topic, from_seat=from_seat)


__all__ = [
    "Account",
    "Facts",
    "Messages",
    "Reader",
    "SyncFacts",
    "SyncMessages",
    "SyncTimeline",
    "Timeline",
]
