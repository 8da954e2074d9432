"""Tasks: the one queue of the humans."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from seamline_workers.store.desk_schema import tasks
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.masking import shown
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query, row_id
from seamline_workers.store.reading.shapes import Page, Task
from seamline_workers.store.store import Store

STATES = ("open", "done", "dismissed")
FILTERS = ("type", "account", "seat", "state", "since", "until")


def list_tasks(store: Store, query: Query, *, unmasked: bool) -> Page[Task]:
    """Newest first; ``type`` is the task's kind, times are when it was made."""
    key = query.after("task", int)
    conditions = query.within(tasks.c.created_at)
    if query.type is not None:
        conditions.append(query.type.fits(tasks.c.kind))
    if query.seat is not None:
        conditions.append(tasks.c.seat == query.seat)
    if query.state is not None:
        conditions.append(tasks.c.state == query.state)
    if key is not None:
        conditions.append(tasks.c.id < key[0])
    with store.read() as connection:
        if query.account is not None:
            conditions.append(tasks.c.account_id.in_(group.members(connection, query.account)))
        chosen = select(tasks).where(*conditions).order_by(tasks.c.id.desc()).limit(query.limit + 1)
        rows = connection.execute(chosen).all()
    return page("task", rows, query.limit, lambda row: (row.id,), lambda kept: [_shape(row, unmasked) for row in kept])


def show_task(store: Store, id: str, *, unmasked: bool) -> Task | None:
    """One task."""
    number = row_id(id)
    if number is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(tasks).where(tasks.c.id == number)).first()
    return None if row is None else _shape(row, unmasked)


def _shape(row: Row[Any], unmasked: bool) -> Task:
    return {
        "id": str(row.id),
        "kind": row.kind,
        "account": None if row.account_id is None else str(row.account_id),
        "seat": row.seat,
        "assignee": row.assignee,
        "title": shown(row.title, unmasked) or "",
        "text": shown(row.text, unmasked) or "",
        "rule": row.rule,
        "state": row.state,
        "due_at": moment.written_or_none(row.due_at),
        "cause": row.cause,
        "created_at": moment.written(row.created_at),
        "done_at": moment.written_or_none(row.done_at),
        "done_by": row.done_by,
    }
