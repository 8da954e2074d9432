"""Delivery: metrics, meetings, calls, summaries, billing.

Figures, meetings, notes and invoices are facts; whether a figure can be trusted and what is briefed is Dash's
judgement. ``summary.sent`` is a fact: a dispatch or a human made it, never a seat.
"""

from __future__ import annotations

from datetime import date

from pydantic import Field, JsonValue

from seamline.events.base import Currency, Event, Minor, Personal, When
from seamline.events.values import Address, Count, Figure, Grade, Id, Period, StatedFigure, Text


class MetricsSnapshot(Event, type="metrics.snapshot", stage="delivery"):
    """An ad account's figures for a period, as the platform told them.

    ``platform_spend`` is the platform's own total, to check the sum against. ``more`` holds further figures
    (clicks, impressions) by name.
    """

    platform: str
    period: Period
    spend: Minor
    currency: Currency
    leads: int | float
    calls_booked: Count | None = None
    attribution: str | None = None
    as_of: When
    definition_hash: str | None = None
    provisional: bool = False
    ad_account_id: Id | None = None
    campaign_id: Id | None = None
    platform_spend: Minor | None = None
    more: dict[str, int | float] = Field(default_factory=dict)


class MetricsTrustAssessed(Event, type="metrics.trust_assessed", stage="delivery", nature="judgement"):
    """A snapshot was graded. ``check``: a big move that a human should look at. ``override_by``: a human decided."""

    snapshot_id: Id
    grade: Grade
    check: bool = False
    failed_checks: tuple[str, ...] = ()
    deltas: dict[str, int | float] = Field(default_factory=dict)
    override_by: Personal[str | None] = None
    reason: Personal[str | None] = None


class MetricsCorrected(Event, type="metrics.corrected", stage="delivery", nature="judgement"):
    """A figure that was briefed turned out different. ``deltas``: new minus briefed, by metric."""

    snapshot_id: Id
    deltas: dict[str, int | float]
    briefs: tuple[str, ...] = ()
    grade: Grade | None = None
    reason: str | None = None


class MetricsMissing(Event, type="metrics.missing", stage="delivery", nature="judgement"):
    """A platform's figures for a day had not come by the cut-off."""

    platform: str
    day: date
    cutoff: When | None = None
    snapshot_id: Id | None = None
    reason: str | None = None


class MeetingBooked(Event, type="meeting.booked", stage="delivery"):
    """A meeting has a time."""

    calendar_event_id: Id
    starts_at: When
    ends_at: When | None = None
    booked_at: When | None = None
    attendees: Personal[tuple[Address, ...]] = ()
    title: Personal[str | None] = None
    purpose: str | None = None
    answers: Personal[dict[str, JsonValue]] = Field(default_factory=dict)


class MeetingRescheduled(Event, type="meeting.rescheduled", stage="delivery"):
    """A meeting has another time; ``previous_event_id`` where the provider gave it a new id."""

    calendar_event_id: Id
    previous_event_id: Id | None = None
    starts_at: When
    ends_at: When | None = None
    previous_starts_at: When | None = None
    attendees: Personal[tuple[Address, ...]] = ()
    title: Personal[str | None] = None
    purpose: str | None = None


class MeetingCancelled(Event, type="meeting.cancelled", stage="delivery"):
    """A meeting was called off."""

    calendar_event_id: Id
    starts_at: When | None = None
    attendees: Personal[tuple[Address, ...]] = ()
    cancelled_by: Personal[str | None] = None
    reason: Personal[str | None] = None
    purpose: str | None = None


class MeetingNoShow(Event, type="meeting.no_show", stage="delivery"):
    """Somebody did not come."""

    calendar_event_id: Id
    starts_at: When | None = None
    attendees: Personal[tuple[Address, ...]] = ()
    purpose: str | None = None


class MeetingNoShowReversed(Event, type="meeting.no_show_reversed", stage="delivery"):
    """The no-show was a mistake and was taken back."""

    calendar_event_id: Id
    starts_at: When | None = None
    attendees: Personal[tuple[Address, ...]] = ()
    purpose: str | None = None


class MeetingHeld(Event, type="meeting.held", stage="delivery"):
    """A meeting took place."""

    calendar_event_id: Id
    starts_at: When | None = None
    ends_at: When | None = None
    attendees: Personal[tuple[Address, ...]] = ()
    title: Personal[str | None] = None
    purpose: str | None = None
    recording_ref: str | None = None


class CallNoted(Event, type="call.noted", stage="delivery"):
    """What was said on a call, and which figures were named."""

    call_id: Id
    notes_ref: str | None = None
    text: Text = None
    stated_figures: tuple[StatedFigure, ...] = ()
    by: Personal[str | None] = None


class BriefIssued(Event, type="brief.issued", stage="delivery", nature="judgement"):
    """The account manager has the figures for the next call."""

    call_id: Id
    figures: tuple[Figure, ...] = ()
    recipient: Personal[str | None] = None
    reason: str | None = None


class SummarySent(Event, type="summary.sent", stage="delivery"):
    """A customer got a summary."""

    message_ref: str
    approval_id: Id | None = None
    by: Personal[str | None] = None


class InvoiceIssued(Event, type="invoice.issued", stage="delivery"):
    """An invoice went out."""

    invoice_id: Id
    amount: Minor
    currency: Currency
    status: str = "open"
    due_at: When | None = None
    subscription_id: Id | None = None


class InvoicePaid(Event, type="invoice.paid", stage="delivery"):
    """An invoice was paid."""

    invoice_id: Id
    amount: Minor
    currency: Currency
    status: str = "paid"
    subscription_id: Id | None = None


class InvoiceFailed(Event, type="invoice.failed", stage="delivery"):
    """A payment failed."""

    invoice_id: Id
    amount: Minor
    currency: Currency
    status: str = "failed"
    attempt: Count | None = None
    next_attempt_at: When | None = None
    subscription_id: Id | None = None
    reason: str | None = None


class InvoiceVoided(Event, type="invoice.voided", stage="delivery"):
    """An invoice was withdrawn."""

    invoice_id: Id
    amount: Minor | None = None
    currency: Currency | None = None
    status: str = "void"
    subscription_id: Id | None = None


class SubscriptionChanged(Event, type="subscription.changed", stage="delivery"):
    """A recurring charge started, changed or stopped; ``status`` is the provider's own word."""

    subscription_id: Id
    status: str
    previous_status: str | None = None
    amount: Minor | None = None
    currency: Currency | None = None
    invoice_id: Id | None = None
    ends_at: When | None = None
