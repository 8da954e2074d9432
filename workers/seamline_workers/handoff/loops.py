"""Event loops for ``async def`` handlers: one daemon thread a seat, and a handler that runs on it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any

#: Seconds that a stopping process waits for a seat's event loop.
CLOSE_S = 1.0


class Running:
    """An ``async def`` handler on its seat's loop. It has ended when its coroutine has, cancelled or not."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
        self._loop = loop
        self._ended: Future[None] = Future()
        loop.call_soon_threadsafe(self._begin, work)

    def cancel(self) -> None:
        """Ask it to stop; a handler that holds up its loop hears of it when it lets go."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(lambda: self._task.cancel())

    def wait(self) -> None:
        """Wait until it has ended. Raises what it raised, and CancelledError."""
        self._ended.result()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        error = CancelledError() if task.cancelled() else task.exception()
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)


class Loops:
    """Event loops of ours for ``async def`` handlers: one daemon thread a seat."""

    def __init__(self) -> None:
        self._loops: dict[str, asyncio.AbstractEventLoop] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self, seat: str, work: Coroutine[Any, Any, None]) -> Running:
        """Run a coroutine on the seat's loop."""
        with self._lock:
            loop = self._loops.get(seat)
            if loop is None:
                loop = self._loops[seat] = asyncio.new_event_loop()
                thread = threading.Thread(target=_run, args=(loop,), name=f"seat-{seat}", daemon=True)
                self._threads.append(thread)
                thread.start()
        return Running(loop, work)

    def close(self) -> None:
        """End the loops. One that a handler blocks is left behind: its thread ends with the process."""
        with self._lock:
            loops, self._loops = list(self._loops.values()), {}
            threads, self._threads = self._threads, []
        for loop in loops:
            loop.call_soon_threadsafe(loop.stop)
        for thread in threads:
            thread.join(CLOSE_S)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    ended = False
    while not ended:
        # What would end the thread comes out here too: it is its handoff's outcome, and no end of the loop.
        with contextlib.suppress(BaseException):
            loop.run_forever()
            ended = True
    loop.close()
