"""Deals, contracts, and what else tells of the pipeline."""

from __future__ import annotations

from seamline import Context, SyncContext
from seamline.events import (
    ContractDeclined,
    ContractVoided,
    EmailTriaged,
    MeetingBooked,
    MessageDelivered,
    ProjectCreated,
)
from seamline_agency.pipeline import in_words, open_sales
from seamline_agency.seats.dirk.seat import dirk


@dirk.on(ContractVoided)
async def voided(event: ContractVoided, ctx: Context) -> None:
    ctx.flag("contract-voided", key=event.contract_id, text="A contract was withdrawn", severity="risk")


@dirk.on(ContractDeclined)
async def contract_declined(event: ContractDeclined, ctx: Context) -> None:
    ctx.flag("contract-declined", key=event.contract_id, text="A signer refused", severity="risk")


@dirk.on(EmailTriaged)
def email_triaged(event: EmailTriaged, ctx: SyncContext) -> None:
    if sales := open_sales(ctx.timeline):
        ctx.log(f"Mail while {in_words(sales)} is open: {event.outcome}.")


@dirk.on_message("mail")
async def told_of_mail(event: MessageDelivered, ctx: Context) -> None:
    """R62: what Pepper flagged while something is open is shown beside it."""
    ctx.flag("mail-while-open", key=event.message_id, text=event.body, evidence=[event])


@dirk.on(MeetingBooked)
async def meeting_booked(event: MeetingBooked, ctx: Context) -> None:
    """Whoever has no project yet is a prospect, and so is their meeting."""
    if not await ctx.facts.known(ProjectCreated):
        ctx.log(f"Prospect's meeting on {event.starts_at:%Y-%m-%d %H:%M} UTC.")
