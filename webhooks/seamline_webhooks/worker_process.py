"""The workers that the server starts: child processes that end with it, and that are replaced where they crash."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from seamline_workers.log import log

#: Longest wait for workers to end what they run, in seconds; then they are killed, and others take over their work.
STOP_S = 30.0
#: Seconds between two looks at whether they live, and the longest pause before one that keeps crashing starts again.
WATCH_S = 0.5
LONGEST_PAUSE_S = 15.0
#: Exit status of a worker whose configuration is wrong: starting it again would not help.
MISCONFIGURED = 2

_PR_SET_PDEATHSIG = 1


def worker_command(config: Path) -> list[str]:
    """How a worker is started."""
    return [sys.executable, "-m", "seamline_workers", "--config", str(config)]


class _Child:
    """One place for a worker, and the process that fills it."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        self.crashes = 0
        self.again_at = 0.0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        # A session of its own: an interrupt from the terminal reaches it through us, in order. Where we are killed,
        # the system ends it (Linux: prctl(2), PR_SET_PDEATHSIG).
        self.started_at = time.monotonic()
        return subprocess.Popen(  # noqa: S603
            self.command,
            preexec_fn=_die_with(os.getpid()),
            start_new_session=True,
        )

    def look(self, bury: Callable[[int], None]) -> None:
        """Replace a process that ended; one that ends again and again is given more and more time."""
        code = self.process.poll()
        now = time.monotonic()
        if code is None:
            return
        if not self.again_at:
            self.crashes = self.crashes + 1 if now - self.started_at < LONGEST_PAUSE_S * 4 else 1
            pause = min(LONGEST_PAUSE_S, 0.25 * 2**self.crashes)
            log.error("worker_ended", pid=self.process.pid, status=code, again_in_s=pause)
            bury(self.process.pid)
            self.again_at = now + pause
        elif now >= self.again_at:
            self.again_at = 0.0
            self.process = self._start()


class Workers:
    """Workers of one command. ``bury`` tells the store that a process is dead, so that nobody waits for its leases."""

    def __init__(self, command: Sequence[str], count: int, bury: Callable[[int], None]) -> None:
        self._bury = bury
        self._ending = threading.Event()
        self._children = [_Child(command) for _ in range(count)]
        self._watcher: threading.Thread | None = None

    @property
    def pids(self) -> list[int]:
        return [child.process.pid for child in self._children]

    def alive(self) -> bool:
        """Whether at least one works."""
        return any(child.process.poll() is None for child in self._children)

    @property
    def misconfigured(self) -> bool:
        return any(child.process.poll() == MISCONFIGURED for child in self._children)

    def reread(self) -> None:
        """Have them read their sources again."""
        for child in self._children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGHUP)

    def watch(self, give_up: Callable[[], None]) -> None:
        """Replace those that crash, from a thread; ``give_up`` is called where starting again cannot help."""

        def run() -> None:
            while not self._ending.wait(WATCH_S):
                if self.misconfigured:
                    return give_up()
                for child in self._children:
                    child.look(self._bury)

        self._watcher = threading.Thread(target=run, name="worker-watch", daemon=True)
        self._watcher.start()

    def stop(self, patience_s: float = STOP_S) -> None:
        """Let them finish, or kill them."""
        self._ending.set()
        if self._watcher is not None:
            self._watcher.join()
        running = [child.process for child in self._children if child.process.poll() is None]
        for process in running:
            process.terminate()
        end = time.monotonic() + patience_s
        for process in running:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("worker_killed", pid=process.pid, waited_s=patience_s)
                process.kill()
                process.wait()


def _die_with(parent: int) -> Callable[[], None] | None:
    """What a child runs before it becomes the worker: it asks to be ended with its parent."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        # Until it listens to hangups it ignores them; the configuration is read after that.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
