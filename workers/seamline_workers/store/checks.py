"""The checklist of an exit: what must be settled, who can be asked, and what was last seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from seamline.effect import Check
from seamline.events.base import Ref
from seamline_workers.store.outcome import EffectRow
from seamline_workers.store.store import unheld

#: Microseconds between looks at an item that is not settled yet.
HOUR = 3_600_000_000
#: Microseconds after which a settled item is looked at again: a day later, and thirty days after that.
ROUNDS = (24 * HOUR, 30 * 24 * HOUR)
#: A look that was begun is begun again after so many microseconds, should its process die.
LEASE_US = 120_000_000


class Look(NamedTuple):
    """One row of a checklist whose provider is to be asked."""

    id: int
    account_id: int
    exit: str
    item: str
    key: str
    source: str | None
    ref: Ref
    state: str
    round: int
    attempts: int


_ADD = text("""
INSERT INTO checks (account_id, exit, item, key, source, ref, due_at)
SELECT :account, :exit, :item, :key, :source, :ref, :due WHERE NOT EXISTS (
    SELECT 1 FROM checks WHERE account_id = :account AND exit = :exit AND item = :item AND key = :key)
RETURNING id
""")
_KNOWN = text("SELECT id FROM checks WHERE account_id = :account AND exit = :exit AND item = :item AND key = :key")


def write_check(connection: Connection, row: EffectRow, now: int) -> int:
    """Enter an item of the checklist of the exit that its cause is. What nobody can be asked about a human settles."""
    check: Check = row.what
    binds: dict[str, Any] = {
        "account": row.account_id,
        "exit": row.cause,
        "item": check.item,
        "key": check.key or ("" if check.ref is None else check.ref.id),
    }
    ref = None if check.ref is None else check.ref.model_dump_json()
    asked = {"source": check.source, "ref": ref, "due": None if ref is None else now}
    added = connection.execute(_ADD, binds | asked).scalar()
    return int(connection.execute(_KNOWN, binds).scalar_one() if added is None else added)


_READY = """
due_at IS NOT NULL AND due_at <= :now AND (again_at IS NULL OR again_at <= :wall) AND (lease IS NULL OR lease <= :wall)
"""
_DUE = text(f"SELECT 1 FROM checks WHERE {_READY} LIMIT 1")
_NEXT = f"""
SELECT id, account_id, exit, item, key, source, ref, state, round, attempts FROM checks
WHERE {_READY} ORDER BY due_at LIMIT 1
"""
_TAKE = text("UPDATE checks SET lease = :until, attempts = attempts + 1 WHERE id = :id")


def any_due(connection: Connection, now: int, wall: int) -> bool:
    """Whether something is to be asked about. ``now`` is business time, ``wall`` the leases' and the back-off's."""
    return connection.execute(_DUE, {"now": now, "wall": wall}).first() is not None


def take(connection: Connection, now: int, wall: int) -> tuple[Look, int] | None:
    """Claim the look that is longest due; returns it with its lease. None: nothing is due."""
    row = unheld(connection, _NEXT, {"now": now, "wall": wall}).first()
    if row is None:
        return None
    until = wall + LEASE_US
    connection.execute(_TAKE, {"id": row.id, "until": until})
    look = Look._make(row)
    return look._replace(ref=Ref.model_validate_json(row.ref), attempts=row.attempts + 1), until


_SEEN = text("""
UPDATE checks SET state = :state, round = :round, due_at = :due, again_at = NULL, lease = NULL, attempts = 0,
    evidence = :evidence, reason = NULL
WHERE id = :id AND lease = :until
""")
_FAILED = text("UPDATE checks SET again_at = :again, lease = NULL, reason = :reason WHERE id = :id AND lease = :until")


def seen(connection: Connection, look: Look, until: int, evidence: dict[str, Any], settled: bool, now: int) -> bool:
    """Write down what the provider said, and when to ask again. Returns whether the lease still stood."""
    due: int | None
    if not settled:
        state, turn, due = ("open" if look.state == "open" else "reopened"), 0, now + HOUR
    else:
        state, turn = "settled", look.round + 1
        due = now + ROUNDS[look.round] if look.round < len(ROUNDS) else None
    binds = {"id": look.id, "until": until, "state": state, "round": turn, "due": due, "evidence": json.dumps(evidence)}
    return connection.execute(_SEEN, binds).rowcount == 1


def failed(connection: Connection, look: Look, until: int, reason: str, again: int) -> None:
    """Ask again at ``again``, of the wall clock; ``reason`` is shown meanwhile."""
    connection.execute(_FAILED, {"id": look.id, "until": until, "reason": reason[:500], "again": again})


_ITEM = text("SELECT state FROM checks WHERE exit = :exit AND item = :item")


def item_settled(connection: Connection, exit: str, item: str) -> bool:
    """Whether everything that an item consists of is settled."""
    states = connection.execute(_ITEM, {"exit": exit, "item": item}).scalars().all()
    return bool(states) and all(state == "settled" for state in states)


_GROUP = "(SELECT id FROM accounts WHERE id = :group OR group_id = :group)"
_HURRY = text(f"""
UPDATE checks SET due_at = :now, again_at = NULL
WHERE account_id IN {_GROUP} AND item = :item AND ref IS NOT NULL
AND (due_at IS NULL OR due_at > :now OR again_at IS NOT NULL)
""")
_SETTLE = text(f"UPDATE checks SET state = 'settled', due_at = NULL WHERE account_id IN {_GROUP} AND item = :item")


def hurry(connection: Connection, group: int, items: Sequence[str], now: int) -> None:
    """Look again now: something was told about these items of an account's checklist."""
    for item in items:
        connection.execute(_HURRY, {"group": group, "item": item, "now": now})


def settle_by_hand(connection: Connection, group: int, item: str) -> None:
    """A human has settled an item: it is asked about no more."""
    connection.execute(_SETTLE, {"group": group, "item": item})
