"""Waking: how a worker hears of work without asking all the time. A ring that is lost is found by the slow poll."""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import Any, Protocol

from seamline_workers.bell import CHANNEL
from seamline_workers.store.store import Store

#: Seconds between looks at an SQLite file's version: while there was work a moment ago, and when idle.
LOOK_S, IDLE_LOOK_S, IDLE_AFTER_S = 0.004, 0.02, 2.0


class Wake(Protocol):
    """Waits for a ring."""

    def wait(self, timeout: float) -> bool: ...

    def ring(self) -> None: ...

    def close(self) -> None: ...


class _Pipe:
    """Rings inside the process."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ring(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._write, b"!")

    def drain(self) -> bool:
        try:
            return bool(os.read(self._read, 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        # Once: the numbers are soon somebody else's.
        ends, self._read, self._write = {self._read, self._write} - {-1}, -1, -1
        for end in ends:
            os.close(end)


class PostgresWake(_Pipe):
    """LISTEN on a connection of its own."""

    def __init__(self, store: Store) -> None:
        self._pooled = store.engine.raw_connection()  # first: where it fails there is no pipe to close
        driver: Any = self._pooled.driver_connection
        super().__init__()
        self._driver = driver
        self._driver.autocommit = True
        self._driver.execute(f"LISTEN {CHANNEL}")

    def wait(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._read, self._driver.fileno()], [], [], timeout)
        heard = self.drain()
        if self._driver.fileno() in ready:
            for _ in self._driver.notifies(timeout=0):
                heard = True
        return heard

    def close(self) -> None:
        super().close()
        with contextlib.suppress(Exception):
            if self._pooled.is_valid:
                self._pooled.invalidate()


class SqliteWake(_Pipe):
    """Looks at the file's version: another process's commit changes it."""

    def __init__(self, store: Store) -> None:
        self._pooled = store.engine.raw_connection()
        self._driver: Any = self._pooled.driver_connection
        super().__init__()
        self._seen = self._version()
        self._changed_at = time.monotonic()

    def _version(self) -> int:
        return int(self._driver.execute("PRAGMA data_version").fetchone()[0])

    def wait(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        while True:
            version, now = self._version(), time.monotonic()
            if version != self._seen:
                self._seen, self._changed_at = version, now
                self.drain()
                return True
            if now >= until:
                return False
            look = LOOK_S if now - self._changed_at < IDLE_AFTER_S else IDLE_LOOK_S
            ready, _, _ = select.select([self._read], [], [], min(look, until - now))
            if ready:
                self.drain()
                return True

    def close(self) -> None:
        super().close()
        with contextlib.suppress(Exception):
            self._pooled.close()


def open_wake(store: Store) -> Wake:
    """The way in which this store tells of work."""
    return PostgresWake(store) if store.postgres else SqliteWake(store)
