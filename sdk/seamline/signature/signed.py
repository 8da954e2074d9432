"""What schemes share that sign parts of a request: where the proof stands, what it covers, how old it may be."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from seamline.delivery import Request
from seamline.errors import ConfigError, SignatureError
from seamline.signature import stamp as stamps
from seamline.signature.base import Place
from seamline.signature.part import Part, body, method, reader, url
from seamline.signature.place import Body, Query
from seamline.signature.secret import SIGNING
from seamline.signature.stamp import FIVE_MINUTES, UNSAID, Unit


@dataclass(frozen=True)
class Signed:
    """A proof ``at`` a place over the ``signed`` parts, joined without a separator.

    ``stamp`` must be among what is signed. Without one ``no_stamp`` says why the provider sends none. A function
    among the parts gets the request and gives bytes; it may raise SignatureError, and anything else it raises is one.
    """

    at: Place
    signed: Sequence[Part] = (body,)
    _: KW_ONLY
    encoding: Literal["hex", "base64"] = "hex"
    secret: str = SIGNING
    stamp: Place | None = None
    unit: Unit = "s"
    max_age: timedelta = FIVE_MINUTES
    max_future: timedelta = FIVE_MINUTES
    no_stamp: str = UNSAID
    _message: Callable[[Request], bytes] = field(init=False, repr=False, compare=False, default=body)
    _window: tuple[float, float] = field(init=False, repr=False, compare=False, default=(0.0, 0.0))

    def __post_init__(self) -> None:
        if self.stamp is None:
            stamps.explained(self, self.no_stamp)
        elif not self._covers(self.stamp):
            raise ConfigError(f"{type(self).__name__}: the stamp ({self.stamp}) is not signed, so anybody can renew it")
        if self.encoding not in ("hex", "base64"):
            raise ConfigError(f"{type(self).__name__}: encoding is 'hex' or 'base64', not {self.encoding!r}")
        object.__setattr__(self, "_message", reader(self.signed))
        object.__setattr__(self, "_window", (self.max_age.total_seconds(), self.max_future.total_seconds()))

    def _covers(self, stamp: Place) -> bool:
        if any(part == stamp for part in self.signed) or (isinstance(stamp, Body) and body in self.signed):
            return True
        ours = (body, method, url)
        custom = any(callable(part) and part not in ours for part in self.signed)
        return custom or (isinstance(stamp, Query) and url in self.signed)

    def present(self, request: Request) -> bool:
        """Whether the request carries a proof of this kind, good or bad."""
        return bool(self.at.all(request))

    def key_url(self, request: Request) -> str | None:
        """No remote key is needed."""
        return None

    def _given(self, request: Request) -> tuple[str, ...]:
        given = self.at.all(request)
        if not given or given == ("",):
            raise SignatureError(f"{self.at} is missing")
        return given

    def _check_stamp(self, stamp: Place, request: Request, now: datetime) -> None:
        text = stamp.get(request)
        if text is None:
            raise SignatureError(f"{stamp} is missing")
        stamps.fresh(stamps.read(text, self.unit), now, *self._window)

    def _ready(self, request: Request, now: datetime) -> Request:
        """The request with a new stamp and whatever other signed value it lacks (Mailgun's token)."""
        if self.stamp is not None:
            request = self.stamp.put(request, stamps.write(now, self.unit))
        for part in self.signed:
            if isinstance(part, Place) and part != self.at and part.get(request) is None:
                request = part.put(request, nonce(request, now))
        return request

    def _text(self, raw: bytes) -> bytes:
        return binascii.hexlify(raw) if self.encoding == "hex" else binascii.b2a_base64(raw, newline=False)


def nonce(request: Request, now: datetime) -> str:
    """A value for a field that must be there once: the same for the same request and time."""
    return sha256(f"{request.method} {request.url} {now.isoformat()}\n".encode() + request.body).hexdigest()[:32]
