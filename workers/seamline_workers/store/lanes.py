"""Lanes: what must run one after another, leased as one unit.

A lane is the handoffs of one account group at one seat. ``done`` and ``last`` are cursors of the ledger: who adds moves
``last``, who finishes moves ``done``, and ``last > done`` is readiness, so the race between adding and finishing is one
row lock. Who finishes the last of it takes the row away: there is one only while there is work, so that lanes are few
and near each other however many accounts there are. A lease is a token on the row; whatever is written under a token
that no row bears any more changes nothing.

Whose leases stand is seamline_workers.store.processes' business; lanes that lost theirs with their process are
*suspect* (seamline_workers.store.suspects). The lanes of sources are in seamline_workers.store.source_lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, text

from seamline_workers.store.array import array
from seamline_workers.store.lite import look_up, raw
from seamline_workers.store.schema import FETCHING, HELD, JOINING, OPEN, PARKED, SEAT_LANE, SUSPECT


class Handoff(NamedTuple):
    """One event at one seat, as leased; the event's columns as stored."""

    account_id: int  # the lane
    event_seq: int
    attempts: int
    owner: int
    as_of: int
    again: int
    id: bytes
    type: str
    version: int
    subject: int  # the event's first account
    source: str
    delivery_id: int | None
    occurred_at: int
    timebasis: str
    received_at: int
    trust: str
    stage: str | None
    data: str
    cause: bytes | None
    correlation: bytes | None
    hops: int
    adapter_version: int | None


@dataclass(slots=True)
class Lane:
    """A leased lane and its next handoffs, in ledger order."""

    key: int
    seat: str
    token: int
    start: int  # `done` when it was leased
    handoffs: list[Handoff] = field(default_factory=list)


class LaneEnd(NamedTuple):
    """How a run of a lane ended: its cursor moves to ``upto``; ``due`` > 0 holds it until then (a retry)."""

    key: int
    seat: str
    token: int
    start: int
    upto: int
    due: int = 0


# --- leasing --------------------------------------------------------------------------------------------------------

_HANDOFF_COLUMNS = (
    "h.account_id, h.event_seq, h.attempts, h.owner, h.as_of, h.again, e.id, e.type, e.version, e.account_id, "
    "e.source, e.delivery_id, e.occurred_at, e.timebasis, e.received_at, e.trust, e.stage, e.data, e.cause, "
    "e.correlation, e.hops, e.adapter_version"
)

# By row address: a join on the key takes a bad plan while the table is young and has no statistics.
_PG_LEASE = text(f"""
WITH x AS MATERIALIZED (
    SELECT ctid FROM lanes
    WHERE kind = {SEAT_LANE} AND seat = :seat AND last > done AND held = {OPEN} AND lease IS NULL
    ORDER BY done LIMIT :n FOR UPDATE SKIP LOCKED)
UPDATE lanes l SET lease = :token FROM x WHERE l.ctid = x.ctid RETURNING l.key, l.done
""")

# A statement of its own: its snapshot is younger than the lanes' locks, so it sees all that moved their cursors.
_PG_READ = text(f"""
SELECT {_HANDOFF_COLUMNS}
FROM unnest(CAST(:keys AS bigint[]), CAST(:starts AS bigint[])) u(key, done)
CROSS JOIN LATERAL (
    SELECT * FROM handoffs i WHERE i.account_id = u.key AND i.seat = :seat AND i.state < 2 AND i.event_seq > u.done
    ORDER BY i.event_seq LIMIT :per) h
JOIN events e ON e.seq = h.event_seq
ORDER BY h.account_id, h.event_seq
""")

_LITE_PEEK = (
    f"SELECT 1 FROM lanes INDEXED BY lanes_todo WHERE kind = {SEAT_LANE} AND seat = ? AND last > done "
    f"AND held = {OPEN} AND lease IS NULL LIMIT 1"
)
_LITE_LEASE = f"""
UPDATE lanes SET lease = ? WHERE kind = {SEAT_LANE} AND seat = ? AND key IN (
    SELECT key FROM lanes INDEXED BY lanes_todo
    WHERE kind = {SEAT_LANE} AND seat = ? AND last > done AND held = {OPEN} AND lease IS NULL ORDER BY done LIMIT ?)
RETURNING key, done
"""
_LITE_READ = f"""
WITH u(key, seat, done) AS (VALUES @keys)
SELECT {_HANDOFF_COLUMNS} FROM u CROSS JOIN handoffs h CROSS JOIN events e
WHERE h.event_seq IN (
    SELECT i.event_seq FROM handoffs i
    WHERE i.account_id = u.key AND i.seat = u.seat AND i.state < 2 AND i.event_seq > u.done
    ORDER BY i.event_seq LIMIT @per)
AND h.seat = u.seat AND e.seq = h.event_seq ORDER BY h.account_id, h.event_seq
"""


def lease_lanes(connection: Connection, seat: str, token: int, n: int, per_lane: int) -> list[Lane]:
    """Lease up to ``n`` lanes of a seat, least recently served first, and read their next handoffs."""
    if connection.dialect.name == "postgresql":
        leased = connection.execute(_PG_LEASE, {"seat": seat, "token": token, "n": n}).all()
        if not leased:
            return []
        lanes = {key: Lane(key, seat, token, done) for key, done in sorted(leased, key=lambda row: row[1])}
        starts = array([lane.start for lane in lanes.values()])
        binds = {"keys": array(list(lanes)), "starts": starts, "seat": seat, "per": per_lane}
        for row in connection.execute(_PG_READ, binds).all():
            lanes[row[0]].handoffs.append(Handoff._make(row))
        return list(lanes.values())
    cursor = raw(connection).cursor()
    leased = cursor.execute(_LITE_LEASE, (token, seat, seat, n)).fetchall()
    leased.sort(key=lambda row: row[1])
    return _read_lite(connection, [Lane(key, seat, token, done) for key, done in leased], per_lane)


def _read_lite(connection: Connection, lanes: list[Lane], per_lane: int) -> list[Lane]:
    by_key = {lane.key: lane for lane in lanes}
    statement = _LITE_READ.replace("@per", str(int(per_lane)))
    for row in look_up(connection, statement, [(lane.key, lane.seat, lane.start) for lane in lanes]):
        by_key[row[0]].handoffs.append(Handoff._make(row))
    return lanes


def read_lane(connection: Connection, key: int, seat: str, token: int, start: int, per_lane: int) -> Lane:
    """The next handoffs of one leased lane."""
    lane = Lane(key, seat, token, start)
    if connection.dialect.name != "postgresql":
        return _read_lite(connection, [lane], per_lane)[0]
    binds = {"keys": array([key]), "starts": array([start]), "seat": seat, "per": per_lane}
    lane.handoffs += [Handoff._make(row) for row in connection.execute(_PG_READ, binds).all()]
    return lane


# --- finishing ------------------------------------------------------------------------------------------------------


def _held(held: str, last: str, upto: str, due: str) -> str:
    """SQL of how a finished lane is held. A suspect stays one until all that may have killed its process has run."""
    return (
        f"CASE WHEN {held} = {JOINING} THEN {JOINING} WHEN {due} > 0 THEN {HELD} "
        f"WHEN {held} = {SUSPECT} AND {upto} < {last} THEN {SUSPECT} ELSE {OPEN} END"
    )


def _due(held: str, last: str, upto: str, due: str) -> str:
    return f"CASE WHEN {due} = 0 AND {held} = {SUSPECT} AND {upto} < {last} THEN {last} ELSE {due} END"


#: A lane that has no more work once its cursor is at ``upto``, and that nothing else is known of.
def _over(start: str, upto: str, due: str) -> str:
    return f"{due} = 0 AND done >= {start} AND last <= {upto} AND held IN ({OPEN}, {SUSPECT}) AND joins IS NULL"


# Locked in the order given, each found by its key; then written by row address, in a statement of its own: a row that
# was added to while we waited for its lock has an address that the first one does not see.
_PG_HOLD = text(f"""
SELECT x.n, l.address, l.over
FROM unnest(CAST(:keys AS bigint[]), CAST(:seats AS text[]), CAST(:tokens AS bigint[]), CAST(:starts AS bigint[]),
            CAST(:uptos AS bigint[]), CAST(:dues AS bigint[]))
    WITH ORDINALITY x(key, seat, token, start, upto, until, n)
CROSS JOIN LATERAL (
    SELECT CAST(ctid AS text) AS address, {_over("x.start", "x.upto", "x.until")} AS over FROM lanes
    WHERE kind = {SEAT_LANE} AND key = x.key AND seat = x.seat AND lease = x.token FOR NO KEY UPDATE) l
""")
_PG_END = text("DELETE FROM lanes WHERE ctid = ANY(CAST(:addresses AS tid[]))")
# A cursor that was moved back meanwhile (a parked handoff was released) stays where it was put.
_PG_FINISH = text(f"""
UPDATE lanes l SET done = CASE WHEN l.done < x.start THEN l.done ELSE x.upto END, lease = NULL,
    due = {_due("l.held", "l.due", "x.upto", "x.due")},
    held = {_held("l.held", "l.due", "x.upto", "x.due")}, crashes = 0
FROM unnest(CAST(:addresses AS tid[]), CAST(:starts AS bigint[]), CAST(:uptos AS bigint[]), CAST(:dues AS bigint[]))
     x(address, start, upto, due)
WHERE l.ctid = x.address
""")
_LITE_WHICH = f"kind = {SEAT_LANE} AND key = ?4 AND seat = ?5 AND lease = ?6"
_LITE_END = f"DELETE FROM lanes WHERE {_LITE_WHICH} AND {_over('?1', '?2', '?3')}"
_LITE_FINISH = f"""
UPDATE lanes SET done = CASE WHEN done < ?1 THEN done ELSE ?2 END, lease = NULL,
    due = {_due("held", "due", "?2", "?3")}, held = {_held("held", "due", "?2", "?3")}, crashes = 0
WHERE {_LITE_WHICH}
"""


def finish_lanes(connection: Connection, ends: Sequence[LaneEnd]) -> set[tuple[int, str]]:
    """Move the cursors and give the leases back. Returns the lanes whose token still stood; the others are fenced."""
    if connection.dialect.name == "postgresql":
        return _finish_postgres(connection, sorted(ends))
    cursor = raw(connection).cursor()
    kept = set()
    for end in ends:
        binds = (end.start, end.upto, end.due, end.key, end.seat, end.token)
        if cursor.execute(_LITE_END, binds).rowcount or cursor.execute(_LITE_FINISH, binds).rowcount:
            kept.add((end.key, end.seat))
    return kept


def _finish_postgres(connection: Connection, ends: Sequence[LaneEnd]) -> set[tuple[int, str]]:
    names = ("keys", "seats", "tokens", "starts", "uptos", "dues")
    binds = {name: array(column) for name, column in zip(names, zip(*ends, strict=True), strict=True)}
    held = [(ends[n - 1], address, over) for n, address, over in connection.execute(_PG_HOLD, binds).all()]
    ended = [address for _, address, over in held if over]
    if ended:
        connection.execute(_PG_END, {"addresses": array(ended)})
    going_on = [(address, end) for end, address, over in held if not over]
    if going_on:
        binds = {
            "addresses": array([address for address, _ in going_on]),
            "starts": array([end.start for _, end in going_on]),
            "uptos": array([end.upto for _, end in going_on]),
            "dues": array([end.due for _, end in going_on]),
        }
        connection.execute(_PG_FINISH, binds)
    return {(end.key, end.seat) for end, _, _ in held}


_RELEASE = text("UPDATE lanes SET lease = NULL WHERE kind = :kind AND key = :key AND seat = :seat AND lease = :token")
_LOCK_LANE = text("SELECT done FROM lanes WHERE kind = :kind AND key = :key AND seat = :seat AND lease = :token")
_NOTHING_LEFT = f"""
WHERE kind = {SEAT_LANE} AND key = :key AND seat = :seat AND lease = :token AND NOT EXISTS (
    SELECT 1 FROM handoffs h WHERE h.account_id = lanes.key AND h.seat = lanes.seat AND h.state < 2
    AND h.event_seq > lanes.done)
"""
_END = text(f"DELETE FROM lanes {_NOTHING_LEFT} AND held <> {JOINING} AND joins IS NULL")
_SETTLE = text(f"""
UPDATE lanes SET done = last, lease = NULL, held = CASE WHEN held = {JOINING} THEN {JOINING} ELSE {OPEN} END,
    crashes = 0 {_NOTHING_LEFT}
""")


def settle(connection: Connection, lane: Lane) -> None:
    """End a lane that had nothing pending although its cursors differ (its handoffs were cancelled)."""
    binds = {"kind": SEAT_LANE, "key": lane.key, "seat": lane.seat, "token": lane.token}
    lock = text(f"{_LOCK_LANE.text} FOR NO KEY UPDATE") if connection.dialect.name == "postgresql" else _LOCK_LANE
    if connection.execute(lock, binds).first() is None:
        return
    # The lock is held: from here on nobody adds to this lane, and these statements see all that was added before.
    for step in (_END, _SETTLE, _RELEASE):
        if connection.execute(step, binds).rowcount:
            return


# --- adding ---------------------------------------------------------------------------------------------------------

# Only who appends adds, with the ledger's head in hand: the rows of seats are locked by one at a time.
_PG_ADD = text(f"""
WITH handed AS (
    INSERT INTO seats (name, last) SELECT seat, max(last_seq)
    FROM unnest(CAST(:seats AS text[]), CAST(:lasts AS bigint[])) x(seat, last_seq) GROUP BY seat
    ON CONFLICT (name) DO UPDATE SET last = greatest(seats.last, excluded.last))
INSERT INTO lanes (kind, key, seat, done, last)
SELECT {SEAT_LANE}, key, seat, least_seq - 1, last_seq
FROM unnest(CAST(:keys AS bigint[]), CAST(:seats AS text[]), CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]))
     x(key, seat, least_seq, last_seq) ORDER BY key, seat
ON CONFLICT (kind, key, seat) DO UPDATE SET last = greatest(lanes.last, excluded.last)
""")
_LITE_ADD = f"""
INSERT INTO lanes (kind, key, seat, done, last) VALUES ({SEAT_LANE}, ?, ?, ? - 1, ?)
ON CONFLICT (kind, key, seat) DO UPDATE SET last = max(last, excluded.last)
"""
_LITE_HANDED = """
INSERT INTO seats (name, last) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last)
"""
# Who runs the lane at this moment read it before: its cursor goes back to before where the run began, so that the
# run's end cannot move it past what was put in between.
_PG_REOPEN = text(f"""
INSERT INTO lanes (kind, key, seat, done, last)
SELECT {SEAT_LANE}, key, seat, least_seq - 1, last_seq
FROM unnest(CAST(:keys AS bigint[]), CAST(:seats AS text[]), CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]))
     x(key, seat, least_seq, last_seq) ORDER BY key, seat
ON CONFLICT (kind, key, seat) DO UPDATE
SET done = least(lanes.done - CASE WHEN lanes.lease IS NULL THEN 0 ELSE 1 END, excluded.done),
    last = greatest(lanes.last, excluded.last)
""")
_LITE_REOPEN = f"""
INSERT INTO lanes (kind, key, seat, done, last) VALUES ({SEAT_LANE}, ?, ?, ? - 1, ?)
ON CONFLICT (kind, key, seat) DO UPDATE
SET done = min(done - CASE WHEN lease IS NULL THEN 0 ELSE 1 END, excluded.done), last = max(last, excluded.last)
"""


def _spans(work: Sequence[tuple[int, str, int]]) -> list[tuple[int, str, int, int]]:
    spans: dict[tuple[int, str], tuple[int, int]] = {}
    for key, seat, seq in work:
        first, last = spans.get((key, seat), (seq, seq))
        spans[key, seat] = (min(first, seq), max(last, seq))
    return [(key, seat, first, last) for (key, seat), (first, last) in sorted(spans.items())]


def _write_spans(connection: Connection, spans: Sequence[tuple[int, str, int, int]], reopen: bool) -> None:
    if connection.dialect.name == "postgresql":
        keys, seats, firsts, lasts = (array(column) for column in zip(*spans, strict=True))
        binds = {"keys": keys, "seats": seats, "firsts": firsts, "lasts": lasts}
        connection.execute(_PG_REOPEN if reopen else _PG_ADD, binds)
        return
    raw(connection).executemany(_LITE_REOPEN if reopen else _LITE_ADD, spans)
    if not reopen:
        handed = {seat: max(last for _, of, _, last in spans if of == seat) for seat in {span[1] for span in spans}}
        raw(connection).executemany(_LITE_HANDED, list(handed.items()))


def add(connection: Connection, work: Sequence[tuple[int, str, int]]) -> None:
    """Tell lanes of new handoffs: (account group, seat, ledger number)."""
    if work:
        _write_spans(connection, _spans(work), reopen=False)


def reopen(connection: Connection, work: Sequence[tuple[int, str, int]]) -> None:
    """Move cursors back to before handoffs that became ready again (released, replayed)."""
    if work:
        _write_spans(connection, _spans(work), reopen=True)


#: The condition of the index of lanes that are not open, in its own words: SQLite concludes nothing from ``held = 1``.
SET_ASIDE = "held > 0"

# --- waking ----------------------------------------------------------------------------------------------------------

_JOINED = f"""
SELECT l.kind, l.key, l.seat FROM lanes l WHERE l.held > 0 AND l.held = {JOINING} AND l.lease IS NULL AND NOT EXISTS (
    SELECT 1 FROM lanes j WHERE j.joins = l.key AND j.kind = l.kind AND j.seat = l.seat
    AND (j.last > j.done OR j.held = {JOINING}))
"""
_DUE = f"SELECT kind, key, seat FROM lanes l WHERE {SET_ASIDE} AND held = {HELD} AND due <= :now AND lease IS NULL"
_WAKE = """
UPDATE lanes SET held = CASE WHEN due > :now THEN {held} ELSE {open} END, due = CASE WHEN due > :now THEN due ELSE 0 END
WHERE (kind, key, seat) IN ({which})
"""
# Rows that others hold are passed over: who waits here while holding some could wait in a circle.
_SKIP = " FOR UPDATE OF l SKIP LOCKED"


def wake_due(connection: Connection, now: int) -> int:
    """Open the lanes whose retry is due, and those whose joined lanes are drained. Returns how many."""
    skip = _SKIP if connection.dialect.name == "postgresql" else ""
    woken = 0
    for which in (_DUE, _JOINED):
        statement = text(_WAKE.format(held=HELD, open=OPEN, which=which + skip))
        woken += connection.execute(statement, {"now": now}).rowcount
    return woken


# --- looking --------------------------------------------------------------------------------------------------------

_PG_READY = text(f"""
SELECT s FROM unnest(CAST(:seats AS text[])) s WHERE EXISTS (
    SELECT 1 FROM lanes WHERE kind = {SEAT_LANE} AND seat = s AND last > done AND held = {OPEN} AND lease IS NULL)
""")


def ready_seats(connection: Connection, seats: Sequence[str]) -> list[str]:
    """The seats that have a lane to lease."""
    if connection.dialect.name == "postgresql":
        return [row[0] for row in connection.execute(_PG_READY, {"seats": array(seats)})]
    peek = raw(connection).cursor()
    return [seat for seat in seats if peek.execute(_LITE_PEEK, (seat,)).fetchone() is not None]


_ANY_DUE = text(f"""
SELECT 1 WHERE EXISTS (SELECT 1 FROM lanes WHERE {SET_ASIDE} AND held IN ({HELD}, {JOINING}) AND due <= :now)
OR EXISTS (SELECT 1 FROM handoffs WHERE state = {PARKED} AND due > 0 AND due <= :now)
""")
_FETCH_DUE = text(f"SELECT 1 FROM items WHERE state = {FETCHING} AND due <= :now LIMIT 1")


def anything_due(connection: Connection, now: int) -> bool:
    """Whether a lane's or a parked handoff's time has come."""
    return connection.execute(_ANY_DUE, {"now": now}).first() is not None


def fetches_due(connection: Connection, now: int) -> bool:
    """Whether an item wants a fetch."""
    return connection.execute(_FETCH_DUE, {"now": now}).first() is not None
