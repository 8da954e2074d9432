"""What a handler may ask for. Effects are data until the handoff completes; what it may read stands in timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn, get_args
from uuid import UUID

from seamline.company import Company
from seamline.dispatch import Attachment
from seamline.effect import (
    Check,
    Deadline,
    Done,
    Draft,
    Effect,
    Emit,
    Flag,
    Log,
    Message,
    MessageKind,
    Severity,
    Task,
)
from seamline.errors import NeedsHuman, Park, RetryLater
from seamline.events.base import Event, Ref
from seamline.events.values import Figure
from seamline.timeline import (
    Account,
    Facts,
    Messages,
    Reader,
    SyncFacts,
    SyncMessages,
    SyncTimeline,
    Timeline,
    event_type,
)


def _listed(name: str, given: Sequence[Any]) -> tuple[Any, ...]:
    """A list as a tuple. Raises TypeError for one text: read letter by letter it would be many."""
    if isinstance(given, (str, bytes)):
        raise TypeError(f"{name} is a list, such as [{given!r}]")
    return tuple(given)


def _ids(name: str, given: Sequence[Event | UUID | str]) -> tuple[str, ...]:
    """The ids of events, which may be told by the event itself."""
    return tuple(str(one.id if isinstance(one, Event) else one) for one in _listed(name, given))


def _one_of(words: Any, name: str, given: str) -> None:
    """Raise TypeError for a word that a Literal does not have."""
    if given not in get_args(words):
        raise TypeError(f"{name} is one of {', '.join(get_args(words))}, not {given!r}")


def _aware(name: str, moment: datetime | None) -> datetime | None:
    if moment is not None and not isinstance(moment, datetime):
        raise TypeError(f"{name} is a datetime, such as ctx.now + timedelta(hours=2), not {moment!r}")
    if moment is not None and moment.tzinfo is None:
        raise TypeError(f"{name} is a time without an offset: begin with ctx.now, or name a time zone")
    return moment


class _Asking:
    """What both contexts can ask for."""

    def __init__(self, event: Event, seat: str, reader: Reader, now: datetime) -> None:
        self.event = event
        self.seat = seat
        #: Business time: when this run began. Never use the wall clock in a handler.
        self.now = now
        self.effects: list[Effect] = []
        self._reader = reader
        self._account: Account | None = None

    @property
    def account(self) -> Account:
        """The account as of this event; read on first use."""
        if self._account is None:
            self._account = self._reader.account()
        return self._account

    @property
    def company(self) -> Company:
        """The whole company, for dailies about the company. Raises LookupError where an account is what it is about."""
        found = self._reader.company()
        if found is None:
            raise LookupError("only a daily about the company, one without after=, reads the whole company")
        return found

    def flag(
        self,
        name: str,
        *,
        text: str,
        key: str = "",
        severity: Severity = "watch",
        evidence: Sequence[Event | UUID | str] = (),
    ) -> None:
        """Raise a flag, or count one more on the open flag of this name and key. Raises TypeError for another severity.

        ``evidence``: events, or their ids, that show it.
        """
        _one_of(Severity, "severity", severity)
        self.effects.append(Flag(name, key, text, severity, _ids("evidence", evidence)))

    def task(
        self,
        title: str,
        *,
        text: str = "",
        key: str = "",
        assignee: str | None = None,
        due_at: datetime | None = None,
        rule: str | None = None,
    ) -> None:
        """Give a human something to do. Raises TypeError where ``due_at`` has no offset."""
        self.effects.append(Task(title, text, key, assignee, _aware("due_at", due_at), rule))

    def done(self, key: str) -> None:
        """End this seat's own open tasks of a key: what they asked for has happened."""
        self.effects.append(Done(key))

    def message(
        self,
        to: str,
        *,
        topic: str,
        body: str,
        kind: MessageKind = "INFORM",
        key: str = "",
        needs_response_by: datetime | None = None,
        reply_to: str | None = None,
    ) -> None:
        """Tell or ask another seat of the roster. Raises TypeError where ``needs_response_by`` has no offset.

        ``reply_to``: the id of the message that this answers. What is said while a message is handled follows that one;
        the fourth exchange on one matter goes to a human instead.
        """
        _one_of(MessageKind, "kind", kind)
        by = _aware("needs_response_by", needs_response_by)
        self.effects.append(Message(to, topic, body, kind, key, by, reply_to))

    def ask(self, to: str, *, topic: str, body: str, key: str = "", needs_response_by: datetime | None = None) -> None:
        """Ask another seat: a message of the kind REQUEST, which its answer names."""
        self.message(to, topic=topic, body=body, kind="REQUEST", key=key, needs_response_by=needs_response_by)

    def emit(self, event: Event, *, key: str = "", once: bool = False) -> UUID:
        """Append an event that this seat owns. ``key`` tells several of one type apart; replays give the same id.

        A handler reads as of its own event, so two that come close together do not see what the other one says.
        ``once``: of an account's events of this type and key only the first is appended, whichever handoff asks.
        Returns the id that it has. Raises TypeError for ``once`` without a key.
        """
        if once and not key:
            raise TypeError("once needs a key: what is it that is said only once of the account?")
        emitted = Emit(event, key, once)
        ordinal = sum(isinstance(effect, Emit) for effect in self.effects) + 1
        self.effects.append(emitted)
        return emitted.id(self.seat, self.event, ordinal)

    def log(self, text: str) -> None:
        """Write a line into the account's timeline."""
        self.effects.append(Log(text))

    def draft(
        self,
        channel: str,
        *,
        to: Sequence[str],
        body: str,
        subject: str | None = None,
        sends: type[Event] | None = None,
        fields: Mapping[str, Any] | None = None,
        under: type[Event] | None = None,
        key: str = "",
        due_at: datetime | None = None,
        expires_at: datetime | None = None,
        not_before: datetime | None = None,
        thread: str | None = None,
        in_reply_to: str | None = None,
        figures: Sequence[Figure] = (),
        sources: Sequence[Event | UUID | str] = (),
        missing: Sequence[str] = (),
        attachments: Sequence[Attachment] = (),
    ) -> None:
        """Write a text for somebody, for a human to approve. Nothing leaves the company without that.

        What each argument means stands at seamline.effect.Draft. Raises TypeError where a time has no offset.
        """
        self.effects.append(
            Draft(
                channel=channel,
                recipients=_listed("to", to),
                body=body,
                subject=subject,
                sends=sends,
                fields=dict(fields or {}),
                under=under,
                key=key,
                due_at=_aware("due_at", due_at),
                expires_at=_aware("expires_at", expires_at),
                not_before=_aware("not_before", not_before),
                thread=thread,
                in_reply_to=in_reply_to,
                figures=tuple(figures),
                sources=_ids("sources", sources),
                missing=_listed("missing", missing),
                attachments=tuple(attachments),
            )
        )

    def deadline(
        self,
        name: str,
        *,
        at: datetime,
        key: str = "",
        unless: Sequence[type[Event]] = (),
        rule: str | None = None,
    ) -> None:
        """Be asked again at a time, by ``@seat.due(name)``, unless one of these facts comes before.

        Facts that are known already count. Raises TypeError where ``at`` has no offset.
        """
        moment = _aware("at", at)
        assert moment is not None
        self.effects.append(Deadline(name, moment, key, tuple(unless), rule))

    def check(self, item: str, *, ref: Ref | None = None, source: str | None = None, key: str = "") -> None:
        """Have an item of the exit's checklist settled by what its provider says; without ``ref`` by a human."""
        self.effects.append(Check(item, ref, source, key))

    def needs_human(self, reason: str) -> NoReturn:
        """Stop here and give the case to a person. Raises NeedsHuman, for the engine to take."""
        raise NeedsHuman(reason)

    def retry_later(self, reason: str, after: timedelta | None = None) -> NoReturn:
        """Stop here and run again ``after`` that, else with back-off. Raises RetryLater, for the engine to take."""
        raise RetryLater(reason, after)

    def park(self, until: type[Event], reason: str) -> NoReturn:
        """Stop here and run again once this fact is known of the account. The lane goes on meanwhile.

        Raises Park, for the engine to take.
        """
        raise Park(event_type(until), reason)


class SyncContext(_Asking):
    """The context of a plain ``def`` handler."""

    def __init__(self, event: Event, seat: str, reader: Reader, now: datetime) -> None:
        super().__init__(event, seat, reader, now)
        self.timeline = SyncTimeline(reader)
        self.facts = SyncFacts(reader)
        self.messages = SyncMessages(reader, seat)


class Context(_Asking):
    """The context of an ``async def`` handler."""

    def __init__(self, event: Event, seat: str, reader: Reader, now: datetime) -> None:
        super().__init__(event, seat, reader, now)
        self.timeline = Timeline(reader)
        self.facts = Facts(reader)
        self.messages = Messages(reader, seat)


__all__ = [
    "Account",
    "Check",
    "Context",
    "Deadline",
    "Done",
    "Draft",
    "Effect",
    "Emit",
    "Facts",
    "Flag",
    "Log",
    "Message",
    "Messages",
    "Reader",
    "Severity",
    "SyncContext",
    "SyncFacts",
    "SyncMessages",
    "SyncTimeline",
    "Task",
    "Timeline",
]
