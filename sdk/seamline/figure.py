"""Figures: what a snapshot says by metric, what it corrects, and where two words about a metric contradict.

Money is in minor units here, as everywhere. Two figures are compared only where metric and period are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from seamline.events import Figure, MetricsSnapshot, StatedFigure
from seamline.events.values import Grade

#: How far two words about one number may be apart, as a share of the larger.
TOLERANCE = 0.01
#: Metrics that are money.
MONEY = frozenset({"spend", "cpl"})
#: Units of an amount of money; no unit is taken for the one that the other side uses.
MINOR, MAJOR = "minor", "major"
#: Digits after the point of what is not counted in hundredths.
_DIGITS = {"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "VND": 0}

Number = int | float


def digits(currency: str | None) -> int:
    """How many digits a currency has after the point: 2 for USD, 0 for JPY."""
    return _DIGITS.get(currency or "", 2)


def close(one: Number, other: Number, tolerance: float = TOLERANCE) -> bool:
    """Whether two numbers are the same within a share of the larger."""
    return abs(one - other) <= tolerance * max(abs(one), abs(other))


def metric_values(snapshot: MetricsSnapshot) -> dict[str, Number]:
    """A snapshot's numbers by metric; ``cpl`` only where there are leads, ``calls_booked`` only where it is told."""
    found: dict[str, Number] = {**snapshot.more, "leads": snapshot.leads, "spend": snapshot.spend}
    if snapshot.leads > 0:
        found["cpl"] = round(snapshot.spend / snapshot.leads)
    if snapshot.calls_booked is not None:
        found["calls_booked"] = snapshot.calls_booked
    return found


def figures(
    snapshot: MetricsSnapshot, grade: Grade, *, snapshot_id: str, metrics: Iterable[str] | None = None
) -> tuple[Figure, ...]:
    """A snapshot's numbers as figures for a brief; all of its metrics, or these in their order."""
    values = metric_values(snapshot)
    return tuple(
        Figure(
            metric=metric,
            value=values[metric],
            unit=MINOR if metric in MONEY else "count",
            source=snapshot.platform,
            as_of=snapshot.as_of,
            grade=grade,
            currency=snapshot.currency if metric in MONEY else None,
            period=snapshot.period,
            snapshot_id=snapshot_id,
        )
        for metric in (values if metrics is None else metrics)
        if metric in values
    )


def comparable(one: MetricsSnapshot, other: MetricsSnapshot) -> bool:
    """Whether two snapshots tell of the same thing in the same way: not across another definition or attribution."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in (
            "platform", "ad_account_id", "campaign_id", "currency", "attribution", "definition_hash",
        )
    ) and one.period.tz == other.period.tz  # fmt: skip


def corrections(
    briefed: Iterable[Figure],
    snapshot: MetricsSnapshot,
    tolerance: float = TOLERANCE,
    *,
    sources: Mapping[str, MetricsSnapshot] | None = None,
) -> dict[str, Number]:
    """What a newer snapshot revises of what was briefed: new minus briefed, by metric; the newest figure counts.

    Compared is what has the snapshot's platform, period and currency. ``sources``: the snapshots that figures were
    taken from, by ``Figure.snapshot_id``; with them, what is not comparable (R41) is left out too. Without them a
    snapshot of one campaign corrects nothing: the figure may be the account's.
    """
    values = metric_values(snapshot)
    newest: dict[str, Figure] = {}
    for figure in briefed:
        if _revised(figure, snapshot, sources or {}) and figure.metric in values:
            known = newest.get(figure.metric)
            newest[figure.metric] = figure if known is None or known.as_of <= figure.as_of else known
    return {
        metric: values[metric] - amount(figure)
        for metric, figure in newest.items()
        if not close(values[metric], amount(figure), tolerance)
    }


def _revised(figure: Figure, snapshot: MetricsSnapshot, sources: Mapping[str, MetricsSnapshot]) -> bool:
    if figure.source != snapshot.platform or figure.period != snapshot.period or figure.as_of >= snapshot.as_of:
        return False
    if figure.currency not in (None, snapshot.currency):
        return False
    source = sources.get(figure.snapshot_id or "")
    return snapshot.campaign_id is None if source is None else comparable(source, snapshot)


def amount(figure: Figure | StatedFigure) -> Number:
    """A figure's value; money that is told in major units becomes minor ones."""
    if figure.unit != MAJOR:
        return figure.value
    minor: int = 10 ** digits(figure.currency)
    return round(figure.value * minor)


class Contradiction(NamedTuple):
    """Two values of one metric: the one that is about to be said, and the one that was."""

    metric: str
    drafted: Figure | StatedFigure
    stated: Figure | StatedFigure


def contradicts(
    drafted: Iterable[Figure | StatedFigure],
    stated: Iterable[Figure | StatedFigure],
    tolerance: float = TOLERANCE,
) -> tuple[Contradiction, ...]:
    """Where what is drafted says another value of a metric than what was stated, for the same period.

    One stated value that fits is enough, so what was corrected on a later call may be said. Where one side does not
    say its period, it is compared with every period of the metric.
    """
    known = list(stated)
    found = []
    for figure in drafted:
        rivals = _rivals(figure, known)
        if rivals and not any(_agree(figure, rival, tolerance) for rival in rivals):
            found.append(Contradiction(figure.metric, figure, rivals[-1]))
    return tuple(found)


def _rivals(figure: Figure | StatedFigure, stated: Sequence[Figure | StatedFigure]) -> Sequence[Figure | StatedFigure]:
    """What was stated of the same metric: for exactly this period, else wherever a period is not said."""
    same = [other for other in stated if other.metric == figure.metric]
    exact = [other for other in same if other.period == figure.period]
    return exact or [other for other in same if other.period is None or figure.period is None]


def _agree(one: Figure | StatedFigure, other: Figure | StatedFigure, tolerance: float) -> bool:
    if one.currency and other.currency and one.currency != other.currency:
        return False
    return close(amount(one), amount(other), tolerance)
