"""Retention: signals, risk and scores are Pulse's judgement; outreach is fact; a risk is cleared by the engine alone,
for a human who gave a reason.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from seamline.events.base import Event, Personal
from seamline.events.values import NO_EVIDENCE, Count, EvidenceIds, Id, Period, Rate, Score


class SignalDetected(Event, type="signal.detected", stage="retention", nature="judgement"):
    """Something that precedes churn was measured. ``change``: relative, -0.5 is half."""

    signal: Literal["lead_volume_drop", "cpl_rise", "calls_unbooked", "no_response"]
    level: Literal["watch", "at_risk"]
    change: float | None = None
    p_value: Rate | None = None
    window: Period | None = None
    inputs: dict[str, int | float] = Field(default_factory=dict)
    evidence: EvidenceIds = NO_EVIDENCE
    detector_version: str


class OutreachSent(Event, type="outreach.sent", stage="retention"):
    """We reached out to a customer, through a dispatch or by a human's own hand."""

    message_ref: str
    channel: str
    attempt: Count | None = None
    approval_id: Id | None = None


class OutreachAnswered(Event, type="outreach.answered", stage="retention"):
    """A customer answered our outreach."""

    message_ref: str
    channel: str
    attempt: Count | None = None


class RiskFlagged(Event, type="risk.flagged", stage="retention", nature="judgement"):
    """A customer may leave. Expansion is held until the flag is cleared. ``evidence``: ids of its signals."""

    flag_id: Id
    signals: tuple[str, ...] = ()
    severity: Literal["watch", "at_risk"]
    evidence: EvidenceIds = NO_EVIDENCE


class RiskCleared(Event, type="risk.cleared", stage="retention", nature="control"):
    """A human cleared a risk, with a reason."""

    flag_id: Id
    signals: tuple[str, ...] = ()
    severity: Literal["watch", "at_risk"] | None = None
    by: Personal[str]
    reason: Personal[str]


class ScoreUpdated(Event, type="score.updated", stage="retention", nature="judgement"):
    """How well a customer is doing, from its components."""

    score: Score
    previous: Score | None = None
    components: dict[str, int | float] = Field(default_factory=dict)
