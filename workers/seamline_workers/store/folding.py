"""Folding: what is known of a group of accounts, brought up to date by what is told now.

Facts mostly come in the order in which they happened, and are folded one by one. Where one is late the account is
folded anew: once a batch, and not from its beginning, but from a base that is kept a few dozen facts back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.projection import Projection
from seamline.stages import Fact, fold, needs_refold, refold
from seamline.transition import At
from seamline_workers.store.entry import Entry, control

#: What the engine says of its own work: written down, and no part of what is known of an account.
_UNFOLDED = ("approval.", "boundary.", "deadline.", "draft.", "guard.", "identity.", "message.", "stage.")
#: Facts that a base is behind the newest when it is made, and how many it may be behind before it is made anew.
NEAR, FAR = 64, 256
#: What takes facts back; who has one is always folded from the beginning.
RETRACTED = "event.retracted"


@dataclass(slots=True)
class Group:
    """Linked accounts as one: whose lane and whose projection. Locked until commit."""

    id: int
    projection: Projection
    changed: bool = False
    last_event_at: int = 0
    pending: list[Fact] = field(default_factory=list)  # folded, not yet in the ledger
    fresh: bool = False  # made in this transaction: nobody else sees it, nothing waits for it


#: The locked group of each account of a transaction.
Locked = dict[int, Group]


def folds(event_type: str) -> bool:
    """Whether events of a type are part of what is known of an account."""
    return not event_type.startswith(_UNFOLDED)


#: Who stands behind a move: the seat that owns the event which caused it.
Mover = Callable[[Entry], str]


def fold_in(connection: Connection, entries: Sequence[Entry], locked: Locked, mover: Mover) -> list[Entry]:
    """Fold entries into their groups. Returns them, with a ``stage.changed`` for each move of an account.

    From a late one on the rest of its group's entries are folded together: they share the stage that it then has.
    """
    found, late = [], dict[int, tuple[Group, At, list[Entry]]]()
    for entry in entries:
        found.append(entry)
        if not folds(entry.type):
            continue
        group, fact = locked[entry.account_id], entry.fact
        group.pending.append(fact)
        group.changed = True
        group.last_event_at = max(group.last_event_at, min(entry.occurred_at, entry.received_at))
        if group.id in late:
            late[group.id][2].append(entry)
        elif needs_refold(group.projection, fact.at, fact.id, fact.type) or RETRACTED in group.projection.types:
            late[group.id] = (group, group.projection.stage, [entry])
        else:
            before = group.projection.stage
            group.projection = fold(group.projection, *fact)
            found += _moved(group, before, [entry], mover)
    for group, before, behind in late.values():
        group.projection = _fold_anew(connection, group)
        found += _moved(group, before, behind, mover)
    return found


def _moved(group: Group, before: At, entries: Sequence[Entry], mover: Mover) -> list[Entry]:
    """Note the stage after these entries; if they moved the account, say so."""
    stage = group.projection.stage
    for entry in entries:
        entry.stage = stage
    if before is None or stage is None or stage == before:
        return []
    cause = entries[-1]
    fields = {"to_stage": stage, "from_stage": before, "cause": str(UUID(bytes=cause.id)), "actor": mover(cause)}
    return [control("stage.changed", fields, cause)]


# --- folding anew ---------------------------------------------------------------------------------------------------

_GROUP = "(SELECT id FROM accounts WHERE id = :group OR group_id = :group)"
_FACTS = text(f"""
SELECT type, data, occurred_at, id, trust, seq FROM events
WHERE account_id IN {_GROUP} AND seq >= :start AND seq <= :upto
""")
_BASE = text("SELECT base, base_start FROM accounts WHERE id = :group")
_SET_BASE = text("UPDATE accounts SET base = :base, base_start = :start WHERE id = :group")


def facts_of(connection: Connection, group_id: int, upto: int | None = None) -> list[Fact]:
    """Every event of a group as the fold takes it, up to a number of the ledger."""
    return [fact for _, fact in _numbered(connection, group_id, 0, upto)]


def _numbered(connection: Connection, group_id: int, start: int, upto: int | None = None) -> list[tuple[int, Fact]]:
    binds = {"group": group_id, "start": start, "upto": 2**62 if upto is None else upto}
    rows = connection.execute(_FACTS, binds).all()
    return [(r[5], Fact(r[0], json.loads(r[1]), r[2], bytes(r[3]).hex(), r[4])) for r in rows if folds(r[0])]


def forget_base(connection: Connection, group_id: int) -> None:
    """Fold a group from its beginning next time: whom it consists of has changed."""
    connection.execute(_SET_BASE, {"group": group_id, "base": None, "start": 0})


def _fold_anew(connection: Connection, group: Group) -> Projection:
    """Fold what is in the ledger and what is not yet in it, in order.

    The base holds every fact up to its newest; those of the ledger before ``base_start`` are all among them.
    """
    row = connection.execute(_BASE, {"group": group.id}).one()
    base, start = Projection(), 0
    if row.base is not None:
        kept = Projection.from_json(row.base)
        if min((fact.at, fact.id) for fact in group.pending) > kept.newest:
            base, start = kept, row.base_start
    numbered = _numbered(connection, group.id, start)
    behind = [(seq, fact) for seq, fact in numbered if (fact.at, fact.id) > base.newest]
    following = max((seq for seq, _ in numbered), default=0) + 1
    behind += [(following, fact) for fact in group.pending]
    if RETRACTED in base.types or any(fact.type == RETRACTED for _, fact in behind):
        forget_base(connection, group.id)
        return refold([*facts_of(connection, group.id), *group.pending])
    behind.sort(key=lambda one: (one[1].at, one[1].id))
    if len(behind) > FAR:
        cut = len(behind) - NEAR
        base = _folded(base, behind[:cut])
        behind = behind[cut:]
        binds = {"group": group.id, "base": base.to_json().decode(), "start": min(seq for seq, _ in behind)}
        connection.execute(_SET_BASE, binds)
    return _folded(base, behind)


def _folded(projection: Projection, facts: Sequence[tuple[int, Fact]]) -> Projection:
    for _, fact in facts:
        projection = fold(projection, *fact)
    return projection
