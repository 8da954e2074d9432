"""A real server process on a free port: ``seamline serve`` without its command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

START_S = 120.0
STOP_S = 45.0  # longer than the server waits for its worker

_MAIN = """
import sys
from pathlib import Path
from seamline.errors import ConfigError
from seamline_webhooks.serve import serve
try:
    sys.exit(serve(Path(sys.argv[1]), port=0, with_worker=len(sys.argv) > 2, worker=sys.argv[2:] or None))
except ConfigError as error:
    sys.exit(str(error))
"""


class Serving:
    """The server of one configuration; a context manager. ``worker`` is the command of a stand-in for the worker."""

    def __init__(
        self,
        config: Path,
        *,
        path: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        worker: Sequence[str] = (),
    ) -> None:
        tests = Path(__file__).parent.parent
        python_path = os.pathsep.join(str(one) for one in (*path, tests))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, str(config), *worker],
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": python_path, **(env or {})},
            text=True,
        )
        self._lines: deque[str] = deque(maxlen=1000)
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = 0

    def __enter__(self) -> Self:
        try:
            said = self.wait_log("serving", START_S)
        except BaseException:
            self.stop()  # nobody else would: what was not entered is not left
            raise
        self.port = said["port"]
        self.worker_pids = said["workers"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, **options)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = STOP_S) -> int:
        """The exit code."""
        return self._process.wait(seconds)

    def stop(self) -> int:
        """End it as a supervisor does; returns the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                raise
        self._reader.join(5)
        # A child that outlived the server keeps the pipe open: closing it would wait for the reader for ever.
        if self._process.stderr is not None and not self._reader.is_alive():
            self._process.stderr.close()
        return self._process.returncode

    def log(self) -> str:
        with self._news:
            return "".join(self._lines)

    def wait_log(self, event: str, seconds: float = 20.0, count: int = 1) -> dict[str, Any]:
        """The ``count``-th line of the log about ``event``; AssertionError with the log where there is none."""

        def found() -> list[dict[str, Any]]:
            said = [json.loads(line) for line in self._lines if line.startswith("{")]
            return [line for line in said if line.get("event") == event]

        with self._news:
            self._news.wait_for(lambda: len(found()) >= count or self._process.poll() is not None, seconds)
            said = found()
        assert len(said) >= count, f"no {event!r} in the log:\n{self.log()}"
        return said[count - 1]

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        self._process.wait()
        with self._news:
            self._news.notify_all()
