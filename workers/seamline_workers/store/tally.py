"""Counts by hour: what became of what came in."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

HOUR_US = 3_600_000_000

_ADD = text(
    "INSERT INTO tallies (source, outcome, hour, n) VALUES (:source, :outcome, :hour, :n) "
    "ON CONFLICT (source, outcome, hour) DO UPDATE SET n = tallies.n + excluded.n"
)


def hour_of(now: int) -> int:
    """The start of an instant's hour; both in microseconds."""
    return now - now % HOUR_US


def tally(connection: Connection, counts: Mapping[tuple[str, str], int], now: int) -> None:
    """Add to the counts of (source, outcome) in the hour of ``now``; in one order everywhere, so nobody deadlocks."""
    rows = [
        {"source": source, "outcome": outcome, "hour": hour_of(now), "n": n}
        for (source, outcome), n in sorted(counts.items())
        if n
    ]
    if rows:
        connection.execute(_ADD, rows)
