"""How much waits, and since when: for metrics, for ``check`` and for the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, func, select

from seamline_workers.store.desk_schema import drafts, flags, replays, tasks
from seamline_workers.store.drafts import LEAVING, OPEN
from seamline_workers.store.reading.partial import FETCHING, OPEN_FLAGS, PUT_ASIDE, UNFINISHED, UNSETTLED, UNTRANSLATED
from seamline_workers.store.schema import HANDOFF_STATES, PENDING, deliveries, events, handoffs, items, tallies
from seamline_workers.store.store import Store


@dataclass(frozen=True)
class Waiting:
    """How many of a kind wait, and when the oldest of them came (microseconds since 1970)."""

    count: int
    since: int | None = None

    def age_s(self, now: int) -> float:
        """How long the oldest has waited, in seconds."""
        return 0.0 if self.since is None else max(0.0, (now - self.since) / 1_000_000)


#: By what name the drafts of a state are counted.
_DRAFTS = dict.fromkeys(OPEN, "waiting") | {name: name for name in LEAVING}


#: What waits by the wall clock; the rest waits in business time, handoffs since their events were received.
WALL = frozenset({"replays"})


def backlog(store: Store) -> dict[str, Waiting]:
    """What waits, by kind: deliveries, items, handoffs, retrying, parked, needs_human, dead, tasks, flags, replays."""
    with store.read() as connection:
        found = {"deliveries": _deliveries(connection), "items": _items(connection)}
        found |= _handoffs(connection)
        found["tasks"] = _one(connection, select(func.count(), func.min(tasks.c.created_at)), tasks.c.state == "open")
        found["flags"] = _one(connection, select(func.count(), func.min(flags.c.raised_at)), OPEN_FLAGS)
        active = replays.c.state.in_(("planned", "running"))
        found["replays"] = _one(connection, select(func.count(), func.min(replays.c.created_at)), active)
    return found


def unsent(store: Store) -> dict[str, Waiting]:
    """Drafts on their way: ``drafts_waiting`` for a human, ``_approved``, ``_dispatching`` and ``_unknown``.

    ``since`` is business time: since when the oldest was written, or was approved and might go out.
    """
    found = {f"drafts_{name}": Waiting(0) for name in dict.fromkeys(_DRAFTS.values())}
    late = drafts.c.not_before > drafts.c.decided_at
    since = case((late, drafts.c.not_before), else_=func.coalesce(drafts.c.decided_at, drafts.c.created_at))
    chosen = select(drafts.c.state, func.count(), func.min(since)).where(UNSETTLED)
    with store.read() as connection:
        for state, n, oldest in connection.execute(chosen.group_by(drafts.c.state)):
            name = f"drafts_{_DRAFTS[state]}"
            before = found[name]
            found[name] = Waiting(before.count + n, min(filter(None, (before.since, oldest))))
    return found


def by_seat(store: Store) -> dict[tuple[str, str], int]:
    """Unfinished handoffs, counted by (seat, state); what is pending is counted as ``ready``."""
    with store.read() as connection:
        return {(row.seat, HANDOFF_STATES[row.state]): row.n for row in _seats(connection)}


def outcomes(store: Store) -> dict[tuple[str, str], int]:
    """All requests ever, counted by (source, outcome), from the tallies."""
    chosen = select(tallies.c.source, tallies.c.outcome, func.sum(tallies.c.n))
    with store.read() as connection:
        rows = connection.execute(chosen.group_by(tallies.c.source, tallies.c.outcome))
        return {(source, outcome): int(n) for source, outcome, n in rows}


def _seats(connection: Connection) -> list[Row[Any]]:
    columns = (handoffs.c.seat, handoffs.c.state, func.count().label("n"))
    grouped = (handoffs.c.seat, handoffs.c.state)
    pending = select(*columns).where(UNFINISHED, handoffs.c.state == PENDING).group_by(*grouped)
    aside = select(*columns).where(PUT_ASIDE).group_by(*grouped)
    return [*connection.execute(pending), *connection.execute(aside)]


def _deliveries(connection: Connection) -> Waiting:
    return _one(connection, select(func.count(), func.min(deliveries.c.received_at)), UNTRANSLATED)


def _items(connection: Connection) -> Waiting:
    n, delivery = connection.execute(select(func.count(), func.min(items.c.delivery_id)).where(FETCHING)).one()
    if delivery is None:
        return Waiting(0)
    since = connection.execute(select(deliveries.c.received_at).where(deliveries.c.id == delivery)).scalar()
    return Waiting(n, since)


def _handoffs(connection: Connection) -> dict[str, Waiting]:
    named = {"handoffs": PENDING} | {HANDOFF_STATES[n]: n for n in (1, 3, 4, 5)}
    oldest: dict[int, tuple[int, int]] = {}
    columns = (handoffs.c.state, func.count(), func.min(handoffs.c.event_seq))
    for where in ((UNFINISHED, handoffs.c.state == PENDING), (PUT_ASIDE,)):
        for state, n, seq in connection.execute(select(*columns).where(*where).group_by(handoffs.c.state)):
            oldest[state] = (n, seq)
    seqs = {seq for _, seq in oldest.values()}
    chosen = select(events.c.seq, events.c.received_at).where(events.c.seq.in_(seqs))
    since = {row.seq: row.received_at for row in connection.execute(chosen)} if seqs else {}
    return {
        name: Waiting(oldest[state][0], since.get(oldest[state][1])) if state in oldest else Waiting(0)
        for name, state in named.items()
    }


def _one(connection: Connection, chosen: Select[int, Any], where: ColumnElement[bool]) -> Waiting:
    n, since = connection.execute(chosen.where(where)).one()
    return Waiting(int(n), None if since is None else int(since))
