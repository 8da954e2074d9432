"""Exit: its end is fact, its checklist is kept by the engine (control), the log is Crystal's judgement."""

from __future__ import annotations

from datetime import date
from typing import Literal

from seamline.events.base import Currency, Event, Minor, Personal, When
from seamline.events.values import NO_EVIDENCE, Evidence, EvidenceIds, Id, Proof

#: What must be settled at the end; a company may add its own.
ExitItem = Literal["pixel", "campaign", "invoice", "sequence", "calendar", "access"] | str


class RelationshipEnded(Event, type="relationship.ended", stage="exit"):
    """A customer and the company part: the CRM, billing or a human says so."""

    effective_at: When | None = None
    initiated_by: Literal["customer", "company", "unknown"] = "unknown"
    reason: Personal[str | None] = None


class ExitItemVerified(Event, type="exit.item_verified", stage="exit", nature="control"):
    """An item is settled: by evidence from the provider, or by a human with a reason."""

    item: ExitItem
    evidence: Proof | None = None
    by: Personal[str | None] = None
    reason: Personal[str | None] = None


class ExitItemReopened(Event, type="exit.item_reopened", stage="exit", nature="control"):
    """A settled item was found running again."""

    item: ExitItem
    evidence: Proof | None = None
    reason: Personal[str | None] = None


class ExitCorrespondenceSent(Event, type="exit.correspondence_sent", stage="exit"):
    """The last letter went out, once."""

    message_ref: str
    approval_id: Id


class ExitLogged(Event, type="exit.logged", stage="exit", nature="judgement"):
    """The exit is complete and written down. Refused while an item is open."""

    reason: Personal[str]
    ended_on: date
    logged_on: date | None = None
    by: Personal[str]
    checklist: tuple[Evidence, ...] = ()
    open_balance: Minor | None = None
    currency: Currency | None = None


class ExitAdhocDetected(Event, type="exit.adhoc_detected", stage="exit", nature="judgement"):
    """A customer turned inactive somewhere and nobody said that the relationship ended."""

    evidence: EvidenceIds = NO_EVIDENCE


class AccountStatusChanged(Event, type="account.status_changed", stage="exit"):
    """The CRM or billing marks a customer active or inactive."""

    status: Literal["active", "inactive"]
    reason: str | None = None
