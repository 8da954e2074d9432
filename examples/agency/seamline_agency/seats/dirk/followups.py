"""Follow-ups: one window a proposal, opened by whoever looks first; inside it a human follows up, or it was missed.

The window stands in the ledger (``followup.window_opened``). Its two ends are deadlines; whether there still is
something to follow up is asked of the ledger when they come.
"""

from __future__ import annotations

from datetime import datetime

from seamline import Context, Event
from seamline.events import (
    CallCompleted,
    ChatSent,
    DeadlineFired,
    DealLost,
    DealWon,
    EmailSent,
    FollowupDue,
    FollowupMissed,
    FollowupWindowOpened,
    ProposalAccepted,
    ProposalCommented,
    ProposalDeclined,
    ProposalExpired,
    ProposalSent,
    ProposalViewed,
)
from seamline_agency.addressee import addressee
from seamline_agency.seats.dirk.seat import dirk
from seamline_agency.settings import settings
from seamline_agency.window import UNOPENED, Window, after_look, unopened
from seamline_agency.writer import compose

#: After any of these there is nothing left to follow up.
CLOSING = (ProposalAccepted, ProposalDeclined, ProposalExpired, DealWon, DealLost)


def watch_unopened(event: ProposalSent, ctx: Context) -> None:
    """Look again when nobody has opened it for three days."""
    ctx.deadline("proposal-unopened", at=event.envelope.time + UNOPENED, key=event.proposal_id, rule="R27")


async def open_window(look: Event, proposal: str, ctx: Context) -> None:
    """Open the window at the first view or comment; later ones do not push its end."""
    since = await _since(proposal, ctx)
    if since is None or await _windows(proposal, since, ctx):
        return
    looks = await _looks(proposal, since, ctx)
    if min(looks, key=lambda one: one.envelope.sequence).id == look.id:
        _open(proposal, since, after_look(look.envelope.time, settings().hours), ctx)


@dirk.due("proposal-unopened")
async def nobody_opened(event: DeadlineFired, ctx: Context) -> None:
    """Open a window of its own for a proposal that nobody has looked at."""
    since = await _since(event.key, ctx)
    if since is None or await _looks(event.key, since, ctx) or await _windows(event.key, since, ctx):
        return
    _open(event.key, since, unopened(event.due_at, settings().hours), ctx)


@dirk.on(FollowupWindowOpened)
async def window_opened(event: FollowupWindowOpened, ctx: Context) -> None:
    """Set the two ends of the window, and prepare the letter that waits for its beginning."""
    ctx.deadline("followup-due", at=event.earliest, key=event.proposal_id, rule="R27")
    ctx.deadline("followup-missed", at=event.latest, key=event.proposal_id, rule="R27")
    await _draft(event, ctx)


@dirk.due("followup-due")
async def begun(event: DeadlineFired, ctx: Context) -> None:
    """The window begins: now is the moment, unless it is over, or somebody was quicker."""
    window = await _window(event.key, ctx, until=event.due_at)
    if window is not None:
        ctx.emit(FollowupDue(proposal_id=event.key, earliest=window.earliest, latest=window.latest), key=event.key)


@dirk.due("followup-missed")
async def ended(event: DeadlineFired, ctx: Context) -> None:
    """The window ends and nobody has followed up."""
    window = await _window(event.key, ctx)
    if window is not None:
        ctx.emit(FollowupMissed(proposal_id=event.key, earliest=window.earliest, latest=window.latest), key=event.key)


@dirk.on(FollowupMissed)
async def missed(event: FollowupMissed, ctx: Context) -> None:
    """Show it: a prospect who looked was not spoken to in time."""
    text = f"Nobody followed up proposal {event.proposal_id} by {event.latest:%Y-%m-%d %H:%M} UTC"
    ctx.flag("followup-missed", key=event.proposal_id, text=text, evidence=[event])


async def _window(proposal: str, ctx: Context, until: datetime | None = None) -> Window | None:
    """The window of a proposal that is still to be followed up; None: it is over, or somebody has, before ``until``."""
    since = await _since(proposal, ctx)
    windows = [] if since is None else await _windows(proposal, since, ctx)
    if not windows or await _was_followed_up(windows[0], ctx, until):
        return None
    return Window(windows[0].earliest, windows[0].latest)


async def _windows(proposal: str, since: int, ctx: Context) -> list[FollowupWindowOpened]:
    opened = await ctx.timeline.all(FollowupWindowOpened, proposal_id=proposal)
    return [one for one in opened if one.envelope.sequence > since]


async def _looks(proposal: str, since: int, ctx: Context) -> list[Event]:
    views = await ctx.timeline.all(ProposalViewed, proposal_id=proposal)
    comments = await ctx.timeline.all(ProposalCommented, proposal_id=proposal)
    return [one for one in (*views, *comments) if one.envelope.sequence > since]


async def _was_followed_up(window: FollowupWindowOpened, ctx: Context, until: datetime | None) -> bool:
    """Whether a human has written or spoken to them since the window opened, in whatever way."""
    calls = [
        one
        for one in await ctx.timeline.all(CallCompleted)
        if one.direction == "outbound" and one.outcome == "answered"
    ]
    said: list[Event] = [*await ctx.timeline.all(EmailSent), *await ctx.timeline.all(ChatSent), *calls]
    times = [one.envelope.time for one in said if one.envelope.time >= window.envelope.time]
    # What was approved leaves at the very moment at which the window begins.
    return any(until is None or at < until for at in times)


async def _since(proposal: str, ctx: Context) -> int | None:
    """The place in the ledger from which on a proposal is on the table; None: it, or its deal, is settled.

    Sent again after that, it is on the table again, and has a window again.
    """
    sent = await ctx.timeline.last(ProposalSent, proposal_id=proposal)
    ends: list[int] = []
    for kind in CLOSING:
        ends += [one.envelope.sequence for one in await ctx.timeline.all(kind) if _is_about(one, proposal, sent)]
    last = max(ends, default=0)
    return last if last == 0 or (sent is not None and sent.envelope.sequence > last) else None


def _is_about(end: Event, proposal: str, sent: ProposalSent | None) -> bool:
    if isinstance(end, DealWon | DealLost):
        return sent is None or sent.deal_id in (None, end.deal_id)
    return getattr(end, "proposal_id", None) == proposal


def _open(proposal: str, since: int, window: Window, ctx: Context) -> None:
    ctx.emit(
        FollowupWindowOpened(proposal_id=proposal, earliest=window.earliest, latest=window.latest),
        key=f"{proposal}/{since}",
        once=True,
    )


async def _draft(event: FollowupWindowOpened, ctx: Context) -> None:
    """A letter that may be approved at once and leaves when the window begins, unless the human says: now."""
    sent = await ctx.timeline.last(ProposalSent, proposal_id=event.proposal_id)
    comment = await ctx.timeline.last(ProposalCommented, proposal_id=event.proposal_id)
    told = [one for one in (sent, comment) if one is not None]
    whom = addressee(comment or sent or event, ctx.account)
    text = compose(
        "followup",
        stage="proposal",
        name=whom.name,
        title=None if sent is None else sent.title,
        comment=None if comment is None or not comment.text else f'your comment "{comment.text}": we have read it.',
    )
    ctx.draft(
        "mail",
        to=whom.to,
        subject=text.subject,
        body=text.body,
        sends=EmailSent,
        fields={"message_id": f"followup-{event.id}", "proposal_id": event.proposal_id},
        under=FollowupDue,
        key=event.proposal_id,
        due_at=event.earliest,
        not_before=event.earliest,
        sources=[*told, event],
        missing=[*whom.missing, *([] if sent else ["the proposal itself"])],
    )
