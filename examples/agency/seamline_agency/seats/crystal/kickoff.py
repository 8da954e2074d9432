"""The kickoff: booked, moved, called off, held. Calendars tell it; what is not told in time is flagged."""

from __future__ import annotations

from seamline import SyncContext
from seamline.events import KickoffBooked, KickoffCancelled, KickoffHeld, MeetingHeld, MilestoneCompleted
from seamline_agency.project import project_of
from seamline_agency.seats.crystal.projects import note
from seamline_agency.seats.crystal.seat import crystal

#: The purpose that a calendar's settings give to a kickoff.
KICKOFF = "kickoff"


@crystal.on(KickoffBooked)
def kickoff_booked(event: KickoffBooked, ctx: SyncContext) -> None:
    note(f"Kickoff booked for {event.starts_at:%Y-%m-%d %H:%M} UTC.", ctx, key=f"{event.calendar_event_id}/booked")


@crystal.on(KickoffCancelled)
def kickoff_cancelled(event: KickoffCancelled, ctx: SyncContext) -> None:
    ctx.flag("kickoff-cancelled", key=event.calendar_event_id, text="The kickoff was called off", evidence=[event])
    note("The kickoff was called off.", ctx, key=f"{event.calendar_event_id}/cancelled")


@crystal.on(KickoffHeld)
def kickoff_held(event: KickoffHeld, ctx: SyncContext) -> None:
    reach_kickoff(event.project_id, ctx)


@crystal.on(MeetingHeld)
def meeting_held(event: MeetingHeld, ctx: SyncContext) -> None:
    """A calendar that has no word for a kickoff tells of a meeting with this purpose."""
    if event.purpose == KICKOFF:
        reach_kickoff(None, ctx)


def reach_kickoff(project_id: str | None, ctx: SyncContext) -> None:
    """The kickoff milestone is reached, once, whoever tells that it was held."""
    project = project_of(ctx, project_id)
    if project is None:
        ctx.log("A kickoff was held, and there is no project that it could be of.")
        return
    milestone = project.kickoff_milestone_id
    if ctx.timeline.count(MilestoneCompleted, project_id=project.project_id, milestone_id=milestone) == 0:
        ctx.emit(
            MilestoneCompleted(project_id=project.project_id, milestone_id=milestone, name="Kickoff"), key=milestone
        )
