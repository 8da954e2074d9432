"""Exits: as structured as the beginning. A checklist by evidence, then the log, then the project is closed."""

from __future__ import annotations

from collections.abc import Iterable

from seamline import Event, SyncContext
from seamline.events import (
    AccountStatusChanged,
    ExitAdhocDetected,
    ExitItemReopened,
    ExitItemVerified,
    ExitLogged,
    ProjectClosed,
    RelationshipEnded,
)
from seamline_agency.balance import open_balance
from seamline_agency.leaving import ITEMS, end_of, evidence_of
from seamline_agency.project import open_projects
from seamline_agency.seats.crystal.projects import note
from seamline_agency.seats.crystal.seat import crystal
from seamline_agency.stages import CLIENT_STAGES


@crystal.on(RelationshipEnded)
def ended(event: RelationshipEnded, ctx: SyncContext) -> None:
    """R55, R58: open the checklist, once; whoever can be asked about an item is asked."""
    first = end_of(ctx)
    if first is None or first.id != event.id:
        ctx.log("The end was told before: its checklist is open or settled.")
        return
    for item in ITEMS:
        asked = list(evidence_of(item, ctx))
        for ref, source in asked:
            ctx.check(item, ref=ref, source=source, key=ref.id)
        if not asked:
            ctx.check(item)
            ctx.task(
                f"Exit: see to it that no {item} goes on",
                text="Nobody can be asked about it. Settle it by hand with a reason, such as: handed over, not ours.",
                key=f"exit/{item}",
                assignee="account_manager",
                rule="R58",
            )
    note("The relationship ended; the checklist is open.", ctx, key="ended")


@crystal.on(ExitItemVerified)
def item_verified(event: ExitItemVerified, ctx: SyncContext) -> None:
    """R57: write the exit down and close the projects. The guard refuses that while an item is open."""
    newest, end = ctx.timeline.last(ExitItemVerified), end_of(ctx)
    if end is None or newest is None or newest.id != event.id:
        ctx.log(f"{event.item} is settled; what was settled last asks for the log.")
        return
    logged = ctx.timeline.last(ExitLogged)
    if logged is not None and logged.envelope.sequence > end.envelope.sequence:
        ctx.log(f"{event.item} is settled again; the exit is logged already.")
        return
    ctx.emit(_log(end, ctx), key=str(end.id), once=True)
    for project in open_projects(ctx):
        ctx.emit(
            ProjectClosed(project_id=project.project_id, reason=end.reason),
            key=f"{project.project_id}/{end.id}",
            once=True,
        )


@crystal.on(ExitItemReopened)
def item_reopened(event: ExitItemReopened, ctx: SyncContext) -> None:
    """The engine has raised the alarm; the record keeps what it was about."""
    ctx.log(f"{event.item} of a former customer runs again.")


@crystal.on(AccountStatusChanged)
def status_changed(event: AccountStatusChanged, ctx: SyncContext) -> None:
    """R59: a customer who turns inactive without a word of an end is an exit that nobody has begun."""
    if event.status != "inactive" or end_of(ctx) is not None or ctx.account.stage not in CLIENT_STAGES:
        return
    known = ctx.timeline.last(ExitAdhocDetected)
    active = [one for one in ctx.timeline.all(AccountStatusChanged) if one.status == "active"]
    if known is not None and not _later(active, known):
        ctx.log("Told inactive once more: a human has it.")
        return
    ctx.emit(ExitAdhocDetected(evidence=[event.id]), key=str(event.id))


@crystal.on(ExitAdhocDetected)
def adhoc_detected(event: ExitAdhocDetected, ctx: SyncContext) -> None:
    """A human says whether the relationship ended; only then the exit takes its course."""
    text = "Inactive in CRM or billing, and nobody said that the relationship ended"
    ctx.flag("exit-adhoc", text=text, severity="risk", evidence=[event, *event.evidence])
    ctx.task(
        f"Has {ctx.account.name or 'this customer'} left us?",
        text=f"{text}. If so, state relationship.ended; if not, mend the CRM or billing.",
        key=str(event.id),
        assignee="coo",
        rule="R59",
    )


def _log(end: RelationshipEnded, ctx: SyncContext) -> ExitLogged:
    """The exit in one record: why, when, by whom, what proves each item, and what is still owed."""
    proof: dict[str, str] = {}
    for one in ctx.timeline.all(ExitItemVerified):
        if one.envelope.sequence > end.envelope.sequence:
            proof.setdefault(one.item, str(one.id))
    balance = open_balance(ctx.timeline)
    return ExitLogged(
        reason=end.reason or "not told",
        ended_on=(end.effective_at or end.envelope.time).date(),
        logged_on=ctx.now.date(),
        by=f"{end.initiated_by}, as told by {end.envelope.source.rpartition('/')[2]}",
        checklist=tuple(proof[item] for item in sorted(proof)),
        open_balance=balance.amount,
        currency=balance.currency,
    )


def _later(events: Iterable[Event], than: Event) -> bool:
    return any(one.envelope.sequence > than.envelope.sequence for one in events)
