"""Deadlines: rows with a time. Whoever changes one holds the lock of its account's group."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, text

from seamline_workers.store.outcome import EffectRow
from seamline_workers.store.reading.moment import micros

#: Longest that a process has to look at the rows that it took, in microseconds; then another one takes them.
LEASE_US = int(float(os.environ.get("SEAMLINE_LEASE_SECONDS", "10")) * 1_000_000)


class Deadline(NamedTuple):
    """One row. ``id`` is 0 before it is written."""

    id: int
    key: str
    kind: str
    seat: str
    name: str
    rule: str
    account_id: int
    cause: bytes
    unless: str
    due_at: int
    state: str
    event: bytes | None = None
    created_at: int = 0
    fired_at: int | None = None


_COLUMNS = ", ".join(Deadline._fields)


def _keyed(statement: str, *names: str) -> Any:
    return text(statement).bindparams(*(bindparam(name, expanding=True) for name in names))


_BY_KEY = _keyed(f"SELECT {_COLUMNS} FROM deadlines WHERE key IN :keys", "keys")
_ARMED = _keyed(
    f"""
SELECT coalesce(a.group_id, a.id) AS of_group, {", ".join(f"d.{name}" for name in Deadline._fields)}
FROM accounts a JOIN deadlines d ON d.account_id = a.id
WHERE (a.id IN :groups OR a.group_id IN :groups) AND d.state = 'armed'
AND d.kind IN :kinds
""",
    "groups",
    "kinds",
)


def by_key(connection: Connection, keys: Iterable[str]) -> dict[str, Deadline]:
    """The rows with these keys."""
    wanted = sorted(set(keys))
    rows = connection.execute(_BY_KEY, {"keys": wanted}).all() if wanted else ()
    return {row.key: _read(row) for row in rows}


def armed_of(connection: Connection, groups: Iterable[int], *kinds: str) -> list[tuple[int, Deadline]]:
    """What waits of these kinds, each with its group, of everybody in these groups."""
    rows = connection.execute(_ARMED, {"groups": sorted(groups), "kinds": list(kinds)}).all()
    return [(row[0], _read(row[1:])) for row in rows]


def _read(row: Any) -> Deadline:
    found = Deadline._make(row)
    return found._replace(cause=bytes(found.cause), event=None if found.event is None else bytes(found.event))


_INSERT = text(f"""
INSERT INTO deadlines ({_COLUMNS.removeprefix("id, ")})
VALUES (:key, :kind, :seat, :name, :rule, :account_id, :cause, :unless, :due_at, :state, :event, :created_at, :fired_at)
ON CONFLICT (key) DO NOTHING RETURNING id
""")
_UPDATE = text("""
UPDATE deadlines SET key = :key, due_at = :due_at, state = :state, event = :event, fired_at = :fired_at,
    cause = :cause, "unless" = :unless, rule = :rule, lease = NULL
WHERE id = :id
""")


def add(connection: Connection, row: Deadline) -> Deadline | None:
    """Write a new row. Returns it with its id; None: there is one with its key."""
    number = connection.execute(_INSERT, row._asdict()).scalar()
    return None if number is None else row._replace(id=int(number))


def write(connection: Connection, rows: Sequence[Deadline]) -> None:
    """Write what has changed of rows, and give them back."""
    if rows:
        connection.execute(_UPDATE, [row._asdict() for row in rows])


# --- whose time has come ----------------------------------------------------------------------------------------------

# What is expected by a time may still come at that very time; who wants to be asked at a time is asked then.
_DUE = "state = 'armed' AND due_at <= :now AND (due_at < :now OR kind <> 'expect')"
_ANY_DUE = text(f"SELECT 1 FROM deadlines WHERE {_DUE} AND (lease IS NULL OR lease <= :wall) ORDER BY due_at LIMIT 1")
_CLAIM = f"""
UPDATE deadlines SET lease = :until WHERE id IN (
    SELECT id FROM deadlines WHERE {_DUE} AND (lease IS NULL OR lease <= :wall) ORDER BY due_at LIMIT :some {{skip}})
RETURNING id, account_id
"""
_PG_CLAIM = text(_CLAIM.format(skip="FOR UPDATE SKIP LOCKED"))
_LITE_CLAIM = text(_CLAIM.format(skip=""))
_CLAIMED = _keyed(f"SELECT {_COLUMNS} FROM deadlines WHERE id IN :ids AND {_DUE}", "ids")


def any_due(connection: Connection, now: int, wall: int) -> bool:
    """Whether a time has come that nobody looks at. ``now`` is business time, ``wall`` the leases'."""
    return connection.execute(_ANY_DUE, {"now": now, "wall": wall}).first() is not None


def claim(connection: Connection, now: int, wall: int, some: int) -> dict[int, int]:
    """Take some rows whose time has come, oldest first: {row: account}."""
    statement = _PG_CLAIM if connection.dialect.name == "postgresql" else _LITE_CLAIM
    binds = {"now": now, "wall": wall, "until": wall + LEASE_US, "some": some}
    return {row.id: row.account_id for row in connection.execute(statement, binds)}


def claimed(connection: Connection, ids: Iterable[int], now: int) -> list[Deadline]:
    """Of rows that were taken, those that still wait. Their accounts are locked by the caller."""
    rows = connection.execute(_CLAIMED, {"ids": sorted(ids), "now": now}).all()
    return [_read(row) for row in sorted(rows, key=lambda row: (row.due_at, row.id))]


# --- what the ledger says ---------------------------------------------------------------------------------------------

_EVENT = """
SELECT e.seq, e.id, e.type, e.version, e.account_id, e.source, e.delivery_id, e.occurred_at, e.timebasis, e.received_at,
    e.trust, e.stage, e.data, e.cause, e.correlation, e.hops, e.adapter_version
"""
_TOLD = _keyed(
    f"""
{_EVENT}, coalesce(a.group_id, a.id) AS of_group FROM accounts a JOIN events e ON e.account_id = a.id
WHERE (a.id IN :groups OR a.group_id IN :groups) AND e.type IN :types
""",
    "groups",
    "types",
)
_NAMED = _keyed(f"{_EVENT} FROM events e WHERE e.id IN :ids", "ids")
_SINCE = _keyed(
    """
SELECT 1 FROM events WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND type IN :types AND seq > :seq LIMIT 1
""",
    "types",
)


def told(connection: Connection, groups: Iterable[int], types: Iterable[str]) -> dict[int, list[Any]]:
    """The events of these types in the ledger, by group."""
    found: dict[int, list[Any]] = {}
    binds = {"groups": sorted(groups), "types": sorted(types)}
    for row in connection.execute(_TOLD, binds).all():
        found.setdefault(row.of_group, []).append(row)
    return found


def named(connection: Connection, ids: Iterable[bytes]) -> Mapping[bytes, Any]:
    """Events of the ledger by their ids."""
    wanted = sorted(set(ids))
    rows = connection.execute(_NAMED, {"ids": wanted}).all() if wanted else ()
    return {bytes(row.id): row for row in rows}


def newer(connection: Connection, group: int, types: Iterable[str], seq: int) -> bool:
    """Whether the ledger has an event of these types of a group behind this number."""
    wanted = sorted(types)
    return (
        bool(wanted) and connection.execute(_SINCE, {"group": group, "types": wanted, "seq": seq}).first() is not None
    )


# --- what seats set ---------------------------------------------------------------------------------------------------

_CANDIDATES = text(f"""
SELECT {_COLUMNS} FROM deadlines WHERE key IN (
    SELECT :head || CAST(a.id AS text) || :tail FROM accounts a WHERE a.id = :group OR a.group_id = :group)
ORDER BY CASE WHEN state = 'armed' THEN 0 ELSE 1 END, id LIMIT 1
""")
_ABOUT = text("""
SELECT e.account_id, coalesce(a.group_id, a.id) FROM events e JOIN accounts a ON a.id = e.account_id WHERE e.seq = :seq
""")


def key_of(seat: str, name: str, account: int, key: str) -> str:
    """The key of what a seat sets."""
    return f"{_head(seat, name)}{account}/{key}"


def own_key(row: Deadline) -> str:
    """What a seat calls what it set."""
    return row.key.split("/", 4)[4]


def _head(seat: str, name: str) -> str:
    return f"due/{seat}/{name.replace('~', '~0').replace('/', '~1')}/"


def set_by(connection: Connection, row: EffectRow, group: int) -> Deadline | None:
    """The row that a handoff's effect is about, whoever of the group it was set for."""
    binds = {"head": _head(row.seat, row.what.name), "tail": f"/{row.what.key}", "group": group}
    found = connection.execute(_CANDIDATES, binds).first()
    return None if found is None else _read(found)


def set_by_effect(connection: Connection, row: EffectRow) -> Deadline | None:
    """The row that a handoff's effect has set."""
    about = connection.execute(_ABOUT, {"seq": row.event_seq}).one()
    return set_by(connection, row, about[1])


def write_deadline(connection: Connection, row: EffectRow, now: int) -> int:
    """Set what a seat asked for, or move it. Returns its id. What ended it since its event lets it be."""
    account, group = connection.execute(_ABOUT, {"seq": row.event_seq}).one()
    types = [event.event_type for event in row.what.unless]
    wanted = Deadline(
        0,
        key_of(row.seat, row.what.name, account, row.what.key),
        "due",
        row.seat,
        row.what.name,
        row.what.rule or "",
        account,
        UUID(row.cause).bytes,
        f",{','.join(types)}," if types else "",
        micros(row.what.at),
        "cancelled" if newer(connection, group, types, row.event_seq) else "armed",
        created_at=now,
    )
    known = set_by(connection, row, group)
    if known is not None:
        write(connection, [wanted._replace(id=known.id, key=known.key)])
        return known.id
    added = add(connection, wanted)
    assert added is not None  # nobody else makes one: the account is locked
    return added.id
