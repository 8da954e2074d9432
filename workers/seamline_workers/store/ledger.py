"""The ledger: events appended once, in one order, with the handoffs that they cause.

Whoever appends takes the locks of its accounts in ascending order, does all other work, draws the ledger's numbers
last and commits. So commit order is number order without gaps, and a reader of ``since=`` never misses an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, text

from seamline.projection import Projection
from seamline_workers.store import lanes, record
from seamline_workers.store.accounts import LostRace
from seamline_workers.store.array import array
from seamline_workers.store.entry import ENGINE, Entry, control
from seamline_workers.store.folding import Group, Locked, facts_of, fold_in, folds
from seamline_workers.store.lite import look_up, raw
from seamline_workers.store.schema import PARKED


class Plan(Protocol):
    """What the company's roster says about what is appended."""

    def routes(self, entry: Entry) -> Sequence[tuple[str, int]]:
        """Seats to hand an event to: (seat, 1 as owner or 0 as informed)."""
        ...

    def mover(self, entry: Entry) -> str:
        """Who logs the move of an account that an event causes, as a source: ``/seats/dirk``."""
        ...

    def follow(self, connection: Connection, new: Sequence[Entry], locked: Locked) -> list[Entry]:
        """Do what follows from new events at once, and return what the engine says of it, to be appended with them."""
        ...


# The group's row is locked before its member's: who holds a group may take any of its members without a circle.
_PG_LOCK = text("""
SELECT a.id, g.id, g.projection, g.last_event_at FROM accounts g JOIN accounts a ON g.id = coalesce(a.group_id, a.id)
WHERE a.id = ANY(CAST(:ids AS bigint[])) ORDER BY g.id, a.id FOR NO KEY UPDATE
""")
#: How often groups that change under our eyes are looked for, before the transaction is done again.
_LOOKS = 4
_LITE_LOCK = """
SELECT a.id, g.id, g.projection, g.last_event_at FROM accounts a JOIN accounts g ON g.id = coalesce(a.group_id, a.id)
WHERE a.id IN (VALUES @keys)
"""


def lock(connection: Connection, account_ids: Iterable[int], fresh: frozenset[int] = frozenset()) -> Locked:
    """Lock the groups of these accounts, ascending, and read their projections. Raises LostRace.

    Those that are ``fresh`` were made in this transaction and not linked yet: there is nothing to lock or to read.
    """
    asked = set(account_ids)
    locked: Locked = {made: Group(made, Projection(), fresh=True) for made in asked & fresh}
    wanted = sorted(asked - fresh)
    rows: Sequence[Any] = _lock(connection, wanted) if wanted else ()
    by_id: dict[int, Group] = {}
    for account_id, group_id, projection, last_event_at in rows:
        group = by_id.get(group_id)
        if group is None:
            group = by_id[group_id] = Group(group_id, _projection(projection), last_event_at=last_event_at or 0)
        locked[account_id] = group
    return locked


def _lock(connection: Connection, wanted: list[int]) -> Sequence[Any]:
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_PG_LOCK, {"ids": array(wanted)}).all()
        for _ in range(_LOOKS):
            if len(rows) == len(wanted):
                return rows
            # While we waited an account was linked or unlinked: its row and its group's do not belong together now.
            rows = connection.execute(_PG_LOCK, {"ids": array(wanted)}).all()
        raise LostRace
    return list(look_up(connection, _LITE_LOCK, [(account_id,) for account_id in wanted]))


def _projection(stored: str | None) -> Projection:
    return Projection() if stored is None else Projection.from_json(stored)


def append(connection: Connection, entries: Sequence[Entry], plan: Plan, locked: Locked, wall: int) -> list[Entry]:
    """Append what is new of ``entries``; fold it, hand it off, release what waited for it.

    The accounts of ``entries`` are ``locked`` by the caller. ``wall``: what is handed off is planned at that time of
    the wall clock; the events bring their own. Returns what was appended, with its numbers.
    """
    new = fold_in(connection, _unknown(connection, entries), locked, plan.mover)
    if not new:
        return []
    said = plan.follow(connection, new, locked)
    if said:
        new += fold_in(connection, _unknown(connection, said), locked, plan.mover)
    _write_groups(connection, locked)
    chain = _number(connection, new)
    told = {
        (group.id, entry.type): entry.seq
        for entry in new
        if folds(entry.type) and not (group := locked[entry.account_id]).fresh
    }
    released = release(connection, told)
    _insert_events(connection, new)
    record.append(connection, new, chain)
    lanes.add(connection, _insert_handoffs(connection, new, plan, locked, wall))
    lanes.reopen(connection, released)
    for group in locked.values():
        group.pending.clear()
    return new


# --- what is new ----------------------------------------------------------------------------------------------------

_PG_KNOWN = text("SELECT id FROM events WHERE id = ANY(CAST(:ids AS bytea[]))")
_LITE_KNOWN = "SELECT id FROM events WHERE id IN (VALUES @keys)"


def _unknown(connection: Connection, entries: Sequence[Entry]) -> list[Entry]:
    by_id: dict[bytes, Entry] = {}
    for entry in entries:
        by_id.setdefault(entry.id, entry)
    if connection.dialect.name == "postgresql":
        if by_id:
            for row in connection.execute(_PG_KNOWN, {"ids": array(list(by_id))}).all():
                by_id.pop(bytes(row[0]), None)
    else:
        for row in look_up(connection, _LITE_KNOWN, [(identity,) for identity in by_id]):
            del by_id[row[0]]
    return list(by_id.values())


# --- writing what was folded -----------------------------------------------------------------------------------------

_PG_GROUPS = text("""
UPDATE accounts a SET projection = x.projection, stage = x.stage, last_event_at = x.at
FROM unnest(CAST(:ids AS bigint[]), CAST(:projections AS text[]), CAST(:stages AS text[]), CAST(:ats AS bigint[]))
     x(id, projection, stage, at)
WHERE a.id = x.id
""")
_LITE_GROUPS = "UPDATE accounts SET projection = ?, stage = ?, last_event_at = ? WHERE id = ?"


def _write_groups(connection: Connection, locked: Locked) -> None:
    changed = {group.id: group for group in locked.values() if group.changed}
    if not changed:
        return
    rows = [(g.projection.to_json().decode(), g.projection.stage, g.last_event_at, g.id) for g in changed.values()]
    if connection.dialect.name == "postgresql":
        projections, stages, ats, ids = (array(column) for column in zip(*rows, strict=True))
        binds = {"ids": ids, "projections": projections, "stages": stages, "ats": ats}
        connection.execute(_PG_GROUPS, binds)
    else:
        raw(connection).executemany(_LITE_GROUPS, rows)


# --- what waited ----------------------------------------------------------------------------------------------------

_PG_RELEASE = text(f"""
UPDATE handoffs h SET state = 0, due = 0, reason = NULL, awaits = NULL, done_at = NULL, as_of = x.seq
FROM unnest(CAST(:groups AS bigint[]), CAST(:types AS text[]), CAST(:seqs AS bigint[])) x(account_id, type, seq)
WHERE h.state = {PARKED} AND h.account_id = x.account_id AND h.awaits IN (x.type, '*')
RETURNING h.account_id, h.seat, h.event_seq
""")
_LITE_RELEASE = f"""
UPDATE handoffs SET state = 0, due = 0, reason = NULL, awaits = NULL, done_at = NULL, as_of = ?
WHERE state = {PARKED} AND account_id = ? AND awaits IN (?, '*') RETURNING account_id, seat, event_seq
"""
_LITE_PARKED = f"""
WITH u(account_id, awaits) AS (VALUES @keys)
SELECT u.account_id, u.awaits FROM u CROSS JOIN handoffs h
WHERE h.state = {PARKED} AND h.account_id = u.account_id AND h.awaits IN (u.awaits, '*')
"""


def release(connection: Connection, told: Mapping[tuple[int, str], int]) -> list[tuple[int, str, int]]:
    """Make ready what was parked for one of these facts, or for any: {(account group, type): ledger number}.

    Returns what to reopen: (account group, seat, ledger number). The groups are locked by the caller.
    """
    if not told:
        return []
    if connection.dialect.name == "postgresql":
        groups, types = zip(*told, strict=True)
        binds = {"groups": array(groups), "types": array(types), "seqs": array(list(told.values()))}
        return [tuple(row) for row in connection.execute(_PG_RELEASE, binds).all()]
    cursor, found = raw(connection).cursor(), []
    for key in set(look_up(connection, _LITE_PARKED, list(told))):
        found += [tuple(row) for row in cursor.execute(_LITE_RELEASE, (told[key], *key)).fetchall()]
    return found


_PARKED_DUE = text(f"""
SELECT h.event_seq, h.seat, e.account_id FROM handoffs h JOIN events e ON e.seq = h.event_seq
WHERE h.state = {PARKED} AND h.due > 0 AND h.due <= :now ORDER BY h.due LIMIT 500
""")
_UNPARK = text(f"""
UPDATE handoffs SET state = 0, due = 0, account_id = :group
WHERE event_seq = :seq AND seat = :seat AND state = {PARKED} AND due > 0
""")


def wake_parked(connection: Connection, now: int) -> int:
    """Make ready the handoffs that were parked until a time, in the lanes that their accounts have now."""
    rows = connection.execute(_PARKED_DUE, {"now": now}).all()
    locked = lock(connection, [row.account_id for row in rows]) if rows else {}
    ready = []
    for seq, seat, account_id in rows:
        group = locked[account_id].id
        if connection.execute(_UNPARK, {"group": group, "seq": seq, "seat": seat}).rowcount:
            ready.append((group, seat, seq))
    lanes.reopen(connection, ready)
    return len(ready)


# --- writing --------------------------------------------------------------------------------------------------------

_HEAD = text("UPDATE ledger_head SET seq = seq + :n WHERE id = 1 RETURNING seq, recorded, record_hash")

_EVENT_COLUMNS = (
    ("seq", "bigint"),
    ("id", "bytea"),
    ("type", "text"),
    ("version", "smallint"),
    ("account_id", "bigint"),
    ("source", "text"),
    ("source_id", "bigint"),
    ("delivery_id", "bigint"),
    ("item", "integer"),
    ("occurred_at", "bigint"),
    ("timebasis", "text"),
    ("received_at", "bigint"),
    ("trust", "text"),
    ("stage", "text"),
    ("history", "smallint"),
    ("data", "text"),
    ("cause", "bytea"),
    ("correlation", "bytea"),
    ("hops", "smallint"),
    ("adapter_version", "smallint"),
)
_NAMES = ", ".join(name for name, _ in _EVENT_COLUMNS)
_PG_EVENTS = text(
    f"INSERT INTO events ({_NAMES}) SELECT * FROM unnest("
    + ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _EVENT_COLUMNS)
    + ")"
)
_LITE_EVENTS = f"INSERT INTO events ({_NAMES}) VALUES ({', '.join('?' * len(_EVENT_COLUMNS))})"


def _number(connection: Connection, new: Sequence[Entry]) -> record.Head:
    """Draw the numbers, and with them the end of the record's chain."""
    last, recorded, newest = connection.execute(_HEAD, {"n": len(new)}).one()
    for n, entry in enumerate(new, last - len(new) + 1):
        entry.seq = n
    return record.Head(recorded, record.FIRST if newest is None else bytes(newest))


def _row(d: Entry) -> tuple[Any, ...]:
    return (
        d.seq,
        d.id,
        d.type,
        d.version,
        d.account_id,
        d.source,
        d.source_id,
        d.delivery_id,
        d.item,
        d.occurred_at,
        d.timebasis,
        d.received_at,
        d.trust,
        d.stage,
        int(d.history),
        d.data,
        d.cause,
        d.correlation,
        d.hops,
        d.adapter_version,
    )


def _insert_events(connection: Connection, new: Sequence[Entry]) -> None:
    rows = [_row(entry) for entry in new]
    if connection.dialect.name == "postgresql":
        columns = zip(*rows, strict=True)
        binds = {name: array(column) for (name, _), column in zip(_EVENT_COLUMNS, columns, strict=True)}
        connection.execute(_PG_EVENTS, binds)
    else:
        raw(connection).executemany(_LITE_EVENTS, rows)


_PG_HANDOFFS = text("""
INSERT INTO handoffs (event_seq, seat, account_id, owner, created_at)
SELECT *, CAST(:now AS bigint) FROM unnest(CAST(:seqs AS bigint[]), CAST(:seats AS text[]),
    CAST(:accounts AS bigint[]), CAST(:owners AS smallint[]))
""")
_LITE_HANDOFFS = "INSERT INTO handoffs (event_seq, seat, account_id, owner, created_at) VALUES (?, ?, ?, ?, ?)"


def _insert_handoffs(
    connection: Connection, new: Sequence[Entry], plan: Plan, locked: Locked, wall: int
) -> list[tuple[int, str, int]]:
    """Plan who is handed what. History wakes nobody. Returns what to tell the lanes."""
    rows = [
        (entry.seq, seat, locked[entry.account_id].id, owner)
        for entry in new
        if not entry.history
        for seat, owner in plan.routes(entry)
    ]
    if not rows:
        return []
    if connection.dialect.name == "postgresql":
        seqs, seats, accounts, owners = (array(column) for column in zip(*rows, strict=True))
        binds = {"seqs": seqs, "seats": seats, "accounts": accounts, "owners": owners, "now": wall}
        connection.execute(_PG_HANDOFFS, binds)
    else:
        raw(connection).executemany(_LITE_HANDOFFS, [(*row, wall) for row in rows])
    return [(account, seat, seq) for seq, seat, account, _ in rows]


__all__ = [
    "ENGINE",
    "Entry",
    "Group",
    "Locked",
    "Plan",
    "append",
    "control",
    "facts_of",
    "lock",
    "release",
    "wake_parked",
]
