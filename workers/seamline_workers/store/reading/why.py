"""Why something is where it is: a chain of steps from it back to the bytes that caused it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from seamline_workers.store.channels import standings
from seamline_workers.store.desk_schema import deadlines, drafts, flags
from seamline_workers.store.reading.handoffs import key_of_id
from seamline_workers.store.reading.moment import written
from seamline_workers.store.reading.query import row_id
from seamline_workers.store.schema import (
    DELIVERY_STATES,
    HANDOFF_STATES,
    PARKED,
    RETRYING,
    deliveries,
    events,
    handoffs,
    items,
)
from seamline_workers.store.store import Store

#: What can be asked about.
KINDS = ("handoff", "event", "delivery", "draft", "deadline", "flag")
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
    if identity is None:
        return None
    query = select(handoffs, events.c.id).join(events, events.c.seq == handoffs.c.event_seq)
    row = connection.execute(query.where(handoffs.c.event_seq == identity[0], handoffs.c.seat == identity[1])).first()
    if row is None:
        return None
    text = f"at {row.seat}: {HANDOFF_STATES[row.state]}, attempts {row.attempts}"
    if row.state == PARKED:
        text += f"; waits for {row.awaits or 'its time'}" + (f", at the latest {written(row.due)}" if row.due else "")
    elif row.state == RETRYING:
        text += f"; again {written(row.due)}"
    text += f"; {row.reason}" if row.reason else ""
    return text, ("event", str(UUID(bytes=bytes(row.id))))


def _event(connection: Connection, key: str) -> _Found:
    try:
        identity = UUID(key).bytes
    except ValueError:
        return None
    row = connection.execute(select(events).where(events.c.id == identity)).first()
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
    text += "".join(f"; item {n}: {reason}" for n, reason in reasons)
    return text, None


def _draft(connection: Connection, key: str) -> _Found:
    row = _one(connection, drafts, key)
    if row is None:
        return None
    text = f"by {row.seat} for {row.channel} ({row.audience}): {row.state}"
    text += f" by {row.decided_by}" if row.decided_by else ""
    text += f"; gate {row.gate}" if row.gate else ""
    text += f"; not before {written(row.not_before)}" if row.not_before else ""
    text += f"; expires {written(row.expires_at)}" if row.expires_at else ""
    text += f"; {row.reason}" if row.reason else ""
    if row.state == "approved" and row.attempts:
        text += f"; tried {row.attempts} times, again at {written(row.wake_at)}"
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
    return text, ("event", str(UUID(bytes=bytes(row.cause))))


def _flag(connection: Connection, key: str) -> _Found:
    row = _one(connection, flags, key)
    if row is None:
        return None
    text = f"{row.name} raised by {row.seat}, {row.state}, counted {row.count} times"
    text += f"; cleared by {row.cleared_by}: {row.reason}" if row.cleared_by else ""
    evidence = row.evidence.strip('[]"').split('"')[0]
    return text, ("event", evidence) if evidence else None


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
}
