"""Onboarding: projects, kickoff, milestones, tasks.

Projects and milestones are Crystal's own: judgement, so that no source can open a project or call onboarding
finished. A project tool tells ``task.changed`` (with ``milestone`` where the task is one) and Crystal concludes.
Bookings are facts: a calendar, or the rule that reads a meeting as the kickoff, tells them.
"""

from __future__ import annotations

from typing import Literal

from seamline.events.base import Event, Personal, When
from seamline.events.values import Id, Text


class ProjectCreated(Event, type="project.created", stage="onboarding", nature="judgement"):
    """A new engagement has its project, with a kickoff milestone: there is none without."""

    project_id: Id
    engagement_id: Id
    kickoff_milestone_id: Id
    deal_id: Id | None = None
    name: str | None = None


class ProjectNoted(Event, type="project.noted", stage="onboarding", nature="judgement"):
    """A line in the project's log."""

    project_id: Id
    note_ref: str | None = None
    text: Text = None


class ProjectClosed(Event, type="project.closed", stage="onboarding", nature="judgement"):
    """The project is over."""

    project_id: Id
    reason: Personal[str | None] = None


class OnboardingStarted(Event, type="onboarding.started", stage="onboarding", nature="judgement"):
    """The onboarding sequence runs. Impossible before ``contract.signed``."""

    project_id: Id
    sequence_id: Id
    contract_id: Id


class OnboardingCompleted(Event, type="onboarding.completed", stage="onboarding", nature="judgement"):
    """Onboarding is done; delivery begins."""

    project_id: Id
    milestone_id: Id | None = None


class MilestoneCompleted(Event, type="milestone.completed", stage="onboarding", nature="judgement"):
    """A milestone of a project is reached."""

    project_id: Id
    milestone_id: Id
    name: str | None = None


class TaskChanged(Event, type="task.changed", stage="onboarding"):
    """A task in a project tool was made, moved or finished; ``project_id`` is the tool's own."""

    task_id: Id
    project_id: Id | None = None
    status: str
    name: Personal[str | None] = None
    milestone: bool = False
    completed: bool | None = None
    due_at: When | None = None


class KickoffBooked(Event, type="kickoff.booked", stage="onboarding"):
    """The kickoff has a time. It may be booked before the deal closes, so the project may be unknown."""

    calendar_event_id: Id
    project_id: Id | None = None
    starts_at: When
    booked_at: When | None = None


class KickoffCancelled(Event, type="kickoff.cancelled", stage="onboarding"):
    """The kickoff was called off; a new time is not known."""

    calendar_event_id: Id
    project_id: Id | None = None
    starts_at: When | None = None
    booked_at: When | None = None


class KickoffHeld(Event, type="kickoff.held", stage="onboarding"):
    """The kickoff took place."""

    project_id: Id | None = None
    calendar_event_id: Id | None = None
    starts_at: When | None = None
    booked_at: When | None = None


class KickoffOverdue(Event, type="kickoff.overdue", stage="onboarding", nature="judgement"):
    """No kickoff was booked in time after the deal closed."""

    deadline: When
    project_id: Id | None = None
    deal_id: Id | None = None
    deal_closed_at: When | None = None
    waiting_for: Literal["booking", "contract"] = "booking"
