"""Totals: an ad account's figures of a period, put together from its newest snapshots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from seamline import SyncContext
from seamline.events import MetricsSnapshot, MetricsTrustAssessed
from seamline.events.values import Grade, Period

#: Grades from the best to the worst; what is put together is as good as its worst part.
_RANK: Mapping[Grade, int] = {"trusted": 0, "provisional": 1, "untrusted": 2}
#: How far back figures are read: farther than any detector looks, any brief is corrected or any attribution reaches.
REACH = timedelta(days=120)


class Series(NamedTuple):
    """What tells the figures of one period from all others of a client."""

    platform: str
    ad_account_id: str | None
    period: tuple[date, date, str]


@dataclass(frozen=True)
class Total:
    """An ad account's figures of one period; ``snapshot`` is of no campaign. ``parts`` are what it is the sum of.

    ``grade`` is that of its worst part, whose id is ``snapshot_id``; None: not graded yet.
    """

    snapshot: MetricsSnapshot
    parts: tuple[MetricsSnapshot, ...]
    snapshot_id: str
    grade: Grade | None = None

    @property
    def day(self) -> date:
        """The period's last day."""
        return self.snapshot.period.end


def snapshots(ctx: SyncContext) -> list[MetricsSnapshot]:
    """A client's figures as its platforms told them, newest first, as far back as they matter."""
    return ctx.timeline.since(ctx.now - REACH, MetricsSnapshot)


def assessments(ctx: SyncContext) -> list[MetricsTrustAssessed]:
    """How they were graded, newest first."""
    return ctx.timeline.since(ctx.now - REACH, MetricsTrustAssessed)


def series_of(snapshot: MetricsSnapshot) -> Series:
    period = snapshot.period
    return Series(snapshot.platform, snapshot.ad_account_id, (period.start, period.end, period.tz))


def grades_of(assessed: Iterable[MetricsTrustAssessed]) -> dict[str, Grade]:
    """The last grade of each snapshot, by its id; ``assessed`` are placed in a ledger."""
    newest_last = sorted(assessed, key=lambda one: one.envelope.sequence)
    return {one.snapshot_id: one.grade for one in newest_last}


def totals(told: Iterable[MetricsSnapshot], grades: Mapping[str, Grade] | None = None) -> list[Total]:
    """The totals of what these snapshots tell, oldest period first. All are placed in a ledger."""
    series: dict[Series, list[MetricsSnapshot]] = {}
    for snapshot in told:
        series.setdefault(series_of(snapshot), []).append(snapshot)
    found = [_total(newest(several), grades or {}) for several in series.values()]
    return sorted(found, key=lambda total: (total.day, total.snapshot.period.start, total.snapshot.platform))


def usable(told: Iterable[MetricsSnapshot], grades: Mapping[str, Grade]) -> list[MetricsSnapshot]:
    """Those that were graded and not found wrong; where the newest reading was, the one before it is used."""
    return [one for one in told if grades.get(str(one.id), "untrusted") != "untrusted"]


def newest(told: Sequence[MetricsSnapshot]) -> tuple[MetricsSnapshot, ...]:
    """Of several readings of one period the newest: the account's own, or one of each campaign."""
    by_campaign: dict[str | None, MetricsSnapshot] = {}
    for snapshot in sorted(told, key=lambda one: (one.as_of, one.envelope.sequence)):
        by_campaign[snapshot.campaign_id] = snapshot
    whole = by_campaign.pop(None, None)
    if whole is not None and all(whole.as_of >= one.as_of for one in by_campaign.values()):
        return (whole,)
    return tuple(by_campaign[name] for name in sorted(by_campaign, key=str))


def summed(parts: Sequence[MetricsSnapshot]) -> MetricsSnapshot:
    """What campaigns come to together; the account's own figures stay as they are."""
    last = max(parts, key=lambda one: one.as_of)
    if len(parts) == 1 and last.campaign_id is None:
        return last
    booked = [one.calls_booked for one in parts]
    more: Counter[str] = Counter()
    for one in parts:
        more.update(one.more)  # a Counter adds up fractions, too
    return last.model_copy(
        update={
            "campaign_id": None,
            "spend": sum(one.spend for one in parts),
            "leads": sum(one.leads for one in parts),
            "calls_booked": None if None in booked else sum(filter(None, booked)),
            "more": dict(more),
            "provisional": any(one.provisional for one in parts),
        }
    )


def told_period(period: Period) -> str:
    """A period for people: a day, or its first and last."""
    if period.start == period.end:
        return f"{period.end:%Y-%m-%d}"
    return f"{period.start:%Y-%m-%d} to {period.end:%Y-%m-%d}"


def _total(parts: tuple[MetricsSnapshot, ...], grades: Mapping[str, Grade]) -> Total:
    worst = max(parts, key=lambda one: _RANK[grades.get(str(one.id), "untrusted")])
    return Total(summed(parts), parts, str(worst.id), grades.get(str(worst.id)))
