"""Arin looks after the call center: what was called, what was missed, and what the team should know."""

from __future__ import annotations

from datetime import date

from seamline import Seat, SyncContext
from seamline.events import CallCompleted, CoachingPosted, DeadlineFired
from seamline_agency.coaching import READ, facts_of, shift_start, since, written_at
from seamline_agency.settings import settings
from seamline_agency.writer import compose

#: What the team is called in the record of its notes.
TEAM = "call center team"

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


@arin.daily("coaching", at=written_at(settings()), tz=settings().timezone, days=settings().shift_days)
def coaching(event: DeadlineFired, ctx: SyncContext) -> None:
    """R73, R74: a note for the shift that begins, to be read by a human before it goes out, or never."""
    day, ours = date.fromisoformat(event.key), settings()
    start = shift_start(day, ours)
    if ctx.now >= start:
        ctx.log(f"The shift of {day} has begun: its note is not written any more.")
        return
    calls = [one for one in ctx.company.events(CallCompleted, since=since(day, ours)) if isinstance(one, CallCompleted)]
    facts = facts_of(calls, ours.timezone)
    if not facts:
        ctx.log(f"No call came in before the shift of {day}: there is no note.")
        return
    text = compose("coaching", day=f"{day:%A, %-d %B}", **facts)
    ctx.draft(
        "slack",
        to=[ours.coaching_channel],
        body="\n\n".join(filter(None, text)),  # a message at Slack has no subject
        sends=CoachingPosted,
        fields={"shift_start": start, "audience": TEAM},
        key=f"shift/{day.isoformat()}",
        due_at=start - READ,
        expires_at=start,
        sources=calls,
    )
