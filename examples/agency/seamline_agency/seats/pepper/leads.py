"""Leads: Pepper sees them first, triages them, and prepares an answer where one is due. A human answers."""

from __future__ import annotations

from datetime import datetime, timedelta

from seamline import SyncContext
from seamline.events import LeadReceived, LeadTriaged, LeadUntriaged, MessageDelivered, ResponseSent
from seamline_agency.addressee import addressee
from seamline_agency.seats.pepper.seat import pepper
from seamline_agency.settings import settings
from seamline_agency.triage import judge_lead
from seamline_agency.writer import compose

#: How long a triage may take; then a human gets the lead as it is (R17).
PATIENCE = timedelta(minutes=5)
#: How long an answer may take, in business time (R20).
ANSWER = timedelta(hours=1)

# R17: that Pepper fails or is late is noticed by the clock, not by Pepper.
pepper.expect(
    LeadTriaged,
    after=LeadReceived,
    within=PATIENCE,
    otherwise=LeadUntriaged,
    rule="R17",
    each=("lead_id",),
    same=("lead_id",),
    from_receipt=True,
)


@pepper.on(LeadReceived)
def lead(event: LeadReceived, ctx: SyncContext) -> None:
    """Triage a lead: nobody else hears of it before."""
    verdict = judge_lead(event, ctx.account.stage)
    ctx.emit(
        LeadTriaged(
            lead_id=event.lead_id,
            bucket=verdict.bucket,
            urgency=verdict.urgency,
            response_warranted=verdict.warranted,
            reason=verdict.reason,
        ),
        key=event.lead_id,
    )
    if not verdict.warranted:
        return
    ctx.task(
        f"Answer a lead: {event.party.name or event.party.company or 'name not told'}",
        text=_context(event, ctx, verdict.urgency, verdict.reason),
        key=event.lead_id,
        assignee="coo",
        due_at=_due(event),
        rule="R17",
    )
    _draft(event, ctx)


@pepper.on(ResponseSent)
def answered(event: ResponseSent, ctx: SyncContext) -> None:
    """Whoever got an answer is nobody's open task any more."""
    if event.lead_id is not None:
        ctx.done(event.lead_id)


@pepper.on_message("unknown caller")
def unknown_caller(event: MessageDelivered, ctx: SyncContext) -> None:
    """Arin tells of a caller whom nobody knows; where the call was told as a lead, too, it is triaged as one."""
    if not ctx.timeline.count(LeadReceived):
        ctx.task("Somebody unknown called", text=event.body, key=event.message_id, assignee="coo", rule="R15")


def _draft(event: LeadReceived, ctx: SyncContext) -> None:
    """R18: an answer, for a human to make their own. It leaves in that human's name, or not at all (R16, R19)."""
    whom = addressee(event, ctx.account)
    asked = "; ".join(str(value) for value in (event.text, *event.fields.values()) if value)
    text = compose("answer", stage="inquiry", name=whom.name, company=event.party.company, asked=asked)
    ctx.draft(
        "mail",
        to=whom.to,
        subject=text.subject,
        body=text.body,
        sends=ResponseSent,
        fields={"lead_id": event.lead_id},
        key=event.lead_id,
        due_at=_due(event),
        sources=[event],
        missing=[*whom.missing, *([] if asked else ["what they want to know"])],
    )


def _due(event: LeadReceived) -> datetime:
    return settings().hours.add(event.envelope.time, ANSWER)


def _context(event: LeadReceived, ctx: SyncContext, urgency: str, reason: str) -> str:
    """What the human should know: source, contact, company, history and urgency."""
    party, account = event.party, ctx.account
    reach = ", ".join(value for value in (party.email, party.phone) if value) or "none that we could read"
    before = sum(account.facts.values()) - 1
    history = f"{before} events before, now in {account.stage}" if before > 0 else "none: new to us"
    asked = "; ".join(f"{question}: {answer}" for question, answer in event.fields.items())
    lines = [
        f"Source: {event.channel.replace('_', ' ')}" + (f" on {event.platform}" if event.platform else ""),
        f"Contact: {party.name or 'name not told'} ({reach})",
        f"Company: {party.company or 'not told'}",
        f"History: {history}",
        f"Urgency: {urgency}; {reason}",
    ]
    return "\n".join(lines + ([f"Wrote: {asked}"] if asked else []))
