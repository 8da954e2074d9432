"""Requests to the probe's sources, and what the store has of them."""

from __future__ import annotations

import hmac
import re
import socket
from typing import Any

from sqlalchemy import text

from seamline_workers.store.store import Store
from support.probe import SIGNATURE

SECRET = "a secret of the test's own"


def signed(body: bytes, secret: str = SECRET, **headers: str) -> dict[str, str]:
    """Headers of a genuine request: the signature, and ``x_probe_key`` as ``X-Probe-Key``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    digest = hmac.digest(secret.encode(), body, "sha256").hex()
    return {"content-type": "application/json", SIGNATURE: digest, **named}


def raw_request(body: bytes, headers: dict[str, str], path: str = "/webhooks/crm") -> bytes:
    """A whole request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n"
    return (head + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n").encode("latin-1") + body


def read_answer(sock: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer; status 0 where the connection ends before it."""
    received = b""
    while True:
        head, found, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if found and len(body) >= int(length[1] if length else 0):
            return int(head[9:12]), body
        more = sock.recv(65536)
        if not more:
            return 0, b""
        received += more


def rows(store: Store, query: str, **binds: Any) -> list[tuple[Any, ...]]:
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(text(query), binds)]


def tallied(store: Store) -> dict[str, int]:
    """Counts by ``source outcome``."""
    found = rows(store, "SELECT source, outcome, sum(n) FROM tallies GROUP BY source, outcome")
    return {f"{source} {outcome}": int(n) for source, outcome, n in found}


def accepted(store: Store) -> dict[str, int]:
    """The same without refusals, which are written down a moment later."""
    return {name: n for name, n in tallied(store).items() if " refused:" not in name}
