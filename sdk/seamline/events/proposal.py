"""Proposal: proposals, deals, contracts are facts; buying signals and follow-up windows are Dirk's judgement."""

from __future__ import annotations

from typing import Literal

from seamline.events.base import Currency, Event, Minor, Personal, When
from seamline.events.values import NO_EVIDENCE, Address, Count, EvidenceIds, Id, Seconds, Text

#: Whether a won deal is a new engagement; ``unknown`` counts as new.
Engagement = Literal["new", "addendum", "unknown"]


class ProposalCreated(Event, type="proposal.created", stage="proposal"):
    """A proposal exists, not yet sent."""

    proposal_id: Id
    deal_id: Id | None = None
    title: str | None = None
    amount: Minor | None = None
    currency: Currency | None = None
    recipients: Personal[tuple[Address, ...]] = ()


class ProposalSent(Event, type="proposal.sent", stage="proposal"):
    """A proposal went out."""

    proposal_id: Id
    deal_id: Id | None = None
    title: str | None = None
    amount: Minor | None = None
    currency: Currency | None = None
    recipients: Personal[tuple[Address, ...]] = ()
    expires_at: When | None = None


class ProposalViewed(Event, type="proposal.viewed", stage="proposal"):
    """Somebody opened a proposal. ``dwell``: how long."""

    proposal_id: Id
    viewer: Personal[str | None] = None
    view_count: Count | None = None
    dwell: Seconds | None = None


class ProposalCommented(Event, type="proposal.commented", stage="proposal"):
    """Somebody wrote a comment on a proposal."""

    proposal_id: Id
    comment_id: Id
    author: Personal[str | None] = None
    text: Text = None
    text_ref: str | None = None


class ProposalAccepted(Event, type="proposal.accepted", stage="proposal"):
    """The customer accepted. Not a contract by itself (that is ``contract.signed``)."""

    proposal_id: Id
    deal_id: Id | None = None
    amount: Minor | None = None
    currency: Currency | None = None


class ProposalDeclined(Event, type="proposal.declined", stage="proposal"):
    """The customer said no."""

    proposal_id: Id
    deal_id: Id | None = None
    amount: Minor | None = None
    currency: Currency | None = None
    reason: Personal[str | None] = None


class ProposalExpired(Event, type="proposal.expired", stage="proposal"):
    """A proposal lapsed unanswered."""

    proposal_id: Id
    deal_id: Id | None = None
    amount: Minor | None = None
    currency: Currency | None = None
    reason: str | None = None


class BuyingSignalDetected(Event, type="buying_signal.detected", stage="proposal", nature="judgement"):
    """A reader of a proposal behaves like a buyer."""

    proposal_id: Id
    signal: str
    evidence: EvidenceIds = NO_EVIDENCE


class FollowupWindowOpened(Event, type="followup.window_opened", stage="proposal", nature="judgement"):
    """From now on it is known when to follow up: not too early, not too late."""

    proposal_id: Id
    earliest: When
    latest: When


class FollowupDue(Event, type="followup.due", stage="proposal", nature="judgement"):
    """The window for following up has begun."""

    proposal_id: Id
    earliest: When
    latest: When


class FollowupMissed(Event, type="followup.missed", stage="proposal", nature="judgement"):
    """The window for following up has ended and nobody did."""

    proposal_id: Id
    earliest: When
    latest: When


class DealCreated(Event, type="deal.created", stage="proposal"):
    """The CRM has a new deal."""

    deal_id: Id
    pipeline: str | None = None
    from_stage: str | None = None
    to_stage: str | None = None
    amount: Minor | None = None
    currency: Currency | None = None


class DealStageChanged(Event, type="deal.stage_changed", stage="proposal"):
    """A deal moved in its pipeline; stages are the CRM's own words."""

    deal_id: Id
    to_stage: str
    from_stage: str | None = None
    pipeline: str | None = None
    amount: Minor | None = None
    currency: Currency | None = None


class DealAmountChanged(Event, type="deal.amount_changed", stage="proposal"):
    """A deal's worth was edited; ``amount`` is absent where it was cleared."""

    deal_id: Id
    amount: Minor | None = None
    previous_amount: Minor | None = None
    currency: Currency | None = None


class DealWon(Event, type="deal.won", stage="proposal"):
    """A deal moved to won. ``closed_at``: when it moved, not an editable close date."""

    deal_id: Id
    closed_at: When | None = None
    amount: Minor | None = None
    currency: Currency | None = None
    engagement: Engagement = "unknown"
    engagement_id: Id | None = None
    reason: Personal[str | None] = None


class DealLost(Event, type="deal.lost", stage="proposal"):
    """A deal moved to lost. ``closed_at``: when it moved, not an editable close date."""

    deal_id: Id
    closed_at: When | None = None
    amount: Minor | None = None
    currency: Currency | None = None
    engagement: Engagement = "unknown"
    reason: Personal[str | None] = None


class ContractSigned(Event, type="contract.signed", stage="proposal"):
    """Everybody has signed: the gate of onboarding."""

    contract_id: Id
    signers: Personal[tuple[str, ...]] = ()
    document_sha256: str | None = None
    deal_id: Id | None = None
    proposal_id: Id | None = None
    engagement_id: Id | None = None


class ContractDeclined(Event, type="contract.declined", stage="proposal"):
    """A signer refused."""

    contract_id: Id
    reason: Personal[str | None] = None


class ContractVoided(Event, type="contract.voided", stage="proposal"):
    """A contract was withdrawn; a gate that it had opened is closed again."""

    contract_id: Id
    reason: Personal[str | None] = None
