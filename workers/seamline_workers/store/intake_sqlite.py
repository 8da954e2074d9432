"""Keep arrivals in SQLite: one durable transaction a group, on the caller's thread, without ever waiting for a lock."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from seamline_workers.crashpoint import reach
from seamline_workers.store.arrival import Accepted, Arrival, StoreBusy, StoreLocked, Verdicts, collapse
from seamline_workers.store.store import connect_sqlite, now_us
from seamline_workers.store.tally import hour_of

#: The write-ahead log may grow to this before the front door moves it into the database itself. Workers do so long
#: before; this is for a front door that runs alone.
WAL_BOUND = 64 * 1024 * 1024
#: Below this much free space nothing is taken in: what is acknowledged must still be worked on.
MIN_FREE = 64 * 1024 * 1024
#: Memory for pages of the store, in KiB.
CACHE_KIB = 8 * 1024
#: Seconds between two looks at the log's size and the free space.
LOOK_S = 1.0

_NEXT_ID = (
    "SELECT max(coalesce((SELECT max(id) FROM deliveries), 0), "
    "coalesce((SELECT max(delivery_id) FROM items), 0))"  # rows may be pruned, their ids are never given again
)
_INSERT = (
    "INSERT INTO deliveries (source_id, key, digest, method, target, headers, body, size, received_at, trust, scheme, "
    "secret, poll, scope, baseline, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (source_id, key, digest) DO NOTHING"
)
_FIND = "SELECT id FROM deliveries WHERE source_id = ? AND key = ? AND digest = ?"
_REPEAT = "UPDATE deliveries SET duplicates = duplicates + ? WHERE id = ?"
_CONFLICTS = (
    "SELECT d.id FROM deliveries d WHERE d.id > ? AND d.key <> '' AND EXISTS (SELECT 1 FROM deliveries o "
    "WHERE o.source_id = d.source_id AND o.key = d.key AND o.digest <> d.digest AND o.id < d.id)"
)
_TALLY = (
    "INSERT INTO tallies (source, outcome, hour, n) SELECT name, ?, ?, ? FROM sources WHERE id = ? "
    "ON CONFLICT (source, outcome, hour) DO UPDATE SET n = n + excluded.n"
)


def want_of_room(path: Path) -> str | None:
    """Why nothing is taken in: too little space is free where the store is. None: there is enough."""
    room = os.statvfs(path.parent)
    if room.f_bavail * room.f_frsize >= MIN_FREE:
        return None
    return f"less than {MIN_FREE >> 20} MiB are free where the store is"


class SqliteIntake:
    """The one connection over which this process takes in. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect_sqlite(path, timeout_ms=0, durable=True)
        # A checkpoint on the event loop would hold up every request: it is the workers' business, or a thread's.
        self._connection.execute("PRAGMA wal_autocheckpoint=0")
        # It only appends: a larger cache would fill up slowly with pages that nobody reads again.
        self._connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        self._connection.execute(f"PRAGMA journal_size_limit={WAL_BOUND // 4}")
        self._look_at = 0.0
        self._checkpoint: threading.Thread | None = None

    def accept(self, arrivals: Sequence[Arrival]) -> Verdicts:
        """Keep a group. Raises StoreBusy: another process writes (try again in a moment), or the disk is full."""
        self._look()
        try:
            return self._transact(arrivals)
        except StoreBusy:
            raise
        except sqlite3.Error as error:
            if _full(error):
                raise StoreBusy(f"the store cannot write: {error}") from error
            if len(arrivals) == 1:
                return [None]
        # One row spoils the group: each goes alone, so that its neighbours do not pay for it.
        return [verdict for arrival in arrivals for verdict in self._alone(arrival)]

    def close(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint.join()
        self._connection.close()

    def _alone(self, arrival: Arrival) -> Verdicts:
        try:
            return self._transact([arrival])
        except (StoreBusy, sqlite3.Error):
            return [None]

    def _transact(self, arrivals: Sequence[Arrival]) -> Verdicts:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreLocked("another process writes") from error
            raise
        try:
            reach("front.begun")
            verdicts = self._write(arrivals)
            reach("front.inserted")
            connection.execute("COMMIT")
        except BaseException:
            # Some errors roll back by themselves.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        reach("front.committed")
        return verdicts

    def _write(self, arrivals: Sequence[Arrival]) -> Verdicts:
        execute, many = self._connection.execute, self._connection.executemany
        group = collapse(arrivals)
        before: int = execute(_NEXT_ID).fetchone()[0]
        rows = [(*arrival, number) for number, arrival in enumerate(group.unique, before + 1)]
        whole = many(_INSERT, rows).rowcount == len(rows)
        ids = [row[-1] for row in rows] if whole else [execute(_FIND, row[:3]).fetchone()[0] for row in rows]
        if not whole or len(rows) < len(arrivals):
            again = zip(group.copies, ids, strict=True)
            many(_REPEAT, [(n + (number <= before), number) for n, number in again if n or number <= before])
        conflicts = {found for (found,) in execute(_CONFLICTS, (before,))} if any(row[1] for row in rows) else set()
        verdicts = group.spread([Accepted(number, number <= before, number in conflicts) for number in ids])
        many(_TALLY, _counts(arrivals, verdicts))
        return verdicts

    def _look(self) -> None:
        """Now and then: is there room on the disk, and has the log grown beyond its bound?"""
        now = time.monotonic()
        if now < self._look_at:
            return
        if (full := want_of_room(self._path)) is not None:
            raise StoreBusy(full)
        self._look_at = now + LOOK_S
        log = Path(f"{self._path}-wal")
        if self._checkpoint is not None:
            if not self._checkpoint.is_alive():
                # Begun anew is only a log of which nothing is left: what came since then is little.
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self._checkpoint = None
        elif log.exists() and log.stat().st_size > WAL_BOUND:
            self._checkpoint = threading.Thread(target=_checkpoint, args=(self._path,), name="checkpoint")
            self._checkpoint.start()


def _checkpoint(path: Path) -> None:
    """Move the log into the database, over a connection of its own; who takes in goes on meanwhile."""
    with closing(connect_sqlite(path)) as connection, suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _counts(arrivals: Sequence[Arrival], verdicts: Verdicts) -> list[tuple[str, int, int, int]]:
    counts: dict[tuple[int, str], int] = {}
    for arrival, verdict in zip(arrivals, verdicts, strict=True):
        assert verdict is not None
        outcome = "duplicate" if verdict.duplicate else "accepted"
        counts[arrival.source_id, outcome] = counts.get((arrival.source_id, outcome), 0) + 1
        if verdict.conflict:
            counts[arrival.source_id, "conflict"] = counts.get((arrival.source_id, "conflict"), 0) + 1
    hour = hour_of(now_us())
    return [(outcome, hour, n, source_id) for (source_id, outcome), n in counts.items()]


def _full(error: sqlite3.Error) -> bool:
    """Whether no row could be written: the disk is full or broken, or the database cannot be had."""
    return _code(error) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
    )


def _code(error: sqlite3.Error) -> int:
    """The primary result code."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
