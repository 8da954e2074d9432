"""Flags: what seats raised about accounts."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row, select

from seamline_workers.store.desk_schema import flags
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.masking import shown
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.partial import OPEN_FLAGS
from seamline_workers.store.reading.query import Query, row_id
from seamline_workers.store.reading.shapes import Flag, Page
from seamline_workers.store.store import Store

STATES = ("open", "cleared")
FILTERS = ("type", "account", "seat", "state", "since", "until")


def list_flags(store: Store, query: Query, *, unmasked: bool) -> Page[Flag]:
    """Newest first; ``type`` is the flag's name, times are when it was raised."""
    key = query.after("flag", int)
    conditions = query.within(flags.c.raised_at)
    if query.type is not None:
        conditions.append(query.type.fits(flags.c.name))
    if query.seat is not None:
        conditions.append(flags.c.seat == query.seat)
    if query.state is not None:
        conditions.append(OPEN_FLAGS if query.state == "open" else flags.c.state == query.state)
    if key is not None:
        conditions.append(flags.c.id < key[0])
    with store.read() as connection:
        if query.account is not None:
            conditions.append(flags.c.account_id.in_(group.members(connection, query.account)))
        chosen = select(flags).where(*conditions).order_by(flags.c.id.desc()).limit(query.limit + 1)
        rows = connection.execute(chosen).all()
    return page("flag", rows, query.limit, lambda row: (row.id,), lambda kept: [_shape(row, unmasked) for row in kept])


def show_flag(store: Store, id: str, *, unmasked: bool) -> Flag | None:
    """One flag."""
    number = row_id(id)
    if number is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(flags).where(flags.c.id == number)).first()
    return None if row is None else _shape(row, unmasked)


def _shape(row: Row[Any], unmasked: bool) -> Flag:
    return {
        "id": str(row.id),
        "account": str(row.account_id),
        "seat": row.seat,
        "name": row.name,
        "key": row.key,
        "text": shown(row.text, unmasked) or "",
        "count": row._mapping["count"],
        "severity": row.severity,
        "state": row.state,
        "evidence": json.loads(row.evidence),
        "raised_at": moment.written(row.raised_at),
        "cleared_at": moment.written_or_none(row.cleared_at),
        "cleared_by": row.cleared_by,
        "reason": shown(row.reason, unmasked),
    }
