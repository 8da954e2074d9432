"""The simulated business clock: weeks pass in minutes, and never past the wall clock."""

from __future__ import annotations

import os
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

#: The company's time zone, in which its people read their clocks.
ZONE = ZoneInfo("America/Chicago")
#: How long before the wall clock the first Monday of the stories lies, at least.
BEFORE = timedelta(weeks=8)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotYet(Exception):
    """Raised where a story would go on past the wall clock, or back: what providers tell must have happened."""


class Clock:
    """Business time, in a file that the company's processes read (``SEAMLINE_CLOCK``)."""

    def __init__(self, path: Path, begins: datetime) -> None:
        self.path = path
        self.now = begins
        self._write()

    def to(self, moment: datetime) -> None:
        """Go forward to a moment. Raises NotYet."""
        if not self.now <= moment <= datetime.now(UTC):
            raise NotYet(f"the clock cannot go from {self.now:%Y-%m-%d %H:%M} to {moment:%Y-%m-%d %H:%M}")
        self.now = moment
        self._write()

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
        written.write_text(str((self.now - _EPOCH) // timedelta(microseconds=1)), encoding="ascii")
        os.replace(written, self.path)


def first_monday(wall: datetime) -> datetime:
    """When the stories begin: a Monday at 08:00, long enough ago."""
    day = (wall - BEFORE).astimezone(ZONE).date()
    return datetime.combine(day - timedelta(days=day.weekday()), time(8), ZONE).astimezone(UTC)


def shown(moment: datetime) -> str:
    """A moment as the company's people say it."""
    return f"{moment.astimezone(ZONE):%a %d %b %H:%M:%S}".removesuffix(":00")
