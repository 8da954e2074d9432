"""Onboarding: asked for with the project, possible with the contract, and welcomed by a human."""

from __future__ import annotations

from datetime import timedelta

from seamline import Event, SyncContext
from seamline.events import (
    CallNoted,
    ContractSigned,
    ContractVoided,
    EmailReceived,
    EmailSent,
    KickoffBooked,
    OnboardingStarted,
    ProjectCreated,
    ProposalAccepted,
    ProposalSent,
)
from seamline_agency.addressee import addressee
from seamline_agency.seats.crystal.contract import NO_CONTRACT, contract_of
from seamline_agency.seats.crystal.seat import crystal
from seamline_agency.settings import settings
from seamline_agency.writer import compose

#: How long the welcome may take, in business time.
WELCOME = timedelta(hours=4)
#: How many mails of the time before the sale the onboarding team is shown.
MAILS = 5


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
    """The welcome is written and sent by a human, who has the kickoff packet (R33)."""
    known = _packet(ctx)
    ctx.task(
        f"Welcome the customer: {ctx.account.name or 'name not told'}",
        text=f"Contract {event.contract_id} is signed. Send the welcome and offer times for the kickoff.\n"
        + _in_words(known, ctx),
        key=event.project_id,
        assignee="onboarding_team",
        rule="R4",
    )
    _draft(event, known, ctx)


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


def _draft(event: OnboardingStarted, known: dict[str, Event | None], ctx: SyncContext) -> None:
    """The welcome. What guards the start of onboarding guards it, too: it names the contract (R4)."""
    sent, booked = known["the proposal"], ctx.timeline.last(KickoffBooked)
    # Who signed or accepted is who is welcomed, where nobody is named in our own event.
    whom = addressee(next(filter(None, (known["the acceptance"], known["the contract"], sent)), event), ctx.account)
    text = compose(
        "welcome",
        stage="onboarding",
        name=whom.name,
        company=ctx.account.name,
        scope=sent.title if isinstance(sent, ProposalSent) else None,
        kickoff=None if booked is None else f"{booked.starts_at:%-d %B %Y, %H:%M} UTC",
        invitation="Please choose a time for your kickoff; we bring the plan." if booked is None else None,
    )
    ctx.draft(
        "mail",
        to=whom.to,
        subject=text.subject,
        body=text.body,
        sends=EmailSent,
        fields={
            "message_id": f"welcome-{event.id}",
            "contract_id": event.contract_id,
            "project_id": event.project_id,
        },
        under=OnboardingStarted,
        key=f"welcome/{event.project_id}",
        due_at=settings().hours.add(ctx.now, WELCOME),
        sources=[event, *filter(None, known.values())],
        missing=[*whom.missing, *(name for name, found in known.items() if found is None)],
    )


def _packet(ctx: SyncContext) -> dict[str, Event | None]:
    """What was promised and said before the sale, by name; None: it is not known, and is shown as missing."""
    return {
        "the proposal": ctx.timeline.last(ProposalSent),
        "the acceptance": ctx.timeline.last(ProposalAccepted),
        "the contract": ctx.timeline.last(ContractSigned),
        "call notes": ctx.timeline.last(CallNoted),
        "the mails before the sale": ctx.timeline.last(EmailReceived) or ctx.timeline.last(EmailSent),
    }


def _in_words(known: dict[str, Event | None], ctx: SyncContext) -> str:
    """The packet for the onboarding team: scope, contacts, and the thread before the sale, newest first."""
    sent = known["the proposal"]
    lines = [f"Scope: {sent.title or sent.proposal_id} ({sent.id})"] if isinstance(sent, ProposalSent) else []
    lines += [
        f"Contact: {one.get('name') or 'name not told'}, {one.get('email') or one.get('phone')}"
        for one in ctx.account.contacts
    ]
    mails: list[EmailReceived | EmailSent] = [*ctx.timeline.all(EmailReceived), *ctx.timeline.all(EmailSent)]
    mails.sort(key=lambda mail: mail.envelope.sequence, reverse=True)
    lines += [
        f"{'They' if isinstance(mail, EmailReceived) else 'We'} wrote: {mail.subject} ({mail.id})"
        for mail in mails[:MAILS]
    ]
    missing = [name for name, found in known.items() if found is None]
    return "\n".join(lines + ([f"Not known: {', '.join(missing)}"] if missing else []))
