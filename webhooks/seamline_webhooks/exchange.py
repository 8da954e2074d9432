"""A request and its answer, each in one piece: without the messages by which ASGI tells the parts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

#: The ASGI extension by which an application finds the Exchange of a request; other servers have none.
EXCHANGE = "seamline.exchange"


class Exchange:
    """What the server lets an application do beside ``receive`` and ``send``, which go on working."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def body(self) -> bytes | None:
        """Take the whole body; None where some of it is still to come, by ``receive``."""
        cycle = self._cycle
        if cycle.more_body:
            return None
        body = bytes(cycle.body)
        cycle.body = bytearray()
        return body

    def answer(self, head: bytes, body: bytes) -> bool:
        """Send a whole answer by one write; ``head`` lacks its last, empty line. False: it must go by ``send``."""
        cycle = self._cycle
        if cycle.disconnected or cycle.flow.write_paused or cycle.scope["method"] == "HEAD":
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        cycle.transport.write(b"%b%b%b" % (head, end, body))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True
