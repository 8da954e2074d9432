"""Crystal owns projects: one for each new engagement, and onboarding once its contract is signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from seamline import Seat, SyncContext
from seamline.boundary import GATE_TRUST
from seamline.events import (
    ContractDeclined,
    ContractSigned,
    ContractVoided,
    DealLost,
    DealWon,
    EmailTriaged,
    KickoffBooked,
    KickoffCancelled,
    KickoffOverdue,
    OnboardingStarted,
    ProjectCreated,
    RelationshipEnded,
)
from seamline.expectation import Known

#: What stands for the contract while none is known: the guard lets nothing start with it.
NO_CONTRACT = "not signed yet"
#: Longest part of an engagement's id that goes into the ids of its project.
_LONGEST = 280

crystal = Seat(
    "crystal",
    role="Project tracking",
    owns=["project.*", "onboarding.*", "kickoff.*", "milestone.*", "task.*", "relationship.*", "exit.*"],
    does_not_own=["deal.*", "contract.*", "meeting.*"],
    informed=[
        "ad.*",
        "audience.*",
        "campaign.*",
        "pixel.*",
        "email.*",
        "chat.*",
        "response.sent",
        "deal.won",
        "contract.*",
        "meeting.*",
        "invoice.*",
        "subscription.*",
        "account.status_changed",
        "signal.*",
        "outreach.*",
        "risk.*",
        "score.*",
    ],
    reports_to="coo",
)


def _overdue(deal: DealWon, known: Known) -> dict[str, Any]:
    """What a missed kickoff says of its deal, and whether the contract or only the booking is waited for."""
    return {
        "project_id": project_of(deal),
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
    project = project_of(event)
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


@crystal.on(ProjectCreated)
def project_created(event: ProjectCreated, ctx: SyncContext) -> None:
    """Ask for the welcome sequence. Without a signed contract the guard parks this, and this alone."""
    ctx.emit(
        OnboardingStarted(
            project_id=event.project_id,
            sequence_id=f"{event.project_id}/welcome",
            contract_id=contract_of(event, ctx) or NO_CONTRACT,
        ),
        key=event.project_id,
    )


@crystal.on(OnboardingStarted)
def onboarding_started(event: OnboardingStarted, ctx: SyncContext) -> None:
    """The welcome is written and sent by a human."""
    ctx.task(
        f"Welcome the customer: {ctx.account.name or 'name not told'}",
        text=f"Contract {event.contract_id} is signed. Send the welcome and offer times for the kickoff.",
        key=event.project_id,
        assignee="onboarding_team",
        rule="R4",
    )


@crystal.on(ContractVoided)
def contract_voided(event: ContractVoided, ctx: SyncContext) -> None:
    """What has begun on a contract that is withdrawn cannot be unsaid: a human decides."""
    if ctx.timeline.last(OnboardingStarted, contract_id=event.contract_id) is not None:
        ctx.flag(
            "contract-voided-after-start",
            key=event.contract_id,
            text="Onboarding has begun on a contract that was withdrawn",
            severity="risk",
            evidence=[event],
        )


@crystal.on(KickoffBooked)
def kickoff_booked(event: KickoffBooked, ctx: SyncContext) -> None:
    ctx.log(f"Kickoff booked for {event.starts_at:%Y-%m-%d %H:%M} UTC.")


@crystal.on(KickoffCancelled)
def kickoff_cancelled(event: KickoffCancelled, ctx: SyncContext) -> None:
    ctx.flag("kickoff-cancelled", key=event.calendar_event_id, text="The kickoff was called off", evidence=[event])


@crystal.on(EmailTriaged)
def email_triaged(event: EmailTriaged, ctx: SyncContext) -> None:
    if ctx.facts.known(ProjectCreated):
        ctx.log(f"Project log: the customer wrote ({event.outcome}).")


def project_of(deal: DealWon) -> str:
    """The id of the project of a deal's engagement."""
    return f"project-{engagement_of(deal)[:_LONGEST]}"


def engagement_of(deal: DealWon) -> str:
    """What a project is made for: the engagement that the CRM names, else the deal itself."""
    return deal.engagement_id or deal.deal_id


def contract_of(project: ProjectCreated, ctx: SyncContext) -> str | None:
    """The contract on which a project may start: in force, of a word that counts, and no other project's.

    One that names another deal or engagement is not for this project; of several, the one signed last.
    """
    taken = {one.contract_id for one in ctx.timeline.all(OnboardingStarted) if one.project_id != project.project_id}
    told: list[ContractSigned | ContractVoided | ContractDeclined] = [
        *ctx.timeline.all(ContractSigned),
        *ctx.timeline.all(ContractVoided),
        *ctx.timeline.all(ContractDeclined),
    ]
    in_force: dict[str, ContractSigned] = {}
    for fact in sorted(told, key=lambda one: (one.envelope.time, str(one.id))):
        if not isinstance(fact, ContractSigned):
            in_force.pop(fact.contract_id, None)
        elif fact.envelope.trust in GATE_TRUST:
            in_force.pop(fact.contract_id, None)
            in_force[fact.contract_id] = fact
    fitting = [
        contract.contract_id
        for contract in in_force.values()
        if contract.contract_id not in taken
        and contract.deal_id in (None, project.deal_id)
        and contract.engagement_id in (None, project.engagement_id)
    ]
    return fitting[-1] if fitting else None
