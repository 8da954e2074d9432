"""Why something is where it is: a chain of steps from it back to the bytes that caused it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, func, select

from seamline_workers.store.channels import standings
from seamline_workers.store.desk_schema import deadlines, drafts, flags, messages, tasks
from seamline_workers.store.reading.events import event_key
from seamline_workers.store.reading.handoffs import chosen_handoffs, handoff_id, key_of_id
from seamline_workers.store.reading.moment import written
from seamline_workers.store.reading.partial import UNFINISHED
from seamline_workers.store.reading.query import row_id
from seamline_workers.store.schema import (
    DELIVERY_STATES,
    NEEDS_HUMAN,
    PARKED,
    RECEIVED,
    RETRYING,
    deliveries,
    events,
    handoffs,
    items,
    sources,
    workers,
)
from seamline_workers.store.store import Store

#: Longest chain that is followed.
LONGEST = 32

Step = dict[str, str]


def explain(store: Store, kind: str, key: str) -> list[Step]:
    """The steps, the thing itself first; empty: there is no such thing."""
    steps: list[Step] = []
    with store.read() as connection:
        thing: tuple[str, str] | None = (kind, key)
        while thing is not None and len(steps) < LONGEST:
            found = _STEPS[thing[0]](connection, thing[1])
            if found is None:
                break
            text, cause = found
            steps.append({"kind": thing[0], "id": thing[1], "text": text})
            thing = cause
    return steps


_Found = tuple[str, tuple[str, str] | None] | None


def _handoff(connection: Connection, key: str) -> _Found:
    identity = key_of_id(key)
    row = None if identity is None else connection.execute(_of(*identity)).first()
    if row is None:
        return None
    text = f"at {row.seat}: {row.shown}, {_where_it_stands(row)}"
    if row.shown == "waiting":
        text += f"; waits for {_ahead(connection, row)}"
    elif row.shown == "ready" and connection.execute(select(workers.c.id).limit(1)).first() is None:
        text += "; no worker runs: seamline worker"
    elif row.state == NEEDS_HUMAN:
        text += "".join(f"; task {number} is open" for number in _open_tasks(connection, row))
    return text, ("event", str(UUID(bytes=bytes(row.event_id))))


def _of(seq: int, seat: str) -> Select[Any]:
    return chosen_handoffs().where(handoffs.c.event_seq == seq, handoffs.c.seat == seat)


def _where_it_stands(row: Row[Any]) -> str:
    text = f"attempts {row.attempts}"
    if row.state == PARKED and row.awaits:
        text += f"; waits for {row.awaits}" + (f", asked again {written(row.due)}" if row.due else "")
    elif row.state == PARKED:
        text += f"; asked again {written(row.due)}"
    elif row.state == RETRYING:
        text += f"; again {written(row.due)}"
    return text + (f"; {row.reason}" if row.reason else "")


def _ahead(connection: Connection, row: Row[Any]) -> str:
    """Who holds up its lane: one customer at one seat is one lane."""
    lane = (handoffs.c.account_id == row.account_id, handoffs.c.seat == row.seat)
    first = select(handoffs.c.event_seq).where(*lane, UNFINISHED).order_by(handoffs.c.event_seq).limit(1)
    seq = connection.execute(first).scalar_one()
    if seq == row.event_seq:
        return "what runs for an account that it was linked with"
    head = connection.execute(_of(seq, row.seat)).one()
    return f"{handoff_id(seq, row.seat)}, before it in its lane ({head.shown}, {_where_it_stands(head)})"


def _open_tasks(connection: Connection, row: Row[Any]) -> Sequence[int]:
    cause = str(UUID(bytes=bytes(row.event_id)))
    mine = (tasks.c.cause == cause, tasks.c.seat == row.seat, tasks.c.state == "open")
    return connection.execute(select(tasks.c.id).where(*mine).order_by(tasks.c.id)).scalars().all()


def _event(connection: Connection, key: str) -> _Found:
    wanted = event_key(key)
    row = None if wanted is None else connection.execute(select(events).where(wanted)).first()
    if row is None:
        return None
    text = f"{row.type} of account {row.account_id}, told by {row.source} ({row.trust}) {written(row.occurred_at)}"
    if row.history:
        text += "; history: it woke nobody"
    if row.cause is not None:
        return text, ("event", str(UUID(bytes=bytes(row.cause))))
    return text, None if row.delivery_id is None else ("delivery", str(row.delivery_id))


def _delivery(connection: Connection, key: str) -> _Found:
    number = row_id(key)
    row = connection.execute(select(deliveries).where(deliveries.c.id == number)).first()
    if number is None or row is None:
        return None
    text = f"{DELIVERY_STATES[row.state]}, {row.size} bytes, received {written(row.received_at)}"
    reasons = connection.execute(
        select(items.c.n, items.c.reason).where(items.c.delivery_id == number, items.c.reason.is_not(None)).limit(5)
    ).all()
    text += f"; {row.reason}" if row.reason else ""
    if row.state == RECEIVED:
        text += f"; {_not_translated(connection, row)}"
    text += "".join(f"; item {n}: {reason}" for n, reason in reasons)
    return text, None


def _not_translated(connection: Connection, row: Row[Any]) -> str:
    """Why a delivery waits: its source's are translated in their order."""
    name, state = connection.execute(select(sources.c.name, sources.c.state).where(sources.c.id == row.source_id)).one()
    if state == "paused":
        return f"its source is paused; go on: seamline resume {name}"
    earlier = (deliveries.c.source_id == row.source_id, deliveries.c.id < row.id, deliveries.c.state == RECEIVED)
    before = connection.execute(select(func.count()).select_from(deliveries).where(*earlier)).scalar_one()
    return f"{before} of {name} are before it"


def _draft(connection: Connection, key: str) -> _Found:
    row = _one(connection, drafts, key)
    if row is None:
        return None
    text = f"by {row.seat} for {row.channel} ({row.audience}): {row.state}"
    text += f" by {row.decided_by}" if row.decided_by else ""
    text += f"; gate {row.gate}" if row.gate else ""
    text += f"; until {written(row.wake_at)}" if row.state == "snoozed" and row.wake_at else ""
    text += f"; not before {written(row.not_before)}" if row.not_before else ""
    text += f"; expires {written(row.expires_at)}" if row.expires_at else ""
    text += f"; {row.reason}" if row.reason else ""
    if row.state == "approved" and row.attempts:
        text += f"; tried {row.attempts} times, again at {written(row.again_at or row.wake_at)}"
    if row.state == "approved" and (paused := standings(connection).get(row.channel)) and paused.paused_at:
        text += f"; its channel is paused since {written(paused.paused_at)}"
        text += f" by {paused.paused_by}" if paused.paused_by else f", the last: {paused.reason}"
        text += f"; one text is tried at {written(paused.due)}" if paused.due else ""
    return text, ("event", str(row.cause))


def _deadline(connection: Connection, key: str) -> _Found:
    row = _one(connection, deadlines, key)
    if row is None:
        return None
    text = f"{row.name} at {row.seat}: {row.state}, due {written(row.due_at)}" + (f" by {row.rule}" if row.rule else "")
    # A daily about the company is caused by no event.
    return text, ("event", str(UUID(bytes=bytes(row.cause)))) if row.cause else None


def _flag(connection: Connection, key: str) -> _Found:
    row = _one(connection, flags, key)
    if row is None:
        return None
    text = f"{row.name} raised by {row.seat}, {row.state}, counted {row.count} times"
    text += f"; cleared by {row.cleared_by}: {row.reason}" if row.cleared_by else ""
    evidence = row.evidence.strip('[]"').split('"')[0]
    return text, ("event", evidence) if evidence else None


def _task(connection: Connection, key: str) -> _Found:
    row = _one(connection, tasks, key)
    if row is None:
        return None
    text = f"{row.kind} for {row.assignee or row.seat or 'anybody'}: {row.state}"
    text += f" by {row.done_by}" if row.done_by else ""
    text += f"; due {written(row.due_at)}" if row.due_at else ""
    return f"{text}; {row.title}", ("event", row.cause) if row.cause else None


def _message(connection: Connection, key: str) -> _Found:
    row = _one(connection, messages, key)
    if row is None:
        return None
    text = f"{row.kind} of {row.from_seat} to {row.to_seat} about {row.topic}: {row.state}"
    text += f"; needs an answer by {written(row.needs_response_by)}" if row.needs_response_by else ""
    return text, ("event", row.cause) if row.cause else None


def _one(connection: Connection, table: Any, key: str) -> Any:
    number = row_id(key)
    return None if number is None else connection.execute(select(table).where(table.c.id == number)).first()


_STEPS = {
    "handoff": _handoff,
    "event": _event,
    "delivery": _delivery,
    "draft": _draft,
    "deadline": _deadline,
    "flag": _flag,
    "task": _task,
    "message": _message,
}
#: What can be asked about.
KINDS = tuple(_STEPS)
