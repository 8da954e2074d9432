"""The worker processes that are alive, and what becomes of the leases of one that is not.

A lease's token is ``worker id << 32 | n``: one heartbeat a process keeps all of its leases, and a process that is
declared dead loses them all at once. Their lanes are *suspect*: one of them may have killed it, so each runs alone,
one handoff or delivery at a time, until everything that the process may have had in hand is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from seamline_workers.store.schema import JOINING, SEAT_LANE, SUSPECT
from seamline_workers.store.store import PG_NOW, Store, now_us, unheld

#: Bits of a token that count the leases of one process.
TOKEN_BITS = 32
#: Most handoffs of one lane and most deliveries of one source that a process has in hand.
PER_LANE, PER_SOURCE = 16, 256
#: A worker that has not said for so many microseconds that it lives is not counted on.
SILENT_US = 60_000_000


def _clock(connection: Connection) -> str:
    return PG_NOW if connection.dialect.name == "postgresql" else str(now_us())


def register(connection: Connection, name: str) -> int:
    """Enter a worker process; its leases are numbered from ``id << TOKEN_BITS``."""
    clock = _clock(connection)
    statement = text(f"INSERT INTO workers (name, started_at, beat_at) VALUES (:name, {clock}, {clock}) RETURNING id")
    return int(connection.execute(statement, {"name": name}).scalar_one())


def beat(connection: Connection, worker_id: int) -> int | None:
    """Say that a worker lives. Returns when, by the store's clock in microseconds.

    None: it was declared dead and holds nothing any more.
    """
    statement = text(f"UPDATE workers SET beat_at = {_clock(connection)} WHERE id = :id RETURNING beat_at")
    return connection.execute(statement, {"id": worker_id}).scalar()


def beating(store: Store) -> bool:
    """Whether any worker on this store has said of late that it lives."""
    with store.read() as connection:
        query = text(f"SELECT 1 FROM workers WHERE beat_at > {_clock(connection)} - {SILENT_US} LIMIT 1")
        return connection.execute(query).first() is not None


def leave(connection: Connection, worker_id: int) -> None:
    """Take a worker out in order: what it still holds is given back, nothing becomes suspect."""
    connection.execute(text("DELETE FROM workers WHERE id = :id"), {"id": worker_id})
    connection.execute(_GIVE_BACK, {"low": worker_id << TOKEN_BITS, "high": (worker_id + 1) << TOKEN_BITS})


_GIVE_BACK = text("UPDATE lanes SET lease = NULL WHERE lease >= :low AND lease < :high")
# `due` of a suspect is the last thing that its process may have had in hand.
_SUSPEND = f"""
UPDATE lanes SET lease = NULL,
    crashes = crashes + CASE WHEN held = {SUSPECT} THEN 1 ELSE 0 END,
    held = CASE WHEN held = {JOINING} THEN {JOINING} ELSE {SUSPECT} END,
    due = CASE WHEN held IN ({SUSPECT}, {JOINING}) THEN due WHEN kind = {SEAT_LANE} THEN coalesce((
        SELECT max(event_seq) FROM (
            SELECT h.event_seq FROM handoffs h
            WHERE h.account_id = lanes.key AND h.seat = lanes.seat AND h.state < 2 AND h.event_seq > lanes.done
            ORDER BY h.event_seq LIMIT {PER_LANE}) had), 0)
    ELSE coalesce((
        SELECT max(id) FROM (
            SELECT d.id FROM deliveries d WHERE d.source_id = lanes.key AND d.state = 0
            ORDER BY d.id LIMIT {PER_SOURCE}) had), 0)
    END
WHERE {{whose}}
"""
_SUSPEND_ONE = text(_SUSPEND.format(whose="lease >= :low AND lease < :high"))
_ORPHANED = "lease IS NOT NULL AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = lanes.lease >> :bits)"
_ANY_ORPHAN = text(f"SELECT 1 FROM lanes WHERE {_ORPHANED} LIMIT 1")
_SUSPEND_ORPHANS = text(_SUSPEND.format(whose=_ORPHANED))


def bury(connection: Connection, lease_us: int, by: int | None = None) -> int:
    """Declare dead the workers that were silent for ``lease_us``; their lanes become suspect. Returns how many.

    Silent until the last beat of the worker ``by``, which has just beaten: a store that hung since then, between two
    statements, makes nobody look dead. Without it, until now. Who beat later than that did so before the clock was
    set back: it counts as one that has just beaten, or nobody would bury it until then.
    """
    until = _clock(connection) if by is None else "(SELECT beat_at FROM workers WHERE id = :by)"
    binds = {"lease": lease_us} | ({} if by is None else {"by": by})
    ahead = f"UPDATE workers SET beat_at = {until} WHERE beat_at > {until} + :lease"
    connection.execute(text(ahead), binds)
    silent = f"SELECT id FROM workers WHERE beat_at < {until} - :lease"
    found = [row[0] for row in unheld(connection, silent, binds)]
    for worker_id in found:
        _bury(connection, worker_id)
    return len(found)


def _bury(connection: Connection, worker_id: int) -> None:
    connection.execute(text("DELETE FROM workers WHERE id = :id"), {"id": worker_id})
    connection.execute(_SUSPEND_ONE, {"low": worker_id << TOKEN_BITS, "high": (worker_id + 1) << TOKEN_BITS})


def bury_named(connection: Connection, name: str) -> None:
    """Declare a process dead whose end was seen: nobody needs to wait until it has been silent for long enough."""
    for row in connection.execute(text("SELECT id FROM workers WHERE name = :name"), {"name": name}).all():
        _bury(connection, row[0])


def sweep(connection: Connection) -> int:
    """Take over what is leased under a worker that is none: it leased on, after it had been declared dead, and died.

    Returns how many lanes. Looks at every lane, so call it seldom.
    """
    if connection.execute(_ANY_ORPHAN, {"bits": TOKEN_BITS}).first() is None:
        return 0
    return connection.execute(_SUSPEND_ORPHANS, {"bits": TOKEN_BITS}).rowcount


_PG_FREE = text("UPDATE lanes SET lease = NULL WHERE lease = ANY(CAST(:tokens AS bigint[]))")
_LITE_FREE = text("UPDATE lanes SET lease = NULL WHERE lease IN (SELECT value FROM json_each(:tokens))")


_FREE_LANE = text(
    f"UPDATE lanes SET lease = NULL WHERE kind = {SEAT_LANE} AND key = :key AND seat = :seat AND lease = :token"
)


def free(connection: Connection, tokens: Sequence[int], lanes: Sequence[tuple[int, str, int]] = ()) -> None:
    """Give back what the store could not be told of when it was over.

    Whatever is still leased under ``tokens``, and of others these ``lanes``: (key, seat, token).
    """
    for key, seat, token in lanes:
        connection.execute(_FREE_LANE, {"key": key, "seat": seat, "token": token})
    if not tokens:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_PG_FREE, {"tokens": list(tokens)})
    else:
        connection.execute(_LITE_FREE, {"tokens": "[" + ",".join(str(token) for token in tokens) + "]"})
