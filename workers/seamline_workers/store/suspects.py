"""Suspects: lanes whose process died while it had them in hand. One of them may have killed it, so each runs alone."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from seamline_workers.store.lanes import SET_ASIDE, Lane
from seamline_workers.store.lite import raw
from seamline_workers.store.schema import OPEN, SEAT_LANE, SUSPECT

_PG_SUSPECT = text(f"""
WITH x AS (
    SELECT kind, key, seat FROM lanes WHERE held = {SUSPECT} AND lease IS NULL
    ORDER BY due, kind, key, seat LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE lanes l SET lease = :token FROM x WHERE l.kind = x.kind AND l.key = x.key AND l.seat = x.seat
RETURNING l.kind, l.key, l.seat, l.done, l.crashes
""")
_LITE_SUSPECT = f"""
UPDATE lanes SET lease = ? WHERE (kind, key, seat) IN (
    SELECT kind, key, seat FROM lanes INDEXED BY lanes_held
    WHERE {SET_ASIDE} AND held = {SUSPECT} AND lease IS NULL ORDER BY due, kind, key, seat LIMIT 1)
RETURNING kind, key, seat, done, crashes
"""


class Suspect(NamedTuple):
    """A lane whose process died. ``crashes`` counts the processes that died since while its head ran alone in them."""

    kind: int
    key: int
    seat: str
    start: int
    crashes: int


def lease_suspect(connection: Connection, token: int) -> Suspect | None:
    """Lease one suspect lane of any kind; None: there is none."""
    if connection.dialect.name == "postgresql":
        row = connection.execute(_PG_SUSPECT, {"token": token}).first()
    else:
        row = raw(connection).execute(_LITE_SUSPECT, (token,)).fetchone()
    return None if row is None else Suspect._make(row)


def has_suspects(connection: Connection) -> bool:
    found = text(f"SELECT 1 FROM lanes WHERE {SET_ASIDE} AND held = {SUSPECT} AND lease IS NULL LIMIT 1")
    return connection.execute(found).first() is not None


_ACQUIT = text(f"""
UPDATE lanes SET lease = NULL, held = {OPEN}, due = 0, crashes = 0
WHERE kind = {SEAT_LANE} AND key = :key AND seat = :seat AND lease = :token
""")


def acquit(connection: Connection, lane: Lane) -> None:
    """Give a suspect back as it was, suspect no more."""
    connection.execute(_ACQUIT, {"key": lane.key, "seat": lane.seat, "token": lane.token})
