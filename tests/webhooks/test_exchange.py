"""What the front door does without ASGI's messages comes out as it would with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from seamline_webhooks.exchange import EXCHANGE, Exchange
from seamline_webhooks.protocol import Protocol
from support.calls import raw_request, read_answer, signed
from support.serving import Serving

HEAD = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


class Wire(asyncio.Transport):
    """The other side of a connection; keeps what was written to it, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers "ok" to a POST of "hello", in however many pieces, and to what has no body."""
    exchange: Exchange = scope["extensions"][EXCHANGE]
    body, more = exchange.body(), True
    if body is None:
        body = b""
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
    assert body == (b"hello" if scope["method"] == "POST" else b"")
    if not exchange.answer(HEAD, b"ok"):
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def play(act: Callable[[Protocol, Wire], Awaitable[None]]) -> Wire:
    """A connection to the application, and what happens on it."""
    wire = Wire()

    async def run() -> None:
        config = uvicorn.Config(app, http=Protocol, ws="none", lifespan="off", log_config=None)
        config.load()
        protocol = Protocol(config=config, server_state=ServerState(), app_state={})
        protocol.connection_made(wire)
        await act(protocol, wire)
        protocol.connection_lost(None)

    asyncio.run(asyncio.wait_for(run(), 20))
    return wire


async def written(wire: Wire, count: int) -> None:
    while len(wire.written) < count:
        await asyncio.sleep(0)


def test_a_whole_answer_is_one_write_and_the_connection_goes_on() -> None:
    async def act(protocol: Protocol, wire: Wire) -> None:
        protocol.data_received(POST + b"hello")
        await written(wire, 1)
        # In pieces, and two at once.
        protocol.data_received(POST + b"he")
        await asyncio.sleep(0)
        protocol.data_received(b"llo" + POST + b"hello")
        await written(wire, 3)
        assert not wire.closed

    assert play(act).written == [HEAD + b"\r\nok"] * 3


def test_an_answer_on_a_connection_that_ends_says_so() -> None:
    async def act(protocol: Protocol, wire: Wire) -> None:
        protocol.data_received(POST.replace(b"Host", b"Connection: close\r\nHost") + b"hello")
        await written(wire, 1)

    wire = play(act)
    assert wire.closed
    assert wire.written == [HEAD + b"connection: close\r\n\r\nok"]


def test_an_answer_to_head_has_no_body() -> None:
    async def act(protocol: Protocol, wire: Wire) -> None:
        protocol.data_received(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        await written(wire, 2)

    assert play(act).written == [HEAD + b"\r\n"] * 2


def test_an_answer_waits_for_who_does_not_read() -> None:
    async def act(protocol: Protocol, wire: Wire) -> None:
        protocol.pause_writing()
        protocol.data_received(POST + b"hello")
        while not protocol.tasks:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert wire.written == []
        protocol.resume_writing()
        await written(wire, 2)

    assert b"".join(play(act).written) == HEAD + b"\r\nok"


def test_who_asks_for_the_end_of_the_connection_gets_it_with_the_answer(server: Serving) -> None:
    for end in ({"connection": "close"}, {}):
        sent = raw_request(b"{}", {**signed(b"{}"), **end})
        with server.connect() as sock:
            sock.sendall(sent if end else sent.replace(b"HTTP/1.1", b"HTTP/1.0"))
            assert read_answer(sock)[0] == 202
            assert sock.recv(1) == b""


def test_an_address_that_is_written_in_another_way_is_the_same_source(server: Serving) -> None:
    with server.client() as client:
        for path in ("/webhooks/crm/", "/webhooks/%63rm"):
            assert client.post(path, content=b"{}", headers=signed(b"{}")).status_code == 202
