"""Schemes made of schemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from seamline.delivery import Request
from seamline.errors import ConfigError, KeyUnavailable, SignatureError
from seamline.signature.base import Proof, Secrets, Signature


@dataclass(frozen=True)
class FirstPresent:
    """Versions of one provider, the strongest first: the first whose proof is there decides alone.

    A bad proof of a strong version is never mended by a good one of a weaker version. What is accepted at all is the
    caller's choice: leave out the versions that a source does not allow. The proof's scheme is the version's name.
    """

    schemes: Mapping[str, Signature]

    def __post_init__(self) -> None:
        if not self.schemes:
            raise ConfigError("FirstPresent needs at least one scheme")

    def present(self, request: Request) -> bool:
        return any(scheme.present(request) for scheme in self.schemes.values())

    def key_url(self, request: Request) -> str | None:
        chosen = self._chosen(request)
        return chosen[1].key_url(request) if chosen else None

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        chosen = self._chosen(request)
        if chosen is None:
            raise SignatureError(f"no proof of {', '.join(self.schemes)}")
        name, scheme = chosen
        return replace(scheme.verify(request, secrets, now, keys), scheme=name)

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        """The request signed by the first, strongest scheme."""
        return self._first.sign(request, secrets, now)

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless the secrets can be used by every scheme."""
        for scheme in self.schemes.values():
            check(scheme, secrets)

    def masked(self, request: Request) -> Request:
        for scheme in self.schemes.values():
            request = mask(scheme, request)
        return request

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        return self._first.example()

    @property
    def _first(self) -> Signature:
        return next(iter(self.schemes.values()))

    def _chosen(self, request: Request) -> tuple[str, Signature] | None:
        return next(((name, scheme) for name, scheme in self.schemes.items() if scheme.present(request)), None)


@dataclass(frozen=True)
class AnyOf:
    """Spellings of one scheme, all equally strong, of which a provider uses now one and now another.

    Twilio signs the URL with or without its default port. Never for versions of different strength: see FirstPresent.
    """

    schemes: Sequence[Signature]

    def __post_init__(self) -> None:
        if not self.schemes:
            raise ConfigError("AnyOf needs at least one scheme")

    def present(self, request: Request) -> bool:
        return any(scheme.present(request) for scheme in self.schemes)

    def key_url(self, request: Request) -> str | None:
        return next((url for scheme in self.schemes if (url := scheme.key_url(request)) is not None), None)

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        refused: SignatureError | KeyUnavailable | None = None
        for scheme in self.schemes:
            try:
                return scheme.verify(request, secrets, now, keys)
            except KeyUnavailable as error:
                refused = error
            except SignatureError as error:
                refused = refused if isinstance(refused, KeyUnavailable) else error
        assert refused is not None
        raise refused

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        return self.schemes[0].sign(request, secrets, now)

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless the secrets can be used by every scheme."""
        for scheme in self.schemes:
            check(scheme, secrets)

    def masked(self, request: Request) -> Request:
        for scheme in self.schemes:
            request = mask(scheme, request)
        return request

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        return self.schemes[0].example()


def check(scheme: Signature | None, secrets: Secrets) -> None:
    """Raise ConfigError where a scheme cannot work with these secrets, or lacks a package; for the start-up."""
    found = getattr(scheme, "check", None)
    if found is not None:
        found(secrets)


def mask(scheme: Signature | None, request: Request) -> Request:
    """The request as it may be stored: where the secret itself was sent (a token in the body), without it."""
    found = getattr(scheme, "masked", None)
    if found is None:
        return request
    masked: Request = found(request)
    return masked
