"""What a company like this one sets about its seats, from the environment: ``SEAMLINE_AGENCY_…``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache

from seamline.calendar import BusinessHours, zone
from seamline.errors import ConfigError

PREFIX = "SEAMLINE_AGENCY_"
#: A note for a shift is written on the shift's own day.
EARLIEST_SHIFT = time(2)


@dataclass(frozen=True)
class Settings:
    """``timezone`` is that of the business hours and of the call center's shift, which starts at ``shift_start``.

    ``shift_days``: 0 is Monday. ``coaching_channel`` is the id of the call center's room at Slack. ``writer`` names
    what writes the drafts, as ``module:attribute``; empty: the templates.
    """

    timezone: str = "America/Chicago"
    shift_start: time = time(8)
    shift_days: tuple[int, ...] = (0, 1, 2, 3, 4)
    coaching_channel: str = "C0CALLCENTER"
    writer: str = ""

    @property
    def hours(self) -> BusinessHours:
        """When somebody is there."""
        return BusinessHours(tz=self.timezone)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read them. Raises ConfigError, naming the variable."""
        told = {
            name: environ[PREFIX + name.upper()] for name in cls.__annotations__ if PREFIX + name.upper() in environ
        }
        zone(told.get("timezone", cls.timezone))
        try:
            start = time.fromisoformat(told["shift_start"]) if "shift_start" in told else cls.shift_start
            days = tuple(int(day) for day in told["shift_days"].split(",")) if "shift_days" in told else cls.shift_days
        except ValueError:
            raise ConfigError(f"{PREFIX}SHIFT_START is such as 08:00, {PREFIX}SHIFT_DAYS such as 0,1,2,3,4") from None
        if start < EARLIEST_SHIFT:
            raise ConfigError(f"{PREFIX}SHIFT_START is {EARLIEST_SHIFT} or later: its note is written two hours before")
        if not days or not set(days) <= set(range(7)):
            raise ConfigError(f"{PREFIX}SHIFT_DAYS are days from 0 (Monday) to 6 (Sunday), at least one")
        return cls(
            told.get("timezone", cls.timezone),
            start,
            days,
            told.get("coaching_channel", cls.coaching_channel),
            told.get("writer", cls.writer),
        )


@cache
def settings() -> Settings:
    """The settings of this process; read once."""
    return Settings.read(os.environ)
