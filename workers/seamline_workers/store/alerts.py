"""Alerts: rows of what colleagues were told of the company's own troubles, and how many there are of each now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, text

from seamline_workers.store.schema import DEAD

#: Microseconds between two looks, and for which a look is left to whoever began it.
LOOK_US, HOLD_US = 60_000_000, 120_000_000
#: A deadline that has not fired so long after its time was missed; a source that told nothing for so long is silent.
OVERDUE_US, SILENT_US = 3_600_000_000, 7 * 86_400_000_000

_COUNTS = {
    # DEAD stands in the text, so that the partial index serves it.
    "dead": f"SELECT count(*) FROM handoffs WHERE state = {DEAD}",
    "quarantined": "SELECT sum(n) FROM tallies WHERE outcome LIKE 'quarantined%'",
    "refused": "SELECT sum(n) FROM tallies WHERE outcome LIKE 'refused%'",
    "overdue": "SELECT count(*) FROM deadlines WHERE state = 'armed' AND due_at < :overdue",
    "silent": """
    SELECT count(*) FROM sources s WHERE s.state = 'active' AND s.created_at < :since AND NOT EXISTS
    (SELECT 1 FROM tallies t WHERE t.source = s.name AND t.outcome = 'accepted' AND t.hour > :silent)
    """,
    "paused": "SELECT count(*) FROM channels WHERE paused_at IS NOT NULL",
}
_ENTER = text("INSERT INTO alerts (kind) VALUES (:kind) ON CONFLICT DO NOTHING")
_DUE = text("SELECT kind FROM alerts WHERE due <= :now AND kind IN :kinds ORDER BY due, kind LIMIT 1").bindparams(
    bindparam("kinds", expanding=True)
)
_KNOWN = text("SELECT count(*) FROM alerts WHERE kind IN :kinds").bindparams(bindparam("kinds", expanding=True))
_TAKE = text("""
UPDATE alerts SET lease = :token, due = :until WHERE kind = :kind AND due <= :now RETURNING kind, told, attempts
""")
_END = text("""
UPDATE alerts SET told = :told, attempts = 0, due = :due, lease = NULL WHERE kind = :kind AND lease = :token
""")
_LATER = text("""
UPDATE alerts SET attempts = attempts + 1, due = :due, lease = NULL WHERE kind = :kind AND lease = :token
""")


class Alert(NamedTuple):
    """A kind that somebody looks at now. ``told``: how many there were when it was last told of."""

    kind: str
    told: int
    attempts: int


def any_due(connection: Connection, kinds: Collection[str], now: int) -> bool:
    binds: Mapping[str, Any] = {"kinds": list(kinds), "now": now}
    entered = connection.execute(_KNOWN, {"kinds": list(kinds)}).scalar_one()
    return entered < len(kinds) or connection.execute(_DUE, binds).first() is not None


def take(connection: Connection, kinds: Collection[str], token: int, now: int) -> Alert | None:
    """Take the kind that was looked at the longest ago; None: none is due, or another process was quicker."""
    for one in sorted(kinds):
        connection.execute(_ENTER, {"kind": one})
    kind = connection.execute(_DUE, {"kinds": list(kinds), "now": now}).scalar()
    if kind is None:
        return None
    row = connection.execute(_TAKE, {"kind": kind, "token": token, "now": now, "until": now + HOLD_US}).first()
    return None if row is None else Alert(*row)


def count(connection: Connection, kind: str, now: int, wall: int) -> int:
    """How many there are of a kind: now, or of what is only counted, ever. ``now`` is business time."""
    silent = {"since": now - SILENT_US, "silent": wall - SILENT_US}
    binds = {"overdue": {"overdue": now - OVERDUE_US}, "silent": silent}.get(kind, {})
    return int(connection.execute(text(_COUNTS[kind]), binds).scalar() or 0)


def end(connection: Connection, alert: Alert, token: int, told: int, due: int) -> None:
    """Write how many were told of, and when to look next."""
    connection.execute(_END, {"kind": alert.kind, "token": token, "told": told, "due": due})


def postpone(connection: Connection, alert: Alert, token: int, due: int) -> None:
    """Leave it for a later time: nobody was told."""
    connection.execute(_LATER, {"kind": alert.kind, "token": token, "due": due})
