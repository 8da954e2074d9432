"""Linking: two accounts turn out to be one customer, reversibly.

Only handoffs that have not started move. A lane that is running at that moment is drained where it is, and the lane
that it joined starts when it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, bindparam, text

from seamline import stages
from seamline.context import Task
from seamline.projection import Projection
from seamline_workers.store import lanes, ledger
from seamline_workers.store.accounts import Resolved
from seamline_workers.store.effects import give_task
from seamline_workers.store.ledger import Draft, control
from seamline_workers.store.schema import HELD, JOINING, OPEN, PARKED, RETRYING, SEAT_LANE, SUSPECT


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
        give_task(
            connection,
            Task("Two customers, or one?", words),
            kind="identity",
            account_id=conflict.account_id,
            seat=None,
            cause=_hex(cause),
            now=now,
        )
    return said


_ASKED = text("SELECT 1 FROM tasks WHERE account_id = :account AND kind = 'identity' AND text = :text")


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
    other = found.other_id
    # The group that they are in now: the one that they were linked to may have been linked on since.
    group = ledger.lock(connection, [found.account_id, other])[other].id
    connection.execute(text("UPDATE links SET undone_at = :now WHERE id = :id"), {"now": now, "id": edge})
    members = _side(connection, other)
    for member in sorted(members):
        binds = {"group": None if member == other else other, "id": member}
        connection.execute(text("UPDATE accounts SET group_id = :group WHERE id = :id"), binds)
    connection.execute(_NOT_JOINING, {"keys": sorted(members)})
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


_LANES = f"SELECT seat, lease, held, due FROM lanes WHERE kind = {SEAT_LANE} AND key = :key ORDER BY seat"
_OPEN_WORK = """
UPDATE handoffs SET account_id = :target
WHERE account_id = :source AND seat = :seat AND state IN (0, 1, 3){only} RETURNING event_seq, state
"""
_PARKED_WORK = """
UPDATE handoffs SET account_id = :target WHERE account_id = :source AND seat = :seat AND state = 3{only}
"""
_ONLY = " AND event_seq IN (SELECT seq FROM events WHERE account_id IN ({accounts}))"
_EMPTY = text(f"""
UPDATE lanes SET done = last, held = {OPEN}, due = 0, crashes = 0, joins = NULL
WHERE kind = {SEAT_LANE} AND key = :source AND seat = :seat
""")
_JOINED = text(f"UPDATE lanes SET joins = :target WHERE kind = {SEAT_LANE} AND joins = :source AND seat = :seat")
_JOINS = text(f"UPDATE lanes SET joins = :target WHERE kind = {SEAT_LANE} AND key = :source AND seat = :seat")
_WAIT = text(f"""
INSERT INTO lanes (kind, key, seat, held) VALUES ({SEAT_LANE}, :target, :seat, {JOINING})
ON CONFLICT (kind, key, seat) DO UPDATE SET held = {JOINING}
""")
_HOLD = text(f"""
UPDATE lanes SET held = {HELD}, due = :due
WHERE kind = {SEAT_LANE} AND key = :target AND seat = :seat AND held = {OPEN} AND lease IS NULL
""")


def _move(connection: Connection, source: int, target: int, subjects: set[int] | None) -> None:
    """Move open handoffs from one group's lanes to another's; ``subjects``: only those of these accounts.

    A lane in which something has started (it runs, or is tried again, or lost its process) goes on to its end where
    it is, and the other one waits for that; only what is parked moves at once. Both groups are locked.
    """
    lock = " FOR NO KEY UPDATE" if connection.dialect.name == "postgresql" else ""
    only = "" if subjects is None else _ONLY.format(accounts=", ".join(str(one) for one in sorted(subjects)))
    for seat, lease, held, due in connection.execute(text(_LANES + lock), {"key": source}).all():
        binds = {"source": source, "target": target, "seat": seat}
        if lease is not None or (subjects is None and held in (HELD, SUSPECT)):
            connection.execute(text(_PARKED_WORK.format(only=only)), binds)
            connection.execute(_JOINS, binds)
            connection.execute(_WAIT, binds)
            continue
        rows = connection.execute(text(_OPEN_WORK.format(only=only)), binds).all()
        lanes.reopen(connection, [(target, seat, row.event_seq) for row in rows if row.state != PARKED])
        if any(row.state == RETRYING for row in rows):
            connection.execute(_HOLD, binds | {"due": due})
        if subjects is None:
            connection.execute(_EMPTY, binds)
            if connection.execute(_JOINED, binds).rowcount:
                connection.execute(_WAIT, binds)


_NOT_JOINING = text(
    f"UPDATE lanes SET joins = NULL WHERE kind = {SEAT_LANE} AND joins IS NOT NULL AND key IN :keys"
).bindparams(bindparam("keys", expanding=True))


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
    return projection
