"""How well a customer does, from 0 to 100, and whether that is rising."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from statistics import median

from seamline.detection import Reading

#: A sub-score of a customer for whom nothing changed; each percent of change is a point.
UNCHANGED = 50
#: How many weekly points make a trend, and how far back they reach.
LEAST_POINTS, WEEKS = 4, 8
_WEEK = 7


@dataclass(frozen=True)
class Part:
    """A sub-score, and what shows it; ``score`` None: there is no data."""

    score: int | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weights:
    """How much each part counts, in whole numbers."""

    volume: int = 35
    cpl: int = 25
    booking: int = 25
    responsiveness: int = 15


@dataclass(frozen=True)
class Scored:
    """An account's score; None: no part has data. ``missing``: the parts without, which count nothing."""

    score: int | None
    components: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def account_score(
    *,
    volume: Part,
    cpl: Part,
    booking: Part,
    responsiveness: Part,
    weights: Weights = Weights(),
) -> Scored:
    """Weigh the parts; the weights of what has no data are shared out among the others. Raises ValueError."""
    parts = {"volume": volume, "cpl": cpl, "booking": booking, "responsiveness": responsiveness}
    if any(not 0 <= (part.score or 0) <= 100 for part in parts.values()):
        raise ValueError("a sub-score is from 0 to 100")
    if any(getattr(weights, name) < 0 for name in parts):
        raise ValueError("weights are not negative")
    told = {name: part.score for name, part in parts.items() if part.score is not None}
    whole = sum(getattr(weights, name) for name in told)
    weighed = sum(score * getattr(weights, name) for name, score in told.items())
    return Scored(
        # Half a point is rounded up, by whole numbers only: the same on every machine.
        score=(2 * weighed + whole) // (2 * whole) if whole else None,
        components=told,
        evidence={name: part.evidence for name, part in parts.items() if part.evidence},
        missing=tuple(name for name in parts if name not in told),
    )


def from_reading(reading: Reading) -> Part:
    """A detector's reading as a part: 50 where nothing changed, a point more for each percent better."""
    first, last = reading.window
    if reading.level == "insufficient":
        return Part(None, (f"{reading.signal}: {reading.reason}",))
    if reading.change is None:  # a cost per lead without leads
        return Part(0, (f"{reading.signal}: no leads from {first} to {last}",))
    better = -reading.change if reading.signal == "cpl_rise" else reading.change
    evidence = f"{reading.signal}: {reading.change:+.0%} from {first} to {last}"
    return Part(max(0, min(100, UNCHANGED + round(100 * better))), (evidence,))


def answered(attempts: int, answers: int) -> Part:
    """How readily a customer answers, as a part. Raises ValueError for more answers than attempts."""
    if not 0 <= answers <= attempts:
        raise ValueError("answers are counted among the attempts")
    if not attempts:
        return Part(None, ("nobody reached out",))
    return Part(round(100 * answers / attempts), (f"{answers} of {attempts} attempts answered",))


def weekly(series: Iterable[tuple[date, int]]) -> tuple[tuple[date, int], ...]:
    """The newest score of each of the last eight weeks, counted back from the newest; oldest first."""
    points = dict(sorted(series))
    if not points:
        return ()
    last = max(points)
    newest = {(last - day).days // _WEEK: (day, score) for day, score in points.items()}
    return tuple(sorted(point for week, point in newest.items() if week < WEEKS))


def slope(points: Iterable[tuple[date, int]]) -> float | None:
    """Points a day, by Theil and Sen: the median over all pairs, so that one odd week changes little."""
    pairs = combinations(sorted(dict(points).items()), 2)
    slopes = [(later - earlier) / (end - start).days for (start, earlier), (end, later) in pairs]
    return median(slopes) if slopes else None


def rising(series: Iterable[tuple[date, int]]) -> bool:
    """Whether scores, of days in any order, rise: over at least four weeks, and not just fallen again."""
    points = weekly(series)
    if len(points) < LEAST_POINTS:
        return False
    trend = slope(points)
    return trend is not None and trend > 0 and points[-1][1] >= points[-2][1]
