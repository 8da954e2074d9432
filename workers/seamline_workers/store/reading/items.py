"""Items: the things that deliveries tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select, tuple_

from seamline_workers.store.reading import moment
from seamline_workers.store.reading.deliveries import source_ids
from seamline_workers.store.reading.events import told
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.shapes import Item, Page
from seamline_workers.store.schema import DELIVERY_STATES, deliveries, events, items, sources
from seamline_workers.store.store import Store

_COLUMNS = [c for c in items.c if c.name not in ("answers", "before")]
_ID = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")
_Key = tuple[int, int]


def list_items(store: Store, query: Query) -> Page[Item]:
    """Newest first; times are those of the deliveries."""
    key = query.after("item", int, int)
    with store.read() as connection:
        conditions = _conditions(connection, query)
        if key is not None:
            conditions.append(tuple_(items.c.delivery_id, items.c.n) < tuple_(*key))
        chosen = _chosen().where(*conditions).order_by(items.c.delivery_id.desc(), items.c.n.desc())
        rows = connection.execute(chosen.limit(query.limit + 1)).all()
        told_by = _events_of(connection, rows[: query.limit])
    return page(
        "item", rows, query.limit, lambda r: (r.delivery_id, r.n), lambda kept: [_shape(r, told_by) for r in kept]
    )


def show_item(store: Store, id: str) -> Item | None:
    """One item by its id, ``<delivery>.<n>``."""
    found = _ID.fullmatch(id)
    if found is None:
        return None
    with store.read() as connection:
        where = (items.c.delivery_id == int(found[1]), items.c.n == int(found[2]))
        row = connection.execute(_chosen().where(*where)).first()
        return None if row is None else _shape(row, _events_of(connection, [row]))


def _chosen() -> Select[Any]:
    return (
        select(*_COLUMNS, sources.c.name.label("source"))
        .join(sources, sources.c.id == items.c.source_id)
        .join(deliveries, deliveries.c.id == items.c.delivery_id)
    )


def _conditions(connection: Connection, query: Query) -> list[ColumnElement[bool]]:
    found = query.within(deliveries.c.received_at)
    if query.source is not None:
        found.append(items.c.source_id.in_(source_ids(connection, query.source)))
    if query.state is not None:
        found.append(items.c.state == DELIVERY_STATES.index(query.state))
    about = told(connection, Query(type=query.type, account=query.account, seat=query.seat))
    if about:
        of_item = and_(events.c.delivery_id == items.c.delivery_id, events.c.item == items.c.n)
        found.append(select(1).where(of_item, *about).correlate(items).exists())
    return found


def _events_of(connection: Connection, rows: Sequence[Row[Any]]) -> dict[_Key, list[str]]:
    wanted = {row.delivery_id for row in rows}
    if not wanted:
        return {}
    chosen = select(events.c.delivery_id, events.c.item, events.c.id).where(events.c.delivery_id.in_(wanted))
    found: dict[_Key, list[str]] = {}
    for delivery, n, uid in connection.execute(chosen.order_by(events.c.seq)):
        found.setdefault((delivery, n), []).append(str(UUID(bytes=uid)))
    return found


def _shape(row: Row[Any], told_by: dict[_Key, list[str]]) -> Item:
    return {
        "id": f"{row.delivery_id}.{row.n}",
        "delivery": str(row.delivery_id),
        "source": row.source,
        "key": row.key,
        "kind": row.kind,
        "entity": row.entity,
        "state": DELIVERY_STATES[row.state],
        "reason": row.reason,
        "attempts": row.attempts,
        "due_at": moment.written_or_none(row.due),
        "adapter_version": row.adapter_version,
        "events": told_by.get((row.delivery_id, row.n), []),
    }
