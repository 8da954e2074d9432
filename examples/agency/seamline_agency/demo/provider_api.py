"""The providers' APIs, on this machine: whoever shows the right token is answered from their books."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from seamline_agency.demo.books import Books

#: Whose addresses are secrets themselves.
_OPEN = ("hooks.slack.com",)
#: Where a provider wants its token, if not as a bearer token.
_HEADERS = {"api.postmarkapp.com": "X-Postmark-Server-Token"}


def _host(target: str) -> str:
    """The provider whom a request is for."""
    return urlsplit(target).path.lstrip("/").partition("/")[0]


class _Server(ThreadingHTTPServer):
    """Says nothing of callers that are no more: a worker is killed in one of the stories."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class ProviderApi:
    """A server on a free port of this machine; a context manager. Paths begin with the provider's host.

    ``tokens`` by host. ``limited``: HubSpot's limit is reached at the first call; whoever asks again a second later
    gets the answer. ``down`` are the hosts that take nothing at present, each with the seconds after which it
    asks to be asked again: of the wall clock, as an API's are.
    """

    def __init__(self, tokens: Mapping[str, Collection[str]], books: Books, *, limited: bool = False) -> None:
        self.calls: list[str] = []
        self.down: dict[str, int] = {}
        self._tokens, self._books, self._limited, self._lock = tokens, books, limited, Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, value = api._answer(self.command, self.path, self.headers, body)
                told = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if status == 429 and (later := api.down.get(_host(self.path))):
                    self.send_header("Retry-After", str(later))
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            do_POST = do_GET

            def date_time_string(self, timestamp: float | None = None) -> str:
                """Providers date their answers by simulated time, as all that they tell."""
                return format_datetime(api._books.clock(), usegmt=True)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing: the table does."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ProviderApi:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        asked = urlsplit(target)
        path = asked.path.lstrip("/")
        host = _host(target)
        with self._lock:
            if host in self.down:
                return 429, {"message": "too many requests", "ErrorCode": 429}
            if not self._known(host, headers):
                return 401, {"message": "not authenticated"}
            self.calls.append(f"{method} /{path}")
            if self._limited and "hubapi" in host and sum("hubapi" in call for call in self.calls) == 1:
                return 429, {"policyName": "SECONDLY", "message": "You have reached your limit."}
            return self._books.answer(method, path, dict(parse_qsl(asked.query)), json.loads(body) if body else None)

    def _known(self, host: str, headers: Any) -> bool:
        if host in _OPEN:
            return True
        named = _HEADERS.get(host)
        shown = headers.get(named) if named else (headers.get("Authorization") or "").removeprefix("Bearer ")
        return shown in self._tokens.get(host, ())
