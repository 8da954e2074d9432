"""Linking: two accounts turn out to be one customer, reversibly.

Only handoffs that have not started move. A lane that is running at that moment is drained where it is, and the lane
that it joined starts when it has ended. Where a link is undone, what runs for those who leave loses its lease.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text

from seamline import stages
from seamline.context import Task
from seamline.projection import Projection
from seamline_workers.store import lanes, ledger
from seamline_workers.store.accounts import Resolved
from seamline_workers.store.effects import give_task
from seamline_workers.store.folding import forget_base
from seamline_workers.store.ledger import Entry, control
from seamline_workers.store.schema import HELD, JOINING, PARKED, PENDING, RETRYING, SEAT_LANE, SUSPECT


def settle_identities(connection: Connection, resolved: Resolved, entries: Sequence[Entry], now: int) -> list[Entry]:
    """Carry out what the resolver found out. Returns the control events that say so."""
    said = []
    for link in resolved.links:
        cause = next((d for d in entries if d.account_id in (link.account_id, link.other_id)), entries[0])
        join(connection, link.account_id, link.other_id, evidence="key", now=now)
        fields = {
            "account": str(link.account_id),
            "linked_account": str(link.other_id),
            "key": link.key[0],
            "evidence": [_hex(cause)],
        }
        said.append(_about(control("identity.linked", fields, cause, str(link.other_id)), link.account_id))
    for conflict in resolved.conflicts:
        cause = next((d for d in entries if d.account_id == conflict.account_id), entries[0])
        kinds = " and ".join(key[0] for key in conflict.keys)
        words = f"An event's {kinds} belong to the accounts {conflict.account_id} and {conflict.other_id}."
        if connection.execute(_ASKED, {"account": conflict.account_id, "text": words}).first() is not None:
            continue  # every later event about them would ask the same again
        fields = {
            "account": str(conflict.account_id),
            "candidates": [str(conflict.other_id)],
            "key": kinds,
            "evidence": [_hex(cause)],
        }
        event = _about(control("identity.conflict", fields, cause, str(conflict.other_id)), conflict.account_id)
        said.append(event)
        task = give_task(
            connection,
            Task("Two customers, or one?", words),
            kind="identity",
            account_id=conflict.account_id,
            seat=None,
            cause=_hex(cause),
            now=now,
        )
        connection.execute(_CONFLICT, {"account": conflict.account_id, "other": conflict.other_id, "task": task})
    return said


# Guards look at both while nobody has said whether they are one.
_CONFLICT = text("""
INSERT INTO conflicts (account_id, other_id, task_id) VALUES (:account, :other, :task)
ON CONFLICT (account_id, other_id) DO UPDATE SET task_id = excluded.task_id
""")


_ASKED = text("SELECT 1 FROM tasks WHERE account_id = :account AND kind = 'identity' AND text = :text")


def _hex(entry: Entry) -> str:
    return str(UUID(bytes=entry.id))


def _about(entry: Entry, account_id: int) -> Entry:
    entry.account_id = account_id
    return entry


_GROUP = text("SELECT coalesce(group_id, id) FROM accounts WHERE id = :id")


def join(connection: Connection, keep: int, joined: int, *, evidence: str, now: int) -> int | None:
    """Link two accounts: the group of ``joined`` becomes part of ``keep``'s. Returns the edge's id; None: it was."""
    ledger.lock(connection, [keep, joined])
    group = int(connection.execute(_GROUP, {"id": keep}).scalar_one())
    other = int(connection.execute(_GROUP, {"id": joined}).scalar_one())
    if group == other:
        return None
    connection.execute(
        text("UPDATE accounts SET group_id = :group WHERE id = :other OR group_id = :other"),
        {"group": group, "other": other},
    )
    edge = connection.execute(
        text(
            "INSERT INTO links (account_id, other_id, evidence, made_at) "
            "VALUES (:group, :other, :evidence, :now) RETURNING id"
        ),
        {"group": group, "other": other, "evidence": evidence, "now": now},
    ).scalar_one()
    _bring(connection, other, group)
    refold(connection, group)
    return int(edge)


def part(connection: Connection, edge: int, now: int) -> None:
    """Undo a link: the accounts of its other side are their own group again, and their open handoffs go with them."""
    found = connection.execute(
        text("SELECT account_id, other_id FROM links WHERE id = :id AND undone_at IS NULL"), {"id": edge}
    ).first()
    if found is None:
        return
    other = found.other_id
    # The group that they are in now: the one that they were linked to may have been linked on since.
    group = ledger.lock(connection, [found.account_id, other])[other].id
    everybody = set(connection.execute(_MEMBERS, {"group": group}).scalars())
    connection.execute(text("UPDATE links SET undone_at = :now WHERE id = :id"), {"now": now, "id": edge})
    leaving = _side(connection, other)
    for member in sorted(leaving):
        binds = {"group": None if member == other else other, "id": member}
        connection.execute(text("UPDATE accounts SET group_id = :group WHERE id = :id"), binds)
    _take_along(connection, other, leaving, everybody - leaving)
    for one in (group, other):
        refold(connection, one)


def _side(connection: Connection, account_id: int) -> set[int]:
    """The accounts that hang together with this one by the edges that still stand."""
    edges = connection.execute(text("SELECT account_id, other_id FROM links WHERE undone_at IS NULL")).all()
    found, grown = {account_id}, True
    while grown:
        grown = False
        for one, other in edges:
            if (one in found) != (other in found):
                found |= {one, other}
                grown = True
    return found


_MEMBERS = text("SELECT id FROM accounts WHERE id = :group OR group_id = :group")
_LANES = f"SELECT key, seat, lease, held FROM lanes WHERE kind = {SEAT_LANE} AND key IN :keys ORDER BY key, seat"
_OPEN_WORK = text("""
UPDATE handoffs SET account_id = :target
WHERE account_id = :source AND seat = :seat AND state < 2 RETURNING event_seq
""")
_PARKED_WORK = text(f"UPDATE handoffs SET account_id = :target WHERE account_id = :source AND state = {PARKED}")
# What waited for its next attempt has it at once: the lane that it comes into is not held.
_THEIR_WORK = text(f"""
UPDATE handoffs SET account_id = :target, state = CASE WHEN state = {RETRYING} THEN {PENDING} ELSE state END,
    due = CASE WHEN state = {RETRYING} THEN 0 ELSE due END
WHERE account_id = :source AND seat = :seat AND state < 2
AND event_seq IN (SELECT seq FROM events WHERE account_id IN :accounts) RETURNING event_seq
""").bindparams(bindparam("accounts", expanding=True))
_THEIR_PARKED_WORK = text(f"""
UPDATE handoffs SET account_id = :target WHERE account_id IN :sources AND state = {PARKED}
AND event_seq IN (SELECT seq FROM events WHERE account_id IN :accounts)
""").bindparams(bindparam("accounts", expanding=True), bindparam("sources", expanding=True))
_END = text(f"DELETE FROM lanes WHERE kind = {SEAT_LANE} AND key = :source AND seat = :seat")
_JOINED = text(f"UPDATE lanes SET joins = :target WHERE kind = {SEAT_LANE} AND joins = :source AND seat = :seat")
_JOINS = text(f"UPDATE lanes SET joins = :target WHERE kind = {SEAT_LANE} AND key = :source AND seat = :seat")
_WAIT = text(f"""
INSERT INTO lanes (kind, key, seat, held) VALUES ({SEAT_LANE}, :target, :seat, {JOINING})
ON CONFLICT (kind, key, seat) DO UPDATE SET held = {JOINING}
""")
_TAKE_AWAY = text(f"UPDATE lanes SET lease = NULL WHERE kind = {SEAT_LANE} AND key = :source AND seat = :seat")
_COME_BACK = text(f"""
UPDATE lanes SET joins = CASE WHEN key = :target THEN NULL ELSE :target END
WHERE kind = {SEAT_LANE} AND joins IS NOT NULL AND key IN :keys RETURNING key, seat
""").bindparams(bindparam("keys", expanding=True))


def _lanes(connection: Connection, accounts: Iterable[int]) -> Sequence[Row[int, str, int | None, int]]:
    """The lanes of these accounts, locked: whoever runs one cannot end it, nobody begins one."""
    lock = " FOR NO KEY UPDATE" if connection.dialect.name == "postgresql" else ""
    query = text(_LANES + lock).bindparams(bindparam("keys", expanding=True))
    return connection.execute(query, {"keys": sorted(accounts)}).all()


def _bring(connection: Connection, source: int, target: int) -> None:
    """Move the open handoffs of a group that joins another into its lanes. Both groups are locked.

    A lane in which something has started (it runs, or is tried again, or lost its process) goes on to its end where
    it is, and the one that it joins waits for that; only what is parked moves at once.
    """
    connection.execute(_PARKED_WORK, {"source": source, "target": target})
    for _, seat, lease, held in _lanes(connection, [source]):
        binds = {"source": source, "target": target, "seat": seat}
        if lease is not None or held in (HELD, SUSPECT):
            connection.execute(_JOINS, binds)
            connection.execute(_WAIT, binds)
            continue
        rows = connection.execute(_OPEN_WORK, binds).all()
        lanes.reopen(connection, [(target, seat, row.event_seq) for row in rows])
        connection.execute(_END, binds)
        # Lanes that go on to their end before this one do so before the one that it became.
        if connection.execute(_JOINED, binds).rowcount:
            connection.execute(_WAIT, binds)


def _take_along(connection: Connection, target: int, accounts: set[int], others: set[int]) -> None:
    """Move the open handoffs of ``accounts`` out of the lanes of those whom they leave.

    A lane that runs them at this moment loses its lease: what has started there counts for nothing and runs again.
    """
    leaving = {"target": target, "accounts": sorted(accounts)}
    connection.execute(_THEIR_PARKED_WORK, leaving | {"sources": sorted(others)})
    for source, seat, lease, _ in _lanes(connection, others):
        binds = {"source": source, "target": target, "seat": seat}
        rows = connection.execute(_THEIR_WORK, binds | leaving).all()
        ready = [(target, seat, row.event_seq) for row in rows]
        lanes.reopen(connection, ready)
        if ready and lease is not None:
            connection.execute(_TAKE_AWAY, binds)
    for key, seat in connection.execute(_COME_BACK, {"target": target, "keys": sorted(accounts)}).all():
        if key != target:
            connection.execute(_WAIT, {"target": target, "seat": seat})


def refold(connection: Connection, group_id: int) -> Projection:
    """Make a group's projection anew from the ledger and write it."""
    facts = ledger.facts_of(connection, group_id)
    projection = stages.refold(facts)
    binds = {
        "projection": projection.to_json().decode(),
        "stage": projection.stage,
        "at": max((fact.at for fact in facts), default=None),
        "id": group_id,
    }
    connection.execute(
        text("UPDATE accounts SET projection = :projection, stage = :stage, last_event_at = :at WHERE id = :id"), binds
    )
    forget_base(connection, group_id)
    return projection
