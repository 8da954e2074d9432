"""Answers as ASGI messages, made once where they can be."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from seamline.reply import Reply

Headers = Sequence[tuple[bytes, bytes]]

#: Seconds after which a sender may try again.
RETRY_AFTER_S = 5

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

#: title, and what to do, by code; the status of each stands in the contract.
PROBLEMS = {
    "not-genuine": (401, "Not genuine", "The request could not be verified. Check the secret and the address."),
    "unknown-source": (404, "Unknown source", "No source has this address. Check the name behind /webhooks/."),
    "too-large": (413, "Too large", "The body is larger than this source allows. Send less, or raise max_body."),
    "unreadable": (400, "Unreadable", "The request is neither a delivery nor a handshake that this source knows."),
    "method": (405, "Method not allowed", "Send a POST; GET and HEAD are for handshakes."),
    "too-slow": (408, "Too slow", "The body did not arrive in time. Send it again, faster."),
    "too-many-headers": (431, "Too many headers", "Send fewer headers."),
    "busy": (503, "Busy", "Nothing was lost: the request was not taken. Send it again later."),
}


class Answer(NamedTuple):
    """A whole response. ``head`` is its status and headers as they are sent, without the empty line behind them."""

    status: int
    headers: Headers
    head: bytes
    body: bytes


def answer(status: int, body: bytes, content_type: bytes, headers: Headers = ()) -> Answer:
    """A whole response."""
    fields = [(b"content-length", b"%d" % len(body)), *headers]
    if body or content_type:
        fields.insert(0, (b"content-type", content_type))
    lines = [b"HTTP/1.1 %d %b" % (status, _phrase(status)), *(b"%b: %b" % field for field in fields)]
    return Answer(status, fields, b"".join([line + b"\r\n" for line in lines]), body)


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def problem(code: str, instance: str | None = None, headers: Headers = (), status: int | None = None) -> Answer:
    """A problem of RFC 9457 with a stable type."""
    usual, title, detail = PROBLEMS[code]
    status = status or usual
    content = {
        "type": f"urn:seamline:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": instance,
    }
    return answer(status, json.dumps(content).encode(), b"application/problem+json", headers)


def busy(instance: str | None = None, status: int = 503) -> Answer:
    return problem("busy", instance, [(b"retry-after", b"%d" % RETRY_AFTER_S)], status)


def replied(reply: Reply, more: Headers = ()) -> Answer:
    """An adapter's reply. A header that no server may send is left out; a status that is none becomes 200."""
    status = reply.status if 200 <= reply.status <= 599 else 200
    body = b"" if status in (204, 304) else reply.body
    content_type = reply.content_type if body and _VALUE.fullmatch(reply.content_type) else ""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in reply.headers.items()
        if _NAME.fullmatch(name) and _VALUE.fullmatch(value) and name.lower() not in _OURS
    ]
    return answer(status, body, content_type.encode("latin-1"), [*headers, *more])


#: Headers that say how a body is sent; the server's business.
_OURS = ("content-length", "content-type", "transfer-encoding", "connection", "keep-alive", "upgrade")


@lru_cache(maxsize=256)
def _accepted(status: int, length: int) -> Answer:
    return answer(status, b" " * length, b"application/json")


def accepted(status: int, delivery: int, duplicate: bool) -> Answer:
    """``{"delivery": id, "duplicate": bool}``."""
    body = b'{"delivery": "%d", "duplicate": %b}' % (delivery, b"true" if duplicate else b"false")
    like = _accepted(status, len(body))
    return Answer(status, like.headers, like.head, body)
