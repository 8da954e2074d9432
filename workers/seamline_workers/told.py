"""What signals have told a process, without locks.

A handler runs inside whatever the main thread does at that moment. One that sets a threading.Event on which the main
thread waits may find the event's own lock taken by the very thread that it interrupts, and then both wait for ever.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from types import FrameType


class Told:
    """Listens for SIGTERM and SIGINT (to end) and SIGHUP (to read the sources again) from its making on."""

    def __init__(self) -> None:
        self.to_end = False
        self.to_reread = False
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._heard)

    def _heard(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.to_reread = True
        else:
            self.to_end = True
        self._wake()

    def end(self) -> None:
        """Say that the process is to end, from any thread."""
        self.to_end = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"!")

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, at most so long. Returns whether the process is to end."""
        if not (self.to_end or self.to_reread):
            select.select([self._read], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 64)
        return self.to_end

    def take_reread(self) -> bool:
        """Whether the sources are to be read again; once a signal."""
        asked, self.to_reread = self.to_reread, False
        return asked
