"""The sender: it delivers every request once it is accepted, whatever the server does meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import signature
from benchmarks.load import Load, prepared
from benchmarks.workload import SECRET, Workload


class Moody(ThreadingHTTPServer):
    """Answers 503 to the first attempt of every tenth webhook, and hangs up after every seventh answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.attempts: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.forged = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/webhooks/crm"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Moody

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message_id = self.headers["webhook-id"]
        proof = (self.headers["webhook-timestamp"].encode(), self.headers["webhook-signature"].encode())
        stamp = float(self.headers["webhook-timestamp"])
        with self.server.lock:
            self.server.attempts[message_id] += 1
            total = self.server.attempts.total()
            busy = message_id.endswith("0") and self.server.attempts[message_id] == 1
            genuine = signature.genuine(signature.key(SECRET), message_id.encode(), *proof, body, stamp)
            self.server.forged += not genuine
            self.server.accepted[message_id] += genuine and not busy
        self.send_response(503 if busy else 202)
        self.send_header("Content-Length", "2")
        if total % 7 == 0:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Moody]:
    moody = Moody()
    thread = threading.Thread(target=moody.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield moody
    finally:
        moody.shutdown()
        thread.join()
        moody.server_close()


@pytest.mark.parametrize("rate", [None, 800.0])
def test_every_webhook_is_accepted_once_over_refusals_and_hang_ups(server: Moody, rate: float | None) -> None:
    with prepared(Load(server.url, Workload(200), connections=4, rate=rate)) as sender:
        outcome = sender.run()
    assert outcome.accepted == 200
    assert outcome.statuses == {"202": 200, "503": 20}
    assert outcome.reconnects > 0
    assert server.forged == 0
    assert set(server.accepted.values()) == {1}
    assert len(server.accepted) == 200
    assert 0 < outcome.p50_ms <= outcome.p99_ms <= outcome.max_ms


def test_nothing_is_sent_before_the_run(server: Moody) -> None:
    with prepared(Load(server.url, Workload(5), connections=1)):
        assert not server.attempts
