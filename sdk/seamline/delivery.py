"""What came in: a request, the delivery it became, and the items that it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from math import isfinite
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit
from uuid import NAMESPACE_OID, uuid5

from pydantic_core import from_json, to_json

from seamline.call import Answer
from seamline.errors import PayloadError
from seamline.form import Form, parse_form

#: Deepest nesting of a JSON body that is read; deeper ones are quarantined.
MAX_JSON_DEPTH = 64

#: Longest key, kind or entity of an item that is kept as it is.
MAX_KEY = 500


def _refuse_constant(name: str) -> Any:
    raise PayloadError(f"the body holds {name}, which is not JSON")


def _finite(text: str) -> float:
    """A number with a point or an exponent; one too large for a double is refused."""
    value = float(text)
    if not isfinite(value):
        raise PayloadError("the body holds a number that is too large to be read")
    return value


def _depth(value: Any) -> int:
    deepest, stack = 0, [(value, 1)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, (dict, list)):
            deepest = max(deepest, depth)
            stack.extend((child, depth + 1) for child in (node.values() if isinstance(node, dict) else node))
    return deepest


def read_json(body: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no NaN, no Infinity, no number beyond a double's, at most ``MAX_JSON_DEPTH`` levels.

    Raises PayloadError, whose text holds no part of the body.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
        # The quick parser makes infinity of a number that is too large: written again, it stands there as a word.
        endless = b"Infinity" in to_json(value)
    except ValueError:
        endless = True
    if endless:
        value = _read_slowly(body)
    # Counting brackets is a C loop; the walk is only for the few bodies that could be too deep.
    if body.count(b"[") + body.count(b"{") > MAX_JSON_DEPTH and _depth(value) > MAX_JSON_DEPTH:
        raise PayloadError(f"the body is nested deeper than {MAX_JSON_DEPTH} levels")
    return value


def _read_slowly(body: bytes) -> Any:
    """Parse what the quick parser does not take: with a byte order mark, with lone surrogates; or say what is wrong."""
    try:
        # Decoded here: given bytes, json would take UTF-16 and UTF-32 as well.
        text = body.decode("utf-8-sig", "surrogatepass")
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except PayloadError:
        raise
    except RecursionError:
        raise PayloadError(f"the body is nested deeper than {MAX_JSON_DEPTH} levels") from None
    except UnicodeDecodeError:
        raise PayloadError("the body is not UTF-8") from None
    except ValueError as error:
        at = getattr(error, "pos", None)
        raise PayloadError("the body is not JSON" + (f" (at byte {at})" if at is not None else "")) from None


@dataclass(frozen=True)
class Request:
    """One HTTP request as received.

    ``url`` is the configured public URL plus path and query as received, never the Host header.
    ``headers`` has lower-case names; a header sent twice is joined by ", ".
    """

    method: str
    url: str = field(repr=False)  # its query may hold a token
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def build(cls, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Request:
        """Make a request from headers in any case (tests, simulators)."""
        return cls(method, url, body, {name.lower(): value for name, value in (headers or {}).items()})

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query's parameters, decoded; of one that is repeated, the last."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def media_type(self) -> str:
        return (self.headers.get("content-type") or "").split(";", 1)[0].strip().lower()

    @property
    def is_form(self) -> bool:
        return self.media_type in ("application/x-www-form-urlencoded", "multipart/form-data")

    @cached_property
    def _json(self) -> Any:
        return read_json(self.body)

    def json(self) -> Any:
        """The body as JSON, parsed once. Raises PayloadError."""
        return self._json

    @cached_property
    def _form(self) -> Form:
        return parse_form(self.body, self.headers.get("content-type") or "")

    def form(self) -> Form:
        """The body as a form (urlencoded or multipart), parsed once. Raises PayloadError."""
        return self._form


@dataclass(frozen=True)
class Delivery(Request):
    """One genuine request, or one page of a poll, as stored."""

    key: str = ""
    received_at: datetime | None = None
    poll: str | None = None
    scope: str | None = None
    baseline: bool = False


@dataclass(frozen=True)
class Item:
    """One thing that a delivery tells: the unit of dedupe, fetch, quarantine, retry and replay.

    ``entity`` names whose state it is; the engine then gives ``before``, the data of that entity's previous
    item, and stores it with the item, so that ``normalize`` stays pure. A key, kind or entity that no store would take
    (longer than ``MAX_KEY``, not printable) is replaced by its digest, so that it harms no other item.
    """

    key: str
    data: Any = field(repr=False)
    kind: str = ""
    entity: str | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict, repr=False)
    before: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("key", "kind", "entity"):
            text = getattr(self, name)
            if text is None and name == "entity":
                continue
            if not isinstance(text, str):
                raise TypeError(f"an item's {name} is text, not {type(text).__name__}")
            if len(text) > MAX_KEY or not text.isprintable():
                object.__setattr__(self, name, f"sha256 {sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}")


def content_key(value: Any) -> str:
    """A key for what the provider gives none: the same for the same JSON value for ever, whatever the order of names.

    Give it only what a retry repeats. The value cannot be read in it: no address may stand in a key.
    """
    return str(uuid5(NAMESPACE_OID, json.dumps(value, sort_keys=True)))


@dataclass(frozen=True)
class Nudge:
    """A push that only says "look": many nudges, one poll."""

    poll: str
    scope: str = ""


@dataclass(frozen=True)
class Decision:
    """A human pressed a button: a command that the engine authorises.

    ``seen_sha256`` is the content that they saw; ``answer_to`` is where ``Adapter.answer`` can tell them what came of
    it.
    """

    request_id: str
    verdict: Literal["approve", "reject"]
    actor: str
    occurred_at: datetime
    seen_sha256: str | None = None
    answer_to: str | None = field(default=None, repr=False)
