"""The question to the guards: a thing that is asked for, with all that they may look at, under its account's lock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from seamline.boundary import Roster
from seamline.guard import Asked, Holds, Refusal
from seamline.projection import Projection
from seamline_workers.store.schema import DEAD
from seamline_workers.store.store import now_us
from seamline_workers.translation.interpret import from_us

#: How far a seat whose word holds things back may be behind with an account, before nobody can know what it would say.
BEHIND = timedelta(minutes=15)
#: Most grades of snapshots that are looked at, newest first.
GRADES = 500

_MEMBERS = "(SELECT id FROM accounts WHERE id = :group OR group_id = :group)"
_NEAR = text(f"""
SELECT c.account_id, c.other_id FROM conflicts c JOIN tasks t ON t.id = c.task_id
WHERE t.state = 'open' AND (c.account_id IN {_MEMBERS} OR c.other_id IN {_MEMBERS})
""")
_GROUPS_OF = text("""
SELECT g.id, g.projection FROM accounts a JOIN accounts g ON g.id = coalesce(a.group_id, a.id) WHERE a.id = :id
""")
_BEHIND = text("""
SELECT 1 FROM handoffs WHERE account_id = :group AND seat = :seat AND state < 2 AND created_at < :before LIMIT 1
""")
_DEAD = text(f"SELECT 1 FROM handoffs WHERE account_id = :group AND seat = :seat AND state = {DEAD} LIMIT 1")
_GRADED = "metrics.trust_assessed"
_GRADES = text(f"""
SELECT data FROM events WHERE account_id IN {_MEMBERS} AND type = '{_GRADED}' ORDER BY seq DESC
LIMIT {GRADES}
""")


def refusal_of(
    connection: Connection,
    roster: Roster,
    event_type: str,
    fields: Mapping[str, Any],
    group: int,
    projection: Projection,
    now: int,
    *,
    customer: bool = False,
) -> Refusal | None:
    """Why an account may not have this now; None: nothing is against it. The caller holds the account's lock.

    ``now`` is business time in microseconds; ``customer``: it is for a customer to read.
    """
    if not roster.guarded(event_type):
        return None
    asked = Asked(
        event_type,
        fields,
        projection,
        from_us(now),
        near=near(connection, group),
        behind=frozenset(_late(connection, group, _winners(roster, event_type))),
        grades=_grades(connection, group) if fields.get("figures") and projection.count(_GRADED) else {},
        customer=customer,
    )
    return roster.refuse(asked)


def near(connection: Connection, group: int) -> tuple[Projection, ...]:
    """What is known of the accounts that may be the same customer: nobody has said yet whether they are."""
    ids = {one for row in connection.execute(_NEAR, {"group": group}) for one in row}
    found = {}
    for account in sorted(ids):
        row = connection.execute(_GROUPS_OF, {"id": account}).first()
        if row is not None and row.id != group:
            found[row.id] = Projection() if row.projection is None else Projection.from_json(row.projection)
    return tuple(found.values())


def _winners(roster: Roster, event_type: str) -> set[str]:
    return {guard.winner for guard in roster.guards if isinstance(guard, Holds) and event_type in guard.guards}


def _late(connection: Connection, group: int, seats: Iterable[str]) -> list[str]:
    """Of these seats, those that are behind with the account, or have given up on something of it."""
    before = now_us() - int(BEHIND.total_seconds() * 1_000_000)
    late = []
    for seat in seats:
        binds = {"group": group, "seat": seat}
        waiting = connection.execute(_BEHIND, binds | {"before": before}).first()
        if waiting is not None or connection.execute(_DEAD, binds).first() is not None:
            late.append(seat)
    return late


def _grades(connection: Connection, group: int) -> dict[str, str]:
    """The last grade of each snapshot, by its id."""
    grades: dict[str, str] = {}
    for (data,) in connection.execute(_GRADES, {"group": group}):
        told = json.loads(data)
        grades.setdefault(told["snapshot_id"], told["grade"])
    return grades
