"""The pipeline: what is being sold to an account at the moment, for seats that have to know of it."""

from __future__ import annotations

from collections.abc import Sequence

from seamline import Event
from seamline.context import SyncTimeline
from seamline.events import (
    DealCreated,
    DealLost,
    DealStageChanged,
    DealWon,
    ProposalAccepted,
    ProposalDeclined,
    ProposalExpired,
    ProposalSent,
)


def open_sales(timeline: SyncTimeline) -> list[Event]:
    """What is open: of each deal and each proposal the newest event, newest first."""
    closed = {one.deal_id for one in timeline.all(DealWon)} | {one.deal_id for one in timeline.all(DealLost)}
    told: list[DealCreated | DealStageChanged] = [*timeline.all(DealStageChanged), *timeline.all(DealCreated)]
    deals = {one.deal_id: one for one in reversed(told)}
    ended: list[ProposalAccepted | ProposalDeclined | ProposalExpired] = [
        *timeline.all(ProposalAccepted),
        *timeline.all(ProposalDeclined),
        *timeline.all(ProposalExpired),
    ]
    sent = {one.proposal_id: one for one in reversed(timeline.all(ProposalSent))}
    found: list[Event] = [deal for key, deal in deals.items() if key not in closed]
    found += [one for one in sent.values() if not any(_after(end, one) for end in ended)]
    return sorted(found, key=lambda one: one.envelope.sequence, reverse=True)


def in_words(sales: Sequence[Event]) -> str:
    """Open deals and proposals, for a colleague."""
    words = [
        f"proposal {one.proposal_id}" if isinstance(one, ProposalSent) else f"deal {getattr(one, 'deal_id', '')}"
        for one in sales
    ]
    return ", ".join(words)


def _after(end: ProposalAccepted | ProposalDeclined | ProposalExpired, sent: ProposalSent) -> bool:
    # Sent again, it is open again.
    return end.proposal_id == sent.proposal_id and end.envelope.sequence > sent.envelope.sequence
