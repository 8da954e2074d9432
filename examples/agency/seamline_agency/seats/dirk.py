"""Dirk owns pipeline intelligence: proposals, deals and contracts. The customer never deals with Dirk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from seamline import Context, Event, Seat
from seamline.events import (
    BuyingSignalDetected,
    ContractDeclined,
    ContractSigned,
    ContractVoided,
    DealCreated,
    DealLost,
    DealStageChanged,
    DealWon,
    EmailTriaged,
    LeadTriaged,
    MeetingBooked,
    ProjectCreated,
    ProposalAccepted,
    ProposalCommented,
    ProposalDeclined,
    ProposalExpired,
    ProposalSent,
    ProposalViewed,
)

#: The view of a proposal that tells a buyer.
TELLING_VIEW = 3
#: Silence after which one view more tells a buyer, too.
QUIET = timedelta(days=7)

dirk = Seat(
    "dirk",
    role="Pipeline intelligence",
    owns=[
        "lead.triaged",
        "lead.qualified",
        "proposal.*",
        "buying_signal.*",
        "followup.*",
        "deal.*",
        "contract.*",
        "expansion.*",
        "offer.*",
    ],
    makes=["expansion.clearance_requested"],
    does_not_own=["lead.received", "onboarding.*", "project.*"],
    informed=[
        "email.*",
        "chat.*",
        "response.sent",
        "call.completed",
        "project.*",
        "onboarding.*",
        "kickoff.*",
        "milestone.*",
        "task.*",
        "meeting.*",
        "signal.*",
        "outreach.*",
        "risk.*",
        "score.*",
        "expansion.clearance_requested",
        "relationship.*",
        "exit.*",
    ],
    reports_to="coo",
)


@dirk.on(LeadTriaged)
async def triaged(event: LeadTriaged, ctx: Context) -> None:
    ctx.log(f"In the pipeline: {event.bucket}, {event.urgency}.")


@dirk.on(ProposalSent)
async def sent(event: ProposalSent, ctx: Context) -> None:
    ctx.log(f"Proposal {event.proposal_id} went out.")


@dirk.on(ProposalViewed)
async def viewed(event: ProposalViewed, ctx: Context) -> None:
    """Flag it: the first view opens the flag, the others count up in it."""
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


@dirk.on(ProposalAccepted)
async def accepted(event: ProposalAccepted, ctx: Context) -> None:
    ctx.log(f"Proposal {event.proposal_id} accepted. That is no contract yet.")


@dirk.on(ProposalDeclined)
async def declined(event: ProposalDeclined, ctx: Context) -> None:
    ctx.log(f"Proposal {event.proposal_id} declined.")


@dirk.on(ProposalExpired)
async def expired(event: ProposalExpired, ctx: Context) -> None:
    ctx.log(f"Proposal {event.proposal_id} lapsed.")


@dirk.on(DealStageChanged)
async def stage_changed(event: DealStageChanged, ctx: Context) -> None:
    ctx.log(f"Deal {event.deal_id} moved to {event.to_stage}.")


@dirk.on(DealWon)
async def won(event: DealWon, ctx: Context) -> None:
    ctx.log(f"Deal {event.deal_id} won.")


@dirk.on(DealLost)
async def lost(event: DealLost, ctx: Context) -> None:
    ctx.log(f"Deal {event.deal_id} lost.")


@dirk.on(ContractSigned)
async def signed(event: ContractSigned, ctx: Context) -> None:
    ctx.log(f"Contract {event.contract_id} signed (told by a source of trust {event.envelope.trust!r}).")


@dirk.on(ContractVoided)
async def voided(event: ContractVoided, ctx: Context) -> None:
    ctx.flag("contract-voided", key=event.contract_id, text="A contract was withdrawn", severity="risk")


@dirk.on(ContractDeclined)
async def contract_declined(event: ContractDeclined, ctx: Context) -> None:
    ctx.flag("contract-declined", key=event.contract_id, text="A signer refused", severity="risk")


@dirk.on(EmailTriaged)
async def email_triaged(event: EmailTriaged, ctx: Context) -> None:
    if await _selling(ctx):
        ctx.log(f"Mail while a deal is open: {event.outcome}.")


@dirk.on(MeetingBooked)
async def meeting_booked(event: MeetingBooked, ctx: Context) -> None:
    """Whoever has no project yet is a prospect, and so is their meeting."""
    if not await ctx.facts.known(ProjectCreated):
        ctx.log(f"Prospect's meeting on {event.starts_at:%Y-%m-%d %H:%M} UTC.")


def _signal(proposal: str, signal: str, evidence: Sequence[Event], ctx: Context) -> None:
    proof = tuple(str(one.id) for one in evidence)
    ctx.emit(BuyingSignalDetected(proposal_id=proposal, signal=signal, evidence=proof))


def _after_silence(event: ProposalViewed, views: list[ProposalViewed]) -> bool:
    """Whether the last view was long ago. One that came late, and is older than another, breaks no silence."""
    others = [view.envelope.time for view in views if view.id != event.id]
    return bool(others) and event.envelope.time - max(others) > QUIET


async def _selling(ctx: Context) -> bool:
    """Whether a deal or a proposal is open."""
    if ctx.account.stage not in ("inquiry", "proposal"):
        return False
    return any([await ctx.facts.known(kind) for kind in (DealCreated, DealStageChanged, ProposalSent)])
