"""Business clocks that a test sets."""

from __future__ import annotations

from datetime import datetime

from seamline_workers.store.store import now_us
from seamline_workers.translation.interpret import to_us


class HandClock:
    """Shows the wall clock's time until it is set."""

    def __init__(self) -> None:
        self._us: int | None = None

    def __call__(self) -> int:
        return now_us() if self._us is None else self._us

    def set(self, at: datetime) -> None:
        self._us = to_us(at)


class SetClock:
    """Shows the time that it was set to."""

    def __init__(self, at: datetime) -> None:
        self._us = to_us(at)

    def __call__(self) -> int:
        return self._us

    def set(self, at: datetime) -> None:
        self._us = to_us(at)
