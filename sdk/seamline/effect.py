"""What a handler may ask for. Effects are data until the handoff completes; then all of them are written, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from seamline.dispatch import Attachment
from seamline.envelope import storable
from seamline.events.base import Event, Ref, event_id
from seamline.events.values import Figure

#: Most recipients of one draft, counted together: a text for more people than that is no answer to a customer.
MOST_RECIPIENTS = 50

Severity = Literal["info", "watch", "risk"]
MessageKind = Literal["INFORM", "REQUEST", "RESPONSE"]


@dataclass(frozen=True)
class Flag:
    """One open flag per (account, seat, name, key); raised again it counts."""

    name: str
    key: str
    text: str
    severity: Severity = "watch"
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """Work for a human."""

    title: str
    text: str = ""
    key: str = ""
    assignee: str | None = None
    due_at: datetime | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Done:
    """What this seat has given humans to do under this key, about this account, is over."""

    key: str


@dataclass(frozen=True)
class Message:
    """A word from seat to seat. ``reply_to`` is the id of the message that it answers."""

    to: str
    topic: str
    body: str
    kind: MessageKind = "INFORM"
    key: str = ""
    needs_response_by: datetime | None = None
    reply_to: str | None = None


@dataclass(frozen=True)
class Emit:
    """A judgement of this seat, to be appended to the ledger.

    ``once``: of what is asked for under this key, by whichever of the account's handoffs, the first is appended.
    """

    event: Event
    key: str = ""
    once: bool = False

    def id(self, seat: str, cause: Event, ordinal: int) -> UUID:
        """The id that the event has in the ledger; ``ordinal`` is its place among all that this handoff emits."""
        key = emit_key(self, ordinal)
        of = cause.envelope.account if self.once else str(cause.id)
        return event_id(f"/seats/{seat}", self.event.event_type, f"{of}/{self.event.event_type}/{key}")


def emit_key(emitted: Emit, ordinal: int) -> str:
    """What tells an event apart from others that one handoff emits; "#2" alone is the second without a key."""
    if not emitted.key:
        return f"#{ordinal}"
    return f"#{emitted.key}" if emitted.key.startswith("#") else emitted.key


@dataclass(frozen=True)
class Log:
    """A line in the account's timeline."""

    text: str


@dataclass(frozen=True)
class Draft:
    """A text for somebody, which leaves the company only when a human has approved it.

    ``recipients`` are at most MOST_RECIPIENTS: all who get it, whatever a channel calls them (to, cc, bcc).
    ``sends`` is the fact that its dispatch makes (``response.sent``; only such as say that something was sent), with
    ``fields``; what guards that fact guards the draft. ``under`` is a step that the text belongs to
    (``onboarding.started``): what guards the step guards the text. ``not_before``: approved earlier, it waits until
    then. ``thread`` is the conversation that it answers; a newer message in it makes the draft stale; without one any
    newer message of the account does. ``figures`` are the numbers that the text states.
    """

    channel: str
    recipients: tuple[str, ...]
    body: str
    subject: str | None = None
    sends: type[Event] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    under: type[Event] | None = None
    key: str = ""
    due_at: datetime | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    thread: str | None = None
    in_reply_to: str | None = None
    figures: tuple[Figure, ...] = ()
    sources: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Deadline:
    """A time at which this seat wants to be asked again, unless one of ``unless`` is told of the account before.

    At ``at`` the handler of ``@seat.due(name)`` runs. Set again under the same name and key, the time moves.
    """

    name: str
    at: datetime
    key: str = ""
    unless: tuple[type[Event], ...] = ()
    rule: str | None = None


@dataclass(frozen=True)
class Check:
    """Something of an exit's checklist: ask the provider behind ``source`` for the state of ``ref``, now and later.

    Without ``ref`` there is nobody to ask, and a human settles it with a reason.
    """

    item: str
    ref: Ref | None = None
    source: str | None = None
    key: str = ""


Effect = Flag | Task | Done | Message | Emit | Log | Draft | Deadline | Check


def fault(effect: Effect) -> str | None:
    """Why no list and no store takes an effect, with the name of its field; None: nothing is against it.

    PostgreSQL stores no NUL, no encoding half a character, and what SQLite takes would not be the same text elsewhere.
    """
    what = type(effect).__name__.lower()
    for name, value in vars(effect).items():
        if not storable(value):
            return f"the {name} of a {what} holds a NUL or half a character, which no store takes"
    if isinstance(effect, Check) and effect.ref is not None and not storable(effect.ref.id):
        return f"the ref of a {what} holds a NUL or half a character, which no store takes"
    if isinstance(effect, Draft) and len(effect.recipients) > MOST_RECIPIENTS:
        return f"a draft has at most {MOST_RECIPIENTS} recipients, not {len(effect.recipients)}: write several"
    return None


__all__ = [
    "MOST_RECIPIENTS",
    "Check",
    "Deadline",
    "Done",
    "Draft",
    "Effect",
    "Emit",
    "Flag",
    "Log",
    "Message",
    "MessageKind",
    "Severity",
    "Task",
    "fault",
]
