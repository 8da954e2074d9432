"""Projects: one for each new engagement, with a kickoff milestone, and a log that others may read."""

from __future__ import annotations

from seamline import SyncContext
from seamline.events import DealWon, EmailTriaged, ProjectCreated, ProjectNoted
from seamline_agency.project import project_of
from seamline_agency.seats.crystal.seat import crystal

#: Longest part of an engagement's id that goes into the ids of its project.
_LONGEST = 280


@crystal.on(DealWon)
def won(event: DealWon, ctx: SyncContext) -> None:
    """Open the project of a new engagement, inside: it does not wait for the contract, only the sequence does."""
    if event.engagement == "addendum":
        ctx.log(f"Deal {event.deal_id} adds to an engagement: no project of its own.")
        return
    engagement = engagement_of(event)
    # Of all that tell this engagement, the first in the ledger makes its project. What came of that one cannot be
    # asked: this handler reads as of its own event, whatever has been done since.
    same = [one for one in ctx.timeline.all(DealWon) if one.engagement != "addendum"]
    first = next(one for one in reversed(same) if engagement_of(one) == engagement)
    if first.id != event.id:
        ctx.log(f"Deal {event.deal_id} was won before: it has its project.")
        return
    project = project_id_of(event)
    ctx.emit(
        ProjectCreated(
            project_id=project,
            engagement_id=engagement,
            kickoff_milestone_id=f"{project}/kickoff",
            deal_id=event.deal_id,
            name=event.party.company or ctx.account.name,
        ),
        key=engagement,
    )


@crystal.on(EmailTriaged)
def email_triaged(event: EmailTriaged, ctx: SyncContext) -> None:
    """A customer's mail is part of what happened in their project."""
    if event.outcome in ("client_urgent", "client_routine", "lead") and project_of(ctx) is not None:
        note(f"The customer wrote ({event.outcome.replace('_', ' ')}).", ctx, key=event.message_id)


def note(text: str, ctx: SyncContext, *, key: str) -> None:
    """R66: write a line into the project's log, which other seats read; without a project into the timeline."""
    project = project_of(ctx)
    if project is None:
        ctx.log(text)
    else:
        ctx.emit(ProjectNoted(project_id=project.project_id, text=text), key=key)


def project_id_of(deal: DealWon) -> str:
    """The id of the project of a deal's engagement."""
    return f"project-{engagement_of(deal)[:_LONGEST]}"


def engagement_of(deal: DealWon) -> str:
    """What a project is made for: the engagement that the CRM names, else the deal itself."""
    return deal.engagement_id or deal.deal_id
