"""How much waits, and since when: for metrics, for ``check`` and for the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from seamline_workers.store.desk_schema import flags, replays, tasks
from seamline_workers.store.reading.partial import FETCHING, OPEN_FLAGS, PUT_ASIDE, UNFINISHED, UNTRANSLATED
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
