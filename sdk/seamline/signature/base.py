"""What every signature scheme shares: places, proofs, and the scheme's interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from seamline.delivery import Request

#: Secrets by name; several values of a name: any that is valid (rotation).
Secrets = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Proof:
    """Why a request is genuine: the scheme, and the index of the secret that matched."""

    scheme: str
    secret: int = 0


@runtime_checkable
class Place(Protocol):
    """Where in a request a value stands."""

    def get(self, request: Request) -> str | None: ...

    def put(self, request: Request, value: str) -> Request: ...


@runtime_checkable
class Signature(Protocol):
    """A scheme as a value: it can verify and sign.

    ``verify`` raises SignatureError for whatever is not genuine and KeyUnavailable where ``keys`` lacks the remote
    key that ``key_url`` names; no input whatever makes it raise anything else.
    """

    def present(self, request: Request) -> bool: ...

    def key_url(self, request: Request) -> str | None: ...

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof: ...

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request: ...

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]: ...
