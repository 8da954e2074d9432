"""Expansion: seats recommend and ask (judgement), the engine decides (control), a dispatch offers (fact)."""

from __future__ import annotations

from pydantic import Field

from seamline.events.base import Event
from seamline.events.values import NO_EVIDENCE, EvidenceIds, Id, Score


class ExpansionRecommended(Event, type="expansion.recommended", stage="expansion", nature="judgement"):
    """A customer does well and its score rises: a good moment to offer more."""

    score: Score
    performance: dict[str, int | float] = Field(default_factory=dict)
    rationale_ref: str | None = None
    evidence: EvidenceIds = NO_EVIDENCE


class ExpansionClearanceRequested(Event, type="expansion.clearance_requested", stage="expansion", nature="judgement"):
    """May this customer be offered more?"""

    request_id: Id
    flag_ids: tuple[Id, ...] = ()


class ExpansionClearanceGranted(Event, type="expansion.clearance_granted", stage="expansion", nature="control"):
    """No risk is open and Pulse has looked lately: an offer may be drafted."""

    request_id: Id
    flag_ids: tuple[Id, ...] = ()
    evidence: EvidenceIds = NO_EVIDENCE


class ExpansionHeld(Event, type="expansion.held", stage="expansion", nature="control"):
    """An open recommendation waits: a risk is open, or Pulse has not looked."""

    request_id: Id | None = None
    flag_ids: tuple[Id, ...] = ()
    evidence: EvidenceIds = NO_EVIDENCE
    reason: str | None = None


class ExpansionBlocked(Event, type="expansion.blocked", stage="expansion", nature="control"):
    """An offer was refused because a risk is open."""

    request_id: Id | None = None
    flag_ids: tuple[Id, ...] = ()
    evidence: EvidenceIds = NO_EVIDENCE
    reason: str | None = None


class OfferSent(Event, type="offer.sent", stage="expansion"):
    """A customer got an offer for more. Impossible while a risk is open."""

    message_ref: str
    approval_id: Id
