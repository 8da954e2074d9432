"""The two clocks: business time, which the company's rules are about, and the wall clock, by which the machine works.

*Business time* (``clock()``, in statements ``:now``) is what deadlines, windows, approvals, drafts, tasks, messages,
flags and the events themselves are dated by, and when a delivery was received, a source became live and a map was
confirmed. It is the wall clock, unless ``SEAMLINE_CLOCK`` names a file that holds a time (microseconds since 1970) for
it, from which it goes on at the pace of the wall clock: a simulation plays weeks in minutes.

*The wall clock* (``now_us()``, in statements ``:wall``) is never simulated. By it go back-off and polls, a handoff's
own row (``created_at``, ``due``, ``done_at``, and so its patience), replays, notices, alerts and paused channels, the
hourly tallies, the freshness of signatures; leases by it or by the database's clock.

No column holds both: what is due in business time and was put off besides has an ``again_at`` of the wall clock.
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
