"""Replying: a message that needs an answer by a time is a dead letter and a human's when none has come by then."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.boundary import Roster
from seamline.context import Task
from seamline.events import MessageDeadLettered
from seamline_workers.rules.expecting import told_of
from seamline_workers.store import deadlines
from seamline_workers.store.deadlines import Deadline
from seamline_workers.store.effects import give_task
from seamline_workers.store.entry import Cause, Entry, said
from seamline_workers.store.messages import Prepared
from seamline_workers.translation.interpret import to_us

KIND = "reply"
RULE = "R67"
UNANSWERED = "nobody answered in time: a human has it"

_MESSAGE = text("SELECT id, kind, from_seat, to_seat, topic, body, state FROM messages WHERE id = :id")
_DEAD = text("UPDATE messages SET state = 'dead' WHERE id = :id AND state = 'delivered'")
_TASK_DONE = text("""
UPDATE tasks SET state = 'done', done_at = :now, done_by = 'engine' WHERE state = 'open' AND account_id = :account
AND cause = :cause AND rule = 'R67'
""")


def key_of(message: int) -> str:
    """The key of the row that waits for a message's answer."""
    return f"{KIND}/{message}"


def wait(connection: Connection, prepared: Prepared, cause: bytes, now: int) -> None:
    """Wait for the answer to a message that was written and names a time."""
    by = prepared.message.needs_response_by
    if by is None or prepared.id is None:
        return
    seat, topic = prepared.message.to, prepared.message.topic
    row = Deadline(
        0, key_of(prepared.id), KIND, seat, topic, RULE, prepared.account_id, cause, "", to_us(by), "armed", None, now
    )
    deadlines.add(connection, row)


def answered(connection: Connection, message: int, cause: Cause, now: int) -> list[Entry]:
    """End the waiting for a message's answer; one that comes late takes back the human's task. Returns what is said."""
    row = deadlines.by_key(connection, [key_of(message)]).get(key_of(message))
    if row is None or row.state not in ("armed", "fired"):
        return []
    after = row._replace(state="cancelled" if row.state == "armed" else "resolved")
    deadlines.write(connection, [after])
    if row.event is not None:
        binds = {"now": now, "account": row.account_id, "cause": str(UUID(bytes=row.event))}
        connection.execute(_TASK_DONE, binds)
    return [said("deadline.cancelled", told_of(after), after.key, account_id=row.account_id, cause=cause, now=now)]


def message_of(connection: Connection, row: Deadline) -> Any:
    """The message that a row waits for an answer to; None: it has one."""
    found = connection.execute(_MESSAGE, {"id": int(row.key.partition("/")[2])}).first()
    return found if found is not None and found.state == "delivered" else None


def late(connection: Connection, roster: Roster, row: Deadline, message: Any, fired: Entry, now: int) -> Entry:
    """Give an unanswered message to a human. Returns what is said of it."""
    connection.execute(_DEAD, {"id": message.id})
    human = roster.human_above(row.seat) or roster.human_above(message.from_seat)
    task = Task(
        f"{message.to_seat} has not answered {message.from_seat}: {message.topic}",
        message.body,
        assignee=None if human is None else human.assignee or human.name,
        rule=RULE,
    )
    give_task(
        connection, task, kind="task", account_id=row.account_id, seat=message.to_seat,
        cause=str(UUID(bytes=fired.id)), now=now,
    )  # fmt: skip
    fields = {
        "message_id": str(message.id),
        "from_seat": message.from_seat,
        "to_seat": message.to_seat,
        "kind": message.kind,
        "reason": UNANSWERED,
    }
    cause = Cause(fired.id, fired.correlation, fired.hops)
    return said(MessageDeadLettered.event_type, fields, row.key, account_id=row.account_id, cause=cause, now=now, to=())
