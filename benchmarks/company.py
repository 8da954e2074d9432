"""The benchmark's company: two seats, one flag each for every lead. It is copied into a folder and imported there."""

from __future__ import annotations

from seamline import Roster, Seat, SyncContext
from seamline.events import LeadReceived

pepper = Seat("pepper", owns=["lead.*"])
dash = Seat("dash", informed=["lead.received"])


@pepper.on(LeadReceived)
def answer_lead(event: LeadReceived, ctx: SyncContext) -> None:
    budget = (event.fields or {}).get("budget", "unknown")
    ctx.flag("answer", key=event.lead_id, text=f"A new lead with a budget of {budget}: answer today")


@dash.on(LeadReceived)
def watch_campaign(event: LeadReceived, ctx: SyncContext) -> None:
    campaign = event.campaign_id or "unknown"
    ctx.flag("attribution", key=event.lead_id, text=f"Campaign {campaign} has brought a lead")


roster = Roster([pepper, dash])
