"""Intake: keep what came in, once, in the transaction that its acknowledgement rests on.

Unique on (source, key, digest of the body): the same again is a duplicate and counted; the same key with other bytes
is kept and counted as a conflict. The three outcomes are tallied by hour in the same transaction.
"""

from __future__ import annotations

from pathlib import Path

from seamline_workers.store.arrival import Accepted, Arrival, Intake, StoreBusy, StoreLocked, Verdicts, storable_key
from seamline_workers.store.store import Store, sqlite_path

__all__ = ["Accepted", "Arrival", "Intake", "StoreBusy", "StoreLocked", "Verdicts", "open_intake", "storable_key"]


def open_intake(store: Store, base: Path | None = None) -> Intake:
    """A connection of its own for taking in; ``base`` as for ``open_store``."""
    if store.postgres:
        from seamline_workers.store.intake_postgres import PostgresIntake

        return PostgresIntake(store.url)
    from seamline_workers.store.intake_sqlite import SqliteIntake

    return SqliteIntake(sqlite_path(store.url, base))
