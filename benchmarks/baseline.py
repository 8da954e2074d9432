"""The floor: a raw Litestar handler that reads the body and checks the HMAC. It stores nothing."""

from __future__ import annotations

import os
import time

from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from benchmarks import signature


def create_app() -> Litestar:
    """The application, for ``uvicorn --factory``; the secret stands in BENCH_SECRET."""
    secret_key = signature.key(os.environ["BENCH_SECRET"])

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
        genuine = signature.genuine(
            secret_key,
            headers.get(b"webhook-id", b""),
            headers.get(b"webhook-timestamp", b""),
            headers.get(b"webhook-signature", b""),
            body,
            time.time(),
        )
        status = 202 if genuine else 401
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return Litestar([receive_webhook], openapi_config=None, logging_config=None)
