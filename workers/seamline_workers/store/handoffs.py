"""Running handoffs again, calling them off, and saying that a human has done them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, or_, select, update

from seamline.envelope import plain
from seamline_workers.bell import ring
from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.store import lanes, ledger
from seamline_workers.store.desk_schema import tasks
from seamline_workers.store.effects import WAITS_KEY
from seamline_workers.store.reading.handoffs import handoff_id, key_of_id
from seamline_workers.store.schema import (
    CANCELLED,
    DONE,
    HANDOFF_STATES,
    HELD,
    OPEN,
    PENDING,
    RETRYING,
    SEAT_LANE,
    events,
    handoffs,
)
from seamline_workers.store.schema import lanes as lanes_table

#: Most characters of why a handoff was called off.
LONGEST_REASON = 500
_Handoff = Row[int, str, int, int]


def replay_handoff(connection: Connection, id: str) -> str:
    """Make an ended or put-aside handoff ready again. What it caused before it finds again; nothing is done twice."""
    row, group = _locked(connection, id)
    if row.state in (PENDING, RETRYING):
        raise Conflict(f"handoff {id} has not ended: it runs by itself; replay what is done, parked, dead or cancelled")
    again(connection, row.event_seq, row.seat, group)
    return f"handoffs/{id}"


def again(connection: Connection, seq: int, seat: str, group: int) -> None:
    """Make one handoff ready in its group's lane. The caller holds the group's lock."""
    connection.execute(
        update(handoffs)
        .where(handoffs.c.event_seq == seq, handoffs.c.seat == seat)
        .values(account_id=group, state=PENDING, attempts=0, due=0, reason=None, awaits=None, done_at=None, as_of=0)
    )
    lanes.reopen(connection, [(group, seat, seq)])
    ring(connection)


def cancel_handoff(connection: Connection, id: str, *, by: str, now: int, wall: int, reason: str = "") -> str:
    """Call a handoff off, and what it asked humans to do. One that runs at this moment ends without effect.

    Its tasks end in business time (``now``), the handoff itself by the wall clock.
    """
    told = f"cancelled by {by}: {plain(reason)}" if reason else f"cancelled by {by}"
    row = _end(connection, id, CANCELLED, told[:LONGEST_REASON], wall)
    _end_task(connection, row, or_(tasks.c.kind == "needs_human", tasks.c.key == WAITS_KEY), by, now)
    return f"handoffs/{id}"


def complete_handoff(connection: Connection, id: str, *, by: str, now: int, wall: int) -> str:
    """Say that a human has done a handoff's work; its task is over. One that runs at this moment has no effect.

    Its tasks end in business time (``now``), the handoff itself by the wall clock.
    """
    row = _end(connection, id, DONE, f"completed by {by}", wall)
    _end_task(connection, row, tasks.c.kind == "needs_human", by, now)
    return f"handoffs/{id}"


def _end_task(connection: Connection, row: _Handoff, which: ColumnElement[bool], by: str, now: int) -> None:
    """End the task by which a human was shown a handoff."""
    event = connection.execute(select(events.c.id).where(events.c.seq == row.event_seq)).scalar_one()
    shown = (tasks.c.cause == str(UUID(bytes=event)), tasks.c.seat == row.seat, tasks.c.state == "open", which)
    connection.execute(update(tasks).where(*shown).values(state="done", done_at=now, done_by=by))


def _end(connection: Connection, id: str, state: int, reason: str, wall: int) -> _Handoff:
    """End a handoff by a human's word. Raises Conflict where it has ended, and NoSuch."""
    row, _group = _locked(connection, id)
    if row.state in (DONE, CANCELLED):
        raise Conflict(f"handoff {id} is {HANDOFF_STATES[row.state]} already")
    connection.execute(
        update(handoffs)
        .where(handoffs.c.event_seq == row.event_seq, handoffs.c.seat == row.seat)
        .values(state=state, due=0, reason=reason, awaits=None, done_at=wall)
    )
    if row.state == RETRYING:
        _let_pass(connection, row)
    return row


def _let_pass(connection: Connection, row: _Handoff) -> None:
    """Those behind it need not wait for a retry that will not come."""
    lane = (
        lanes_table.c.kind == SEAT_LANE,
        lanes_table.c.key == row.account_id,
        lanes_table.c.seat == row.seat,
        lanes_table.c.held == HELD,
        lanes_table.c.lease.is_(None),
    )
    connection.execute(update(lanes_table).where(*lane).values(held=OPEN, due=0))


def _locked(connection: Connection, id: str) -> tuple[_Handoff, int]:
    """The handoff and its group, whose lock is taken first: linking moves handoffs under it."""
    key = key_of_id(id)
    if key is None:
        raise NoSuch(f"there is no handoff {id}")
    account = connection.execute(select(events.c.account_id).where(events.c.seq == key[0])).scalar()
    if account is None:
        raise NoSuch(f"there is no handoff {id}")
    locked = ledger.lock(connection, [account])
    row = connection.execute(
        select(handoffs.c.event_seq, handoffs.c.seat, handoffs.c.account_id, handoffs.c.state)
        .where(handoffs.c.event_seq == key[0], handoffs.c.seat == key[1])
        .with_for_update()
    ).first()
    if row is None:
        raise NoSuch(f"there is no handoff {handoff_id(*key)}")
    return row, locked[account].id
