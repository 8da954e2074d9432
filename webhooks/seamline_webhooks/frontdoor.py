"""The front door: what a provider calls. Genuine requests are durable before they are acknowledged, others are gone.

The way of a request: is the source known → its body, bounded → is it a handshake → is it genuine → is it ours → one
row, together with those of all who wait at the same moment → the answer. Nothing that anybody sends makes a 5xx; 503
is our own fault or too much at once, and says when to try again.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from seamline.delivery import Request
from seamline.errors import KeyUnavailable, SignatureError
from seamline.signature.base import Proof, UnknownKey
from seamline_webhooks import answer as answers
from seamline_webhooks.answer import Answer
from seamline_webhooks.body import BodyReader, Gone, Refused, unpack
from seamline_webhooks.door import MOUNT, Door
from seamline_webhooks.exchange import EXCHANGE, Exchange
from seamline_webhooks.group import InlineGroup, ThreadGroup
from seamline_webhooks.refusal import NOWHERE, Refusals
from seamline_webhooks.remotekey import RemoteKeys
from seamline_workers.clock import business_clock
from seamline_workers.company.registry import Source
from seamline_workers.crashpoint import reach
from seamline_workers.log import log

#: Most requests that may wait, and most bytes that their bodies may take; beyond these the answer is 503.
MOST_WAITING = 4096
MOST_BYTES = 256 * 1024 * 1024
#: Most headers that a request may have.
MOST_HEADERS = 200

_NO_KEYS: Mapping[str, bytes] = {}


class FrontDoor:
    """Takes in deliveries. ``doors`` may be replaced while it runs."""

    def __init__(
        self,
        group: InlineGroup | ThreadGroup,
        refusals: Refusals,
        keys: RemoteKeys,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._group = group
        self._refusals = refusals
        self._keys = keys
        self._clock = clock
        self._doors: dict[str, Door] = {}
        #: Paths that are a source's; others may be too, written in another way.
        self.addresses: Collection[str] = ()
        self._unknown = answers.problem("unknown-source")
        self._crowded = answers.problem("too-many-headers")
        self._waiting = 0
        self._reader = BodyReader(MOST_BYTES)
        # When something came is business time, as all that follows from it; signatures go by the wall clock.
        self._received = business_clock()

    def open(self, sources: Iterable[Source], public_url: str) -> None:
        """Serve these sources from now on; requests that are under way end as they began."""
        doors = {source.name: Door(source, public_url) for source in sources}
        addresses = {f"{MOUNT}/{name}": door for name, door in doors.items()}
        # Litestar gives the path below the mount with a slash at its end.
        self._doors = {f"/{name}/": door for name, door in doors.items()} | addresses
        self.addresses = addresses.keys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an ASGI application below ``/webhooks``."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        exchange: Exchange | None = (scope.get("extensions") or {}).get(EXCHANGE)  # type: ignore[assignment]
        door = self._doors.get(scope["path"])
        if door is None or _disguised(scope["raw_path"]):
            reply = self._refused(NOWHERE, self._unknown, "no such source", scope)
        elif len(scope["headers"]) > MOST_HEADERS:  # type: ignore[arg-type]
            reply = self._refused(door.name, self._crowded, "too many headers", scope)
        elif self._waiting >= MOST_WAITING:
            reply = self._refused(door.name, door.busy, "too many requests are waiting", scope)
        else:
            self._waiting += 1
            taken = [0]
            try:
                reply = await self._serve(door, scope, receive, exchange, taken)
            except Gone:
                return
            except Exception as error:
                log.error("request_not_taken", source=door.name, error=type(error).__name__, where=_where(error))
                reply = self._refused(door.name, door.busy, "our own fault; see the log", scope)
            finally:
                self._waiting -= 1
                self._reader.used -= taken[0]
        reach("front.answering")
        if exchange is None or not exchange.answer(reply.head, reply.body):
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            await send({"type": "http.response.body", "body": reply.body, "more_body": False})
        reach("front.answered")

    async def _serve(
        self, door: Door, scope: Scope, receive: Receive, exchange: Exchange | None, taken: list[int]
    ) -> Answer:
        method: str = scope["method"]  # type: ignore[typeddict-item]
        if method != "POST":
            if method == "HEAD":
                return answers.answer(200, b"", b"")
            if method != "GET":
                return self._refused(door.name, door.problems["method"], f"method {method[:16]}", scope)
        headers = _headers(scope["headers"])
        try:
            body = exchange.body() if exchange is not None else None
            if body is not None:
                self._reader.hold(body, door.max_body, taken)
            else:
                body = await self._reader.read(receive, door.max_body, _announced(headers), taken)
            if "content-encoding" in headers:
                packed = len(body)
                body = unpack(body, headers["content-encoding"], door.max_body)
                taken[0] += len(body) - packed
                self._reader.used += len(body) - packed
        except Refused as refused:
            return self._refused(door.name, door.problems[refused.code], refused.reason, scope)
        reach("front.read")
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        request = Request(method, door.base + target, body, headers)
        if door.challenges and (handshake := door.challenge(request)) is not None:
            if handshake.status >= 400:
                return self._refused(door.name, handshake, "a handshake that is none", scope)
            return handshake
        if method == "GET" and not door.signed(request):
            return self._refused(door.name, door.problems["unreadable"], "a GET that is no handshake", scope)
        proof: Proof | None = None
        if door.scheme is not None:
            try:
                url = door.key_url(request)
                if url is None:
                    proof = door.verify(request, self._clock(), _NO_KEYS)
                else:
                    proof = await self._verify_remote(door, request, url)
            except SignatureError as error:
                return self._refused(door.name, door.forged, error.reason, scope)
            except KeyUnavailable as error:
                return self._refused(door.name, door.busy, str(error), scope)
        reach("front.verified")
        if (foreign := door.refuse(request)) is not None:
            return self._refused(door.name, door.foreign, f"not ours: {foreign}", scope)
        arrival = door.arrival(request, proof, self._received())
        reach("front.keyed")
        verdict = await self._group.submit(arrival)
        reach("front.settled")
        if verdict is None:
            return self._refused(door.name, door.busy, "the store could not take it", scope)
        return door.accepted(request, verdict.id, verdict.duplicate)

    async def _verify_remote(self, door: Door, request: Request, url: str) -> Proof:
        """Verify with a remote key; one that the request names and that we lack may be new. Raises as ``verify``."""
        try:
            return door.verify(request, self._clock(), {url: await self._keys.get(url)})
        except UnknownKey:
            return door.verify(request, self._clock(), {url: await self._keys.get(url, renew=True)})

    def _refused(self, source: str, reply: Answer, reason: str, scope: Scope) -> Answer:
        self._refusals.note(source, reply.status, reason, scope["headers"])
        return reply


def _disguised(path: bytes) -> bool:
    """Whether slashes are written so that a proxy before us may have read another path."""
    return b"//" in path or (b"%" in path and b"%2f" in path.lower())


def _headers(pairs: Any) -> dict[str, str]:
    """Headers by lower-case name; one that was sent twice is joined by ", "."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if len(headers) < len(pairs):
        headers = {}
        for raw, value in pairs:
            name = raw.decode("latin-1").lower()
            text = value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _announced(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 20 else None


def _where(error: Exception) -> str:
    """File and line of an error. Its text stays out of the log: it may hold a part of the request."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


__all__ = ["MOUNT", "FrontDoor"]
