"""The window of a follow-up: not too early, not too late, and while somebody is there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from seamline.calendar import BusinessHours

#: After somebody has looked at a proposal: sooner presses them, later they have forgotten.
EARLIEST, LATEST = timedelta(hours=4), timedelta(hours=48)
#: A proposal that nobody has opened for so long is followed up, too.
UNOPENED = timedelta(days=3)


class Window(NamedTuple):
    """From when until when a human follows up."""

    earliest: datetime
    latest: datetime


def after_look(at: datetime, hours: BusinessHours) -> Window:
    """The window after a first look. What falls on a night or a weekend is the next opening; it never gets shorter."""
    return _window(at + EARLIEST, LATEST - EARLIEST, hours)


def unopened(at: datetime, hours: BusinessHours) -> Window:
    """The window of a proposal that nobody had opened by ``at``."""
    return _window(at, LATEST - EARLIEST, hours)


def _window(begin: datetime, span: timedelta, hours: BusinessHours) -> Window:
    earliest = hours.next_open(begin)
    return Window(earliest, hours.next_open(earliest + span))
