"""The worker that the server starts: a child process, and both end together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from seamline_workers.log import log

#: Longest wait for a worker to end what it runs, in seconds; then it is killed, and others take over its work.
STOP_S = 30.0

_PR_SET_PDEATHSIG = 1


def worker_command(config: Path) -> list[str]:
    """How a worker is started."""
    return [sys.executable, "-m", "seamline_workers", "--config", str(config)]


class WorkerProcess:
    """A worker as our child. Where we are killed, the system ends it (Linux: prctl(2), PR_SET_PDEATHSIG)."""

    def __init__(self, command: Sequence[str]) -> None:
        # In a group of its own: an interrupt from the terminal reaches it through us, in order.
        self._process = subprocess.Popen(command, preexec_fn=_die_with(os.getpid()), start_new_session=True)  # noqa: S603

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def stop(self, patience_s: float = STOP_S) -> None:
        """Let it finish, or kill it."""
        if self.alive():
            self._process.terminate()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            log.warning("worker killed", pid=self._process.pid, waited_s=patience_s)
            self._process.kill()
            self._process.wait()


def _die_with(parent: int) -> Callable[[], None] | None:
    """What a child runs before it becomes the worker: it asks to be ended with its parent."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
