"""What signals have told a process, without locks.

A handler runs inside whatever the main thread does at that moment. One that sets a threading.Event on which the main
thread waits may find the event's own lock taken by the very thread that it interrupts, and then both wait for ever.
And it runs in no other thread: while the main one is held up the number of a signal still comes by the pipe.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from types import FrameType

_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Told:
    """Listens for SIGTERM and SIGINT (to end) and SIGHUP (to read the sources again) from its making on."""

    def __init__(self) -> None:
        self.to_end = False
        self.to_reread = False
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in _HEARD:
            signal.signal(number, self._heard)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def _heard(self, number: int, _: FrameType | None = None) -> None:
        if number == signal.SIGHUP:
            self.to_reread = True
        else:
            self.to_end = True

    def end(self) -> None:
        """Say that the process is to end, from any thread."""
        self.to_end = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, bytes([signal.SIGTERM]))

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, at most so long. Returns whether the process is to end."""
        if not (self.to_end or self.to_reread):
            select.select([self._read], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            for number in os.read(self._read, 64):
                if number in _HEARD:
                    self._heard(number)
        return self.to_end

    def take_reread(self) -> bool:
        """Whether the sources are to be read again: at least once after each signal."""
        asked, self.to_reread = self.to_reread, False
        return asked
