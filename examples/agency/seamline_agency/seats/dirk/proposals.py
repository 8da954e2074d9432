"""Proposals: who reads them, what that tells, and when it is time to follow up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from seamline import Context, Event
from seamline.events import (
    BuyingSignalDetected,
    ProposalCommented,
    ProposalSent,
    ProposalViewed,
)
from seamline_agency.seats.dirk import followups
from seamline_agency.seats.dirk.seat import dirk

#: The view of a proposal that tells a buyer.
TELLING_VIEW = 3
#: Silence after which one view more tells a buyer, too.
QUIET = timedelta(days=7)


@dirk.on(ProposalSent)
async def sent(event: ProposalSent, ctx: Context) -> None:
    """R23, R27: it is in the pipeline, and somebody looks after it though nobody may ever open it."""
    ctx.log(f"Proposal {event.proposal_id} went out.")
    followups.watch_unopened(event, ctx)


@dirk.on(ProposalViewed)
async def viewed(event: ProposalViewed, ctx: Context) -> None:
    """Flag it: the first view opens the flag, the others count up in it (R25)."""
    ctx.flag(
        "proposal-viewed",
        key=event.proposal_id,
        text=f"{event.viewer or event.party.name or 'Somebody'} opened the proposal",
        evidence=[event],
    )
    views = await ctx.timeline.all(ProposalViewed, proposal_id=event.proposal_id)
    if len(views) == TELLING_VIEW:
        _signal(event.proposal_id, "third view", views, ctx)
    elif _after_silence(event, views):
        _signal(event.proposal_id, f"a view after more than {QUIET.days} quiet days", [event], ctx)
    await followups.open_window(event, event.proposal_id, ctx)


@dirk.on(ProposalCommented)
async def commented(event: ProposalCommented, ctx: Context) -> None:
    """Flag it: each comment is a flag of its own, and says that somebody thinks about buying."""
    ctx.flag(
        "proposal-commented",
        key=event.comment_id,
        text=f"{event.author or event.party.name or 'Somebody'} commented on the proposal",
        evidence=[event],
    )
    _signal(event.proposal_id, "comment", [event], ctx)
    await followups.open_window(event, event.proposal_id, ctx)


def _signal(proposal: str, signal: str, evidence: Sequence[Event], ctx: Context) -> None:
    """R24: say that somebody behaves like a buyer, and what shows it."""
    proof = tuple(str(one.id) for one in evidence)
    ctx.emit(BuyingSignalDetected(proposal_id=proposal, signal=signal, evidence=proof))


def _after_silence(event: ProposalViewed, views: list[ProposalViewed]) -> bool:
    """Whether the last view was long ago. One that came late, and is older than another, breaks no silence."""
    others = [view.envelope.time for view in views if view.id != event.id]
    return bool(others) and event.envelope.time - max(others) > QUIET
