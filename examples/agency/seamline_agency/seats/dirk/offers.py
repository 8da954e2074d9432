"""Offers to customers: only what Pulse recommends, only while Pulse has nothing against it, and sent by a human."""

from __future__ import annotations

from seamline import Context
from seamline.events import (
    ExpansionBlocked,
    ExpansionClearanceGranted,
    ExpansionClearanceRequested,
    ExpansionHeld,
    ExpansionRecommended,
    OfferSent,
    RiskCleared,
)
from seamline_agency.addressee import addressee
from seamline_agency.seats.dirk.seat import dirk
from seamline_agency.writer import compose


@dirk.on(ExpansionRecommended)
async def recommended(event: ExpansionRecommended, ctx: Context) -> None:
    """R52: ask before anything is written. The answer comes from the ledger (R65)."""
    ctx.emit(
        ExpansionClearanceRequested(request_id=str(event.id), flag_ids=tuple(sorted(ctx.account.risks))),
        key=str(event.id),
    )


@dirk.on(ExpansionClearanceGranted)
async def granted(event: ExpansionClearanceGranted, ctx: Context) -> None:
    """Write an offer. Every guard is asked again when it is approved, and when it leaves (R53)."""
    asked = await ctx.timeline.all(ExpansionRecommended)
    reason = next((one for one in asked if str(one.id) == event.request_id), None)
    whom = addressee(event, ctx.account)
    # No figures: those that a customer reads are trusted ones, and put in by whoever answers for them (R40).
    text = compose("offer", stage="expansion", name=whom.name, company=ctx.account.name)
    ctx.draft(
        "mail",
        to=whom.to,
        subject=text.subject,
        body=text.body,
        sends=OfferSent,
        key=event.request_id,
        sources=[event, *event.evidence, *([reason] if reason else [])],
        missing=[*whom.missing, "figures that a customer may read"],
    )


@dirk.on(ExpansionHeld)
async def held(event: ExpansionHeld, ctx: Context) -> None:
    """R65: say what holds it, by Pulse's own words. Nothing is pursued until that is settled."""
    cited = ", ".join((*event.flag_ids, *event.evidence)) or "no flag named"
    ctx.log(f"Expansion is held: {event.reason or 'Pulse has something against it'} ({cited}).")


@dirk.on(RiskCleared)
async def risk_cleared(event: RiskCleared, ctx: Context) -> None:
    """Ask again for what was held, once nothing is open any more. Where an offer is written already, it waits."""
    recommended = await ctx.timeline.last(ExpansionRecommended)
    if recommended is None or ctx.account.risks:
        return
    request = str(recommended.id)
    if await ctx.timeline.count(ExpansionClearanceGranted, request_id=request) == 0:
        ctx.emit(ExpansionClearanceRequested(request_id=request), key=f"{request}/{event.flag_id}")


@dirk.on(ExpansionBlocked)
async def blocked(event: ExpansionBlocked, ctx: Context) -> None:
    """Show that an offer was stopped on its way, and by what."""
    text = f"An offer was stopped: {event.reason or 'a risk is open'}"
    ctx.flag("offer-blocked", key=event.request_id or "", text=text, evidence=[event, *event.evidence])
