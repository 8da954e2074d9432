"""HTTP as we let it in: uvicorn's, with a bound on the head of a request, and on what follows an early answer.

It is HTTP/1.1 and nothing else. A wish for another protocol (WebSockets, h2c) is passed over, as RFC 9110, section 7.8,
allows: proxies add it to requests whose body must be read all the same.
"""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seamline_webhooks.exchange import EXCHANGE, Exchange

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
        try:
            self._feed(data)
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
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

    def _feed(self, data: bytes) -> None:
        """Parse what came. Raises HttpParserError."""
        rest: bytes | memoryview = data
        while True:
            try:
                self.parser.feed_data(rest)
                return
            except HttpParserUpgrade as upgrade:
                # The parser takes what follows the head for the other protocol's. It reads the head again without the
                # wish, and then what follows as this one's: a body is never taken for a request.
                rest = memoryview(rest)[upgrade.args[0] :]
                version = self.parser.get_http_version().encode()
                line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
                fields = [b"%b: %b\r\n" % (name, value) for name, value in self.headers if name != b"upgrade"]
                self.parser = HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(b"".join([line, *fields, b"\r\n"]))

    def on_message_begin(self) -> None:
        # Only a next request keeps the connection: with line ends, or with what an early answer did not wait for,
        # nobody could hold it for ever.
        self._unset_keepalive_if_required()
        self._in_head, self._head, self._late, self._trailers = True, 0, 0, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers are thrown away (RFC 9110, section 6.5.1): as headers they could say what a proxy took out, and
        # nothing would bound them.
        if self._in_head:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))
            return
        self._trailers += len(name) + len(value)
        if self._trailers > MOST_HEAD:
            self.transport.close()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise HttpParserError("no tunnels")  # and none to be taken for one: it may announce a body
            return  # the head comes again
        self._check_head()
        self._in_head = False
        super().on_headers_complete()
        self.scope["extensions"] = {EXCHANGE: Exchange(self.cycle)}  # type: ignore[dict-item]

    def _check_head(self) -> None:
        """Raise HttpParserError for a head that is none of HTTP/1.1's, however it came: whole, or piece by piece."""
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise HttpParserError("another protocol")
        if version == "1.1" and not any(name == b"host" for name, _ in self.headers):
            raise HttpParserError("no Host")  # RFC 9112, section 3.2
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD:
            raise HttpParserError("the head is too long")

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

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
