"""Arin looks after the call center: what was called, what was missed, and what the team should know."""

from __future__ import annotations

from seamline import Seat, SyncContext
from seamline.events import CallCompleted

arin = Seat(
    "arin",
    role="Call center coaching",
    owns=["call.completed", "coaching.posted"],
    does_not_own=["lead.*", "call.noted"],
    reports_to="coo",
)


@arin.on(CallCompleted)
def completed(event: CallCompleted, ctx: SyncContext) -> None:
    """A call that nobody took is called back; of a caller whom nobody knows, Pepper is told."""
    if event.direction == "inbound" and event.outcome != "answered":
        ctx.task(
            "Call back: a call was missed",
            text=f"From {event.party.phone or 'an unknown number'}, {event.outcome}.",
            key=event.call_id,
            assignee="call_center_team",
        )
    if event.direction == "inbound" and ctx.account.stage is None:
        ctx.message(
            "pepper",
            topic="unknown caller",
            body=f"A call from somebody whom we do not know yet: {event.outcome}.",
            key=event.call_id,
        )
    ctx.log(f"Call {event.direction}, {event.outcome}.")
