"""Linking: two accounts turn out to be one customer, reversibly.

Only handoffs that have not started move. A lane that is running at that moment is drained where it is, and the lane
that it joined starts when it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from seamline import stages
from seamline.context import Task
from seamline.projection import Projection
from seamline_workers.store import lanes, ledger
from seamline_workers.store.accounts import Resolved
from seamline_workers.store.effects import give_task
from seamline_workers.store.ledger import Draft, control
from seamline_workers.store.schema import JOINING, OPEN, SEAT_LANE


def settle_identities(connection: Connection, resolved: Resolved, drafts: Sequence[Draft], now: int) -> list[Draft]:
    """Carry out what the resolver found out. Returns the control events that say so."""
    said = []
    for link in resolved.links:
        cause = next((d for d in drafts if d.account_id in (link.account_id, link.other_id)), drafts[0])
        join(connection, link.account_id, link.other_id, evidence="key", now=now)
        fields = {
            "account": str(link.account_id),
            "linked_account": str(link.other_id),
            "key": link.key[0],
            "evidence": [_hex(cause)],
        }
        said.append(_about(control("identity.linked", fields, cause, str(link.other_id)), link.account_id))
    for conflict in resolved.conflicts:
        cause = next((d for d in drafts if d.account_id == conflict.account_id), drafts[0])
        kinds = " and ".join(key[0] for key in conflict.keys)
        fields = {
            "account": str(conflict.account_id),
            "candidates": [str(conflict.other_id)],
            "key": kinds,
            "evidence": [_hex(cause)],
        }
        event = _about(control("identity.conflict", fields, cause, str(conflict.other_id)), conflict.account_id)
        said.append(event)
        task = Task(
            "Two customers, or one?",
            f"An event's {kinds} belong to the accounts {conflict.account_id} and {conflict.other_id}.",
        )
        give_task(
            connection,
            task,
            kind="identity",
            account_id=conflict.account_id,
            seat=None,
            cause=_hex(cause),
            now=now,
        )
    return said


def _hex(draft: Draft) -> str:
    return str(UUID(bytes=draft.id))


def _about(draft: Draft, account_id: int) -> Draft:
    draft.account_id = account_id
    return draft


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
    _move(connection, other, group, None)
    refold(connection, group)
    return int(edge)


def part(connection: Connection, edge: int, now: int) -> None:
    """Undo a link: the accounts of its other side are their own group again; what has not started moves back."""
    found = connection.execute(
        text("SELECT account_id, other_id FROM links WHERE id = :id AND undone_at IS NULL"), {"id": edge}
    ).first()
    if found is None:
        return
    group, other = found
    ledger.lock(connection, [group, other])
    connection.execute(text("UPDATE links SET undone_at = :now WHERE id = :id"), {"now": now, "id": edge})
    members = _side(connection, other)
    connection.execute(text("UPDATE accounts SET group_id = NULL WHERE id = :id"), {"id": other})
    for member in members - {other}:
        connection.execute(text("UPDATE accounts SET group_id = :group WHERE id = :id"), {"group": other, "id": member})
    _move(connection, group, other, members)
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


_OPEN_WORK = """
SELECT h.event_seq, h.seat, h.state FROM handoffs h JOIN events e ON e.seq = h.event_seq
WHERE h.account_id = :source AND h.state IN (0, 1, 3) AND h.seat = :seat
"""


def _move(connection: Connection, source: int, target: int, subjects: set[int] | None) -> None:
    """Move open handoffs from one group's lanes to another's; ``subjects``: only those of these accounts."""
    seats = connection.execute(
        text(f"SELECT seat, lease FROM lanes WHERE kind = {SEAT_LANE} AND key = :key ORDER BY seat"), {"key": source}
    ).all()
    for seat, lease in seats:
        if lease is not None and subjects is None:
            _let_drain(connection, source, target, seat)
            continue
        query, binds = _OPEN_WORK, {"source": source, "seat": seat}
        rows = connection.execute(text(query), binds).all()
        if subjects is not None:
            mine = {row.event_seq for row in rows if _subject(connection, row.event_seq) in subjects}
            rows = [row for row in rows if row.event_seq in mine]
        for row in rows:
            connection.execute(
                text("UPDATE handoffs SET account_id = :target WHERE event_seq = :seq AND seat = :seat"),
                {"target": target, "seq": row.event_seq, "seat": seat},
            )
        ready = [(target, seat, row.event_seq) for row in rows if row.state != 3]
        lanes.reopen(connection, ready)
        if subjects is None:
            connection.execute(_EMPTY, {"k": source, "s": seat})


_EMPTY = text(f"UPDATE lanes SET done = last, held = {OPEN} WHERE kind = {SEAT_LANE} AND key = :k AND seat = :s")
_MOVE_PARKED = text(
    "UPDATE handoffs SET account_id = :target WHERE account_id = :source AND seat = :seat AND state = 3"
)


def _subject(connection: Connection, seq: int) -> int:
    return int(connection.execute(text("SELECT account_id FROM events WHERE seq = :seq"), {"seq": seq}).scalar_one())


def _let_drain(connection: Connection, source: int, target: int, seat: str) -> None:
    """The running lane goes on to its end; the lane that it joins waits for that. What is parked moves at once."""
    binds = {"source": source, "target": target, "seat": seat}
    connection.execute(_MOVE_PARKED, binds)
    connection.execute(
        text(f"UPDATE lanes SET joins = :target WHERE kind = {SEAT_LANE} AND key = :source AND seat = :seat"), binds
    )
    connection.execute(
        text(f"""
        INSERT INTO lanes (kind, key, seat, held) VALUES ({SEAT_LANE}, :target, :seat, {JOINING})
        ON CONFLICT (kind, key, seat) DO UPDATE SET held = {JOINING}
        """),
        binds,
    )


def refold(connection: Connection, group_id: int) -> Projection:
    """Make a group's projection anew from the ledger and write it."""
    projection = stages.refold(ledger.facts_of(connection, group_id))
    connection.execute(
        text("UPDATE accounts SET projection = :projection, stage = :stage WHERE id = :id"),
        {"projection": projection.to_json().decode(), "stage": projection.stage, "id": group_id},
    )
    return projection
