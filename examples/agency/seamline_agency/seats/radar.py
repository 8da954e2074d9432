"""Radar compiles the morning briefing from the record, for the COO."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from seamline import Seat, SyncContext
from seamline.events import BriefingIssued, DeadlineFired
from seamline_agency.briefing import Morning, sections, stale
from seamline_agency.settings import settings

#: How far back a briefing tells what happened, where there was none for longer.
FARTHEST = timedelta(days=7)

radar = Seat(
    "radar",
    role="Morning briefing",
    makes=["briefing.issued"],
    does_not_own=["guard.*", "approval.*"],
    informed=["briefing.issued", "guard.refused", "message.dead_lettered", "identity.conflict", "approval.expired"],
    reports_to="coo",
)


@radar.daily("briefing", at=time(7))
def compile_briefing(event: DeadlineFired, ctx: SyncContext) -> None:
    """R80: one briefing a day, of what happened since the last; what a source did not tell stops nothing."""
    last = ctx.timeline.last(BriefingIssued)
    since = ctx.now - timedelta(days=1) if last is None else max(_looked(last, ctx), ctx.now - FARTHEST)
    found = BriefingIssued(
        day=date.fromisoformat(event.key),
        recipient="coo",
        sections=sections(ctx.company, Morning(ctx.now, since, settings().hours)),
        stale_sources=stale(ctx.company.sources(), ctx.now),
    )
    ctx.emit(found, key=event.key, once=True)


def _looked(last: BriefingIssued, ctx: SyncContext) -> datetime:
    """Up to when a briefing has looked: what came while it was written is for the next."""
    rung = [one.envelope for one in ctx.timeline.all(DeadlineFired, name="briefing")]
    before = [one.time for one in rung if one.sequence < last.envelope.sequence]
    return max(before, default=last.envelope.time)
