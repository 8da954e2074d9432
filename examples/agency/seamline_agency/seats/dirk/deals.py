"""Deals, contracts, and what else tells of the pipeline."""

from __future__ import annotations

from seamline import Context
from seamline.events import (
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
    MessageDelivered,
    ProjectCreated,
    ProposalSent,
)
from seamline_agency.seats.dirk.seat import dirk


@dirk.on(LeadTriaged)
async def triaged(event: LeadTriaged, ctx: Context) -> None:
    ctx.log(f"In the pipeline: {event.bucket}, {event.urgency}.")


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


@dirk.on_message("mail")
async def told_of_mail(event: MessageDelivered, ctx: Context) -> None:
    """R62: what Pepper flagged while something is open is shown beside it."""
    ctx.flag("mail-while-open", key=event.message_id, text=event.body, evidence=[event])


@dirk.on(MeetingBooked)
async def meeting_booked(event: MeetingBooked, ctx: Context) -> None:
    """Whoever has no project yet is a prospect, and so is their meeting."""
    if not await ctx.facts.known(ProjectCreated):
        ctx.log(f"Prospect's meeting on {event.starts_at:%Y-%m-%d %H:%M} UTC.")


async def _selling(ctx: Context) -> bool:
    """Whether a deal or a proposal is open."""
    if ctx.account.stage not in ("inquiry", "proposal"):
        return False
    return any([await ctx.facts.known(kind) for kind in (DealCreated, DealStageChanged, ProposalSent)])
