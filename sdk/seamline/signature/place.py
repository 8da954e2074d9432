"""Places: where in a request a signature, a stamp or a signed part stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus, urlsplit

from seamline.delivery import Request
from seamline.errors import ConfigError, PayloadError

#: Most signatures of one request that are looked at (DocuSign sends up to 100).
MAX_SIGNATURES = 100


def _with_header(request: Request, name: str, value: str) -> Request:
    return replace(request, headers={**request.headers, name.lower(): value})


@dataclass(frozen=True)
class Header:
    """A header, its value without ``prefix`` (``sha256=``, ``v0=``).

    ``bare`` also takes the value without the prefix, for providers whose documents and practice differ.
    """

    name: str
    prefix: str = ""
    bare: bool = False
    _key: str = field(init=False, repr=False, compare=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key", self.name.lower())

    def get(self, request: Request) -> str | None:
        value = request.headers.get(self._key)
        if value is None or not self.prefix:
            return value
        if value.startswith(self.prefix):
            return value[len(self.prefix) :]
        return value if self.bare else None

    def all(self, request: Request) -> tuple[str, ...]:
        value = self.get(request)
        return () if value is None else (value,)

    def put(self, request: Request, value: str) -> Request:
        return _with_header(request, self.name, self.prefix + value)

    def __str__(self) -> str:
        return f"header {self.name}"


@dataclass(frozen=True)
class NumberedHeader:
    """Headers that end in a number, one for each active key: ``X-DocuSign-Signature-1`` to ``-100``."""

    stem: str

    def get(self, request: Request) -> str | None:
        found = self.all(request)
        return found[0] if len(found) == 1 else None

    def all(self, request: Request) -> tuple[str, ...]:
        stem, start = self.stem.lower(), len(self.stem)
        found = [
            value
            for name, value in request.headers.items()
            if name.startswith(stem) and name[start:].isascii() and name[start:].isdigit()
        ]
        return tuple(found[:MAX_SIGNATURES])

    def put(self, request: Request, value: str) -> Request:
        return _with_header(request, f"{self.stem}1", value)

    def __str__(self) -> str:
        return f"header {self.stem}1"


@dataclass(frozen=True)
class Pair:
    """One key of a header such as ``t=1706000000,v1=5257a8…`` (Stripe, Calendly)."""

    header: str
    key: str
    separator: str = ","
    _key: str = field(init=False, repr=False, compare=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key", self.header.lower())

    def get(self, request: Request) -> str | None:
        found = self.all(request)
        return found[0] if len(found) == 1 else None

    def all(self, request: Request) -> tuple[str, ...]:
        value = request.headers.get(self._key)
        return () if value is None else _pairs(value, self.separator).get(self.key, ())

    def put(self, request: Request, value: str) -> Request:
        held = _pairs(request.headers.get(self._key, ""), self.separator)
        pairs = [(key, text) for key, texts in held.items() if key != self.key for text in texts]
        text = self.separator.join(f"{key}={text}" for key, text in [*pairs, (self.key, value)])
        return _with_header(request, self.header, text)

    def __str__(self) -> str:
        return f"{self.key}= in header {self.header}"


# Stamp, signed part and signature are read from one header, one after another.
@lru_cache(maxsize=8)
def _pairs(header: str, separator: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in header.split(separator):
        key, equals, text = part.strip(" ").partition("=")
        if equals:
            held = found.get(key, ())
            found[key] = (*held, text) if len(held) < MAX_SIGNATURES else held
    return found


@dataclass(frozen=True)
class Query:
    """A query parameter, decoded. Sent twice it is no value: nobody can say which one counts."""

    name: str

    def get(self, request: Request) -> str | None:
        try:
            pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
        except ValueError:
            return None
        found = [value for name, value in pairs if name == self.name]
        return found[0] if len(found) == 1 else None

    def all(self, request: Request) -> tuple[str, ...]:
        value = self.get(request)
        return () if value is None else (value,)

    def put(self, request: Request, value: str) -> Request:
        base, _, query = request.url.partition("?")
        kept = [part for part in query.split("&") if part and unquote_plus(part.partition("=")[0]) != self.name]
        query = "&".join([*kept, f"{quote(self.name)}={quote(value, safe='')}"])
        return replace(request, url=f"{base}?{query}")

    def __str__(self) -> str:
        return f"query parameter {self.name}"


@dataclass(frozen=True)
class Body:
    """A field of the body: ``path`` in JSON (``signature.token``, ``value.*.clientState``), ``form`` in a form.

    ``*`` stands for every element of a list, all of which must have the field. Of a form field that is repeated the
    last counts: senders append their own after names that others could choose (Mailgun posts MIME headers as fields).
    Without ``form`` the field's name is ``path``.
    """

    path: str
    form: str | None = None

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError("Body needs the path of a field, such as 'signature.token'")

    def get(self, request: Request) -> str | None:
        found = self.all(request)
        return found[0] if len(found) == 1 else None

    def all(self, request: Request) -> tuple[str, ...]:
        try:
            if request.is_form:
                value = request.form().last(self._field)
                return () if value is None else (value,)
            return tuple(_walk(request.json(), self.path.split(".")))
        except Exception:  # whatever cannot be read holds no proof
            return ()

    def put(self, request: Request, value: str) -> Request:
        """Set the field; JSON is written anew, a form keeps its bytes. Raises PayloadError."""
        done = self._put(request, value)
        if value not in self.all(done):
            raise PayloadError(f"the body cannot hold the field {self.path}")
        return done

    def _put(self, request: Request, value: str) -> Request:
        if request.media_type == "multipart/form-data":
            return _put_part(request, self._field, value)
        if request.is_form:
            name = quote_plus(self._field).encode()
            kept = [part for part in request.body.split(b"&") if part and part.partition(b"=")[0] != name]
            return replace(request, body=b"&".join([*kept, name + b"=" + quote_plus(value).encode()]))
        data = json.loads(json.dumps(request.json()))
        _set(data, self.path.split("."), value)
        return replace(request, body=json.dumps(data, separators=(",", ":")).encode())

    @property
    def _field(self) -> str:
        return self.path if self.form is None else self.form

    def __str__(self) -> str:
        return f"body field {self.path}"


def _walk(node: Any, path: list[str]) -> list[str]:
    """The texts at ``path``; LookupError where one is missing, so that one missing element is a missing proof."""
    if not path:
        return [_text(node)]
    step, rest = path[0], path[1:]
    if step == "*":
        if not isinstance(node, list):
            raise LookupError(step)
        return [text for element in node for text in _walk(element, rest)]
    if isinstance(node, list):
        return _walk(node[int(step)], rest)
    if not isinstance(node, dict):
        raise LookupError(step)
    return _walk(node[step], rest)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise LookupError("neither text nor a whole number")


def _set(node: Any, path: list[str], value: str) -> None:
    step, rest = path[0], path[1:]
    if step == "*":
        for element in node if isinstance(node, list) else []:
            _set(element, rest, value)
        return
    if isinstance(node, list) and step.isdigit() and int(step) < len(node):
        key: Any = int(step)
    elif isinstance(node, dict):
        key = step
        if rest and not isinstance(node.get(key), (dict, list)):
            node[key] = {}
    else:
        raise PayloadError(f"the body has no place for the field {step}")
    if rest:
        _set(node[key], rest, value)
    else:
        node[key] = value


def _put_part(request: Request, name: str, value: str) -> Request:
    # Appended, because the last part of a name is the one that counts.
    boundary = request.headers.get("content-type", "").partition("boundary=")[2].split(";")[0].strip().strip('"')
    closing = f"--{boundary}--".encode("latin-1", "replace")
    head, found, tail = request.body.rpartition(closing)
    if not boundary or not found:
        raise PayloadError("the multipart form has no end")
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    return replace(request, body=head + part + closing + tail)
