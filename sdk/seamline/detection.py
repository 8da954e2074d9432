"""The signals that precede churn, measured over an account's days: fewer leads, dearer leads, calls unbooked.

A window of whole days is compared with the days before it, of the same weekdays, by the exact test of
``seamline.rate``. Too little data is ``insufficient`` and says why; it is never ``none``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median
from typing import Literal, NamedTuple, Protocol

from seamline.rate import Dispersion, RateDrop, dispersion, rate_drop

DETECTOR_VERSION = "rate-1"
#: Two findings of one signal confirm each other when they are so far apart, and no farther.
APART, TOGETHER = timedelta(days=3), timedelta(days=28)

Signal = Literal["lead_volume_drop", "cpl_rise", "calls_unbooked"]
Level = Literal["none", "watch", "at_risk", "insufficient"]
Span = tuple[date, date]


@dataclass(frozen=True)
class Day:
    """An account's figures of one whole day; None: not known.

    ``booked`` counts calls that were booked, ``cancelled`` and ``no_show`` what became of them: neither makes a call
    unbooked. ``active``: campaigns ran. A day on which they paused says nothing about the customer.
    """

    day: date
    leads: float | None = None
    spend_minor: int | None = None
    currency: str | None = None
    booked: int | None = None
    cancelled: int = 0
    no_show: int = 0
    active: bool = True


@dataclass(frozen=True)
class Limits:
    """When something counts as found, and from how much data on anything is said at all."""

    change: float = 0.20
    p_value: float = 0.01
    window_days: int = 7
    baseline_windows: int = 4
    least_days: int = 14
    least_events: int = 20
    low_volume: float = 3.0
    low_volume_window_days: int = 14


@dataclass(frozen=True)
class Reading:
    """What a detector saw on one day; ``inputs`` is all that its numbers can be computed from again.

    ``change`` is that of the plain figure (of cost per lead for ``cpl_rise``: +1.0 is twice as dear), None where it
    cannot be told, as the cost of no leads. ``reason`` says why data is insufficient.
    """

    signal: Signal
    level: Level
    change: float | None
    p_value: float | None
    window: Span
    baseline: Span | None
    inputs: Mapping[str, int | float]
    median_7: float | None
    median_30: float | None
    reason: str | None = None
    detector_version: str = DETECTOR_VERSION

    @property
    def day(self) -> date:
        """The day that it was read on: the window's last."""
        return self.window[1]


class Read(Protocol):
    """A reading, as far as another one is confirmed by it."""

    @property
    def day(self) -> date: ...

    @property
    def level(self) -> Level: ...


class Past(NamedTuple):
    """A reading that was stored: its last day and its level."""

    day: date
    level: Level


class _Point(NamedTuple):
    day: date
    events: float
    exposure: float


@dataclass(frozen=True)
class _Detector:
    """``point``: a day's events and exposure, None for a day that says nothing. ``plain``: what a human reads."""

    signal: Signal
    point: Callable[[Day], _Point | None]
    plain: Callable[[_Point], float | None]
    rises: bool = False


def lead_volume(days: Iterable[Day], *, last: date, limits: Limits = Limits()) -> Reading:
    """Read whether fewer leads come than before. ``last``: the window's last day, a whole one."""
    return _read(_VOLUME, days, last, limits)


def cpl(days: Iterable[Day], *, last: date, limits: Limits = Limits()) -> Reading:
    """Read whether a lead costs more than before.

    Days without spend are left out, and so are days in another currency than the newest.
    """
    return _read(_CPL, _in_one_currency(days, last), last, limits)


def calls_unbooked(days: Iterable[Day], *, last: date, limits: Limits = Limits()) -> Reading:
    """Read whether fewer leads book a call than before."""
    return _read(_UNBOOKED, days, last, limits)


def confirm(earlier: Read | Iterable[Read], later: Read) -> Level:
    """The level of ``later``, seen together with what was read before: found twice, days apart, is at risk."""
    if later.level != "watch":
        return later.level
    before = earlier if isinstance(earlier, Iterable) and not isinstance(earlier, Past) else (earlier,)
    found = any(read.level in _FOUND and APART <= later.day - read.day <= TOGETHER for read in before)
    return "at_risk" if found else "watch"


def severity(levels: Mapping[str, Level], *, no_response: bool = False) -> Literal["watch", "at_risk"] | None:
    """How serious signals are together, by name: two of them, or no answer, are at risk; None: nothing was found."""
    found = [level for level in levels.values() if level in _FOUND]
    if no_response or "at_risk" in found or len(found) > 1:
        return "at_risk"
    return "watch" if found else None


_FOUND = ("watch", "at_risk")


# --- a day's point ---------------------------------------------------------------------------------------------------


def _leads(day: Day) -> _Point | None:
    return None if day.leads is None else _Point(day.day, day.leads, 1.0)


def _leads_for_spend(day: Day) -> _Point | None:
    return None if day.leads is None or not day.spend_minor else _Point(day.day, day.leads, float(day.spend_minor))


def _booked_of_leads(day: Day) -> _Point | None:
    return None if day.booked is None or day.leads is None else _Point(day.day, day.booked, day.leads)


_VOLUME = _Detector("lead_volume_drop", _leads, lambda at: at.events)
_CPL = _Detector("cpl_rise", _leads_for_spend, lambda at: at.exposure / at.events if at.events else None, rises=True)
_UNBOOKED = _Detector("calls_unbooked", _booked_of_leads, lambda at: at.events / at.exposure if at.exposure else None)


def _in_one_currency(days: Iterable[Day], last: date) -> list[Day]:
    told = sorted((day for day in days if day.day <= last and day.currency), key=lambda day: day.day)
    return [day for day in told if day.currency == told[-1].currency]


# --- the comparison --------------------------------------------------------------------------------------------------


def _read(detector: _Detector, days: Iterable[Day], last: date, limits: Limits) -> Reading:
    known = {day.day: day for day in _once(days) if day.day <= last}
    told = [point for day in known.values() if day.active and (point := detector.point(day))]
    new, base, low = _windows(told, known, last, limits)
    length = limits.low_volume_window_days if low else limits.window_days
    window = (last - timedelta(days=length - 1), last)
    inputs = _inputs(detector, new, base, known, window)
    reason = _lacking(new, base, length, limits)
    measured = min(inputs["exposure_new"], inputs["exposure_base"]) > 0
    drop = rate_drop(*(inputs[name] for name in _COUNTS), phi=inputs["phi"]) if measured else RateDrop(None, 1.0)
    return Reading(
        signal=detector.signal,
        level="insufficient" if reason else _level(drop, detector, limits),
        change=_risen(drop.change) if detector.rises else drop.change,
        p_value=None if reason else drop.p_value,
        window=window,
        baseline=(base[0].day, base[-1].day) if base else None,
        inputs=inputs,
        median_7=_median(detector, told, last, 7),
        median_30=_median(detector, told, last, 30),
        reason=reason,
    )


_COUNTS = ("events_new", "exposure_new", "events_base", "exposure_base")


def _once(days: Iterable[Day]) -> list[Day]:
    found = list(days)
    if len({day.day for day in found}) < len(found):
        raise ValueError("a day is told twice: add up what belongs to one account first")
    return found


def _windows(
    told: Sequence[_Point], known: Mapping[date, Day], last: date, limits: Limits
) -> tuple[list[_Point], list[_Point], bool]:
    """The new points, those before that are compared with them, and whether the volume asks for a longer window."""
    # The days of the longer window do not decide about it: a week that is low by chance would choose itself.
    until = last - timedelta(days=limits.low_volume_window_days)
    since = until - timedelta(days=limits.window_days * limits.baseline_windows)
    before = [leads for point in told if since < point.day <= until and (leads := known[point.day].leads) is not None]
    low = bool(before) and fmean(before) < limits.low_volume
    return *_split(told, last, limits.low_volume_window_days if low else limits.window_days, limits), low


def _split(told: Sequence[_Point], last: date, length: int, limits: Limits) -> tuple[list[_Point], list[_Point]]:
    since = last - timedelta(days=length)
    oldest = since - timedelta(days=length * limits.baseline_windows)
    new = sorted(point for point in told if point.day > since)
    return new, _same_weekdays(new, sorted(point for point in told if oldest < point.day <= since))


def _same_weekdays(new: Collection[_Point], before: Sequence[_Point]) -> list[_Point]:
    """Of the days before the newest, with each weekday in the proportion that it has in the window."""
    wanted = Counter(point.day.weekday() for point in new)
    there = Counter(point.day.weekday() for point in before)
    rounds = min((there[weekday] // times for weekday, times in wanted.items()), default=0)
    left = {weekday: times * rounds for weekday, times in wanted.items()}
    kept = []
    for point in reversed(before):
        weekday = point.day.weekday()
        if left.get(weekday, 0) > 0:
            left[weekday] -= 1
            kept.append(point)
    return kept[::-1]


def _inputs(
    detector: _Detector, new: Sequence[_Point], base: Sequence[_Point], known: Mapping[date, Day], window: Span
) -> dict[str, int | float]:
    swing = _swing(base)
    inputs: dict[str, int | float] = {
        "events_new": sum(point.events for point in new),
        "exposure_new": sum(point.exposure for point in new),
        "events_base": sum(point.events for point in base),
        "exposure_base": sum(point.exposure for point in base),
        "dispersion": swing.measured,
        "phi": swing.phi,
        "days_new": len(new),
        "days_base": len(base),
        "days_paused": sum(not day.active for day in known.values() if window[0] <= day.day <= window[1]),
    }
    if detector is _UNBOOKED:
        for name, points in (("new", new), ("base", base)):
            inputs[f"cancelled_{name}"] = sum(known[point.day].cancelled for point in points)
            inputs[f"no_show_{name}"] = sum(known[point.day].no_show for point in points)
    return inputs


def _swing(base: Sequence[_Point]) -> Dispersion:
    """How much the days swing about their weekday's rate: that Sundays differ from Mondays is no swing."""
    events: dict[int, float] = defaultdict(float)
    exposure: dict[int, float] = defaultdict(float)
    for point in base:
        events[point.day.weekday()] += point.events
        exposure[point.day.weekday()] += point.exposure
    rates = {weekday: events[weekday] / spent if spent else 0.0 for weekday, spent in exposure.items()}
    expected = [rates[point.day.weekday()] * point.exposure for point in base]
    return dispersion([point.events for point in base], expected, len(rates))


def _lacking(new: Sequence[_Point], base: Sequence[_Point], length: int, limits: Limits) -> str | None:
    """What is missing before anything can be said."""
    if 2 * len(new) < length:
        return f"{len(new)} of the window's {length} days can be used"
    if len(base) < limits.least_days:
        return f"{len(base)} days to compare with, {limits.least_days} are needed"
    events = sum(point.events for point in base)
    if events < limits.least_events:
        return f"{events:g} events to compare with, {limits.least_events} are needed"
    if not sum(point.exposure for point in new):
        return "nobody came who could have booked"
    return None


def _level(drop: RateDrop, detector: _Detector, limits: Limits) -> Level:
    # A cost per lead that is higher by 20 % is a rate that is lower by 17 %.
    least = 1 / (1 + limits.change) - 1 if detector.rises else -limits.change
    fell = drop.change is not None and drop.change <= least + 1e-12
    return "watch" if fell and drop.p_value <= limits.p_value else "none"


def _risen(change: float | None) -> float | None:
    return None if change is None or change <= -1 else 1 / (1 + change) - 1


def _median(detector: _Detector, told: Iterable[_Point], last: date, days: int) -> float | None:
    recent = [detector.plain(point) for point in told if point.day > last - timedelta(days=days)]
    values = [value for value in recent if value is not None]
    return median(values) if values else None
