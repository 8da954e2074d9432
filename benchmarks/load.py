"""A sender of webhooks in a process of its own: keep-alive connections on one epoll loop, all computed beforehand.

Closed loop (``rate`` None): every connection sends its next request when it has its answer. Paced: requests fall due
at random moments with that mean rate; a request that finds no free connection waits, and its latency counts from
when it was due. What is answered 429 or 503 is sent again, as providers do, until it is accepted.
"""

from __future__ import annotations

import gc
import heapq
import json
import random
import select
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from benchmarks.workload import Workload

RETRY_S = 0.05
RETRIED = (429, 503)
GIVE_UP_S = 30.0


@dataclass(frozen=True)
class Load:
    """What to send where, and how."""

    url: str
    workload: Workload
    connections: int = 32
    rate: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a load; latencies in milliseconds, over the answers that were final."""

    wall_s: float
    accepted: int
    statuses: dict[str, int]
    reconnects: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def per_second(self) -> float:
        return self.accepted / self.wall_s


class Sender:
    """A load that has been prepared and waits for run()."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self) -> Outcome:
        """Send everything and return when the last request is answered."""
        answer, _ = self._process.communicate("go\n")
        if self._process.returncode:
            raise RuntimeError(f"the sender ended with {self._process.returncode}")
        return Outcome(**json.loads(answer))


@contextmanager
def prepared(load: Load) -> Iterator[Sender]:
    """Start the sending process and let it make and sign its requests; nothing is sent yet."""
    command = [sys.executable, "-m", "benchmarks.load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asdict(load)) + "\n")
            process.stdin.flush()
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the sender did not get ready")
            yield Sender(process)
        finally:
            process.kill()


@dataclass
class _Connection:
    address: tuple[str, int]
    socket: socket.socket = field(init=False)
    request: int = -1
    begun: float = 0.0
    free_at: float = 0.0
    answer: bytes = b""

    def open(self) -> None:
        self.socket = socket.create_connection(self.address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.answer = b""


class _Run:
    """One load while it is being sent."""

    def __init__(self, load: Load, requests: list[bytes]) -> None:
        self.requests = requests
        self.dues = _dues(load, len(requests))
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.reconnects = 0
        self._next = 0
        self._again: list[tuple[float, int]] = []
        self._poll = select.epoll()
        self._by_number: dict[int, _Connection] = {}
        address = urlsplit(load.url)
        self._address = (address.hostname or "127.0.0.1", address.port or 80)
        self._idle: deque[_Connection] = deque()
        for _ in range(load.connections):
            self._idle.append(self._opened(_Connection(self._address)))

    def send_all(self) -> Outcome:
        start = last = time.perf_counter()
        while len(self.latencies) < len(self.requests):
            now = time.perf_counter()
            self._send_due(start, now)
            ready = self._poll.poll(self._patience(start, time.perf_counter()))
            for number, _ in ready:
                self._receive(self._by_number[number])
                last = now
            if now - last > GIVE_UP_S:
                raise RuntimeError(f"no answer for {GIVE_UP_S} s, statuses so far: {dict(self.statuses)}")
        return self._outcome(time.perf_counter() - start)

    def _send_due(self, start: float, now: float) -> None:
        while self._idle:
            if self._again and self._again[0][0] <= now:
                due, request = heapq.heappop(self._again)
            elif self._next < len(self.requests) and start + self.dues[self._next] <= now:
                due, request = start + self.dues[self._next], self._next
                self._next += 1
            else:
                return
            connection = self._idle.popleft()
            connection.request = request
            # Only waiting for a connection is the server's doing; the poll's own lateness is not.
            connection.begun = due if self.dues[request] and connection.free_at > due else time.perf_counter()
            self._put(connection)

    def _put(self, connection: _Connection) -> None:
        try:
            connection.socket.send(self.requests[connection.request])
        except (BrokenPipeError, ConnectionResetError):
            self._reopen(connection)

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._reopen(connection)
            return
        connection.answer += data
        if not _complete(connection.answer):
            return
        status = int(connection.answer[9:12])
        connection.answer = b""
        now = connection.free_at = time.perf_counter()
        self.statuses[status] += 1
        if status in RETRIED:
            heapq.heappush(self._again, (now + RETRY_S, connection.request))
        else:
            self.latencies.append(now - connection.begun)
        self._idle.append(connection)

    def _reopen(self, connection: _Connection) -> None:
        """Connect anew after the server has hung up, and send what it had not answered."""
        self.reconnects += 1
        del self._by_number[connection.socket.fileno()]
        connection.socket.close()
        self._opened(connection)
        if connection not in self._idle:
            self._put(connection)

    def _opened(self, connection: _Connection) -> _Connection:
        connection.open()
        self._by_number[connection.socket.fileno()] = connection
        self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        return connection

    def _patience(self, start: float, now: float) -> float:
        """Seconds until something falls due that could be sent."""
        waits = [1.0]
        if self._idle and self._again:
            waits.append(self._again[0][0] - now)
        if self._idle and self._next < len(self.requests):
            waits.append(start + self.dues[self._next] - now)
        return max(0.0, min(waits))

    def _outcome(self, wall_s: float) -> Outcome:
        ordered = sorted(self.latencies)
        return Outcome(
            wall_s=wall_s,
            accepted=sum(count for status, count in self.statuses.items() if 200 <= status < 300),
            statuses={str(status): count for status, count in sorted(self.statuses.items())},
            reconnects=self.reconnects,
            p50_ms=_percentile(ordered, 0.50) * 1000,
            p99_ms=_percentile(ordered, 0.99) * 1000,
            max_ms=ordered[-1] * 1000,
        )


def _dues(load: Load, count: int) -> list[float]:
    """When each request falls due, in seconds from the start; all at once in a closed loop."""
    if load.rate is None:
        return [0.0] * count
    chance, due, dues = random.Random(load.workload.seed), 0.0, []
    for _ in range(count):
        due += chance.expovariate(load.rate)
        dues.append(due)
    return dues


def _complete(answer: bytes) -> bool:
    """Whether the whole answer is there: by Content-Length, by the last chunk, or as one without a body."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at >= 0:
        return len(body) >= int(lowered[at + 17 :].split(b"\r\n", 1)[0])
    return b"\r\ntransfer-encoding: chunked" not in lowered or body.endswith(b"0\r\n\r\n")


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    """Read a Load as one line of JSON, answer "ready", wait for "go", send, and print the Outcome."""
    given = json.loads(sys.stdin.readline())
    load = Load(**{**given, "workload": Workload(**given["workload"])})
    run = _Run(load, list(load.workload.requests(load.url)))
    gc.freeze()
    gc.disable()
    print("ready", flush=True)
    if sys.stdin.readline() == "go\n":
        print(json.dumps(asdict(run.send_all())), flush=True)


if __name__ == "__main__":
    main()
