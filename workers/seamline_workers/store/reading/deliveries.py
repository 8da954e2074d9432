"""Deliveries: authentic requests as received."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, select

from seamline_workers.store.reading import moment
from seamline_workers.store.reading.events import told
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query, row_id
from seamline_workers.store.reading.shapes import Delivery, Page
from seamline_workers.store.schema import DELIVERY_STATES, deliveries, events, sources
from seamline_workers.store.store import Store

_LISTED = [column for column in deliveries.c if column.name not in ("headers", "body")]


def list_deliveries(store: Store, query: Query) -> Page[Delivery]:
    """Newest first. ``type``, ``account`` and ``seat`` are about the events that a delivery became."""
    key = query.after("delivery", int)
    with store.read() as connection:
        conditions = matching(connection, query)
        if key is not None:
            conditions.append(deliveries.c.id < key[0])
        chosen = (
            select(*_LISTED, sources.c.name, sources.c.adapter)
            .join(sources, sources.c.id == deliveries.c.source_id)
            .where(*conditions)
            .order_by(deliveries.c.id.desc())
            .limit(query.limit + 1)
        )
        rows = connection.execute(chosen).all()
        told_by = events_of(connection, [row.id for row in rows[: query.limit]])
    return page(
        "delivery", rows, query.limit, lambda row: (row.id,), lambda kept: [_shape(row, told_by) for row in kept]
    )


def show_delivery(store: Store, id: str, *, unmasked: bool) -> Delivery | None:
    """One delivery; with its headers and its body in base64 where ``unmasked``."""
    number = row_id(id)
    if number is None:
        return None
    columns = list(deliveries.c) if unmasked else _LISTED
    with store.read() as connection:
        row = connection.execute(
            select(*columns, sources.c.name, sources.c.adapter)
            .join(sources, sources.c.id == deliveries.c.source_id)
            .where(deliveries.c.id == number)
        ).first()
        if row is None:
            return None
        found = _shape(row, events_of(connection, [number]))
    if unmasked:
        found["headers"] = json.loads(row.headers)
        found["body"] = None if row.body is None else b64encode(row.body).decode()
    return found


def events_of(connection: Connection, ids: Collection[int]) -> dict[int, list[str]]:
    """The ids of the events that deliveries became, in ledger order."""
    found: dict[int, list[str]] = {}
    if ids:
        chosen = select(events.c.delivery_id, events.c.id).where(events.c.delivery_id.in_(ids)).order_by(events.c.seq)
        for delivery, uid in connection.execute(chosen):
            found.setdefault(delivery, []).append(str(UUID(bytes=uid)))
    return found


def source_ids(connection: Connection, name: str) -> Sequence[int]:
    """The source of a name; empty: none has it."""
    return connection.execute(select(sources.c.id).where(sources.c.name == name)).scalars().all()


def matching(connection: Connection, query: Query) -> list[ColumnElement[bool]]:
    """The conditions of a query."""
    found = query.within(deliveries.c.received_at)
    if query.source is not None:
        found.append(deliveries.c.source_id.in_(source_ids(connection, query.source)))
    if query.state is not None:
        found.append(deliveries.c.state == DELIVERY_STATES.index(query.state))
    about = told(connection, Query(type=query.type, account=query.account, seat=query.seat))
    if query.account is not None:
        # An account's events are few, and found by its index; from there to their deliveries.
        found.append(deliveries.c.id.in_(select(events.c.delivery_id).where(*about)))
    elif about:
        found.append(select(1).where(events.c.delivery_id == deliveries.c.id, *about).correlate(deliveries).exists())
    return found


def _shape(row: Any, told_by: dict[int, list[str]]) -> Delivery:
    return {
        "id": str(row.id),
        "source": row.name,
        "adapter": row.adapter,
        "key": row.key,
        "state": DELIVERY_STATES[row.state],
        "reason": row.reason,
        "trust": row.trust,
        "secret": row.secret,
        "size": row.size,
        "sha256": row.digest.hex(),
        "received_at": moment.written(row.received_at),
        "duplicates": row.duplicates,
        "attempts": row.attempts,
        "events": told_by.get(row.id, []),
    }
