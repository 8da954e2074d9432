"""The simulated business clock: weeks pass in minutes, and never past the wall clock."""

from __future__ import annotations

import os
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import time_ns
from zoneinfo import ZoneInfo

#: The company's time zone, in which its people read their clocks.
ZONE = ZoneInfo("America/Chicago")
#: How long before the wall clock the first Monday of the stories lies, at least.
BEFORE = timedelta(weeks=13)
_DAY_NS = 86_400 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotYet(Exception):
    """Raised where a story would go on past the wall clock, or back: what providers tell must have happened."""


class Clock:
    """Business time, in a file that the company's processes read (``SEAMLINE_CLOCK``).

    From when it was written it goes on at the pace of the wall clock, unless it was told to stand still.
    """

    def __init__(self, path: Path, begins: datetime) -> None:
        self.path = path
        self._set, self._wall, self._still = begins, time_ns(), False
        self._write()

    @property
    def now(self) -> datetime:
        """The time as the company's processes read it at this moment."""
        gone = 0 if self._still else (time_ns() - self._wall) // 1_000
        return self._set + timedelta(microseconds=gone)

    def to(self, moment: datetime, *, still: bool = False) -> None:
        """Go forward to a moment, and on from there; ``still``: stay there. Raises NotYet."""
        if not self.now <= moment <= datetime.now(UTC):
            raise NotYet(f"the clock cannot go from {self.now:%Y-%m-%d %H:%M:%S} to {moment:%Y-%m-%d %H:%M:%S}")
        self._set, self._wall, self._still = moment, time_ns(), still
        self._write()

    def tick(self) -> None:
        """Go on to a whole second that is later than whatever has happened: providers tell times in seconds."""
        if not self._still:
            self.to(self.now.replace(microsecond=0) + timedelta(seconds=1))

    def next(self, weekday: int, hour: int, minute: int = 0) -> datetime:
        """The first such moment after now, by the company's clocks; Monday is 0."""
        day = self.now.astimezone(ZONE).date()
        while True:
            found = datetime.combine(day, time(hour, minute), ZONE).astimezone(UTC)
            if day.weekday() == weekday and found > self.now:
                return found
            day += timedelta(days=1)

    def _write(self) -> None:
        # Whoever reads meanwhile reads the one time or the other.
        written = self.path.with_suffix(".new")
        written.write_text(str((self._set - _EPOCH) // timedelta(microseconds=1)), encoding="ascii")
        # A file of the future has not begun to run.
        since = self._wall + _DAY_NS if self._still else self._wall
        os.utime(written, ns=(since, since))
        os.replace(written, self.path)


def first_monday(wall: datetime) -> datetime:
    """When the stories begin: a Monday at 08:00, long enough ago."""
    day = (wall - BEFORE).astimezone(ZONE).date()
    return datetime.combine(day - timedelta(days=day.weekday()), time(8), ZONE).astimezone(UTC)


def shown(moment: datetime) -> str:
    """A moment as the company's people say it."""
    return f"{moment.astimezone(ZONE):%a %d %b %H:%M}"
