"""Pulse watches how each customer is doing. Pulse always wins, and never calls the client."""

from __future__ import annotations

from seamline import Seat, SyncContext
from seamline.events import DealWon, EmailTriaged, LeadTriaged

pulse = Seat(
    "pulse",
    role="Retention signals",
    owns=["signal.*", "outreach.*", "risk.*", "score.*", "expansion.clearance_requested"],
    makes=["expansion.recommended"],
    does_not_own=["offer.*", "deal.*"],
    informed=[
        "lead.triaged",
        "lead.qualified",
        "email.*",
        "chat.*",
        "response.sent",
        "call.completed",
        "proposal.*",
        "buying_signal.*",
        "followup.*",
        "deal.*",
        "contract.*",
        "metrics.*",
        "brief.*",
        "summary.*",
        "call.noted",
        "meeting.*",
        "invoice.*",
        "subscription.*",
        "account.status_changed",
        "expansion.*",
        "offer.*",
        "relationship.*",
        "exit.*",
    ],
    reports_to="coo",
)


@pulse.on(LeadTriaged)
def lead_triaged(event: LeadTriaged, ctx: SyncContext) -> None:
    ctx.log(f"On the watch from here on: {event.bucket}.")


@pulse.on(EmailTriaged)
def email_triaged(event: EmailTriaged, ctx: SyncContext) -> None:
    """A customer who writes is in contact, whatever they write."""
    if event.outcome in ("client_urgent", "client_routine"):
        ctx.log(f"In contact: wrote to us ({event.outcome}).")


@pulse.on(DealWon)
def won(event: DealWon, ctx: SyncContext) -> None:
    ctx.log(f"A client now (deal {event.deal_id}): the baseline starts here.")
