"""Standard Webhooks (standardwebhooks.com), which Svix's headers carry too."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from hmac import digest as hmac_digest

from seamline.delivery import Request
from seamline.errors import ConfigError, SignatureError
from seamline.signature import secret as known
from seamline.signature import stamp as stamps
from seamline.signature.base import Proof, Secrets, proved
from seamline.signature.part import as_bytes
from seamline.signature.place import Header
from seamline.signature.signed import nonce
from seamline.signature.stamp import FIVE_MINUTES

_PREFIX = "whsec_"


@dataclass(frozen=True)
class StandardWebhooks:
    """HMAC-SHA256 over ``id.timestamp.body``, in a list of ``version,base64`` of which only ``v1`` counts.

    A secret is base64, with or without ``whsec_`` and padding. The headers are ``webhook-id`` and so on, or
    ``svix-…``; the first prefix whose signature is there decides, and the first of all is signed with.
    """

    prefixes: Sequence[str] = ("webhook-", "svix-")
    secret: str = known.SIGNING
    max_age: timedelta = FIVE_MINUTES
    max_future: timedelta = FIVE_MINUTES
    _names: tuple[tuple[str, str, str], ...] = field(init=False, repr=False, compare=False, default=())
    _window: tuple[float, float] = field(init=False, repr=False, compare=False, default=(0.0, 0.0))

    name = "standard-webhooks"

    def __post_init__(self) -> None:
        if not self.prefixes or isinstance(self.prefixes, str):
            raise ConfigError('StandardWebhooks: prefixes is a list such as ("webhook-",)')
        names = [(f"{p}id".lower(), f"{p}timestamp".lower(), f"{p}signature".lower()) for p in self.prefixes]
        object.__setattr__(self, "_names", tuple(names))
        object.__setattr__(self, "_window", (self.max_age.total_seconds(), self.max_future.total_seconds()))

    def message_id(self, request: Request) -> str | None:
        """The id of the message, the same whenever it is sent again: the delivery's key."""
        names = self._present(request)
        return request.headers.get(names[0]) if names else None

    def present(self, request: Request) -> bool:
        return self._present(request) is not None

    def key_url(self, request: Request) -> str | None:
        return None

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        names = self._present(request)
        if names is None:
            raise SignatureError(f"header {self._names[0][2]} is missing")
        headers = request.headers
        ident, when, given = headers.get(names[0]), headers.get(names[1]), headers[names[2]]
        # The id must not hold the separator: "id.stamp.body" could be read in two ways.
        if not ident or len(ident) > 256 or "." in ident:
            raise SignatureError(f"header {names[0]} is missing or not an id")
        if not when:
            raise SignatureError(f"header {names[1]} is missing")
        stamps.fresh(stamps.read(when, "s"), now, *self._window)
        candidates = [entry[3:] for entry in given.split(" ") if entry.startswith("v1,")]
        if not candidates or ", " in given:
            raise SignatureError(f"header {names[2]} holds no list of signatures with one of version v1")
        # The id as it came: headers are read as Latin-1, whatever their bytes are a text in.
        message = b"%b.%b.%b" % (_sent(ident), when.encode(), request.body)
        for index, key in known.keys(secrets, self.secret, "base64", _PREFIX):
            expected = binascii.b2a_base64(hmac_digest(key, message, "sha256"), newline=False)
            for value in candidates:
                if compare_digest(expected, as_bytes(value)):
                    return proved(self.name, index)
        raise SignatureError("the signature does not match")

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        """The request with all three headers; an id that is there is kept. Raises ConfigError."""
        id_name, when_name, signature_name = self._names[0]
        ident = request.headers.get(id_name) or f"msg_{nonce(request, now)}"
        when = stamps.write(now, "s")
        key = known.first(secrets, self.secret, "base64", _PREFIX)
        message = b"%b.%b.%b" % (_sent(ident), when.encode(), request.body)
        proof = binascii.b2a_base64(hmac_digest(key, message, "sha256"), newline=False).decode()
        for name, value in ((id_name, ident), (when_name, when), (signature_name, f"v1,{proof}")):
            request = Header(name).put(request, value)
        return request

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless the secrets can be used."""
        known.first(secrets, self.secret, "base64", _PREFIX)

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        value = _PREFIX + binascii.b2a_base64(b"example signing key of 32 bytes.", newline=False).decode()
        return {self.secret: [value]}, {self.secret: [value]}, {}

    def _present(self, request: Request) -> tuple[str, str, str] | None:
        for names in self._names:
            if names[2] in request.headers:
                return names
        return None


def _sent(value: str) -> bytes:
    """The bytes of a header as on the wire; what no wire carries, in UTF-8."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return as_bytes(value)
