"""Signed parts: constant bytes, the value of a place, or what a function makes of the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seamline.delivery import Request
from seamline.errors import ConfigError, SignatureError
from seamline.signature.base import Place

#: A piece of what is signed.
Part = bytes | Place | Callable[[Request], bytes]


def body(request: Request) -> bytes:
    """The raw body."""
    return request.body


def method(request: Request) -> bytes:
    """The method, in upper case."""
    return request.method.upper().encode("utf-8", "replace")


def url(request: Request) -> bytes:
    """The public URL with path and query as received."""
    return request.url.encode("utf-8", "surrogatepass")


def as_bytes(text: str) -> bytes:
    """The bytes of a text from a request; never fails, and two texts never give the same bytes."""
    return text.encode("utf-8", "surrogatepass")


def reader(parts: Sequence[Part]) -> Callable[[Request], bytes]:
    """A function that joins the parts. It raises SignatureError where one cannot be had, and nothing else."""
    if len(parts) == 1 and parts[0] is body:
        return body
    readers = [_reader(part) for part in parts]

    def join(request: Request) -> bytes:
        try:
            return b"".join([read(request) for read in readers])
        except SignatureError:
            raise
        except Exception:  # a part is the adapter's code over bytes that nobody has vouched for yet
            raise SignatureError("the signed parts cannot be read") from None

    return join


def _reader(part: Part) -> Callable[[Request], bytes]:
    if isinstance(part, bytes):
        return lambda _: part
    if not isinstance(part, Place):
        if not callable(part):
            raise ConfigError(f"a signed part is bytes, a place or a function, not {type(part).__name__}")
        return part
    place: Place = part

    def read(request: Request) -> bytes:
        value = place.get(request)
        if value is None:
            raise SignatureError(f"{place} is missing")
        return as_bytes(value)

    return read
