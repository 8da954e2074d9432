"""HTTP as we let it in: uvicorn's, with a bound on the head of a request, and on what follows an early answer."""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Longest head of a request (line and headers), in bytes.
MOST_HEAD = 64 * 1024
#: Longest time from the first byte of a head to its last, in seconds.
HEAD_S = 10.0
#: So much may still come after the answer has been sent, and so much of trailers behind a body.
MOST_LATE = 16 * 1024 * 1024


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = 0
        self._in_head = True
        self._late = self._trailers = 0
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
            # All that comes counts, not only what is body: the length of a chunk's extension has no bound either.
            if self.cycle is not None and self.cycle.response_complete:
                self._late += len(data)
                if self._late > MOST_LATE:
                    self.transport.close()
            return
        self._head += len(data)
        if self._head > MOST_HEAD:
            self.transport.close()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self._too_slow)

    def on_message_begin(self) -> None:
        self._in_head, self._head, self._late, self._trailers = True, 0, 0, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers are thrown away (RFC 9110, section 6.5.1): as headers they could say what a proxy took out, and
        # nothing would bound them.
        if self._in_head:
            super().on_header(name, value)
            return
        self._trailers += len(name) + len(value)
        if self._trailers > MOST_HEAD:
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:
            super().on_body(body)

    def _too_slow(self) -> None:
        self._head_timer = None
        self.transport.close()

    def _calm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
