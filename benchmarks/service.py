"""A contestant's processes: started from the project's root, stopped by their own pids."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.process import Process, tree

ROOT = Path(__file__).parents[1]
START_S = 60.0
STOP_S = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def service(
    log: Path, arguments: Sequence[str], environment: Mapping[str, str], port: int | None = None
) -> Iterator[int]:
    """Run ``python <arguments>`` and give its pid; with ``port``, wait until something listens there.

    RuntimeError with the end of the log where it ends before.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        if port is not None:
            _wait_for(port, process, log)
        yield process.pid
    finally:
        _stop(process)


@contextmanager
def web_server(log: Path, app: str, environment: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Serve ``module:name`` (a factory where the name begins with ``create_``) with uvicorn; give its pid and URL."""
    port = free_port()
    arguments = ["-m", "uvicorn", app, "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    if app.partition(":")[2].startswith("create_"):
        arguments.append("--factory")
    with service(log, [*arguments, "--no-access-log", "--log-level", "warning"], environment, port) as pid:
        yield pid, f"http://127.0.0.1:{port}"


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{log.stem} did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and, where it leaves any behind, its children."""
    family = tree(process.pid)
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for member in family:
        now = Process.read(member.pid)
        if now is not None and now.started == member.started:
            os.kill(member.pid, signal.SIGKILL)
