"""Back-off: how long what has failed waits before it is tried again. Wall clock, never simulated."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

#: First back-off in seconds; doubled each time, with full jitter: 12 attempts take about a day.
FIRST_BACKOFF = 40.0
#: Longest wait that a handler or a provider may ask for, in seconds.
LONGEST_WAIT = 366 * 86_400.0


def backoff(attempts: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds until the next attempt after ``attempts`` have failed: exponential, full jitter."""
    return jitter() * FIRST_BACKOFF * 2.0 ** min(attempts - 1, 30)


def wait_s(attempts: int, after: timedelta | None) -> float:
    """Seconds until the next attempt after ``attempts`` have failed: what was asked for, else our own back-off."""
    return backoff(attempts) if after is None else min(max(after.total_seconds(), 0.0), LONGEST_WAIT)
