"""Group commit: the requests that wait at the same moment become one transaction.

A request that waits is one future. Whoever goes away while it waits cancels its own future and nothing else.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from queue import SimpleQueue
from typing import NamedTuple, Protocol, runtime_checkable

from seamline_workers.log import log
from seamline_workers.store.arrival import Accepted, Arrival, Intake, StoreBusy, StoreLocked, Verdicts

#: Most rows and bytes of one transaction.
MOST_ROWS = 256
MOST_BYTES = 8 * 1024 * 1024
#: A group is held open while each turn of the event loop brings it more requests, but no longer than this; seconds.
GATHER_S = 0.002
#: Seconds between two tries while another process writes to SQLite, and the longest that a request waits for it.
LOCKED_S = 0.001
LOCKED_LONGEST_S = 2.0
#: Longest that a request waits for PostgreSQL, and how often that is looked at; seconds.
DEADLINE_S = 5.0
SWEEP_S = 0.2
#: Least time between two log lines about a store that fails, in seconds.
QUIET_S = 5.0


#: What a request waits for; None: nothing was acknowledged, it may be sent again.
Verdict = asyncio.Future[Accepted | None]


class Waiting(NamedTuple):
    arrival: Arrival
    verdict: Verdict
    since: float


@runtime_checkable
class Interruptible(Intake, Protocol):
    """An intake whose ``accept`` another thread can break off."""

    def interrupt(self) -> None: ...


class _Queue(ABC):
    """Those who wait, in the order in which they came."""

    def __init__(self, intake: Intake) -> None:
        self._loop = asyncio.get_running_loop()
        self._intake = intake
        self._waiting: deque[Waiting] = deque()
        self._scheduled = False
        self._seen = 0
        self._quiet_until = 0.0

    def submit(self, arrival: Arrival) -> Verdict:
        """Wait for an arrival to be durable."""
        verdict: Verdict = self._loop.create_future()
        self._waiting.append(Waiting(arrival, verdict, self._loop.time()))
        if not self._scheduled:
            self._scheduled = True
            # Behind the requests that are ready now: they join the group.
            self._loop.call_soon(self._flush)
        return verdict

    @property
    def idle(self) -> bool:
        return not self._waiting

    async def drain(self) -> None:
        """Return when nobody waits any more; every wait is bounded."""
        while not self.idle:
            await asyncio.sleep(0.005)

    @abstractmethod
    def _flush(self) -> None:
        """Take in those who wait now."""

    def _gather(self) -> bool:
        """Whether to wait one more turn: requests keep coming, and a group costs the same however many it holds."""
        count, seen = len(self._waiting), self._seen
        self._seen = count
        if seen < count < MOST_ROWS and self._loop.time() - self._waiting[0].since < GATHER_S:
            self._loop.call_soon(self._flush)
            return True
        self._seen = 0
        return False

    def _complain(self, error: Exception) -> None:
        """Log a failure, now and then: a store that is down fails hundreds of times a second."""
        if (now := time.monotonic()) < self._quiet_until:
            return
        self._quiet_until = now + QUIET_S
        # What a store says of itself; other errors' texts may hold values.
        reason = str(error) if isinstance(error, StoreBusy) else None
        log.error("deliveries_not_taken", error=type(error).__name__, reason=reason)

    def _take(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST_ROWS and size < MOST_BYTES:
            batch.append(self._waiting.popleft())
            size += batch[-1].arrival.size
        return batch

    def _expire(self, before: float) -> None:
        while self._waiting and self._waiting[0].since <= before:
            _settle([self._waiting.popleft()], [None])


def _settle(batch: list[Waiting], verdicts: Verdicts) -> None:
    for waiting, verdict in zip(batch, verdicts, strict=True):
        if not waiting.verdict.done():
            waiting.verdict.set_result(verdict)


class InlineGroup(_Queue):
    """Commits on the event loop itself: for SQLite, whose commit is shorter than handing it to a thread."""

    def _flush(self) -> None:
        if self._gather():
            return
        self._scheduled = False
        batch = self._take()
        try:
            _settle(batch, self._intake.accept([waiting.arrival for waiting in batch]))
        except StoreLocked:
            self._waiting.extendleft(reversed(batch))
            self._expire(self._loop.time() - LOCKED_LONGEST_S)
            if self._waiting:
                self._scheduled = True
                self._loop.call_later(LOCKED_S, self._flush)
            return
        except Exception as error:
            self._complain(error)
            _settle(batch, [None] * len(batch))
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    async def close(self) -> None:
        await self.drain()
        self._intake.close()


class ThreadGroup(_Queue):
    """Commits on one thread: for PostgreSQL, whose answer takes as long as it takes."""

    def __init__(self, intake: Interruptible) -> None:
        super().__init__(intake)
        self._interrupt = intake.interrupt
        self._batch: list[Waiting] | None = None
        self._sweeping = False
        self._work: SimpleQueue[list[Waiting] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._commit, name="committer", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        return not self._waiting and self._batch is None

    async def close(self) -> None:
        await self.drain()
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)
        self._intake.close()

    def _flush(self) -> None:
        if self._batch is not None:
            return  # the committer is at work; it comes back for those who wait
        if self._gather():
            return
        self._batch = self._take()
        self._work.put(self._batch)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP_S, self._sweep)

    def _commit(self) -> None:
        """Serve batches; the committer's thread."""
        while (batch := self._work.get()) is not None:
            verdicts: Verdicts = [None] * len(batch)
            try:
                verdicts = self._intake.accept([waiting.arrival for waiting in batch])
            except Exception as error:
                self._complain(error)
            try:
                self._loop.call_soon_threadsafe(self._done, batch, verdicts)
            except RuntimeError:  # the loop was closed over us
                return

    def _done(self, batch: list[Waiting], verdicts: Verdicts) -> None:
        _settle(batch, verdicts)
        self._batch = None
        self._scheduled = False
        if self._waiting:
            self._scheduled = True
            self._flush()

    def _sweep(self) -> None:
        """Answer those who waited too long, and break off what holds them up."""
        late = self._loop.time() - DEADLINE_S
        self._expire(late)
        if self._batch is not None and self._batch[0].since <= late:
            if any(not waiting.verdict.done() for waiting in self._batch):
                self._interrupt()
            _settle(self._batch, [None] * len(self._batch))
        self._sweeping = not self.idle
        if self._sweeping:
            self._loop.call_later(SWEEP_S, self._sweep)
