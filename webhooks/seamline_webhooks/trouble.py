"""What goes wrong again and again while the company runs: for `seamline check`. Nothing of it is lost meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import and_, func, select

from seamline.inbox import FOLDERS
from seamline.lint import Finding
from seamline.seat import Seat
from seamline_workers.handoff.elsewhere import inboxes
from seamline_workers.store.desk_schema import drafts, notices
from seamline_workers.store.intake_sqlite import want_of_room
from seamline_workers.store.reading.moment import written
from seamline_workers.store.reading.partial import PUT_ASIDE
from seamline_workers.store.reading.sources import HOUR_US
from seamline_workers.store.schema import RETRYING, handoffs, refusals, tallies
from seamline_workers.store.store import Store

#: Attempts after which a handoff that is tried again, or a card that is posted again, is told of.
TRIED = 3
DAY_US = 24 * HOUR_US
#: What is answered where the fault is ours.
BUSY = 503


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


def unusable(seats: Sequence[Seat], folder: Path) -> Iterator[Finding]:
    """Inbox folders of seats that live elsewhere, where nothing can be left or found. ``folder``: where paths start."""
    for seat in seats:
        if not seat.elsewhere or not seat.inbox:
            continue
        made = [inbox for inbox in inboxes(seat, folder) if (inbox.folder / inbox.seat).exists()]  # by the first worker
        boxes = [inbox.path(name) for inbox in made for name in FOLDERS]
        links = [link for inbox in made if (link := inbox.linked()) is not None]
        fault = next((f"{link} is a symbolic link: nothing is written through it" for link in links), None)
        fault = fault or next((f"{path} cannot be used" for path in boxes if not _usable(path)), None)
        fault = fault or next((f"too little space is free at {path}" for path in boxes if want_of_room(path)), None)
        if fault is not None:
            fix = "Mend the folder, or make room; what waits for this seat is tried again by itself."
            yield Finding("error", "inbox", f"seats.{seat.name}", fault, fix)


def _usable(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK)


def _refused(store: Store, now: int) -> Iterator[Finding]:
    """Sources to which somebody sent what was not taken, within a day; and what we ourselves could not take."""
    since = (now - DAY_US) // HOUR_US * HOUR_US
    counted = select(tallies.c.source, tallies.c.outcome, func.sum(tallies.c.n))
    counted = counted.where(tallies.c.hour >= since, tallies.c.outcome.like("refused:%"))
    counts: dict[tuple[str, bool], int] = {}
    with store.read() as connection:
        for name, outcome, n in connection.execute(counted.group_by(tallies.c.source, tallies.c.outcome)):
            key = name, outcome == f"refused:{BUSY}"
            counts[key] = counts.get(key, 0) + int(n)
        for (name, ours), n in sorted(counts.items()):
            of_kind = refusals.c.status == BUSY if ours else refusals.c.status != BUSY
            newest = select(refusals.c.at, refusals.c.reason).where(refusals.c.source == name, of_kind)
            last = connection.execute(newest.order_by(refusals.c.id.desc()).limit(1)).first()
            message = f"{n} requests were refused within a day" + (
                "" if last is None else f", the last at {written(last.at)}: {last.reason}"
            )
            fix = "If they are the provider's: see its secret, and this machine's clock. Try: seamline send"
            if ours:
                fix = "Providers send them again; those that do not: see their own lists of what failed."
            yield Finding("warning", "not-taken" if ours else "refused", f"sources.{name}", message, fix)


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
