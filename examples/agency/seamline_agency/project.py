"""The project that an event of an account is about, and what is known of it."""

from __future__ import annotations

from typing import NamedTuple

from seamline.context import SyncContext
from seamline.events import (
    MilestoneCompleted,
    OnboardingCompleted,
    ProjectClosed,
    ProjectCreated,
    TaskChanged,
)


def open_projects(ctx: SyncContext) -> list[ProjectCreated]:
    """The projects that are not closed, newest first."""
    closed = {one.project_id for one in ctx.timeline.all(ProjectClosed)}
    return [one for one in ctx.timeline.all(ProjectCreated) if one.project_id not in closed]


def project_of(ctx: SyncContext, project_id: str | None = None) -> ProjectCreated | None:
    """The project of this id, else the newest that is open: providers' tools have ids of their own."""
    projects = open_projects(ctx)
    named = [one for one in projects if one.project_id == project_id]
    return next(iter(named or projects), None)


class Progress(NamedTuple):
    """How far the onboarding of a project is: its kickoff, and the milestones that the project tool has told of."""

    kickoff: bool
    left: frozenset[str]
    completed: bool

    @property
    def done(self) -> bool:
        return self.kickoff and not self.left


def progress_of(project: ProjectCreated, ctx: SyncContext) -> Progress:
    """Onboarding is done when the kickoff was held and no milestone of the project tool is left."""
    reached = {one.milestone_id for one in ctx.timeline.all(MilestoneCompleted, project_id=project.project_id)}
    tasks: dict[str, TaskChanged] = {}
    for told in ctx.timeline.all(TaskChanged):
        if told.milestone:
            tasks.setdefault(told.task_id, told)
    return Progress(
        project.kickoff_milestone_id in reached,
        frozenset(task for task, told in tasks.items() if not told.completed),
        ctx.timeline.count(OnboardingCompleted, project_id=project.project_id) > 0,
    )
