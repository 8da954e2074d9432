"""Channels: the ways out, how sending by each goes, and how much waits for it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select

from seamline_workers.store.channels import Standing, standings
from seamline_workers.store.desk_schema import drafts
from seamline_workers.store.reading.moment import written_or_none
from seamline_workers.store.reading.partial import UNSETTLED
from seamline_workers.store.reading.shapes import Channel
from seamline_workers.store.store import Store

STATES = ("open", "paused")
_WELL = Standing("", 0, None, None, None, 0, None)


def list_channels(store: Store, adapters: Mapping[str, str]) -> list[Channel]:
    """By name. ``adapters`` names that of each channel that is configured; one that was lost shows what it left."""
    chosen = select(drafts.c.channel, drafts.c.state, func.count()).where(UNSETTLED)
    with store.read() as connection:
        found = standings(connection)
        counts = {(name, state): n for name, state, n in connection.execute(chosen.group_by("channel", "state"))}
    names = sorted({*adapters, *found})
    return [_shape(name, adapters.get(name), found.get(name, _WELL), counts) for name in names]


def _shape(name: str, adapter: str | None, standing: Standing, counts: Mapping[tuple[str, str], int]) -> Channel:
    return {
        "name": name,
        "adapter": adapter,
        "state": "open" if standing.paused_at is None else "paused",
        "paused_at": written_or_none(standing.paused_at),
        "paused_by": standing.paused_by,
        "due_at": None if standing.paused_at is None else written_or_none(standing.due),
        "failures": standing.failures,
        "pauses": standing.pauses,
        "reason": standing.reason,
        "approved": counts.get((name, "approved"), 0),
        "dispatching": counts.get((name, "dispatching"), 0),
        "unknown": counts.get((name, "unknown"), 0),
    }
