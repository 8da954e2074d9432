"""Deliveries and items as the translation reads and finishes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from seamline_workers.store.array import array
from seamline_workers.store.lite import look_up, raw
from seamline_workers.store.schema import FETCHING, IGNORED, NEEDS_PERSON, QUARANTINED, TRANSLATED
from seamline_workers.store.store import unheld


class DeliveryRow(NamedTuple):
    """A delivery as stored."""

    id: int
    source_id: int
    key: str
    digest: bytes
    method: str
    target: str
    headers: str
    body: bytes | None
    received_at: int
    trust: str
    poll: str | None
    scope: str | None
    baseline: int
    attempts: int = 0  # how often it was put back to be translated again


class ItemRow(NamedTuple):
    """One item to write: what a delivery told, and what became of it."""

    delivery_id: int
    n: int
    source_id: int
    key: str
    kind: str
    entity: str | None
    state: int
    reason: str | None
    due: int
    before: str | None
    adapter_version: int


_COLUMNS = ", ".join(DeliveryRow._fields)
_TODO = text(f"SELECT {_COLUMNS} FROM deliveries WHERE source_id = :source AND state = 0 ORDER BY id LIMIT :limit")
_ONE = text(f"SELECT {_COLUMNS} FROM deliveries WHERE id = :id")


def todo(connection: Connection, source_id: int, limit: int) -> list[DeliveryRow]:
    """The next deliveries of a source to translate, in order of arrival."""
    if connection.dialect.name != "postgresql":
        found = raw(connection).execute(
            f"SELECT {_COLUMNS} FROM deliveries WHERE source_id = ? AND state = 0 ORDER BY id LIMIT ?",
            (source_id, limit),
        )
        return [DeliveryRow._make(row) for row in found.fetchall()]
    rows = connection.execute(_TODO, {"source": source_id, "limit": limit})
    return [DeliveryRow._make(row) for row in rows]


def one(connection: Connection, delivery_id: int) -> DeliveryRow | None:
    row = connection.execute(_ONE, {"id": delivery_id}).first()
    return None if row is None else DeliveryRow._make(row)


_PG_FINISH = text("""
UPDATE deliveries d SET state = x.state, reason = x.reason
FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS smallint[]), CAST(:reasons AS text[])) x(id, state, reason)
WHERE d.id = x.id
""")
_LITE_FINISH = "UPDATE deliveries SET state = ?, reason = ? WHERE id = ?"


def finish(connection: Connection, ends: Sequence[tuple[int, int, str | None]]) -> None:
    """Write the state of translated deliveries: (id, state, reason)."""
    if connection.dialect.name == "postgresql":
        ids, states, reasons = (array(column) for column in zip(*ends, strict=True))
        connection.execute(_PG_FINISH, {"ids": ids, "states": states, "reasons": reasons})
    else:
        raw(connection).executemany(_LITE_FINISH, [(state, reason, id_) for id_, state, reason in ends])


_ITEM_TYPES = {
    "delivery_id": "bigint",
    "n": "integer",
    "source_id": "bigint",
    "state": "smallint",
    "due": "bigint",
    "adapter_version": "smallint",
}
_NAMES = ", ".join(ItemRow._fields)
_PG_ITEMS = text(
    f"INSERT INTO items ({_NAMES}) SELECT * FROM unnest("
    + ", ".join(f"CAST(:{name} AS {_ITEM_TYPES.get(name, 'text')}[])" for name in ItemRow._fields)
    + ") ON CONFLICT DO NOTHING RETURNING delivery_id, n"
)
_LITE_ITEMS = f"INSERT INTO items ({_NAMES}) VALUES ({', '.join('?' * len(ItemRow._fields))}) ON CONFLICT DO NOTHING"


# What could not be read keeps its row, not its key: told anew, and mended, it is told.
_PG_FREE = text(f"""
UPDATE items i SET key = i.key || chr(10) || i.delivery_id || chr(10) || i.n
FROM unnest(CAST(:sources AS bigint[]), CAST(:keys AS text[])) x(source_id, key)
WHERE i.source_id = x.source_id AND i.key = x.key AND i.state = {QUARANTINED}
""")
_LITE_FREE = f"""
UPDATE items SET key = key || char(10) || delivery_id || char(10) || n
WHERE source_id = ? AND key = ? AND state = {QUARANTINED}
"""


def add_items(connection: Connection, rows: Sequence[ItemRow]) -> set[tuple[int, int]]:
    """Write items whose key this source has not told before, or only in a way that could not be read.

    Returns which they are: (delivery, n).
    """
    new = _insert_items(connection, rows)
    left = [row for row in rows if (row.delivery_id, row.n) not in new]
    if left and _free(connection, [(row.source_id, row.key) for row in left]):
        new |= _insert_items(connection, left)
    return new


def _free(connection: Connection, keys: Sequence[tuple[int, str]]) -> bool:
    """Take their keys from items that are quarantined; whether there were any."""
    if connection.dialect.name == "postgresql":
        sources, names = zip(*keys, strict=True)
        return connection.execute(_PG_FREE, {"sources": array(sources), "keys": array(names)}).rowcount > 0
    cursor = raw(connection).cursor()
    cursor.executemany(_LITE_FREE, keys)
    return int(cursor.rowcount) > 0


def _insert_items(connection: Connection, rows: Sequence[ItemRow]) -> set[tuple[int, int]]:
    if not rows:
        return set()
    if connection.dialect.name == "postgresql":
        columns = zip(*rows, strict=True)
        binds = {name: array(column) for name, column in zip(ItemRow._fields, columns, strict=True)}
        return {(d, n) for d, n in connection.execute(_PG_ITEMS, binds).all()}
    cursor, new = raw(connection).cursor(), set()
    for row in rows:
        cursor.execute(_LITE_ITEMS, row)
        if cursor.rowcount:
            new.add((row.delivery_id, row.n))
    return new


_ENTITY = text("SELECT data FROM entities WHERE source_id = :source AND entity = :entity")
_SET_ENTITY = text("""
INSERT INTO entities (source_id, entity, data) VALUES (:source, :entity, :data)
ON CONFLICT (source_id, entity) DO UPDATE SET data = excluded.data
""")


def entity(connection: Connection, source_id: int, name: str) -> Any:
    """The data of an entity's newest item; None: there is none."""
    found = connection.execute(_ENTITY, {"source": source_id, "entity": name}).scalar()
    return None if found is None else json.loads(found)


def set_entity(connection: Connection, source_id: int, name: str, data: Any) -> None:
    binds = {"source": source_id, "entity": name, "data": json.dumps(data, separators=(",", ":"))}
    connection.execute(_SET_ENTITY, binds)


_PG_KNOWN = text(f"""
SELECT key FROM items WHERE source_id = :source AND key = ANY(CAST(:keys AS text[])) AND state <> {QUARANTINED}
""")
_LITE_KNOWN = f"""
WITH u(source_id, key) AS (VALUES @keys)
SELECT u.key FROM u CROSS JOIN items i ON i.source_id = u.source_id AND i.key = u.key
WHERE i.state <> {QUARANTINED}
"""


def known(connection: Connection, source_id: int, keys: Sequence[str]) -> set[str]:
    """Of these items' keys, those that the source has told before so that they could be read."""
    if connection.dialect.name == "postgresql":
        return {row[0] for row in connection.execute(_PG_KNOWN, {"source": source_id, "keys": array(keys)})}
    return {row[0] for row in look_up(connection, _LITE_KNOWN, [(source_id, key) for key in keys])}


class Former(NamedTuple):
    """What an item that is translated again had: its entity's past, the answers to its fetch, and what became of it."""

    key: str
    before: str | None
    answers: str | None
    state: int


# Items that became nothing are read anew; those that became events keep their row and are not told twice.
_TAKE_BACK = text(
    f"DELETE FROM items WHERE delivery_id = :id AND state >= {IGNORED}  RETURNING n, key, before, answers, state"
)
_KEPT = text("SELECT state FROM items WHERE delivery_id = :id")
_ANSWERS = text("UPDATE items SET answers = :answers WHERE delivery_id = :id AND n = :n")


def take_back(connection: Connection, delivery_id: int) -> dict[int, Former]:
    """Take out the items of a delivery that is translated again, but those that became events. Returns them by n."""
    return {row[0]: Former._make(row[1:]) for row in connection.execute(_TAKE_BACK, {"id": delivery_id}).all()}


def states(connection: Connection, delivery_id: int) -> set[int]:
    """The states of a delivery's items."""
    return set(connection.execute(_KEPT, {"id": delivery_id}).scalars())


def keep_answers(connection: Connection, delivery_id: int, n: int, answers: str) -> None:
    connection.execute(_ANSWERS, {"id": delivery_id, "n": n, "answers": answers})


def leading(states: Collection[int]) -> int:
    """The state of a delivery whose items have these."""
    return next((state for state in _LEADING if state in states), IGNORED)


_LEADING = (FETCHING, TRANSLATED, NEEDS_PERSON, QUARANTINED, IGNORED)


_JUDGED = text("UPDATE items SET state = :state, reason = :reason WHERE delivery_id = :id AND n = :n")


def judge(connection: Connection, delivery_id: int, n: int, state: int, reason: str | None) -> None:
    """Write what became of an item that asked for a decision."""
    connection.execute(_JUDGED, {"id": delivery_id, "n": n, "state": state, "reason": reason})


# --- items that wait for a fetch ------------------------------------------------------------------------------------


class Waiting(NamedTuple):
    """An item that wants a fetch. ``answers`` are those that it has of tries before."""

    delivery_id: int
    n: int
    source_id: int
    key: str
    attempts: int
    before: str | None
    answers: str | None


# An entity's items are fetched one after another; those of different entities beside each other.
_FETCHABLE = f"""
SELECT i.delivery_id, i.n, i.source_id, i.key, i.attempts, i.before, i.answers FROM items i
WHERE i.state = {FETCHING} AND i.due <= :now AND (i.entity IS NULL OR NOT EXISTS (
    SELECT 1 FROM items j WHERE j.source_id = i.source_id AND j.entity = i.entity AND j.state = {FETCHING}
    AND (j.delivery_id < i.delivery_id OR (j.delivery_id = i.delivery_id AND j.n < i.n))))
ORDER BY i.due LIMIT :limit
"""
_TAKE = text("""
UPDATE items SET lease = :token, due = :until, attempts = attempts + 1 WHERE delivery_id = :delivery AND n = :n
""")


def lease_fetches(connection: Connection, token: int, now: int, until: int, limit: int) -> list[Waiting]:
    """Take items that want a fetch; they are due again at ``until`` if nothing comes of it."""
    rows = unheld(connection, _FETCHABLE, {"now": now, "limit": limit}).all()
    for row in rows:
        connection.execute(_TAKE, {"token": token, "until": until, "delivery": row[0], "n": row[1]})
    return [Waiting._make(row) for row in rows]


_END_ITEM = text("""
UPDATE items SET state = :state, reason = :reason, due = :due, lease = NULL, answers = :answers
WHERE delivery_id = :delivery AND n = :n AND lease = :token
""")


def end_item(
    connection: Connection,
    item: Waiting,
    token: int,
    state: int,
    *,
    reason: str | None = None,
    due: int = 0,
    answers: str | None = None,
) -> bool:
    """Write what became of a fetched item; False: somebody else has taken it since.

    ``answers`` take the place of those that it had: what ends without all of them keeps none, for an item that has
    answers and is translated again is not fetched.
    """
    binds = {
        "state": state,
        "reason": reason,
        "due": due,
        "answers": answers,
        "delivery": item.delivery_id,
        "n": item.n,
        "token": token,
    }
    return connection.execute(_END_ITEM, binds).rowcount == 1


_REASONS = text("SELECT state, min(reason) FROM items WHERE delivery_id = :id GROUP BY state")


def settle(connection: Connection, delivery_id: int) -> None:
    """Close a delivery whose last fetch has ended."""
    found = {row[0]: row[1] for row in connection.execute(_REASONS, {"id": delivery_id})}
    state = leading(found)
    if state != FETCHING:
        finish(connection, [(delivery_id, state, None if state == TRANSLATED else found.get(state))])
