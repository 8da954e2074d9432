"""Deadlines: what is expected by when, and what came of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from seamline_workers.store.desk_schema import DEADLINE_STATES, deadlines
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query, row_id
from seamline_workers.store.reading.shapes import Deadline, Page
from seamline_workers.store.store import Store

STATES = DEADLINE_STATES
FILTERS = ("type", "account", "seat", "state", "since", "until")


def list_deadlines(store: Store, query: Query) -> Page[Deadline]:
    """By due time, the earliest first; ``type`` is the kind, times are the due time's."""
    key = query.after("deadline", int, int)
    conditions = query.within(deadlines.c.due_at)
    if query.type is not None:
        conditions.append(query.type.fits(deadlines.c.kind))
    if query.seat is not None:
        conditions.append(deadlines.c.seat == query.seat)
    if query.state is not None:
        conditions.append(deadlines.c.state == query.state)
    if key is not None:
        later = (deadlines.c.due_at == key[0]) & (deadlines.c.id > key[1])
        conditions.append((deadlines.c.due_at > key[0]) | later)
    order = (deadlines.c.due_at, deadlines.c.id)
    with store.read() as connection:
        if query.account is not None:
            conditions.append(deadlines.c.account_id.in_(group.members(connection, query.account)))
        chosen = select(deadlines).where(*conditions).order_by(*order).limit(query.limit + 1)
        rows = connection.execute(chosen).all()
    return page("deadline", rows, query.limit, lambda row: (row.due_at, row.id), lambda kept: [*map(_shape, kept)])


def show_deadline(store: Store, id: str) -> Deadline | None:
    """One deadline."""
    number = row_id(id)
    if number is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(deadlines).where(deadlines.c.id == number)).first()
    return None if row is None else _shape(row)


def lateness_s(store: Store, now: int) -> float:
    """How many seconds ago the earliest time was that nobody has looked at yet. ``now`` is business time."""
    earliest = select(func.min(deadlines.c.due_at)).where(deadlines.c.state == "armed", deadlines.c.due_at <= now)
    with store.read() as connection:
        first = connection.execute(earliest).scalar()
    return 0.0 if first is None else (now - first) / 1_000_000


def _shape(row: Row[Any]) -> Deadline:
    return {
        "id": str(row.id),
        "key": row.key,
        "kind": row.kind,
        "name": row.name,
        "rule": row.rule or None,
        "account": str(row.account_id),
        "seat": row.seat,
        "due_at": moment.written(row.due_at),
        "state": row.state,
        "event": None if row.event is None else str(UUID(bytes=row.event)),
        "late_by_s": None if row.fired_at is None else max(0.0, (row.fired_at - row.due_at) / 1_000_000),
        "cause": str(UUID(bytes=row.cause)) if row.cause else None,
        "created_at": moment.written(row.created_at),
    }
