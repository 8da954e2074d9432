"""Business time: deadlines, windows, approvals and what handlers call now.

It is the wall clock, unless ``SEAMLINE_CLOCK`` names a file that holds a time (microseconds since 1970) for it, from
which it goes on at the pace of the wall clock: a simulation plays weeks in minutes. Leases use the database's clock,
signatures and back-off the wall clock, always.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from seamline_workers.store.store import now_us

#: Gives microseconds since 1970.
Clock = Callable[[], int]


def business_clock() -> Clock:
    """The clock of this process."""
    name = os.environ.get("SEAMLINE_CLOCK")
    if not name:
        return now_us
    path = Path(name)

    def simulated() -> int:
        # From when it was written: a clock that stood still would tell no order of what happens.
        return int(path.read_text(encoding="ascii")) + max(0, now_us() - path.stat().st_mtime_ns // 1_000)

    return simulated
