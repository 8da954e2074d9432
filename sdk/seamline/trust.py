"""Whether an ad account's figures can be trusted: fresh, of the right account, whole, and counted as before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Literal
from zoneinfo import ZoneInfo

from seamline.calendar import zone
from seamline.errors import ConfigError
from seamline.events import MetricsSnapshot
from seamline.events.values import Grade
from seamline.figure import TOLERANCE, close, comparable, metric_values

FRESHNESS = timedelta(hours=18)
#: A move by more than this against a median is for a human to look at.
BIG_MOVE = 0.20
#: The medians that figures are compared with, in days, and how many figures make one.
MEDIANS = (7, 30)
LEAST_FIGURES = 3
#: What is compared with them; further figures of a platform are its own affair.
COMPARED = ("leads", "spend", "cpl", "calls_booked")

Check = Literal[
    "stale",
    "wrong_account",
    "wrong_currency",
    "wrong_timezone",
    "incomplete_period",
    "totals_disagree",
    "definition_changed",
]
_WINDOW = re.compile(r"(\d{1,3})d")


@dataclass(frozen=True)
class Expected:
    """What a customer's snapshots are to be of. ``definition_hash`` None: as the snapshot before."""

    ad_account_id: str
    currency: str
    tz: str
    definition_hash: str | None = None


@dataclass(frozen=True)
class Assessment:
    """A snapshot's grade, and why. ``check``: it moved so much that a human should look; that is no fault of it.

    ``deltas``: the change against the median of 7 and of 30 days, such as ``{"leads_7": -0.5}``.
    """

    grade: Grade
    failed_checks: tuple[Check, ...] = ()
    check: bool = False
    deltas: Mapping[str, float] = field(default_factory=dict)


def assess(
    snapshot: MetricsSnapshot,
    *,
    now: datetime,
    expected: Expected,
    previous: Iterable[MetricsSnapshot] = (),
    freshness: timedelta = FRESHNESS,
    tolerance: float = TOLERANCE,
) -> Assessment:
    """Grade a snapshot. ``previous``: snapshots that came before and were not found wrong, in any order; of one
    period the newest counts.
    """
    before = [other for other in previous if other.as_of < snapshot.as_of]
    failed = _failed(snapshot, now, expected, before, freshness, tolerance)
    grade: Grade = "untrusted" if failed else "provisional" if open_to_attribution(snapshot) else "trusted"
    deltas = _deltas(snapshot, before)
    return Assessment(grade, failed, any(abs(delta) > BIG_MOVE for delta in deltas.values()), deltas)


def open_to_attribution(snapshot: MetricsSnapshot) -> bool:
    """Whether the platform may still count leads into the period.

    It says so itself, or its attribution (``7d_click``) reached beyond the time at which the figures were taken.
    """
    if snapshot.provisional:
        return True
    reach = max((int(days) for days in _WINDOW.findall(snapshot.attribution or "")), default=0)
    return _days_since_end(snapshot, _zone(snapshot.period.tz)) <= reach


def _failed(
    snapshot: MetricsSnapshot,
    now: datetime,
    expected: Expected,
    before: Sequence[MetricsSnapshot],
    freshness: timedelta,
    tolerance: float,
) -> tuple[Check, ...]:
    total = snapshot.platform_spend
    checks: dict[Check, bool] = {
        "stale": now - snapshot.as_of > freshness,
        "wrong_account": snapshot.ad_account_id != expected.ad_account_id,
        "wrong_currency": snapshot.currency != expected.currency,
        "wrong_timezone": snapshot.period.tz != expected.tz,
        "incomplete_period": snapshot.period.start > snapshot.period.end
        or _days_since_end(snapshot, zone(expected.tz)) < 1,
        "totals_disagree": total is not None and not close(snapshot.spend, total, tolerance),
        "definition_changed": _redefined(snapshot, expected, before),
    }
    return tuple(name for name, failed in checks.items() if failed)


def _days_since_end(snapshot: MetricsSnapshot, where: ZoneInfo) -> int:
    """How many days after the period's last the figures were taken; 1: once it was over."""
    return (snapshot.as_of.astimezone(where).date() - snapshot.period.end).days


def _zone(tz: str) -> ZoneInfo:
    try:
        return zone(tz)
    except ConfigError:
        return zone("UTC")  # the snapshot is of the wrong time zone anyway


def _redefined(snapshot: MetricsSnapshot, expected: Expected, before: Sequence[MetricsSnapshot]) -> bool:
    wanted = expected.definition_hash
    if wanted is None:
        told = [other for other in before if _same_series(other, snapshot) and other.definition_hash]
        wanted = (
            max(told, key=lambda other: (other.as_of, other.definition_hash or "")).definition_hash if told else None
        )
    return wanted is not None and snapshot.definition_hash != wanted


def _same_series(one: MetricsSnapshot, other: MetricsSnapshot) -> bool:
    return (one.platform, one.ad_account_id, one.campaign_id) == (
        other.platform,
        other.ad_account_id,
        other.campaign_id,
    )


def _deltas(snapshot: MetricsSnapshot, before: Iterable[MetricsSnapshot]) -> dict[str, float]:
    newest: dict[object, MetricsSnapshot] = {}
    for other in sorted(before, key=lambda other: (other.as_of, other.leads, other.spend)):
        if comparable(other, snapshot) and _length(other) == _length(snapshot):
            newest[other.period] = other
    values = metric_values(snapshot)
    deltas = {}
    for days in MEDIANS:
        recent = [metric_values(other) for other in newest.values() if 0 < _days_before(other, snapshot) <= days]
        for metric in COMPARED:
            told = [figures[metric] for figures in recent if metric in figures]
            if metric in values and len(told) >= LEAST_FIGURES and (usual := median(told)):
                deltas[f"{metric}_{days}"] = values[metric] / usual - 1
    return deltas


def _days_before(one: MetricsSnapshot, other: MetricsSnapshot) -> int:
    return (other.period.start - one.period.start).days


def _length(snapshot: MetricsSnapshot) -> timedelta:
    return snapshot.period.end - snapshot.period.start
