"""What goes wrong again and again while the company runs: for `seamline check`. Nothing of it is lost meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, func, select

from seamline.lint import Finding
from seamline_workers.store.desk_schema import drafts, notices
from seamline_workers.store.reading.moment import written
from seamline_workers.store.reading.partial import PUT_ASIDE
from seamline_workers.store.reading.sources import list_sources
from seamline_workers.store.schema import RETRYING, handoffs
from seamline_workers.store.store import Store

#: Attempts after which a handoff that is tried again, or a card that is posted again, is told of.
TRIED = 3


def troubles(store: Store, now: int) -> Iterator[Finding]:
    """Seats whose handlers fail, requests that are refused, and drafts that nobody is shown."""
    yield from _failing(store)
    yield from _refused(store, now)
    yield from _unseen(store)


def _failing(store: Store) -> Iterator[Finding]:
    """Seats that fail again and again. Each customer whom it hits waits at this seat until it goes well or is dead."""
    failing = and_(PUT_ASIDE, handoffs.c.state == RETRYING, handoffs.c.attempts >= TRIED)
    counted = select(
        handoffs.c.seat,
        func.count().label("n"),
        func.max(handoffs.c.attempts).label("attempts"),
        func.max(handoffs.c.event_seq).label("newest"),
    )
    with store.read() as connection:
        rows = connection.execute(counted.where(failing).group_by(handoffs.c.seat).order_by(handoffs.c.seat)).all()
        for row in rows:
            one = (handoffs.c.event_seq == row.newest, handoffs.c.seat == row.seat)
            reason = connection.execute(select(handoffs.c.reason).where(*one)).scalar()
            message = f"{row.n} of its handoffs fail again and again, tried up to {row.attempts} times: {reason}"
            fix = "Mend its handler and restart; they go on by themselves. "
            fix += f"Look: seamline handoffs list --seat {row.seat} --state retrying"
            yield Finding("warning", "failing", f"seats.{row.seat}", message, fix)


def _refused(store: Store, now: int) -> Iterator[Finding]:
    """Sources to which somebody sent what was not taken, within a day."""
    for source in list_sources(store, {}, now):
        n, last = source["counts_24h"]["refused"], source["last_refused"]
        if n and last is not None:
            message = f"{n} requests were refused within a day, the last at {last['at']}: {last['reason']}"
            fix = "If they are the provider's: see its secret, and this machine's clock. Try: seamline send"
            yield Finding("warning", "refused", f"sources.{source['name']}", message, fix)


def _unseen(store: Store) -> Iterator[Finding]:
    """Drafts that wait, and whose cards do not reach those who decide."""
    waiting = and_(drafts.c.id == notices.c.draft_id, drafts.c.state.in_(("pending", "incomplete")))
    owed = and_(notices.c.state == "owed", notices.c.attempts >= TRIED)
    stuck = select(notices.c.channel, func.count(), func.min(drafts.c.created_at), func.max(notices.c.reason))
    stuck = stuck.join(drafts, waiting).where(owed | (notices.c.state == "failed"))
    with store.read() as connection:
        rows = connection.execute(stuck.group_by(notices.c.channel).order_by(notices.c.channel)).all()
    for channel, n, since, reason in rows:
        message = f"{n} cards of drafts that wait since {written(since)} do not arrive: {reason}"
        fix = "Decide at the desk meanwhile: seamline drafts list --state pending. They are tried for hours."
        yield Finding("warning", "unseen", f"channels.{channel}", message, fix)
