"""HTTP as we let it in: uvicorn's, with a bound on the head of a request, and on what follows an early answer."""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Longest head of a request (line and headers), in bytes.
MOST_HEAD = 64 * 1024
#: Longest time from the first byte of a head to its last, in seconds.
HEAD_S = 10.0
#: So much of a body may still come after its answer has been sent.
MOST_LATE = 16 * 1024 * 1024


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = 0
        self._in_head = True
        self._late = 0
        self._head_timer: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_S, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:
            if self._head_timer is not None:
                self._calm()
            return
        self._head += len(data)
        if self._head > MOST_HEAD:
            self.transport.close()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self._too_slow)

    def on_message_begin(self) -> None:
        self._in_head, self._head, self._late = True, 0, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            self._late += len(body)
            if self._late > MOST_LATE:
                self.transport.close()
            return
        super().on_body(body)

    def _too_slow(self) -> None:
        self._head_timer = None
        self.transport.close()

    def _calm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
