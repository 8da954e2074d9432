"""Events as CloudEvents, and the ledger as a feed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, or_, select

from seamline.cloudevents import to_cloudevent, wire_type
from seamline.errors import PayloadError
from seamline.events.base import Envelope, Event
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.masking import masked, masked_data
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.partial import PUT_ASIDE, UNFINISHED
from seamline_workers.store.reading.query import Query, row_id
from seamline_workers.store.reading.shapes import CloudEvent, Page
from seamline_workers.store.schema import (
    CANCELLED,
    DONE,
    HANDOFF_STATES,
    PENDING,
    accounts,
    events,
    handoffs,
    ledger_head,
)
from seamline_workers.store.store import Store

_COLUMNS = (*events.c, accounts.c.provisional)
_FROM = events.outerjoin(accounts, accounts.c.id == events.c.account_id)


@dataclass(frozen=True)
class Wire:
    """How events are written out: the prefix of their types, and whether personal fields are shown."""

    prefix: str = "seamline"
    unmasked: bool = False


def list_events(store: Store, query: Query, wire: Wire) -> Page[CloudEvent]:
    """Newest first. ``since`` and ``until`` are about when Seamline received them, as the ledger's order is."""
    key = query.after("event", int)
    with store.read() as connection:
        conditions = told(connection, query)
        if key is not None:
            conditions.append(events.c.seq < key[0])
        chosen = select(*_COLUMNS).select_from(_FROM).where(*conditions).order_by(events.c.seq.desc())
        rows = connection.execute(chosen.limit(query.limit + 1)).all()
    return page("event", rows, query.limit, lambda row: (row.seq,), lambda kept: [cloud(row, wire) for row in kept])


def event_key(value: str) -> ColumnElement[bool] | None:
    """Which event an id of the outside means: its UUID, or its number in the ledger; None: it is neither."""
    if (number := row_id(value)) is not None:
        return events.c.seq == number
    try:
        return events.c.id == UUID(value).bytes
    except ValueError:
        return None


def show_event(store: Store, id: str, wire: Wire) -> CloudEvent | None:
    """One event by its UUID or its number in the ledger."""
    wanted = event_key(id)
    if wanted is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(*_COLUMNS).select_from(_FROM).where(wanted)).first()
    return None if row is None else cloud(row, wire)


def head(store: Store) -> int:
    """The number of the newest event."""
    with store.read() as connection:
        return int(connection.execute(select(ledger_head.c.seq)).scalar() or 0)


def feed(store: Store, after: int, query: Query, wire: Wire) -> tuple[list[CloudEvent], int]:
    """The next events after a ledger number, oldest first, and the number up to which there is nothing more.

    Numbers are drawn last by whoever appends, so a reader that goes on after the number it has seen misses nothing.
    """
    with store.read() as connection:
        upto = int(connection.execute(select(ledger_head.c.seq)).scalar() or 0)
        conditions = [*told(connection, query), events.c.seq > after, events.c.seq <= upto]
        chosen = select(*_COLUMNS).select_from(_FROM).where(*conditions).order_by(events.c.seq)
        rows = connection.execute(chosen.limit(query.limit)).all()
    reached = int(rows[-1].seq) if len(rows) == query.limit else upto
    return [cloud(row, wire) for row in rows], reached


def told(connection: Connection, query: Query) -> list[ColumnElement[bool]]:
    """The conditions of a query on the ledger; ``seat`` is who was handed the event, or made it."""
    found = query.within(events.c.received_at)
    if query.source is not None:
        name = query.source if query.source.startswith("/") else f"/sources/{query.source}"
        found.append(events.c.source == name)
    if query.type is not None:
        found.append(query.type.fits(events.c.type, events.c.version))
    if query.account is not None:
        found.append(events.c.account_id.in_(group.members(connection, query.account)))
    if query.seat is not None or query.state is not None:
        found.append(_handed(query))
    return found


def _handed(query: Query) -> ColumnElement[bool]:
    about: list[ColumnElement[bool]] = []
    if query.seat is not None:
        about.append(handoffs.c.seat == query.seat)
    if query.state is not None:
        # Before it is done, retried or put aside, a handoff waits, is ready, or runs: all of them are pending rows.
        state = HANDOFF_STATES.index(query.state) if query.state in HANDOFF_STATES else PENDING
        about.append(handoffs.c.state == state)
        if state not in (DONE, CANCELLED):
            # These are few, and found by their partial index; from there to their events.
            about.append(UNFINISHED if state == PENDING else PUT_ASIDE)
            return events.c.seq.in_(select(handoffs.c.event_seq).where(*about))
    handed = select(1).where(handoffs.c.event_seq == events.c.seq, *about).correlate(events).exists()
    if query.seat is not None and query.state is None:
        return or_(handed, events.c.source == f"/seats/{query.seat}")
    return handed


def cloud(row: Row[Any], wire: Wire) -> CloudEvent:
    """A stored event as a CloudEvent, at its newest version.

    One that this process cannot read (a type that its code does not declare) keeps what the ledger says of it.
    """
    data = json.loads(row.data)
    envelope = _envelope(row)
    if row.timebasis == "provider":
        data["occurred_at"] = envelope.time
    try:
        event = Event.load(row.type, row.version, data)
    except PayloadError:
        return _unread(row, envelope, wire)
    found = to_cloudevent(event.with_envelope(envelope), wire.prefix, provisional=bool(row.provisional))
    if not wire.unmasked:
        found["data"] = masked_data(event.event_type, event.event_version, found["data"])
    return found


def _envelope(row: Row[Any]) -> Envelope:
    return Envelope(
        id=UUID(bytes=row.id),
        source=row.source,
        sequence=row.seq,
        account=str(row.account_id) if row.account_id else "",
        stage=row.stage,
        time=moment.aware(row.occurred_at),
        timebasis=row.timebasis,
        received_at=moment.aware(row.received_at),
        trust=row.trust,
        delivery=None if row.delivery_id is None else str(row.delivery_id),
        causation=None if row.cause is None else UUID(bytes=row.cause),
        correlation=None if row.correlation is None else UUID(bytes=row.correlation),
        hops=row.hops,
        adapter_version=row.adapter_version,
    )


def _unread(row: Row[Any], envelope: Envelope, wire: Wire) -> CloudEvent:
    found = to_cloudevent(Event().with_envelope(envelope), wire.prefix, provisional=bool(row.provisional))
    data = json.loads(row.data)
    return found | {
        "type": wire_type(row.type, row.version, wire.prefix),
        "dataschema": f"/catalog/{row.type}.v{row.version}.json",
        "data": data if wire.unmasked else masked(data),
    }
