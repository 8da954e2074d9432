"""Mail: every one gets exactly one outcome; one that wants an answer gets a draft in its own conversation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from seamline import Event, SyncContext
from seamline.events import (
    EmailDeliveryChanged,
    EmailReceived,
    EmailSent,
    EmailTriaged,
    LeadTriaged,
    ProjectNoted,
    ResponseSent,
)
from seamline_agency.addressee import Addressee, addressee
from seamline_agency.pipeline import in_words, open_sales
from seamline_agency.seats.pepper.seat import pepper
from seamline_agency.settings import settings
from seamline_agency.triage import Verdict, judge_email
from seamline_agency.writer import compose

#: How long an answer may take, in business time: to somebody new or in trouble, and to everybody else.
SOON, LATER = timedelta(hours=1), timedelta(hours=8)
#: How many lines of a project's log a human is shown.
LINES = 5


@pepper.on(EmailReceived)
def email(event: EmailReceived, ctx: SyncContext) -> None:
    """Sort mail into exactly one outcome (R21), and tell whoever has to know."""
    verdict = judge_email(event, ctx.account.stage)
    ctx.emit(
        EmailTriaged(message_id=event.message_id, outcome=verdict.bucket, reason=verdict.reason),
        key=event.message_id,
    )
    if not verdict.warranted:
        return
    sales, noted = open_sales(ctx.timeline), ctx.timeline.all(ProjectNoted)[:LINES]
    if verdict.bucket == "client_urgent":
        ctx.flag("client-urgent", key=event.message_id, text=f"A client writes: {verdict.reason}", evidence=[event])
    if sales:  # R62: whoever sells to them knows what they write
        ctx.message(
            "dirk",
            topic="mail",
            body=f"Mail while {in_words(sales)} is open: {verdict.bucket}, {verdict.reason}. Mail {event.id}.",
            key=event.message_id,
        )
    waiting = _waiting_lead(ctx)
    ctx.task(
        f"Answer a mail: {event.subject or 'no subject'}",
        text=_context(verdict, sales, noted, waiting),
        key=event.message_id,
        assignee="coo" if verdict.bucket == "lead" else "account_manager",
        due_at=settings().hours.add(event.envelope.time, _pace(verdict)),
        rule="R21",
    )
    if waiting is None:  # a person who is not answered yet gets one answer, to all that they wrote
        _draft(event, verdict, [event, *sales, *noted], ctx)


@pepper.on(EmailSent)
def answered(event: EmailSent, ctx: SyncContext) -> None:
    """Mails of a conversation that we have written in are answered."""
    if event.thread_id is not None:
        for mail in ctx.timeline.all(EmailReceived, thread_id=event.thread_id):
            ctx.done(mail.message_id)


@pepper.on(EmailDeliveryChanged)
def delivery_changed(event: EmailDeliveryChanged, ctx: SyncContext) -> None:
    """What became of a human's mail; one that did not arrive is that human's business."""
    if event.status in ("bounced", "complained"):
        ctx.task(f"A mail of ours {event.status}", text=event.reason or "", key=event.message_id, assignee="coo")
    ctx.log(f"A human's mail: {event.status}.")


def _draft(event: EmailReceived, verdict: Verdict, sources: Sequence[Event], ctx: SyncContext) -> None:
    """An answer in the conversation of the mail. The next mail of that conversation replaces it."""
    whom = addressee(event, ctx.account)
    if whom.email is None:
        whom = Addressee(whom.name, event.sender if "@" in event.sender else None)
    kinds = {"lead": "answer", "client_urgent": "urgent reply"}
    stage = "inquiry" if verdict.bucket == "lead" else None
    text = compose(
        kinds.get(verdict.bucket, "reply"),
        stage=stage,
        name=whom.name,
        company=event.party.company,
        subject=event.subject.removeprefix("Re: "),
        asked=event.text,
    )
    thread = event.thread_id or event.message_id
    is_lead = verdict.bucket == "lead"
    ctx.draft(
        "mail",
        to=whom.to,
        subject=text.subject,
        body=text.body,
        sends=ResponseSent if is_lead else EmailSent,
        fields={} if is_lead else {"message_id": f"answer-{event.id}", "thread_id": thread},
        key=thread,
        due_at=settings().hours.add(event.envelope.time, _pace(verdict)),
        thread=thread,
        in_reply_to=event.message_id,
        sources=sources,
        missing=[*whom.missing, *([] if event.text else ["the text of the mail"])],
    )


def _waiting_lead(ctx: SyncContext) -> LeadTriaged | None:
    """A lead of this account that waits for its answer: what we drafted for it is the answer."""
    leads = [one for one in ctx.timeline.all(LeadTriaged) if one.response_warranted]
    answered = ctx.timeline.last(ResponseSent)
    if not leads or (answered is not None and answered.envelope.sequence > leads[0].envelope.sequence):
        return None
    return leads[0]


def _pace(verdict: Verdict) -> timedelta:
    return SOON if verdict.bucket in ("lead", "client_urgent") else LATER


def _context(
    verdict: Verdict, sales: Sequence[Event], noted: Sequence[ProjectNoted], waiting: LeadTriaged | None
) -> str:
    """What the human should know: the verdict, what is being sold, and what Crystal wrote down (R66)."""
    lines = [f"{verdict.bucket.replace('_', ' ')}, {verdict.urgency}: {verdict.reason}."]
    if waiting is not None:
        lines.append(f"Their lead {waiting.lead_id} waits for its answer: one answer to both.")
    if sales:
        lines.append(f"Open: {in_words(sales)}.")
    lines += [f"Project log: {one.text or one.note_ref} ({one.id})" for one in noted]
    return "\n".join(lines)
