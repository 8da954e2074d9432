"""The ledger as a feed: CloudEvents one a line, or followed live as server-sent events."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import msgspec
from anyio.to_thread import run_sync
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation
from litestar.response import Stream

from seamline_webhooks.api.context import Actor, Api
from seamline_webhooks.api.noun import described, single
from seamline_webhooks.api.problem import Problem, documented
from seamline_workers.store.reading.events import Wire, feed, head
from seamline_workers.store.reading.handoffs import STATES
from seamline_workers.store.reading.query import FILTERS, Query

AnyRequest = Request[Actor, Any, Any]

#: Events of one look at the ledger.
PAGE = 500
#: Seconds between two looks at the ledger, and between two comments that keep a quiet connection open.
LOOK_S, PING_S = 0.25, 15.0
_LINES: Any = "application/jsonl"
_SEQUENCE = re.compile(r"[0-9]{1,18}")


def feed_route(api: Api) -> HTTPRouteHandler:
    """GET of the feed."""

    async def follow(request: AnyRequest) -> Stream:
        actor: Actor = request.user
        live = "text/event-stream" in request.headers.get("accept", "")
        after, limit, query = _asked(request, api, live)
        if after is None:
            after = await run_sync(head, api.store) if live else 0
        wire = api.wire(actor)
        if live:
            return Stream(
                _live(api, after, limit, query, wire),
                media_type="text/event-stream",
                headers={"cache-control": "no-store", "x-accel-buffering": "no"},
            )
        return Stream(
            _lines(api, after, limit, query, wire),
            media_type=_LINES,
            headers={"cache-control": "no-store"},
        )

    operation: type[Operation] = described((*FILTERS, "limit"), STATES, feed=True)
    return get(
        "/events.jsonl",
        operation_id="follow_events",
        operation_class=operation,
        summary="Events oldest first, one a line; with Accept: text/event-stream followed live",
        description="`since` is an exclusive sequence, or a time. A live feed without it begins now.",
        responses={
            200: ResponseSpec(None, description="CloudEvents, one a line", media_type=_LINES),
            **documented(400, 401),
        },
        tags=["events"],
    )(follow)


def _asked(request: AnyRequest, api: Api, live: bool) -> tuple[int | None, int | None, Query]:
    """The sequence to go on after, the most events to give, and the filters."""
    words = single(request)
    after = None
    since = words.get("since", "")
    last = request.headers.get("last-event-id", "") if live else ""
    if last and not _SEQUENCE.fullmatch(last):
        raise Problem("invalid", "Mend the header.", [{"path": "Last-Event-ID", "message": "is no sequence"}])
    if _SEQUENCE.fullmatch(since):
        after = int(words.pop("since"))
    if last:
        words.pop("since", None)
        after = int(last)
    if "cursor" in words:
        raise Problem("invalid", "A feed has no pages.", [{"path": "cursor", "message": "is not known here"}])
    asked = Query.read(words, filters=FILTERS, states=STATES, prefix=api.prefix, now=api.clock())
    if after is None and asked.since is not None:
        after = 0
    limit = asked.limit if "limit" in words else None
    return after, limit, replace(asked, limit=PAGE)


async def _pages(
    api: Api, after: int, limit: int | None, query: Query, wire: Wire, until: int | None
) -> AsyncIterator[list[dict[str, Any]]]:
    """Pages of events; an empty one where there is nothing new. Ends at ``until``, or with the server."""
    left = limit
    while not api.closing:
        page, after = await run_sync(feed, api.store, after, query, wire)
        if left is not None:
            page, left = page[:left], left - len(page)
        yield page
        if (until is not None and after >= until) or (left is not None and left <= 0):
            return


async def _lines(api: Api, after: int, limit: int | None, query: Query, wire: Wire) -> AsyncIterator[bytes]:
    until = await run_sync(head, api.store)
    async for page in _pages(api, after, limit, query, wire, until):
        if page:
            yield b"".join(msgspec.json.encode(event) + b"\n" for event in page)


async def _live(api: Api, after: int, limit: int | None, query: Query, wire: Wire) -> AsyncIterator[bytes]:
    quiet = 0.0
    yield b": following\n\n"
    async for page in _pages(api, after, limit, query, wire, None):
        if page:
            quiet = 0.0
            yield b"".join(_sent(event) for event in page)
            continue
        await anyio.sleep(LOOK_S)
        quiet += LOOK_S
        if quiet >= PING_S:
            quiet = 0.0
            yield b": ping\n\n"


def _sent(event: dict[str, Any]) -> bytes:
    # JSON holds no line break, so one data line carries it whole.
    return b"id: %s\ndata: %s\n\n" % (event["sequence"].encode(), msgspec.json.encode(event))
