"""An ad account's figures, day by day, and how they were graded: what a client's detectors read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from seamline import Event
from seamline.events import MetricsSnapshot, MetricsTrustAssessed
from seamline.events.base import event_id
from seamline.testing.play import SOURCE

#: The last day that has figures, and the morning after it.
LAST = date(2026, 11, 19)
MORNING = datetime(2026, 11, 20, 12, tzinfo=UTC)


def id_of(name: str, event_type: str = "metrics.snapshot") -> str:
    """The id that an event has in the ledger of a test, by its ``fact``."""
    return str(event_id(SOURCE, event_type, name))


def day_of(day: date, leads: float, **fields: Any) -> MetricsSnapshot:
    """An account's figures of one whole day, told the next morning; a lead costs 20 dollars."""
    at = datetime.combine(day + timedelta(days=1), time(12), UTC)
    told = {
        "fact": f"{fields.get('platform', 'meta')}-{day}",
        "occurred_at": at,
        "platform": "meta",
        "ad_account_id": "act_1",
        "period": {"start": day, "end": day, "tz": "America/Chicago"},
        "spend": round(2_000 * leads),
        "currency": "USD",
        "leads": leads,
        "as_of": at,
        "definition_hash": "d1",
    }
    return MetricsSnapshot.model_validate(told | fields)


def graded(snapshot: MetricsSnapshot, grade: str = "trusted") -> MetricsTrustAssessed:
    fields = {"snapshot_id": id_of(snapshot.fact or ""), "grade": grade, "occurred_at": snapshot.occurred_at}
    return MetricsTrustAssessed.model_validate(fields)


def told(leads: Iterable[float], last: date = LAST, grade: str = "trusted", **fields: Any) -> list[Event]:
    """Figures of one day after the other up to ``last``, each with its grade."""
    numbers = list(leads)
    found: list[Event] = []
    for place, number in enumerate(numbers):
        snapshot = day_of(last - timedelta(days=len(numbers) - 1 - place), number, **fields)
        found += [snapshot, graded(snapshot, grade)]
    return found


#: Five weeks as ever; the same, and on the last four days half as many leads for half the money: found for the first
#: time on the last of them.
STEADY = [19, 21, 20, 22, 18, 20, 20] * 5
FALLING = [*STEADY[:31], 10, 9, 11, 10]
