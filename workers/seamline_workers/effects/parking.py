"""Parking: a handoff that waits for a fact must not miss it, whenever it comes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from seamline_workers.store import ledger
from seamline_workers.store.ledger import Locked
from seamline_workers.store.outcome import Outcome

_MOVE = text("UPDATE handoffs SET account_id = :group WHERE event_seq = :seq AND seat = :seat")
_NEWER = text("""
SELECT max(seq) FROM events WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND (type = :type OR (:type = '*' AND source <> '/engine'))
AND seq > (SELECT CASE WHEN as_of > event_seq THEN as_of ELSE event_seq END
           FROM handoffs WHERE event_seq = :seq AND seat = :seat)
""")
_SINCE = text("SELECT created_at FROM handoffs WHERE event_seq = :seq AND seat = :seat")


def group_of(outcome: Outcome, locked: Locked) -> int:
    """The group of a handoff's account: not its lane where the account was linked or unlinked while it ran."""
    return locked[outcome.subject or outcome.lane].id


def already_told(connection: Connection, waits: Sequence[Outcome], locked: Locked) -> list[tuple[int, str, int]]:
    """What was parked for a fact that came while the handler ran: it is ready again at once."""
    told = {}
    for o in waits:
        group = group_of(o, locked)
        if group != o.lane:
            # It waits where the facts about its account arrive.
            connection.execute(_MOVE, {"group": group, "seq": o.event_seq, "seat": o.seat})
        seq = newer(connection, o, locked)
        if seq is not None:
            told[group, o.awaits or ""] = seq
    return ledger.release(connection, told)


def newer(connection: Connection, o: Outcome, locked: Locked) -> int | None:
    """The newest fact of the kind that a handoff waits for, if it is newer than what its handler could read."""
    binds = {"group": group_of(o, locked), "type": o.awaits, "seq": o.event_seq, "seat": o.seat}
    seq = connection.execute(_NEWER, binds).scalar()
    return None if seq is None else int(seq)


def since(connection: Connection, o: Outcome) -> int:
    """When the handoff was planned, in microseconds."""
    return int(connection.execute(_SINCE, {"seq": o.event_seq, "seat": o.seat}).scalar_one())
