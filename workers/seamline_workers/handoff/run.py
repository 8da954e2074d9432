"""A run: one thread drains leased lanes of one seat, or the deliveries of one source.

The watch looks at every run: lanes that wait behind a slow handler go back, what is done is written, and a handler
that is out of time loses its lease: its effects cannot commit any more.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from seamline_workers.effects.asking import Result
from seamline_workers.handoff.completion import Completion
from seamline_workers.handoff.loops import Running
from seamline_workers.store.lanes import Handoff, Lane, LaneEnd
from seamline_workers.store.schema import RETRYING


class Work(NamedTuple):
    """What a thread is asked to do: ``source`` translates one, ``seat`` drains one, the others are single jobs."""

    kind: str
    key: str


@dataclass
class Run:
    """The state of one run, shared between its thread and the watch."""

    work: Work
    started: float = field(default_factory=time.monotonic)
    handler_since: float | None = None
    tokens: list[int] = field(default_factory=list)  # of every lease that it took
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _lanes: deque[Lane] = field(default_factory=deque, repr=False)
    _lane: Lane | None = None
    _handoff: Handoff | None = None
    _running: Running | None = None
    _results: list[Result] = field(default_factory=list, repr=False)
    _done: Completion = field(default_factory=Completion, repr=False)
    _revoked: bool = False

    def load(self, lanes: Sequence[Lane]) -> None:
        with self.lock:
            self._lanes.extend(lanes)

    def next_lane(self) -> Lane | None:
        with self.lock:
            self._lane = self._lanes.popleft() if self._lanes else None
            self._results, self._revoked = [], False
            return self._lane

    def begin(self, handoff: Handoff) -> None:
        with self.lock:
            self._handoff, self._running, self.handler_since = handoff, None, time.monotonic()

    def awaiting(self, running: Running) -> None:
        """Remember what an ``async def`` handler runs as, so that it can be cancelled."""
        with self.lock:
            self._running = running

    def end(self, result: Result) -> bool:
        """Take a result in; False: the lease was taken away meanwhile, and the result counts for nothing."""
        with self.lock:
            self._handoff, self.handler_since = None, None
            if self._revoked:
                return False
            self._results.append(result)
            return True

    def end_lane(self, lane: Lane) -> None:
        """Close a lane: its results wait for the next flush."""
        with self.lock:
            if not self._revoked:
                self._close(lane)
            self._lane = None

    def _close(self, lane: Lane) -> None:
        due, upto = 0, lane.start
        for result in self._results:
            if result.outcome.state == RETRYING:
                due = result.outcome.due
                break
            upto = result.outcome.event_seq
        self._done.ends.append(LaneEnd(lane.key, lane.seat, lane.token, lane.start, upto, due))
        self._done.results += self._results
        self._results = []

    def hold_lane(self, lane: Lane, due: int) -> None:
        """Give a lane back before its next handoff, to be looked at again at ``due``."""
        with self.lock:
            upto = self._results[-1].outcome.event_seq if self._results else lane.start
            self._done.ends.append(LaneEnd(lane.key, lane.seat, lane.token, lane.start, upto, due))
            self._done.results += self._results
            self._results, self._lane = [], None

    def take_done(self) -> Completion:
        """Hand over what waits to be written; once."""
        with self.lock:
            done, self._done = self._done, Completion()
            return done

    # --- the watch's side -------------------------------------------------------------------------------------------

    def slow_for(self, now: float) -> float:
        """Seconds that the current handler has been running."""
        since = self.handler_since
        return 0.0 if since is None else now - since

    def take_waiting(self) -> list[Lane]:
        """Take away the lanes that have not begun."""
        with self.lock:
            waiting = list(self._lanes)
            self._lanes.clear()
            return waiting

    def take_handoff(self) -> Handoff | None:
        """The handoff whose handler runs, for revoking; None: there is none, or it has been revoked already."""
        with self.lock:
            return None if self._revoked else self._handoff

    def revoke(self, handoff: Handoff, result: Result) -> Completion | None:
        """Take the lease of the running handler away. Returns the lane's end; None: it has just returned."""
        with self.lock:
            if self._handoff is not handoff or self._lane is None:
                return None
            self._revoked = True
            self._results.append(result)
            self._close(self._lane)
            if self._running is not None:
                self._running.cancel()
            done, self._done = self._done, Completion()
            return done
