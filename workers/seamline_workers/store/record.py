"""The record: who coordinated what with whom, and every decision, each row bound to all before it by a hash.

The chain's head is a part of the ledger's, whose lock everybody who appends holds: one chain, however many append,
and rows that are missing at its end are missed. What a row says is bound by a salted digest; erased, the digest stays.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, text

from seamline.events.base import model_of
from seamline_workers.store.array import array
from seamline_workers.store.entry import ENGINE, Entry
from seamline_workers.store.lite import raw

#: Control events of the engine's own bookkeeping: they stand in the ledger, and coordinate nobody.
_BOOKKEEPING = frozenset({"deadline.armed", "deadline.cancelled", "stage.changed"})
#: Judgements and facts by which seats coordinate, or by which the company learns that something was missed.
_COORDINATING = (
    "brief.issued", "briefing.issued", "exit.", "expansion.", "followup.missed", "kickoff.overdue", "metrics.missing",
    "relationship.ended", "risk.flagged",
)  # fmt: skip
_SALT_BYTES = 16
#: What comes before the first row.
FIRST = bytes(32)
#: Fields of an event that say what was decided.
_DECISIONS = ("decision", "result", "code")
#: What a row's hash covers: everything but what may be erased.
HASHED = (
    "seq", "at", "actor_kind", "actor_id", "action", "subject", "event_seq", "cause", "decision", "map_version",
    "map_row", "digest", "prev",
)  # fmt: skip
_WRITTEN = (*HASHED, "hash", "content", "salt")
_KINDS = {
    "seq": "bigint", "at": "bigint", "subject": "bigint", "event_seq": "bigint", "cause": "bytea", "digest": "bytea",
    "prev": "bytea", "hash": "bytea", "salt": "bytea",
}  # fmt: skip


class Head(NamedTuple):
    """Where the chain ends: how many rows there are, and the last one's hash."""

    rows: int
    hash: bytes


class Verified(NamedTuple):
    """What came of following the chain. ``first_bad`` is the number of the first row that is changed or missing.

    ``unrecorded`` is the ledger number of the first event that has no row and ought to; ``erased`` counts the rows
    whose content is gone. ``kept``: whether a hash that was noted earlier is a row's; None: none was named.
    """

    ok: bool
    entries: int
    first_bad: int | None
    head: bytes
    erased: int = 0
    unrecorded: int | None = None
    kept: bool | None = None


@lru_cache(maxsize=1024)
def _coordinates(event_type: str, version: int) -> bool:
    model = model_of(event_type, version)
    control = model is not None and model.nature == "control"
    return event_type.startswith(_COORDINATING) or (control and event_type not in _BOOKKEEPING)


def recorded(entry: Entry) -> bool:
    """Whether an event belongs into the record: a human's word, a decision, or coordination of seats."""
    return entry.trust == "human" or _coordinates(entry.type, entry.version)


def digest_of(salt: bytes, content: str) -> bytes:
    """What binds a row to its content, without telling what that is."""
    return sha256(salt + content.encode()).digest()


def hash_of(columns: dict[str, Any]) -> bytes:
    """The hash of a row: over the RFC 8785 JSON of the columns that are never erased, bytes as hexadecimal."""
    told = {name: value.hex() if isinstance(value, bytes) else value for name, value in columns.items()}
    # RFC 8785 of text, null and whole numbers below 2**53 is JSON with sorted names and no needless escapes.
    return sha256(json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).digest()


_PG_APPEND = text(
    "WITH moved AS (UPDATE ledger_head SET recorded = :rows, record_hash = :head WHERE id = 1) "
    f"INSERT INTO record ({', '.join(_WRITTEN)}) SELECT * FROM unnest("
    + ", ".join(f"CAST(:{name} AS {_KINDS.get(name, 'text')}[])" for name in _WRITTEN)
    + ")"
)
_LITE_APPEND = f"INSERT INTO record ({', '.join(_WRITTEN)}) VALUES ({', '.join('?' * len(_WRITTEN))})"
_LITE_HEAD = "UPDATE ledger_head SET recorded = ?, record_hash = ? WHERE id = 1"


def append(
    connection: Connection,
    entries: Sequence[Entry],
    head: Head,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> None:
    """Record what of these entries belongs into the record. They have their numbers: the ledger's head is held."""
    rows = list(_chained([entry for entry in entries if recorded(entry)], head, entropy))
    if not rows:
        return
    last = rows[-1]
    if connection.dialect.name == "postgresql":
        binds: dict[str, Any] = {name: array([row[name] for row in rows]) for name in _WRITTEN}
        connection.execute(_PG_APPEND, binds | {"rows": last["seq"], "head": last["hash"]})
    else:
        raw(connection).executemany(_LITE_APPEND, [tuple(row[name] for name in _WRITTEN) for row in rows])
        raw(connection).execute(_LITE_HEAD, (last["seq"], last["hash"]))


def _chained(entries: Sequence[Entry], head: Head, entropy: Callable[[int], bytes]) -> Iterator[dict[str, Any]]:
    seq, prev = head
    for entry in entries:
        seq, salt = seq + 1, entropy(_SALT_BYTES)
        row = _said(entry) | {"seq": seq, "digest": digest_of(salt, entry.data), "prev": prev}
        prev = hash_of(row)
        yield row | {"hash": prev, "content": entry.data, "salt": salt}


def _said(entry: Entry) -> dict[str, Any]:
    fields = entry.fields
    kind, name = _actor(entry, fields)
    return {
        "at": entry.received_at,
        "actor_kind": kind,
        "actor_id": name,
        "action": entry.type,
        "subject": entry.account_id,
        "event_seq": entry.seq,
        "cause": entry.cause,
        "decision": next((str(fields[field]) for field in _DECISIONS if fields.get(field)), None),
        "map_version": _text(fields.get("map_version") or (fields.get("version") if _of_map(entry) else None)),
        "map_row": _text(fields.get("map_row")),
    }


def _of_map(entry: Entry) -> bool:
    return entry.type.startswith("boundary.")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


#: Fields by which the engine names who acted.
_NAMED = {"message.delivered": ("seat", "from_seat"), "message.answered": ("seat", "to_seat")}


def _actor(entry: Entry, fields: dict[str, Any]) -> tuple[str, str]:
    """Who acted: (seat, human, source or engine; its name)."""
    if entry.source == ENGINE:
        kind, field = _NAMED.get(entry.type, ("human", "confirmed_by" if _of_map(entry) else "by"))
        name = str(fields.get(field) or "engine")
        return ("engine" if name == "engine" else kind, name)
    folder, _, name = entry.source.removeprefix("/").partition("/")
    return {"seats": "seat", "people": "human"}.get(folder, "source"), name or folder


# --- following the chain ---------------------------------------------------------------------------------------------

_HEAD = text("""
SELECT seq, recorded, record_hash, (SELECT max(seq) FROM record) AS newest FROM ledger_head WHERE id = 1
""")
_ROWS = text(f"""
SELECT {", ".join(f"r.{name}" for name in _WRITTEN)}, e.type AS told, e.data AS data
FROM record r LEFT JOIN events e ON e.seq = r.event_seq
WHERE r.seq > :after AND r.seq <= :upto ORDER BY r.seq LIMIT :batch
""")
_TYPES = text("SELECT DISTINCT type, version FROM events WHERE seq <= :upto")
_UNRECORDED = text("""
SELECT min(seq) FROM (
    SELECT seq FROM events WHERE seq <= :upto AND (trust = 'human' OR type IN :types)
    EXCEPT SELECT event_seq FROM record
) left_out
""").bindparams(bindparam("types", expanding=True))


def verify(
    connection: Connection,
    batch: int = 1_000,
    told: Callable[[int, int], None] = lambda _done, _of: None,
    kept: bytes | None = None,
) -> Verified:
    """Follow the chain from its first row to its head, beside the ledger that it was written with.

    ``told`` hears how many rows of how many are good so far; ``kept`` is the hash of a row that was noted elsewhere.
    """
    found = connection.execute(_HEAD).one()
    rows, head = found.recorded, bytes(found.record_hash or FIRST)
    seq, event, prev, erased, met = 0, 0, FIRST, 0, False
    while seq < rows:
        read = connection.execute(_ROWS, {"after": seq, "upto": rows, "batch": batch}).all()
        for row in read:
            if row.seq != seq + 1 or not _stands(row, prev) or not _is_ledgers(row, event):
                return Verified(False, seq, seq + 1, prev)
            seq, event, prev = row.seq, row.event_seq, bytes(row.hash)
            erased, met = erased + (row.content is None), met or prev == kept
        if not read:
            return Verified(False, seq, seq + 1, prev)
        told(seq, rows)
    if prev != head:
        return Verified(False, seq, max(seq, 1), prev)
    if (found.newest or 0) > rows:
        return Verified(False, seq, rows + 1, prev)
    left_out = _left_out(connection, found.seq)
    ok = left_out is None and (kept is None or met)
    return Verified(ok, seq, None, prev, erased, left_out, None if kept is None else met)


def _is_ledgers(row: Row[Any], before: int) -> bool:
    """Whether a row says what the ledger says, and comes after the event of the row before it."""
    return row.event_seq > before and row.told == row.action and row.content in (None, row.data)


def _left_out(connection: Connection, upto: int) -> int | None:
    """The ledger number of the first event that ought to be recorded and is not."""
    told = connection.execute(_TYPES, {"upto": upto}).all()
    types = sorted({row.type for row in told if _coordinates(row.type, row.version)})
    number: int | None = connection.execute(_UNRECORDED, {"upto": upto, "types": types or [""]}).scalar()
    return number


def _stands(row: Row[Any], prev: bytes) -> bool:
    """Whether a row is what was written after the one with this hash. Erased it has neither content nor salt."""
    columns = {name: _plain(getattr(row, name)) for name in HASHED}
    if columns["prev"] != prev or hash_of(columns) != bytes(row.hash):
        return False
    if row.content is None or row.salt is None:
        return row.content is None and row.salt is None
    return bool(digest_of(bytes(row.salt), row.content) == columns["digest"])


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, str)) else bytes(value)


# --- erasing ---------------------------------------------------------------------------------------------------------

_FORGET = text("""
UPDATE record SET content = NULL, salt = NULL
WHERE subject IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group) AND content IS NOT NULL
""")


def forget(connection: Connection, group: int) -> int:
    """Erase what the record says of an account group; that something was done, by whom and when, stays, and verifies.

    Returns how many rows said something.
    """
    return int(connection.execute(_FORGET, {"group": group}).rowcount)


__all__ = ["FIRST", "Head", "Verified", "append", "forget", "recorded", "verify"]
