"""Pepper sees every lead and every mail first, and hands them to a human with context. Pepper never answers."""

from __future__ import annotations

from seamline import Seat, SyncContext
from seamline.events import EmailDeliveryChanged, EmailReceived, EmailTriaged, LeadReceived, LeadTriaged
from seamline_agency.triage import judge_email, judge_lead

pepper = Seat(
    "pepper",
    role="Inbox and lead triage",
    owns=["lead.received", "email.*", "chat.*", "response.sent"],
    makes=["lead.triaged"],  # Dirk goes on from there
    does_not_own=["lead.qualified", "proposal.*", "deal.*"],
    informed=["project.*", "onboarding.*", "kickoff.*", "milestone.*", "task.*", "relationship.*", "exit.*"],
    reports_to="coo",
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
    if verdict.warranted:
        ctx.task(
            f"Answer a lead: {event.party.name or event.party.company or 'name not told'}",
            text=_context(event, ctx, verdict.urgency, verdict.reason),
            key=event.lead_id,
            assignee="coo",
            rule="R17",
        )


@pepper.on(EmailReceived)
def email(event: EmailReceived, ctx: SyncContext) -> None:
    """Sort mail into exactly one outcome."""
    verdict = judge_email(event, ctx.account.stage)
    ctx.emit(
        EmailTriaged(message_id=event.message_id, outcome=verdict.bucket, reason=verdict.reason),
        key=event.message_id,
    )
    if verdict.warranted:
        ctx.task(
            f"Answer a mail: {event.subject or 'no subject'}",
            text=f"{verdict.bucket.replace('_', ' ')}, {verdict.urgency}: {verdict.reason}.",
            key=event.message_id,
            assignee="coo" if verdict.bucket == "lead" else "account_manager",
            rule="R21",
        )


@pepper.on(EmailDeliveryChanged)
def delivery_changed(event: EmailDeliveryChanged, ctx: SyncContext) -> None:
    """What became of a human's mail; one that did not arrive is that human's business."""
    if event.status in ("bounced", "complained"):
        ctx.task(f"A mail of ours {event.status}", text=event.reason or "", key=event.message_id, assignee="coo")
    ctx.log(f"A human's mail: {event.status}.")


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
