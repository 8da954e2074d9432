"""Rebuild: make every account's projection anew from the ledger. It writes projections and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from seamline import stages
from seamline_workers.store import ledger, linking
from seamline_workers.store.store import Store

#: Account groups a transaction.
SOME = 100

_GROUPS = text("""
SELECT id FROM accounts WHERE id > :after AND (group_id IS NULL OR group_id = id) AND projection IS NOT NULL
ORDER BY id LIMIT :limit
""")
_STORED = text("SELECT projection FROM accounts WHERE id = :id")


@dataclass(frozen=True)
class Rebuilt:
    """How many account groups there are, and the ids of those whose projection was not what the ledger says."""

    groups: int
    differing: tuple[int, ...]


def verify(store: Store) -> Rebuilt:
    """Compare every projection with the ledger, byte for byte; change nothing."""
    return _each(store, write=False)


def rebuild(store: Store) -> Rebuilt:
    """Make every projection anew. No event, no handoff, no effect comes of it."""
    return _each(store, write=True)


def _each(store: Store, write: bool) -> Rebuilt:
    after, groups, differing = 0, 0, []
    while True:
        with store.begin() as connection:
            found = [row[0] for row in connection.execute(_GROUPS, {"after": after, "limit": SOME})]
            ledger.lock(connection, found)
            for group in found:
                stored = connection.execute(_STORED, {"id": group}).scalar_one()
                if stored != stages.refold(ledger.facts_of(connection, group)).to_json().decode():
                    differing.append(group)
                    if write:
                        linking.refold(connection, group)
        groups += len(found)
        if len(found) < SOME:
            return Rebuilt(groups, tuple(differing))
        after = found[-1]
