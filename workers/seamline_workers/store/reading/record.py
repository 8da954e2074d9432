"""The record, read: who coordinated what with whom, and what was decided."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from seamline.events.base import catalogue
from seamline_workers.store.desk_schema import record
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.masking import masked_data
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query, row_id
from seamline_workers.store.reading.shapes import Page, RecordEntry
from seamline_workers.store.store import Store

FILTERS = ("type", "account", "seat", "since", "until")


def list_record(store: Store, query: Query, *, unmasked: bool) -> Page[RecordEntry]:
    """Newest first; ``type`` is the action, ``seat`` who acted: a seat's or a human's name."""
    key = query.after("record", int)
    conditions = query.within(record.c.at)
    if query.type is not None:
        conditions.append(query.type.fits(record.c.action))
    if query.seat is not None:
        conditions.append(record.c.actor_id == query.seat)
    if key is not None:
        conditions.append(record.c.seq < key[0])
    with store.read() as connection:
        if query.account is not None:
            conditions.append(record.c.subject.in_(group.members(connection, query.account)))
        chosen = select(record).where(*conditions).order_by(record.c.seq.desc()).limit(query.limit + 1)
        rows = connection.execute(chosen).all()
    return page(
        "record", rows, query.limit, lambda row: (row.seq,), lambda kept: [_shape(row, unmasked) for row in kept]
    )


def show_entry(store: Store, id: str, *, unmasked: bool) -> RecordEntry | None:
    """One entry, by its number."""
    number = row_id(id)
    if number is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(record).where(record.c.seq == number)).first()
    return None if row is None else _shape(row, unmasked)


def _shape(row: Row[Any], unmasked: bool) -> RecordEntry:
    return {
        "id": str(row.seq),
        "seq": row.seq,
        "at": moment.written(row.at),
        "actor": {"kind": row.actor_kind, "id": row.actor_id},
        "action": row.action,
        "subject": f"accounts/{row.subject}",
        "event": str(row.event_seq),
        "cause": None if row.cause is None else str(UUID(bytes=bytes(row.cause))),
        "decision": row.decision,
        "map_version": row.map_version,
        "map_row": row.map_row,
        "content": None if row.content is None else _content(row.action, json.loads(row.content), unmasked),
        "prev": bytes(row.prev).hex(),
        "hash": bytes(row.hash).hex(),
    }


def _content(action: str, content: dict[str, Any], unmasked: bool) -> dict[str, Any]:
    model = catalogue().get(action)
    return content if unmasked else masked_data(action, 0 if model is None else model.event_version, content)
