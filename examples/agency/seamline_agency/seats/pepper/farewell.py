"""The farewell: when a customer leaves, the last letter is Pepper's to prepare and a human's to send."""

from __future__ import annotations

from datetime import timedelta

from seamline import SyncContext
from seamline.events import ExitCorrespondenceSent, RelationshipEnded
from seamline_agency.addressee import addressee
from seamline_agency.leaving import end_of
from seamline_agency.seats.pepper.seat import pepper
from seamline_agency.settings import settings
from seamline_agency.writer import compose

#: How long the last letter may take, in business time.
ANSWER = timedelta(hours=16)


@pepper.on(RelationshipEnded)
def ended(event: RelationshipEnded, ctx: SyncContext) -> None:
    """R56: one last letter, whoever tells the end and how often."""
    first = end_of(ctx)
    if first is None or first.id != event.id:
        ctx.log("The end was told before: the last letter is under way or was sent.")
        return
    whom = addressee(event, ctx.account)
    company = ctx.account.name or event.party.company
    on = (event.effective_at or event.envelope.time).date()
    text = compose("last letter", stage="exit", name=whom.name, company=company, ended_on=f"{on:%-d %B %Y}")
    ctx.draft(
        "mail",
        to=whom.to,
        subject=text.subject,
        body=text.body,
        sends=ExitCorrespondenceSent,
        key="last-letter",
        due_at=settings().hours.add(ctx.now, ANSWER),
        sources=[event],
        missing=[*whom.missing, *([] if event.reason else ["why they leave"])],
    )
