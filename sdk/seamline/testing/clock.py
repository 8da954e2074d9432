"""A clock that only its owner moves."""

from __future__ import annotations

from datetime import datetime, timedelta

from seamline.testing.play import NOW


class FakeClock:
    """Stands still until it is moved, and never runs backwards. Call it for the time."""

    def __init__(self, at: datetime = NOW) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock needs an aware time")
        self._at = at

    def __call__(self) -> datetime:
        return self._at

    @property
    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> datetime:
        """Let time pass; gives the new time."""
        return self.move_to(self._at + by)

    def move_to(self, at: datetime) -> datetime:
        """Let time pass until ``at``. Raises ValueError where that is in the past."""
        if at < self._at:
            raise ValueError(f"the clock stands at {self._at.isoformat()}, which is after {at.isoformat()}")
        self._at = at
        return at
