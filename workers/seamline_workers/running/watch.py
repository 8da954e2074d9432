"""The watch: looks after slow runs, in a thread of its own, so that what it writes delays no beat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from seamline_workers.handoff.run import Run
from seamline_workers.log import log
from seamline_workers.running.engine import Engine
from seamline_workers.running.pace import SLOW
from seamline_workers.store.store import fault

#: Seconds until it looks again, after the store could not be told.
AGAIN_S = 0.5
#: Longest wait for its end when the process stops, in seconds.
STOP_S = 5.0


class Watch:
    """Looks whenever it is told to, unless it is still at it."""

    def __init__(self, engine: Engine, runs: Callable[[], Sequence[Run]]) -> None:
        self._engine = engine
        self._runs = runs
        self._thread: threading.Thread | None = None
        self._not_before = 0.0

    def look(self) -> None:
        """See to it that slow runs are looked after; returns at once."""
        now = time.monotonic()
        if now < self._not_before or (self._thread is not None and self._thread.is_alive()):
            return
        if any(run.slow_for(now) >= SLOW for run in self._runs()):
            self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _look(self) -> None:
        try:
            self._engine.watch(list(self._runs()))
        except Exception as error:
            self._not_before = time.monotonic() + AGAIN_S
            log.warning("watch_failed", **fault(error))
