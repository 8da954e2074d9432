"""Reading a body: bounded in bytes as sent, in bytes as unpacked, and in time."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from litestar.types import Receive

#: Longest wait for a whole body, in seconds.
READ_S = 10.0
#: Seconds between two looks at those who still read.
LOOK_S = 0.5
#: So much of a body that is refused is read and thrown away, so that its sender gets to read the answer.
DRAIN_BYTES = 8 * 1024 * 1024
DRAIN_S = 2.0

#: Most members of a gzip file: each costs time, however little it holds.
MOST_MEMBERS = 16

_GZIP = zlib.MAX_WBITS | 16
_PACKED = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}


class Refused(Exception):
    """Raised when a body is not taken; ``code`` is a problem's, ``reason`` is for the operator."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Gone(Exception):
    """Raised when the sender went away before its body was complete: nobody waits for an answer."""


class BodyReader:
    """Reads bodies, all of which together may hold ``room`` bytes while their requests wait.

    One timer looks at all that are being read: a timer for each would cost more than reading it.
    """

    def __init__(self, room: int) -> None:
        self._limit = room
        self.used = 0
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._watching = False

    def hold(self, body: bytes, limit: int, taken: list[int]) -> None:
        """Take a body that is there already; as ``read``."""
        taken[0] += len(body)
        self.used += len(body)
        if self.used > self._limit:
            raise Refused("busy", "too many bodies are waiting")
        if len(body) > limit:
            raise Refused("too-large", f"{len(body)} bytes were sent, {limit} are allowed")

    async def read(self, receive: Receive, limit: int, declared: int | None, taken: list[int]) -> bytes:
        """The body, at most ``limit`` bytes. ``taken[0]`` counts what it holds of the room. Raises Refused, Gone."""
        if declared is not None and declared > limit:
            await _drain(receive, declared)
            raise Refused("too-large", f"{declared} bytes are announced, {limit} are allowed")
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        self._reading[task] = loop.time()
        if not self._watching:
            self._watching = True
            loop.call_later(LOOK_S, self._look, loop)
        try:
            return await self._read(receive, limit, taken)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            self._late.discard(task)
            task.uncancel()
            raise Refused("too-slow", f"the body was not there within {READ_S:g} s") from None
        finally:
            del self._reading[task]

    async def _read(self, receive: Receive, limit: int, taken: list[int]) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Gone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            taken[0] += len(chunk)
            self.used += len(chunk)
            if self.used > self._limit:
                raise Refused("busy", "too many bodies are waiting")
            if size > limit:
                if message.get("more_body", False):
                    await _drain(receive, DRAIN_BYTES)
                raise Refused("too-large", f"more than {limit} bytes were sent")
            if not message.get("more_body", False):
                return chunk if not chunks else b"".join([*chunks, chunk])
            chunks.append(chunk)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Break off those who read for too long; the oldest are first."""
        late = loop.time() - READ_S
        for task, since in self._reading.items():
            if since > late:
                break
            if task not in self._late:
                self._late.add(task)
                task.cancel()
        self._watching = bool(self._reading)
        if self._watching:
            loop.call_later(LOOK_S, self._look, loop)


async def _drain(receive: Receive, announced: int) -> None:
    """Throw away what still comes, within bounds. A sender who cannot finish sending may never read the answer."""
    if announced > DRAIN_BYTES:
        return
    left = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_S):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """A body without its Content-Encoding, at most ``limit`` bytes. Raises Refused.

    What a provider signs, it signs before packing: the unpacked bytes are those that are verified, kept and digested.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    packed = [name for name in names if name not in ("", "identity")]
    if not packed:
        return body
    if len(packed) > 1 or packed[0] not in _PACKED:
        raise Refused("unreadable", "the Content-Encoding is not gzip or deflate")
    # Some senders of "deflate" leave out the zlib header (RFC 9110, section 8.4.1.2).
    bare = packed[0] == "deflate" and not (
        body[:1] and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    )
    return _inflate(body, -zlib.MAX_WBITS if bare else _PACKED[packed[0]], limit)


def _inflate(body: bytes, bits: int, limit: int) -> bytes:
    unpacked = bytearray()
    rest = body
    for _ in range(MOST_MEMBERS):
        machine = zlib.decompressobj(bits)
        try:
            unpacked += machine.decompress(rest, limit + 1 - len(unpacked))
        except zlib.error:
            raise Refused("unreadable", "the body is not what its Content-Encoding says") from None
        if len(unpacked) > limit:
            raise Refused("too-large", f"the body unpacks to more than {limit} bytes")
        if not machine.eof:
            raise Refused("unreadable", "the packed body ends too early")
        rest = machine.unused_data
        if not rest:
            return bytes(unpacked)
        if bits != _GZIP:
            raise Refused("unreadable", "something follows the packed body")
    raise Refused("unreadable", f"the body is packed in more than {MOST_MEMBERS} pieces")
