"""Inquiry: leads, mail, calls, chat, contacts.

What providers tell is fact. What Pepper and Dirk conclude (``lead.triaged``, ``lead.qualified``,
``email.triaged``) is judgement. ``response.sent`` is a fact: a dispatch or a human made it, never a seat.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from seamline.events.base import Event, Personal, When
from seamline.events.values import Address, Id, Score, Seconds, Text


class LeadReceived(Event, type="lead.received", stage="inquiry"):
    """Somebody asked: by a form, an ad form, mail, a call, chat, or a booking by somebody unknown."""

    lead_id: Id
    channel: Literal["form", "ad_form", "email", "call", "chat", "booking"]
    fields: Personal[dict[str, JsonValue]] = Field(default_factory=dict)
    text: Text = None
    text_ref: str | None = None
    platform: str | None = None
    form_id: Id | None = None
    ad_id: Id | None = None
    campaign_id: Id | None = None
    click_id: Id | None = None


class LeadTriaged(Event, type="lead.triaged", stage="inquiry", nature="judgement"):
    """A lead was looked at: what it is, how urgent, and whether an answer is due."""

    lead_id: Id
    bucket: str
    urgency: Literal["low", "normal", "high", "urgent"]
    response_warranted: bool
    reason: Personal[str]


class LeadUntriaged(Event, type="lead.untriaged", stage="inquiry", nature="judgement"):
    """A lead had not been triaged by ``deadline``: a human gets it as it came."""

    lead_id: Id
    deadline: When
    channel: str | None = None
    platform: str | None = None
    fields: Personal[dict[str, JsonValue]] = Field(default_factory=dict)
    text: Text = None


class LeadQualified(Event, type="lead.qualified", stage="inquiry", nature="judgement"):
    """A triaged lead was judged fit to sell to, or not."""

    lead_id: Id
    result: Literal["qualified", "unqualified", "undecided"]
    score: Score


class EmailReceived(Event, type="email.received", stage="inquiry"):
    """Mail came in. Text is the newest part, without what it quotes."""

    message_id: Id
    thread_id: Id | None = None
    in_reply_to: str | None = None
    sender: Personal[Address]
    recipients: Personal[tuple[Address, ...]] = ()
    subject: Personal[str] = ""
    text: Text = None
    text_ref: str | None = None
    attachments: Personal[tuple[str, ...]] = ()
    auto: Literal["none", "bounce", "out_of_office", "list"] = "none"


class EmailSent(Event, type="email.sent", stage="inquiry"):
    """A human sent mail: outside Seamline, as a mailbox or CRM tells, or a draft that was approved."""

    message_id: Id
    thread_id: Id | None = None
    in_reply_to: str | None = None
    sender: Personal[Address | None] = None
    recipients: Personal[tuple[Address, ...]] = ()
    subject: Personal[str] = ""
    text: Text = None
    text_ref: str | None = None


class EmailDeliveryChanged(Event, type="email.delivery_changed", stage="inquiry"):
    """What became of mail that we sent, for one recipient."""

    message_id: Id
    status: Literal[
        "delivered", "bounced", "complained", "opened", "clicked", "deferred", "unsubscribed", "resubscribed"
    ]
    recipient: Personal[Address | None] = None
    permanent: bool | None = None
    reason: Personal[str | None] = None


class EmailTriaged(Event, type="email.triaged", stage="inquiry", nature="judgement"):
    """Mail was sorted into exactly one outcome."""

    message_id: Id
    outcome: Literal["lead", "client_urgent", "client_routine", "team_or_vendor", "noise"]
    reason: Personal[str]


class CallCompleted(Event, type="call.completed", stage="inquiry"):
    """A call ended, answered or not."""

    call_id: Id
    direction: Literal["inbound", "outbound"]
    outcome: Literal["answered", "missed", "voicemail"]
    duration: Seconds | None = None
    tracking_source: str | None = None
    tracking_number: str | None = None
    campaign_id: Id | None = None
    first_time: bool | None = None
    agent: Personal[str | None] = None
    recording_ref: str | None = None
    text: Text = None
    text_ref: str | None = None


class ChatReceived(Event, type="chat.received", stage="inquiry"):
    """A text or chat message came in."""

    message_id: Id
    thread_id: Id | None = None
    channel: Literal["sms", "chat"]
    sender: Personal[Address | None] = None
    text: Text = None
    text_ref: str | None = None


class ChatSent(Event, type="chat.sent", stage="inquiry"):
    """A human sent a text or chat message: outside Seamline, or a draft that was approved."""

    message_id: Id
    thread_id: Id | None = None
    channel: Literal["sms", "chat"]
    recipients: Personal[tuple[Address, ...]] = ()
    text: Text = None
    text_ref: str | None = None


class ResponseSent(Event, type="response.sent", stage="inquiry"):
    """A lead got its answer, in the name of a human. ``latency``: since ``lead.received``."""

    message_ref: str
    approval_id: Id | None = None
    lead_id: Id | None = None
    by: Personal[str | None] = None
    latency: Seconds | None = None


class ContactChanged(Event, type="contact.changed", stage="inquiry"):
    """A contact was made or edited in the CRM; ``changes`` holds the new values by field."""

    external_id: Id
    changes: Personal[dict[str, JsonValue]] = Field(default_factory=dict)


class ContactAssigned(Event, type="contact.assigned", stage="inquiry"):
    """Who looks after a customer from now on, as the CRM or a human says; ``manager`` is a name of our own."""

    manager: Personal[str]


class ContactMerged(Event, type="contact.merged", stage="inquiry"):
    """The CRM merged contacts; ``external_id`` is the one that stays."""

    external_id: Id
    merged_ids: tuple[Id, ...] = ()


class ContactErased(Event, type="contact.erased", stage="inquiry"):
    """The provider was asked to forget a person, and has. By this event nothing is erased here."""

    external_id: Id
    reason: str | None = None
