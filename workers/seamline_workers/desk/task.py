"""Ending tasks."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.store.desk_schema import tasks
from seamline_workers.store.reading.query import row_id


def end_task(connection: Connection, id: str, *, by: str, now: int) -> str:
    """Mark an open task as done."""
    number = row_id(id)
    state = connection.execute(select(tasks.c.state).where(tasks.c.id == number)).scalar()
    if number is None or state is None:
        raise NoSuch(f"there is no task {id}")
    ended = connection.execute(
        update(tasks).where(tasks.c.id == number, tasks.c.state == "open").values(state="done", done_at=now, done_by=by)
    )
    if not ended.rowcount:
        raise Conflict(f"task {id} is {state} already")
    return f"tasks/{number}"
