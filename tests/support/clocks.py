"""Business clocks that a test sets."""

from __future__ import annotations

from datetime import datetime, timedelta

from seamline_workers.interpret import to_us


class SetClock:
    """Shows the time that it was set to."""

    def __init__(self, at: datetime) -> None:
        self._us = to_us(at)

    def __call__(self) -> int:
        return self._us

    def set(self, at: datetime) -> None:
        self._us = to_us(at)

    def pass_(self, span: timedelta) -> None:
        self._us += span // timedelta(microseconds=1)
