"""Dash feeds the numbers, and keeps the calendar of clients. Dash does not talk to clients."""

from __future__ import annotations

from seamline import Seat, SyncContext
from seamline.events import MeetingBooked, MeetingCancelled, MeetingRescheduled

#: Stages in which an account is a client, and its meetings are Dash's; before that Dirk looks after them.
CLIENT_STAGES = ("onboarding", "delivery")

dash = Seat(
    "dash",
    role="Performance figures and client meetings",
    owns=[
        "ad.*",
        "audience.*",
        "campaign.*",
        "pixel.*",
        "metrics.*",
        "brief.*",
        "summary.*",
        "call.noted",
        "meeting.*",
    ],
    does_not_own=["signal.*", "kickoff.*"],
    informed=["relationship.*", "exit.*"],
    reports_to="account_manager",
)


@dash.on(MeetingBooked)
def booked(event: MeetingBooked, ctx: SyncContext) -> None:
    if ctx.account.stage in CLIENT_STAGES:
        ctx.log(f"Client meeting on {event.starts_at:%Y-%m-%d %H:%M} UTC: {event.title or 'no title'}.")


@dash.on(MeetingRescheduled)
def rescheduled(event: MeetingRescheduled, ctx: SyncContext) -> None:
    if ctx.account.stage in CLIENT_STAGES:
        ctx.log(f"Client meeting moved to {event.starts_at:%Y-%m-%d %H:%M} UTC.")


@dash.on(MeetingCancelled)
def cancelled(event: MeetingCancelled, ctx: SyncContext) -> None:
    if ctx.account.stage in CLIENT_STAGES:
        ctx.log(f"Client meeting called off by {event.cancelled_by or 'somebody'}.")
