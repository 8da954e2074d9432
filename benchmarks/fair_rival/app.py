"""The front door: one raw ASGI handler before the inbox."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from benchmarks import signature
from benchmarks.fair_rival.inbox import Inbox
from benchmarks.fair_rival.tasks import relay


def create_app() -> Litestar:
    """The application, for ``uvicorn --factory``."""
    secret_key = signature.key(os.environ["FAIR_WEBHOOK_SECRET"])
    inbox = Inbox(os.environ["FAIR_DATABASE_URL"], relay)

    @asynccontextmanager
    async def running_inbox(_: Litestar) -> AsyncIterator[None]:
        running = asyncio.create_task(inbox.run())
        yield
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    @asgi("/webhooks", is_mount=True, copy_scope=False)
    async def receive_webhook(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        headers = dict(scope["headers"])
        key = headers.get(b"webhook-id", b"")
        genuine = signature.genuine(
            secret_key,
            key,
            headers.get(b"webhook-timestamp", b""),
            headers.get(b"webhook-signature", b""),
            body,
            time.time(),
        )
        if not genuine:
            status = 401
        elif await inbox.put(scope["path"].strip("/"), key.decode("latin-1"), body):
            status = 202
        else:
            status = 503
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return Litestar([receive_webhook], lifespan=[running_inbox], openapi_config=None, logging_config=None)
