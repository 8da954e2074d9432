"""Business hours, and the instants of wall-clock times through changes of the clock.

Days are those of a time zone; every instant that is given back is in UTC.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from seamline.errors import ConfigError

_DAY = timedelta(days=1)
WORKDAYS = frozenset(range(5))
MIDNIGHT = time(0)


def zone(tz: str) -> ZoneInfo:
    """The time zone of this name. Raises ConfigError."""
    try:
        return ZoneInfo(tz)
    except (OSError, ValueError, LookupError):
        raise ConfigError(
            f"there is no time zone {tz!r}; write one such as 'Europe/Berlin', or install the package tzdata where the"
            " system has none"
        ) from None


def local_time_on(day: date, at: time, tz: str) -> datetime:
    """The instant of a wall-clock time on a day.

    A time that the day skips is the first instant after the gap; one that comes twice is the first.
    """
    return _instant(day, at, zone(tz))


def next_local(after: datetime, at: time, tz: str) -> datetime:
    """The next instant strictly after ``after`` at which clocks show ``at``."""
    _aware(after)
    where = zone(tz)
    day = after.astimezone(where).date()
    while True:
        found = _instant(day, at, where)
        if found > after:
            return found
        day += _DAY


@dataclass(frozen=True)
class BusinessHours:
    """When people are there. ``days``: 0 is Monday; ``closes`` at 00:00 is the day's end."""

    tz: str = "UTC"
    days: Collection[int] = WORKDAYS
    opens: time = time(9)
    closes: time = time(17)
    holidays: Collection[date] = frozenset()
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zone", zone(self.tz))
        object.__setattr__(self, "days", frozenset(self.days))
        object.__setattr__(self, "holidays", frozenset(self.holidays))
        if not self.days or not set(self.days) <= set(range(7)):
            raise ConfigError("business hours need days from 0 (Monday) to 6 (Sunday), at least one")
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ConfigError("business hours open and close at wall-clock times, without a time zone of their own")
        if self.opens >= self.closes != MIDNIGHT:
            raise ConfigError(f"business hours close after they open: {self.opens} is not before {self.closes}")

    def is_open(self, at: datetime) -> bool:
        """Whether somebody is there. At the very moment of closing nobody is."""
        return self.next_open(at) == at

    def next_open(self, at: datetime) -> datetime:
        """``at`` itself where somebody is there, else the next opening."""
        return max(self._shift(at)[0], at.astimezone(UTC))

    def add(self, start: datetime, span: timedelta) -> datetime:
        """The instant at which ``span`` of business time has passed since ``start``, and somebody is there.

        Eight hours from an opening at nine are the next opening, not the closing at five. Raises ValueError for a
        negative span.
        """
        if span < timedelta(0):
            raise ValueError("business time only runs forward")
        opened, closed = self._shift(start)
        at = max(opened, start.astimezone(UTC))
        while span >= closed - at:
            span -= closed - at
            opened, closed = self._shift(closed)
            at = opened
        return at + span

    def _shift(self, at: datetime) -> tuple[datetime, datetime]:
        """The first opening hours that end after ``at``."""
        _aware(at)
        day = at.astimezone(self._zone).date()
        while True:
            if day.weekday() in self.days and day not in self.holidays:
                end = day if self.closes != MIDNIGHT else day + _DAY
                opened, closed = _instant(day, self.opens, self._zone), _instant(end, self.closes, self._zone)
                if closed > max(at, opened):
                    return opened, closed
            day += _DAY


def _aware(at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError("a time without a zone is no instant; give one in UTC")


def _instant(day: date, at: time, where: ZoneInfo) -> datetime:
    wall = datetime.combine(day, at.replace(tzinfo=None, fold=0), where)
    found = wall.astimezone(UTC)
    if found.astimezone(where).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return found
    return _after_gap(wall.replace(fold=1).astimezone(UTC), found, where)


def _after_gap(before: datetime, after: datetime, where: ZoneInfo) -> datetime:
    """The instant between two at which the clocks were put forward; they change at whole seconds."""
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    offset = datetime.fromtimestamp(low, where).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, where).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
