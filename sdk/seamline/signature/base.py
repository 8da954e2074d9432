"""What every signature scheme shares: places, proofs, and the scheme's interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol, runtime_checkable

from seamline.delivery import Request
from seamline.errors import SecretMissing, SignatureError

#: Secrets by name; several values of a name: any that is valid (rotation).
Secrets = Mapping[str, Sequence[str]]


def first_secret(name: str, secrets: Secrets) -> str:
    """The value of a secret that is sent: the first. Raises SecretMissing."""
    values = secrets.get(name) or ()
    if not values or not values[0]:
        raise SecretMissing(name)
    return values[0]


class UnknownKey(SignatureError):
    """Raised when the remote keys at hand lack the one that a proof names.

    The provider may have rotated: fetch ``key_url`` again, at most once a minute, and verify again. Raised once more,
    it is a forgery.
    """


@dataclass(frozen=True)
class Proof:
    """Why a request is genuine: the scheme, and the index of the secret that matched."""

    scheme: str
    secret: int = 0


@lru_cache(maxsize=256)
def proved(scheme: str, secret: int = 0) -> Proof:
    """The proof of a scheme and secret: there are few, and making one anew costs as much as a short HMAC."""
    return Proof(scheme, secret)


@runtime_checkable
class Place(Protocol):
    """Where in a request a value stands.

    ``get`` gives the one value, None where there is none or where it is not clear which one counts. ``all`` gives
    every value that is there. No request whatever makes them raise. ``put`` is the request with that value alone in
    this place, for whoever signs.
    """

    def get(self, request: Request) -> str | None: ...

    def all(self, request: Request) -> tuple[str, ...]: ...

    def put(self, request: Request, value: str) -> Request: ...


@runtime_checkable
class Signature(Protocol):
    """A scheme as a value: it can verify and sign.

    ``verify`` raises SignatureError for whatever is not genuine and KeyUnavailable where ``keys`` lacks the remote
    key that ``key_url`` names (None: no remote key is needed); no input whatever makes it raise anything else.
    ``present``: the request carries a proof of this kind, good or bad. ``sign`` is the request as its provider sends it
    at ``now``, signed with the first secret; it raises ConfigError and PayloadError. ``example`` gives the secrets to
    sign with, those to verify with, and the remote keys by URL.
    """

    def present(self, request: Request) -> bool: ...

    def key_url(self, request: Request) -> str | None: ...

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof: ...

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request: ...

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]: ...
