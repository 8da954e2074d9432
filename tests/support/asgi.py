"""The application without a server: requests as bytes straight into it, quickly, and odder ones than clients make."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from types import TracebackType
from typing import Any, NamedTuple, Self

from litestar import Litestar

#: Longest wait for an answer, in seconds.
ANSWER_S = 30.0


class Sent(NamedTuple):
    """One request; header names are lower-case, as a server hands them on. ``body`` comes in these pieces."""

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: Sequence[bytes]


class Asgi:
    """A running application; a context manager. Its loop runs in a thread, so that its signals are not the tests'."""

    def __init__(self, app: Litestar) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asgi", daemon=True)
        self._ending = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        started: Future[None] = Future()
        self._life = asyncio.run_coroutine_threadsafe(self._live(started), self._loop)
        wait([started, self._life], ANSWER_S, FIRST_COMPLETED)
        if not started.done():
            self._life.result(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._life.result(ANSWER_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _live(self, started: Future[None]) -> None:
        async with self._app.lifespan():
            started.set_result(None)
            await self._ending.wait()

    def send(self, sent: Sent) -> tuple[int, bytes]:
        """Status and body of the answer."""
        return asyncio.run_coroutine_threadsafe(self._send(sent), self._loop).result(ANSWER_S)

    async def _send(self, sent: Sent) -> tuple[int, bytes]:
        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": sent.method,
            "scheme": "http",
            "path": sent.path.decode("latin-1"),
            "raw_path": sent.path,
            "query_string": sent.query,
            "root_path": "",
            "headers": list(sent.headers),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        left, status, answered = list(sent.body) or [b""], 0, b""

        async def receive() -> Any:
            if not left:
                return {"type": "http.disconnect"}
            piece = left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        async def send(message: Any) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                answered += message.get("body", b"")

        await self._app(scope, receive, send)
        return status, answered
