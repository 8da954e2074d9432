"""Every stage: what the engine itself says (control), the briefing (judgement), posts and pixels (fact)."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from seamline.events.base import Event, Personal, Stage, When
from seamline.events.values import NO_EVIDENCE, Evidence, EvidenceIds, Id, Seconds

Audience = Literal["customer", "team", "public", "unknown"] | str


class EventRetracted(Event, type="event.retracted", nature="control"):
    """A mended adapter reads the stored bytes otherwise: an event is taken back or has a successor."""

    event_id: UUID
    superseded_by: UUID | None = None
    translated_by: str


class ApprovalRequested(Event, type="approval.requested", nature="control"):
    """A draft waits for a human. ``missing``: what the agent did not have."""

    draft_id: Id
    draft_sha256: str
    audience: Audience
    channel: str
    due_at: When | None = None
    tone: str | None = None
    missing: tuple[str, ...] = ()


class ApprovalDecided(Event, type="approval.decided", nature="control"):
    """A human decided about exactly this text; ``map_row`` is the gate that the boundary map gave it to."""

    draft_id: Id
    draft_sha256: str
    decision: Literal["approve", "reject", "snooze"]
    by: Personal[str]
    edited: bool = False
    reason: Personal[str | None] = None
    map_row: str | None = None
    map_version: str | None = None


class ApprovalExpired(Event, type="approval.expired", nature="control"):
    """Nobody decided in time; expiry is not approval."""

    draft_id: Id
    draft_sha256: str
    audience: Audience | None = None
    channel: str | None = None
    due_at: When | None = None


class DraftDispatched(Event, type="draft.dispatched", nature="control"):
    """An approved draft was handed to its channel; ``unknown`` goes to a human and is not sent again.

    ``by``: the human who found out what became of one that was unknown.
    """

    draft_id: Id
    draft_sha256: str
    channel: str
    result: Literal["sent", "failed", "unknown"]
    message_ref: str | None = None
    reason: str | None = None
    by: Personal[str | None] = None


class StageChanged(Event, type="stage.changed", nature="control"):
    """An account moved. ``skipped``: stages passed over. ``overlay``: retention or expansion opened beside delivery."""

    to_stage: Stage
    from_stage: Stage | None = None
    overlay: bool = False
    skipped: tuple[Stage, ...] = ()
    rule: str = "R6"
    cause: Evidence
    actor: str


class GuardRefused(Event, type="guard.refused", nature="control"):
    """Something that we wanted to do was refused, with the way out."""

    rule: str
    code: str
    cause: Evidence
    actor: str
    reason: Personal[str | None] = None
    map_row: str | None = None
    missing: tuple[str, ...] = ()


class DeadlineArmed(Event, type="deadline.armed", nature="control"):
    """From now on something is expected by ``due_at``."""

    deadline_id: Id
    due_at: When
    rule: str
    cause: Evidence
    actor: str
    seat: str | None = None
    name: str | None = None
    key: str = ""


class DeadlineFired(Event, type="deadline.fired", nature="control"):
    """A time has come. ``name`` and ``key`` are what its seat called it; ``late_by``: how late this was noticed."""

    deadline_id: Id
    due_at: When
    rule: str
    cause: Evidence
    actor: str
    seat: str | None = None
    name: str | None = None
    key: str = ""
    late_by: Seconds = 0


class DeadlineCancelled(Event, type="deadline.cancelled", nature="control"):
    """What was expected came, or is no longer wanted."""

    deadline_id: Id
    due_at: When | None = None
    rule: str
    cause: Evidence
    actor: str
    seat: str | None = None
    name: str | None = None
    key: str = ""


class MessageDelivered(Event, type="message.delivered", nature="control"):
    """A message from seat to seat is in its inbox. ``exchange`` counts how often seats spoke on this matter."""

    message_id: Id
    from_seat: str
    to_seat: str
    kind: str
    topic: str = ""
    body: Personal[str] = ""
    conversation: str | None = None
    exchange: int = 1
    in_reply_to: str | None = None
    needs_response_by: When | None = None


class MessageAnswered(Event, type="message.answered", nature="control"):
    """A message from seat to seat has its answer, which is the message ``answer_id``."""

    message_id: Id
    from_seat: str
    to_seat: str
    kind: str
    answer_id: str | None = None


class MessageDeadLettered(Event, type="message.dead_lettered", nature="control"):
    """A message or handoff could not be worked off and lies with the dead."""

    message_id: Id
    from_seat: str
    to_seat: str
    kind: str
    reason: str | None = None


class IdentityLinked(Event, type="identity.linked", nature="control"):
    """Two accounts are one customer, until unlinked. ``key`` is what joined them."""

    account: str
    linked_account: str | None = None
    key: Personal[str]
    evidence: EvidenceIds = NO_EVIDENCE
    by: Personal[str | None] = None


class IdentityUnlinked(Event, type="identity.unlinked", nature="control"):
    """A link was taken back."""

    account: str
    linked_account: str | None = None
    key: Personal[str]
    evidence: EvidenceIds = NO_EVIDENCE
    by: Personal[str | None] = None


class IdentityConflict(Event, type="identity.conflict", nature="control"):
    """Strong keys point at different contacts: a human decides, nothing is merged."""

    account: str
    candidates: tuple[str, ...] = ()
    key: Personal[str]
    evidence: EvidenceIds = NO_EVIDENCE


class BriefingIssued(Event, type="briefing.issued", nature="judgement"):
    """The morning briefing. ``sections`` holds its lines by name."""

    day: date
    recipient: Personal[str]
    sections: Personal[dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    stale_sources: tuple[str, ...] = ()


class CoachingPosted(Event, type="coaching.posted"):
    """Coaching notes reached the team before its shift, after a human's approval."""

    shift_start: When
    audience: str
    approval_id: Id


class PixelStatusChanged(Event, type="pixel.status_changed"):
    """A tracking pixel started or stopped sending; ``status`` is the provider's own word."""

    pixel_id: Id
    status: str
    checked_at: When | None = None


class BoundaryChanged(Event, type="boundary.changed", nature="control"):
    """A changed boundary map took effect, confirmed by a human."""

    version: str
    sha256: str
    confirmed_by: Personal[str]
