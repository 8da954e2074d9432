"""Lanes of sources: the deliveries of one source, translated one batch after another.

Its row is always there; that there are deliveries to translate is its readiness.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from seamline_workers.store.schema import OPEN, SOURCE_LANE, SUSPECT

_LEASE_SOURCE = text(f"""
UPDATE lanes SET lease = :token
WHERE kind = {SOURCE_LANE} AND key = :key AND seat = '' AND lease IS NULL AND held = {OPEN}
""")
_END_SOURCE = text(f"""
UPDATE lanes SET lease = NULL, crashes = 0, held = CASE WHEN held = {SUSPECT} AND EXISTS (
    SELECT 1 FROM deliveries d WHERE d.source_id = lanes.key AND d.state = 0 AND d.id <= lanes.due)
    THEN {SUSPECT} ELSE {OPEN} END
WHERE kind = {SOURCE_LANE} AND key = :key AND seat = '' AND lease = :token
""")
_FENCE_SOURCE = text(f"""
UPDATE lanes SET crashes = 0 WHERE kind = {SOURCE_LANE} AND key = :key AND seat = '' AND lease = :token
""")
_ADD_SOURCE = text(f"""
INSERT INTO lanes (kind, key, seat) VALUES ({SOURCE_LANE}, :key, '') ON CONFLICT (kind, key, seat) DO NOTHING
""")


def add_source(connection: Connection, source_id: int) -> None:
    """Make the lane of a source; its readiness is that it has deliveries to translate."""
    connection.execute(_ADD_SOURCE, {"key": source_id})


def lease_source(connection: Connection, source_id: int, token: int) -> bool:
    """Lease a source's lane; False: somebody else has it, or it is suspect."""
    return connection.execute(_LEASE_SOURCE, {"key": source_id, "token": token}).rowcount == 1


def fence_source(connection: Connection, source_id: int, token: int) -> bool:
    """Hold the lane's row until commit; False: the lease is lost and nothing may be written."""
    return connection.execute(_FENCE_SOURCE, {"key": source_id, "token": token}).rowcount == 1


def end_source(connection: Connection, source_id: int, token: int) -> None:
    connection.execute(_END_SOURCE, {"key": source_id, "token": token})


_PG_SOURCES = text(f"""
SELECT l.key FROM lanes l JOIN sources s ON s.id = l.key
WHERE l.kind = {SOURCE_LANE} AND l.lease IS NULL AND l.held = {OPEN} AND s.state = 'active'
AND EXISTS (SELECT 1 FROM deliveries d WHERE d.source_id = l.key AND d.state = 0)
""")


def ready_sources(connection: Connection) -> list[int]:
    """The sources that have deliveries to translate and are not being translated."""
    return [row[0] for row in connection.execute(_PG_SOURCES)]
