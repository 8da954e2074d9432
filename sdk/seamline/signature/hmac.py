"""Schemes over a shared secret: HMAC, and the plain digest that some providers still use."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Literal

from seamline.delivery import Request
from seamline.errors import ConfigError, SignatureError
from seamline.signature import secret as known
from seamline.signature.base import Place, Proof, Secrets, proved
from seamline.signature.part import as_bytes
from seamline.signature.signed import Signed


@dataclass(frozen=True)
class _Shared(Signed, ABC):
    """What HMAC and plain digests share: the same secret signs and verifies."""

    _: KW_ONLY
    digest: Literal["sha256", "sha1", "sha512"] = "sha256"
    key: known.Encoding = "text"
    name: str = field(init=False, repr=False, compare=False, default="")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.digest not in ("sha256", "sha1", "sha512"):
            raise ConfigError(f"{type(self).__name__}: digest is 'sha256', 'sha1' or 'sha512', not {self.digest!r}")
        if self.key not in ("text", "hex", "base64"):
            raise ConfigError(f"{type(self).__name__}: key is 'text', 'hex' or 'base64', not {self.key!r}")
        object.__setattr__(self, "name", f"{type(self).__name__.lower()}-{self.digest}")

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        given = self._given(request)
        if self.stamp is not None:
            self._check_stamp(self.stamp, request, now)
        message = self._message(request)
        for index, key in known.keys(secrets, self.secret, self.key):
            expected = self._text(self._mac(key, message))
            for value in given:
                if compare_digest(expected, as_bytes(value)):
                    return proved(self.name, index)
        raise SignatureError("the signature does not match")

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        """The request with stamp and signature, made with the first secret. Raises ConfigError, PayloadError."""
        key = known.first(secrets, self.secret, self.key)
        request = self._ready(request, now)
        return self.at.put(request, self._text(self._mac(key, self._message(request))).decode())

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless the secrets can be used."""
        known.first(secrets, self.secret, self.key)

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        value = {"text": "example-signing-key", "hex": "5ea1" * 16, "base64": "ZXhhbXBsZS1zaWduaW5nLWtleQ=="}[self.key]
        return {self.secret: [value]}, {self.secret: [value]}, {}

    @abstractmethod
    def _mac(self, key: bytes, message: bytes) -> bytes:
        """The code of a message under a key."""


@dataclass(frozen=True)
class Hmac(_Shared):
    """HMAC over the signed parts.

    ``Hmac(Header("X-Hub-Signature-256", "sha256="), no_stamp="Meta sends none")``; ``key`` says how the secret is
    written (Close shows a hex key). The text of the signature is compared, so hex must be in lower case and base64
    canonical. Where a place holds several signatures (``Pair``, ``NumberedHeader``) any of them may match.
    """

    def _mac(self, key: bytes, message: bytes) -> bytes:
        return hmac_digest(key, message, self.digest)


@dataclass(frozen=True)
class Hash(_Shared):
    """A plain digest of the secret followed by the signed parts (HubSpot v1 and v2).

    Weaker than HMAC: whoever has one signed request can extend it. Use it only where a provider has nothing else.
    ``when`` names a place and its value for providers that tell versions apart beside the signature.
    """

    _: KW_ONLY
    when: tuple[Place, str] | None = None

    def present(self, request: Request) -> bool:
        return super().present(request) and (self.when is None or self.when[0].get(request) == self.when[1])

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        if self.when is not None and self.when[0].get(request) != self.when[1]:
            raise SignatureError(f"{self.when[0]} is not {self.when[1]}")
        return super().verify(request, secrets, now, keys)

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        if self.when is not None:
            request = self.when[0].put(request, self.when[1])
        return super().sign(request, secrets, now)

    def _mac(self, key: bytes, message: bytes) -> bytes:
        return hashlib.new(self.digest, key + message).digest()
