"""Overriding a figure's grade: a human knows better whether it can be trusted, and says why."""

from __future__ import annotations

import json
from uuid import UUID

from sqlalchemy import Connection, select

from seamline.events import MetricsSnapshot, MetricsTrustAssessed
from seamline.events.base import event_id
from seamline.events.values import Grade
from seamline_workers.bell import ring
from seamline_workers.refusal import NoSuch
from seamline_workers.rules.plan import Plan
from seamline_workers.store import ledger
from seamline_workers.store.entry import ENGINE, Entry
from seamline_workers.store.schema import events
from seamline_workers.store.store import now_us


def override_grade(
    connection: Connection, plan: Plan, snapshot: str, grade: Grade, *, by: str, reason: str, now: int
) -> str:
    """Grade a snapshot by its event's id, for a human who says why. Raises NoSuch. ``now`` is business time."""
    row = connection.execute(
        select(events.c.id, events.c.account_id).where(
            events.c.id == _bytes(snapshot), events.c.type == MetricsSnapshot.event_type
        )
    ).first()
    if row is None:
        raise NoSuch(f"there is no snapshot {snapshot[:64]}; its id is that of a {MetricsSnapshot.event_type}")
    cause = bytes(row.id)
    fields = {"snapshot_id": str(UUID(bytes=cause)), "grade": grade, "override_by": by, "reason": reason}
    entry = Entry(
        id=event_id(ENGINE, MetricsTrustAssessed.event_type, f"hand/{cause.hex()}/{now}").bytes,
        type=MetricsTrustAssessed.event_type,
        version=MetricsTrustAssessed.event_version,
        account_id=row.account_id,
        source=f"/people/{by}",
        data=json.dumps(fields, separators=(",", ":"), ensure_ascii=False),
        occurred_at=now,
        timebasis="received",
        received_at=now,
        trust="human",
        cause=cause,
    )
    locked = ledger.lock(connection, [row.account_id])
    ledger.append(connection, [entry], plan, locked, now_us())
    ring(connection)
    return f"events/{UUID(bytes=entry.id)}"


def _bytes(id: str) -> bytes:
    try:
        return UUID(id).bytes
    except ValueError:
        return b""
