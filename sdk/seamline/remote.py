"""Seats that live elsewhere: what they are handed, and the effects that they may ask for, as JSON.

They ask for what a handler may ask for. Nothing here sends anything, approves, or decides.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seamline import effect
from seamline.cloudevents import to_cloudevent
from seamline.context import Account
from seamline.envelope import ENGINE, Envelope, sender, storable
from seamline.errors import NeedsHuman, PayloadError, RetryLater
from seamline.events.base import Event, When, catalogue, reasons
from seamline.events.control import MessageDelivered
from seamline.events.values import Figure

HANDOFF, MESSAGE, EFFECTS = "handoff.v1", "message.v1", "effects.v1"


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class FlagAsked(_Asked):
    """As ``ctx.flag``."""

    kind: Literal["flag"]
    name: str
    text: str
    key: str = ""
    severity: effect.Severity = "watch"
    evidence: tuple[str, ...] = ()

    def made(self) -> effect.Effect:
        return effect.Flag(self.name, self.key, self.text, self.severity, self.evidence)


class TaskAsked(_Asked):
    """As ``ctx.task``."""

    kind: Literal["task"]
    title: str
    text: str = ""
    key: str = ""
    assignee: str | None = None
    due_at: When | None = None
    rule: str | None = None

    def made(self) -> effect.Effect:
        return effect.Task(self.title, self.text, self.key, self.assignee, self.due_at, self.rule)


class DoneAsked(_Asked):
    """As ``ctx.done``."""

    kind: Literal["done"]
    key: str

    def made(self) -> effect.Effect:
        return effect.Done(self.key)


class MessageAsked(_Asked):
    """As ``ctx.message``."""

    kind: Literal["message"]
    to: str
    topic: str
    body: str
    type: effect.MessageKind = "INFORM"
    key: str = ""
    needs_response_by: When | None = None
    reply_to: str | None = None

    def made(self) -> effect.Effect:
        return effect.Message(
            self.to, self.topic, self.body, self.type, self.key, self.needs_response_by, self.reply_to
        )


class DraftAsked(_Asked):
    """As ``ctx.draft``: for a human to approve. ``sends`` and ``under`` are event types."""

    kind: Literal["draft"]
    channel: str
    to: tuple[str, ...]
    body: str
    subject: str | None = None
    sends: str | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    under: str | None = None
    key: str = ""
    due_at: When | None = None
    expires_at: When | None = None
    not_before: When | None = None
    thread: str | None = None
    in_reply_to: str | None = None
    figures: tuple[Figure, ...] = ()
    sources: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def made(self) -> effect.Effect:
        return effect.Draft(
            channel=self.channel,
            recipients=self.to,
            body=self.body,
            subject=self.subject,
            sends=None if self.sends is None else _type(self.sends),
            fields=self.fields,
            under=None if self.under is None else _type(self.under),
            key=self.key,
            due_at=self.due_at,
            expires_at=self.expires_at,
            not_before=self.not_before,
            thread=self.thread,
            in_reply_to=self.in_reply_to,
            figures=self.figures,
            sources=self.sources,
            missing=self.missing,
        )


class EmitAsked(_Asked):
    """As ``ctx.emit``: a judgement that is this seat's to make."""

    kind: Literal["emit"]
    type: str
    data: dict[str, Any] = Field(default_factory=dict)
    key: str = ""
    once: bool = False

    def made(self) -> effect.Effect:
        if self.once and not self.key:
            raise PayloadError("once needs a key: what is it that is said only once of the account?")
        model = _type(self.type)
        try:
            return effect.Emit(model.model_validate(self.data), self.key, self.once)
        except ValidationError as error:
            raise PayloadError(f"{self.type} does not fit its schema: {reasons(error)}") from None


class LogAsked(_Asked):
    """As ``ctx.log``."""

    kind: Literal["log"]
    text: str

    def made(self) -> effect.Effect:
        return effect.Log(self.text)


def _type(name: str) -> type[Event]:
    found = catalogue().get(name)
    if found is None:
        raise PayloadError(f"there is no event type {name[:100]!r}; /catalog lists them")
    return found


class Effects(_Asked):
    """All that a seat asks for because of one handoff; or that it needs a human, or wants to be asked again."""

    schema_: Literal["effects.v1"] = Field(default="effects.v1", alias="schema")
    effects: tuple[
        Annotated[
            FlagAsked | TaskAsked | DoneAsked | MessageAsked | DraftAsked | EmitAsked | LogAsked,
            Field(discriminator="kind"),
        ],
        ...,
    ] = Field(default=(), max_length=1_000)
    needs_human: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    retry_after_s: Annotated[float, Field(ge=1, le=31_536_000)] | None = None


def read_effects(told: Any) -> list[effect.Effect]:
    """The effects that a seat asks for. Raises PayloadError, NeedsHuman and RetryLater."""
    if not storable(told):
        raise PayloadError("these are no effects: a text holds a NUL or half a character, which no store takes")
    try:
        found = Effects.model_validate(told)
    except ValidationError as error:
        raise PayloadError(f"these are no effects: {reasons(error)}") from None
    if found.needs_human is not None:
        raise NeedsHuman(found.needs_human)
    if found.retry_after_s is not None:
        raise RetryLater("the seat asked for it", timedelta(seconds=found.retry_after_s))
    return [one.made() for one in found.effects]


def handed(event: Event, seat: str, account: Account, prefix: str = "seamline") -> Envelope:
    """What a seat elsewhere is handed: an event with its account, or another seat's message in that seat's name.

    Its id is the handoff's; a reply names it as ``in_reply_to``.
    """
    known = {
        "id": account.id,
        "name": account.name,
        "stage": account.stage,
        "overlays": list(account.overlays),
        "manager": account.manager,
        "contacts": [dict(contact) for contact in account.contacts],
        "facts": dict(account.facts),
    }
    place = f"{event.envelope.sequence}.{seat}"
    told: dict[str, Any] = {
        "id": place,
        "to": seat,
        "account": account.id,
        "cause": (str(event.id),),
        "created_at": event.envelope.received_at,
    }
    if isinstance(event, MessageDelivered):
        body = {"schema": MESSAGE, "message": event.message_id, "text": event.body, "account": known}
        told |= {"type": event.kind, "from": sender(event.from_seat), "topic": event.topic, "body": body}
        told |= {"conversation": event.conversation or place, "exchange": event.exchange}
        told |= {"in_reply_to": event.in_reply_to, "needs_response_by": event.needs_response_by}
    else:
        body = {"schema": HANDOFF, "event": to_cloudevent(event, prefix), "account": known}
        told |= {"type": "REQUEST", "from": ENGINE, "topic": event.event_type, "conversation": place, "body": body}
    return Envelope.model_validate(told)


__all__ = ["EFFECTS", "HANDOFF", "MESSAGE", "Effects", "handed", "read_effects"]
