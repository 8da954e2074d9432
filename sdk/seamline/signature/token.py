"""Schemes that send a secret and sign nothing: a token, a bearer, a user and password.

What they prove is that the sender knows the secret; the body is not bound to it (trust "authenticated").
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hmac import compare_digest

from seamline.delivery import Request
from seamline.errors import ConfigError, SignatureError
from seamline.signature import secret as known
from seamline.signature.base import Place, Proof, Secrets, proved
from seamline.signature.part import as_bytes
from seamline.signature.place import Header

#: Most tokens that one request may carry (one for each element of a list).
MAX_TOKENS = 1000

_MASK = "***"


@dataclass(frozen=True)
class SharedToken:
    """A token in a header, the query or the body; where it is told for each element of a list, all must be right.

    ``SharedToken(Body("google_key"), secret="signing")``, ``SharedToken(Header("X-Goog-Channel-Token"))``.
    """

    at: Place
    secret: str = known.SIGNING
    no_stamp: str = "a token is sent, nothing is signed"

    name = "token"

    def present(self, request: Request) -> bool:
        return bool(self.at.all(request))

    def key_url(self, request: Request) -> str | None:
        return None

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        given = self.at.all(request)
        if not 0 < len(given) <= MAX_TOKENS:
            raise SignatureError(f"{self.at} is missing")
        tokens = list(known.keys(secrets, self.secret, "text"))
        found = [matches(as_bytes(value), tokens) for value in given]
        indexes = [index for index in found if index is not None]
        if len(indexes) != len(found):
            raise SignatureError("the token does not match")
        return proved(self.name, indexes[0])

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        return self.at.put(request, known.first(secrets, self.secret).decode("utf-8", "surrogatepass"))

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless the secrets can be used."""
        known.first(secrets, self.secret)

    def masked(self, request: Request) -> Request:
        """The request as it may be stored: without the token, all other bytes as they came where possible."""
        for token in set(self.at.all(request)):
            masked = replace(request, body=_without(request, token))
            request = self.at.put(masked, _MASK) if token in self.at.all(masked) else masked
        return request

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        return {self.secret: ["example-shared-token"]}, {self.secret: ["example-shared-token"]}, {}


@dataclass(frozen=True)
class BearerToken:
    """A token in ``Authorization: Bearer``."""

    secret: str = known.SIGNING
    no_stamp: str = "a token is sent, nothing is signed"

    name = "bearer"

    def present(self, request: Request) -> bool:
        return _credentials(request, "bearer") is not None

    def key_url(self, request: Request) -> str | None:
        return None

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        given = _credentials(request, "bearer")
        if not given:
            raise SignatureError("header Authorization holds no bearer token")
        index = matches(as_bytes(given), known.keys(secrets, self.secret, "text"))
        if index is None:
            raise SignatureError("the token does not match")
        return proved(self.name, index)

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        token = known.first(secrets, self.secret).decode("utf-8", "surrogatepass")
        return Header("Authorization").put(request, f"Bearer {token}")

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless the secrets can be used."""
        known.first(secrets, self.secret)

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        return {self.secret: ["example-bearer-token"]}, {self.secret: ["example-bearer-token"]}, {}


@dataclass(frozen=True)
class BasicAuth:
    """User and password (RFC 7617), also those given to a provider in the URL; the secret is ``user:password``."""

    secret: str = known.SIGNING
    no_stamp: str = "a password is sent, nothing is signed"

    name = "basic"

    def present(self, request: Request) -> bool:
        return _credentials(request, "basic") is not None

    def key_url(self, request: Request) -> str | None:
        return None

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        given = _credentials(request, "basic")
        if not given:
            raise SignatureError("header Authorization holds no user and password")
        try:
            pair = binascii.a2b_base64(given, strict_mode=True)
        except ValueError:
            raise SignatureError("header Authorization is not base64") from None
        usable = ((index, key) for index, key in known.keys(secrets, self.secret, "text") if _complete(key))
        index = matches(pair, usable)
        if index is None:
            raise SignatureError("user or password do not match")
        return proved(self.name, index)

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        pair = binascii.b2a_base64(known.first(secrets, self.secret), newline=False).decode()
        return Header("Authorization").put(request, f"Basic {pair}")

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless every secret is ``user:password``."""
        known.first(secrets, self.secret)
        if not all(_complete(text.encode()) for _, text in known.texts(secrets, self.secret)):
            raise ConfigError(f"secret {self.secret!r} must be user:password")

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        return {self.secret: ["example:password"]}, {self.secret: ["example:password"]}, {}


def matches(given: bytes, secrets: Iterable[tuple[int, bytes]]) -> int | None:
    """The index of the first secret that equals ``given``, each compared in constant time; None: no one does."""
    found = [index for index, key in secrets if compare_digest(key, given)]
    return found[0] if found else None


def _complete(pair: bytes) -> bool:
    _, colon, password = pair.partition(b":")
    return bool(colon and password)


def _credentials(request: Request, scheme: str) -> str | None:
    name, space, value = (request.headers.get("authorization") or "").partition(" ")
    return value.strip(" ") if space and name.lower() == scheme else None


def _without(request: Request, token: str) -> bytes:
    if request.media_type == "multipart/form-data":
        return request.body.replace(as_bytes(token), _MASK.encode())
    return request.body.replace(json.dumps(token).encode(), json.dumps(_MASK).encode())
