"""The kickoff: booked, moved, called off, held. Calendars tell it; what is not told in time is flagged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from seamline import SyncContext
from seamline.events import (
    ContractSigned,
    DealLost,
    DealWon,
    KickoffBooked,
    KickoffCancelled,
    KickoffHeld,
    KickoffOverdue,
    MeetingHeld,
    MilestoneCompleted,
    RelationshipEnded,
)
from seamline.expectation import Known
from seamline_agency.project import project_of
from seamline_agency.seats.crystal.projects import note, project_id_of
from seamline_agency.seats.crystal.seat import crystal

#: The purpose that a calendar's settings give to a kickoff.
KICKOFF = "kickoff"


def _overdue(deal: DealWon, known: Known) -> dict[str, Any]:
    """What a missed kickoff says of its deal, and whether the contract or only the booking is waited for."""
    return {
        "project_id": project_id_of(deal),
        "deal_closed_at": deal.closed_at,
        "waiting_for": "booking" if known.has(ContractSigned) else "contract",
    }


crystal.expect(
    KickoffBooked,
    after=DealWon,
    within=timedelta(hours=48),
    otherwise=KickoffOverdue,
    rule="R32",
    started="closed_at",
    done="booked_at",
    each=("engagement_id", "deal_id"),
    same=("deal_id", "engagement_id"),
    undone=KickoffCancelled,
    which="calendar_event_id",
    grace=timedelta(hours=24),
    unless=(DealLost, RelationshipEnded),
    when=lambda deal: deal.engagement != "addendum",
    fill=_overdue,
)


@crystal.on(KickoffOverdue)
def kickoff_overdue(event: KickoffOverdue, ctx: SyncContext) -> None:
    """Flag it, and have the onboarding team see to it. What is told late, but was in time, takes both back."""
    waits_for = "a signed contract" if event.waiting_for == "contract" else "the booking"
    name = ctx.account.name or "name not told"
    ctx.flag(
        "kickoff-overdue",
        key=event.deal_id or "",
        text=f"No kickoff was booked within 48 hours; it waits for {waits_for}",
        severity="risk",
        evidence=[event],
    )
    ctx.task(
        f"Book the kickoff: {name}",
        text=f"The deal closed more than 48 hours ago. It waits for {waits_for}.",
        key=event.deal_id or "",
        assignee="onboarding_team",
        rule="R32",
    )


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
            MilestoneCompleted(project_id=project.project_id, milestone_id=milestone, name="Kickoff"),
            key=milestone,
            once=True,
        )
