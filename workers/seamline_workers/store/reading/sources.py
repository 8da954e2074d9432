"""Sources, with their counts of the last day from the hourly tallies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from seamline_workers.store.reading import moment
from seamline_workers.store.reading.shapes import Counts, Refused, Source
from seamline_workers.store.schema import deliveries, refusals, sources, tallies
from seamline_workers.store.store import Store

HOUR_US = 3_600 * 10**6
#: Deliveries looked through for the newest of a source; one that lies further back is dated by its hour.
_LOOK_BACK = 10_000


@dataclass(frozen=True)
class Described:
    """What the configuration says of a source; ``silent_us``: how long it may tell nothing, 0 for ever."""

    url: str
    trust: str
    silent_us: int = 0


def list_sources(store: Store, described: Mapping[str, Described], *, now: int, wall: int) -> list[Source]:
    """Every source that was ever started, by name. It is silent in business time (``now``), and counted by the wall."""
    with store.read() as connection:
        rows = connection.execute(select(sources).order_by(sources.c.name)).all()
        counted, hours, refused = _counts(connection, wall), _hours(connection), _refused(connection)
        newest = {row.name: _newest(connection, row.id, hours.get(row.name, 0)) for row in rows}
    return [
        _shape(row, described.get(row.name), newest[row.name], counted.get(row.name), refused.get(row.name), now)
        for row in rows
    ]


def _counts(connection: Connection, wall: int) -> dict[str, Counts]:
    since = (wall - 24 * HOUR_US) // HOUR_US * HOUR_US
    chosen = (
        select(tallies.c.source, tallies.c.outcome, func.sum(tallies.c.n))
        .where(tallies.c.hour >= since)
        .group_by(tallies.c.source, tallies.c.outcome)
    )
    found: dict[str, Counts] = {}
    for source, outcome, n in connection.execute(chosen):
        counts = found.setdefault(source, _no_counts())
        match outcome.split(":", 1)[0]:
            case "accepted":
                counts["accepted"] += int(n)
            case "duplicate" | "conflict":
                counts["duplicate"] += int(n)
            case "refused":
                counts["refused"] += int(n)
            case "quarantined":
                counts["quarantined"] += int(n)
            case "ignored":
                counts["ignored"] += int(n)
    return found


def _no_counts() -> Counts:
    return {"accepted": 0, "duplicate": 0, "refused": 0, "quarantined": 0, "ignored": 0}


def _hours(connection: Connection) -> dict[str, int]:
    """The last hour in which each source told something."""
    chosen = (
        select(tallies.c.source, func.max(tallies.c.hour))
        .where(tallies.c.outcome == "accepted")
        .group_by(tallies.c.source)
    )
    return {row[0]: row[1] for row in connection.execute(chosen)}


def _newest(connection: Connection, source_id: int, hour: int) -> int | None:
    """When the newest delivery came. Looks through the newest ones only, so that a silent source costs no scan."""
    last = connection.execute(select(func.max(deliveries.c.id))).scalar()
    chosen = (
        select(deliveries.c.received_at)
        .where(deliveries.c.id > (last or 0) - _LOOK_BACK, deliveries.c.source_id == source_id)
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    found = connection.execute(chosen).scalar()
    return int(found) if found is not None else (hour or None)


def _refused(connection: Connection) -> dict[str, Refused]:
    last = select(func.max(refusals.c.id)).group_by(refusals.c.source)
    chosen = select(refusals.c.source, refusals.c.at, refusals.c.reason).where(refusals.c.id.in_(last))
    return {source: {"at": moment.written(at), "reason": reason} for source, at, reason in connection.execute(chosen)}


def _shape(
    row: Row[Any],
    described: Described | None,
    newest: int | None,
    counts: Counts | None,
    refused: Refused | None,
    now: int,
) -> Source:
    state = row.state
    if state == "active" and described is not None and described.silent_us:
        state = "silent" if now - (newest or row.created_at) > described.silent_us else state
    return {
        "name": row.name,
        "adapter": row.adapter,
        "url": None if described is None else described.url,
        "trust": None if described is None else described.trust,
        "state": state,
        "last_delivery_at": moment.written_or_none(newest),
        "last_refused": refused,
        "counts_24h": counts or _no_counts(),
    }
