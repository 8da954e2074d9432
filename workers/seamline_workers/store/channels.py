"""Channels: rows that say how sending by each goes, so that one whose provider is away is left alone for a while.

A channel's row is locked after the account's and before the ledger's head. All times are the wall clock's, but for
those of the task that tells of a pause; in microseconds.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from seamline.context import Task
from seamline_workers.store.drafts import end_reminders
from seamline_workers.store.effects import give_task

#: Sendings that may go wrong before a channel pauses; each that goes well takes one off.
MOST_FAILURES = 3
#: How long a channel pauses before one text is tried; twice as long after each try that went wrong, up to the longest.
FIRST_PAUSE_US, LONGEST_PAUSE_US = 60_000_000, 1_800_000_000
#: Doublings after which a pause is the longest.
_DOUBLINGS = 5

#: SQL: the names of channels by which nothing goes out at ``:wall``.
BLOCKED = "SELECT name FROM channels WHERE paused_at IS NOT NULL AND (due IS NULL OR due > :wall)"

_NEXT = f":wall + CASE WHEN tries >= {_DOUBLINGS} THEN {LONGEST_PAUSE_US} ELSE {FIRST_PAUSE_US} * (1 << tries) END"
_PAUSED = text("SELECT due FROM channels WHERE name = :name AND paused_at IS NOT NULL")
# The next try is due whatever becomes of this one, also where its process dies.
_TRY = text(f"UPDATE channels SET due = {_NEXT}, tries = tries + 1 WHERE name = :name AND due <= :wall")
_WELL = text("""
UPDATE channels SET failures = failures - 1, tries = CASE WHEN failures = 1 THEN 0 ELSE tries END, due = NULL,
    paused_at = CASE WHEN paused_by IS NULL THEN NULL ELSE paused_at END
WHERE name = :name AND failures > 0 RETURNING task_id
""")
_ENTER = text("INSERT INTO channels (name) VALUES (:name) ON CONFLICT DO NOTHING")
_MORE = text(f"""
UPDATE channels SET failures = CASE WHEN failures < {MOST_FAILURES} THEN failures + 1 ELSE failures END,
    reason = :reason WHERE name = :name RETURNING failures, paused_at
""")
_PAUSE = text(f"""
UPDATE channels SET paused_at = :wall, due = {_NEXT}, tries = tries + 1, pauses = pauses + 1, task_id = :task
WHERE name = :name
""")
_HOLD = text("""
UPDATE channels SET paused_at = coalesce(paused_at, :wall), paused_by = :by, due = NULL,
    pauses = pauses + CASE WHEN paused_at IS NULL THEN 1 ELSE 0 END WHERE name = :name
""")
_RESUME = text(f"""
UPDATE channels SET paused_by = NULL, tries = 0, due = CASE WHEN failures < {MOST_FAILURES} THEN NULL ELSE :wall END,
    paused_at = CASE WHEN failures < {MOST_FAILURES} THEN NULL ELSE paused_at END WHERE name = :name
""")
_ALL = text("SELECT name, failures, paused_at, paused_by, due, pauses, reason FROM channels ORDER BY name")


class Standing(NamedTuple):
    """How sending by a channel goes. ``paused_at`` None: it is open; ``due`` None: a human said to wait."""

    name: str
    failures: int
    paused_at: int | None
    paused_by: str | None
    due: int | None
    pauses: int
    reason: str | None


def standings(connection: Connection) -> dict[str, Standing]:
    """Every channel by which a sending ever went wrong, or that was paused."""
    return {row.name: Standing(*row) for row in connection.execute(_ALL)}


def admit(connection: Connection, name: str, wall: int) -> bool:
    """Whether a text may go out by a channel now. By one that is paused it is one, when its time has come: the try."""
    if connection.execute(_PAUSED, {"name": name}).first() is None:
        return True
    return connection.execute(_TRY, {"name": name, "wall": wall}).rowcount == 1


def well(connection: Connection, name: str, now: int) -> None:
    """A text went out. What paused by itself is open again. ``now`` is business time."""
    task = connection.execute(_WELL, {"name": name}).scalar()
    if task is not None:
        end_reminders(connection, [task], "engine", now)


def ill(connection: Connection, name: str, reason: str | None, now: int, wall: int) -> None:
    """A sending went wrong, or nobody knows. After a few the channel pauses, and one task says so, in business time."""
    connection.execute(_ENTER, {"name": name})
    row = connection.execute(_MORE, {"name": name, "reason": reason}).one()
    if row.paused_at is not None or row.failures < MOST_FAILURES:
        return
    words = (
        f"{MOST_FAILURES} sendings went wrong, the last: {reason}. What is approved waits; one text is tried now and "
        f"then, and the rest follows once it went out. To try at once: seamline channels resume {name}"
    )
    task = Task(f"The channel {name} is paused", words)
    number = give_task(connection, task, kind="incident", account_id=None, seat=None, cause=None, now=now)
    connection.execute(_PAUSE, {"name": name, "wall": wall, "task": number})


def hold(connection: Connection, name: str, by: str, wall: int) -> None:
    """Let nothing go out by a channel until somebody resumes it."""
    connection.execute(_ENTER, {"name": name})
    connection.execute(_HOLD, {"name": name, "by": by, "wall": wall})


def resume(connection: Connection, name: str, wall: int) -> None:
    """Open a channel again; by one that paused by itself one text is tried at once."""
    connection.execute(_RESUME, {"name": name, "wall": wall})
