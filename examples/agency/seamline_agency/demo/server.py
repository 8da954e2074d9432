"""The server of the demo: ``seamline serve`` as a process of its own, that ends with us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from seamline.errors import ConfigError, SeamlineError
from seamline_agency.demo.company import Company

#: Longest wait for the server to listen, and to end, in seconds.
START_S, STOP_S = 30.0, 40.0


class NotServing(SeamlineError):
    """Raised when the server did not start; the text holds the end of its log."""


class Server:
    """A running server with its worker; a context manager. Raises NotServing."""

    def __init__(self, company: Company, port: int, providers: str) -> None:
        command = [sys.executable, "-m", "seamline_agency.demo.server", str(company.path), str(port), providers]
        # In a session of its own: an interrupt from the terminal reaches it through us, in order. Its standard input
        # ends with us, however we end.
        self._process = subprocess.Popen(  # noqa: S603  (our own interpreter)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=company.environment(),
            start_new_session=True,
            text=True,
        )
        self._log: deque[str] = deque(maxlen=200)
        self._workers: list[int] = []
        self._serving = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        if not self._serving.wait(START_S) or not self.port:
            self.__exit__(None, None, None)
            raise NotServing(f"the server did not start; the end of its log:\n{self.log()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def kill_worker(self) -> int:
        """Kill the first worker at once, and return its process id; the server starts another."""
        number = self._workers.pop(0)
        os.kill(number, signal.SIGKILL)
        return number

    def log(self) -> str:
        """The end of what it said."""
        return "".join(list(self._log)[-20:])

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line)
            if not self._serving.is_set() and '"serving"' in line:
                told = json.loads(line)
                self.port, self._workers = int(told["port"]), list(told["workers"])
                self._serving.set()
        self._serving.set()


def _end_with_parent() -> None:
    """Wait until whoever started us closes our standard input, or is no more; then end in order."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: Sequence[str]) -> int:
    """Serve until ended: ``CONFIGURATION PORT PROVIDERS``."""
    from seamline_webhooks.serve import serve

    config, port, providers = arguments
    threading.Thread(target=_end_with_parent, daemon=True).start()
    worker = [sys.executable, "-m", "seamline_agency.demo.detour", config, providers]
    try:
        return serve(Path(config), port=int(port), worker=worker)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
