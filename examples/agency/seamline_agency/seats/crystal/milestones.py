"""Milestones: a project tool tells of tasks, Crystal concludes what is reached, and when onboarding is done."""

from __future__ import annotations

from seamline import SyncContext
from seamline.events import MilestoneCompleted, OnboardingCompleted, OnboardingStarted, TaskChanged
from seamline_agency.project import progress_of, project_of
from seamline_agency.seats.crystal.projects import note
from seamline_agency.seats.crystal.seat import crystal


@crystal.on(TaskChanged)
def task_changed(event: TaskChanged, ctx: SyncContext) -> None:
    """A task that is a milestone and is finished is a milestone reached; the others are lines of the log."""
    project = project_of(ctx, event.project_id)
    if project is None or not (event.milestone and event.completed):
        note(f"Task {event.name or event.task_id}: {event.status}.", ctx, key=f"{event.task_id}/{event.status}")
        return
    if ctx.timeline.count(MilestoneCompleted, project_id=project.project_id, milestone_id=event.task_id) == 0:
        done = MilestoneCompleted(project_id=project.project_id, milestone_id=event.task_id, name=event.name)
        ctx.emit(done, key=f"{project.project_id}/{event.task_id}", once=True)


@crystal.on(MilestoneCompleted)
def milestone_completed(event: MilestoneCompleted, ctx: SyncContext) -> None:
    """Onboarding is done once it has started, the kickoff was held, and no milestone that we know of is left."""
    note(f"Milestone reached: {event.name or event.milestone_id}.", ctx, key=event.milestone_id)
    project = project_of(ctx, event.project_id)
    if project is None or ctx.timeline.count(OnboardingStarted, project_id=project.project_id) == 0:
        return
    progress = progress_of(project, ctx)
    if progress.done and not progress.completed:
        ctx.emit(
            OnboardingCompleted(project_id=project.project_id, milestone_id=event.milestone_id),
            key=project.project_id,
            once=True,
        )


@crystal.on(OnboardingCompleted)
def onboarding_completed(event: OnboardingCompleted, ctx: SyncContext) -> None:
    note("Onboarding is done; delivery begins.", ctx, key=event.project_id)
