"""Lanes alone: accounts, events and handoffs as bare rows, and every move that the engine makes with them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from uuid import uuid4

from sqlalchemy import Connection, text

from seamline_workers.store import lanes, ledger
from seamline_workers.store.effects import complete
from seamline_workers.store.lanes import Lane, LaneEnd
from seamline_workers.store.outcome import Outcome
from seamline_workers.store.processes import register
from seamline_workers.store.schema import DONE, RETRYING
from seamline_workers.store.store import Store

TABLES = ("lanes", "handoffs", "events", "accounts", "links", "workers", "tasks", "effects")
#: A projection of nobody: what is folded is not these tests' business.
_EVENT = text("""
INSERT INTO events (seq, id, type, version, account_id, source, occurred_at, timebasis, received_at, trust, data)
VALUES (:seq, :id, 'ad.clicked', 1, :account, '/sources/crm', :seq, 'provider', :seq, 'signed', '{}')
""")
_HANDOFF = text("""
INSERT INTO handoffs (event_seq, seat, account_id, owner, created_at) VALUES (:seq, :seat, :group, 1, 0)
""")


def clear(store: Store, accounts: Iterable[int]) -> None:
    """Empty the tables and make these accounts."""
    with store.begin() as connection:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE ledger_head SET seq = 0"))
        for account in accounts:
            binds = {"id": account}
            connection.execute(text("INSERT INTO accounts (id, provisional, created_at) VALUES (:id, 1, 0)"), binds)


def enter(store: Store, name: str) -> int:
    with store.begin() as connection:
        return register(connection, name)


def add(store: Store, account: int, seats: Sequence[str], n: int = 1) -> list[int]:
    """Append events of an account and hand them to seats, as the ledger does. Returns their numbers."""
    with store.begin() as connection:
        group = ledger.lock(connection, [account])[account].id
        draw = text("UPDATE ledger_head SET seq = seq + :n WHERE id = 1 RETURNING seq")
        last = connection.execute(draw, {"n": n}).scalar_one()
        numbers = list(range(last - n + 1, last + 1))
        for seq in numbers:
            connection.execute(_EVENT, {"seq": seq, "id": uuid4().bytes, "account": account})
            for seat in seats:
                connection.execute(_HANDOFF, {"seq": seq, "seat": seat, "group": group})
        lanes.add(connection, [(group, seat, seq) for seq in numbers for seat in seats])
    return numbers


def lease(store: Store, seat: str, token: int, n: int = 10, per_lane: int = 16) -> list[Lane]:
    with store.begin() as connection:
        return lanes.lease_lanes(connection, seat, token, n, per_lane)


def finish(
    store: Store, lane: Lane, outcomes: Sequence[Outcome], connection: Connection | None = None
) -> set[tuple[int, str]]:
    """End a run of a lane with these outcomes of its first handoffs. Returns what was completed."""
    upto, due = lane.start, 0
    for outcome in outcomes:
        if outcome.state == RETRYING:
            due = outcome.due
            break
        upto = outcome.event_seq
    end = LaneEnd(lane.key, lane.seat, lane.token, lane.start, upto, due)
    if connection is not None:
        return complete(connection, [end], outcomes, 0)
    with store.begin() as connection:
        return complete(connection, [end], outcomes, 0)


def done(lane: Lane, n: int | None = None) -> list[Outcome]:
    """Outcomes of a lane's first handoffs: done."""
    return [Outcome(lane.key, h.event_seq, lane.seat, DONE, 1) for h in lane.handoffs[:n]]


def await_a_waiting_lock(store: Store) -> None:
    """Return when a transaction waits for another's lock (PostgreSQL)."""
    until = time.monotonic() + 20
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
            assert time.monotonic() < until, "nobody waits for a lock"
