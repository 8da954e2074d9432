"""JSON Web Tokens of OpenID Connect, with the provider's published keys. Needs the extra ``asymmetric``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any

from seamline.delivery import Request
from seamline.errors import ConfigError, KeyUnavailable, SignatureError
from seamline.signature import secret as known
from seamline.signature import stamp as stamps
from seamline.signature.base import Place, Proof, Secrets, UnknownKey, proved
from seamline.signature.keypair import development_key, need, public_pem
from seamline.signature.place import Header

#: Longest token that is read, in characters.
MAX_TOKEN = 16_384

#: How long a token that we sign ourselves is valid.
LIFETIME = timedelta(hours=1)

_ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")


@dataclass(frozen=True)
class Jwt:
    """A bearer token signed by ``issuer`` for ``audience``; the body is not bound to it (trust "authenticated").

    ``jwks`` is the one URL that keys are fetched from. ``claims`` are further claims and the values that they must
    have: without ``email`` any token that the issuer signs for this audience passes. An empty ``audience`` means the
    URL that was called, which is what Pub/Sub puts there unless told otherwise. The token's own times decide how long
    it counts, with ``leeway`` for clocks.
    """

    jwks: str
    issuer: str | Sequence[str]
    audience: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    algorithms: Sequence[str] = ("RS256",)
    at: Place = field(default_factory=lambda: Header("Authorization", prefix="Bearer "))
    leeway: timedelta = timedelta(seconds=60)
    secret: str = known.SIGNING

    name = "jwt"

    def __post_init__(self) -> None:
        if not self.jwks.startswith("https://"):
            raise ConfigError("Jwt: jwks must be an https URL of the issuer")
        if not self.issuer:
            raise ConfigError("Jwt: issuer is missing")
        wrong = [name for name in self.algorithms if name not in _ASYMMETRIC]
        if wrong or not self.algorithms:
            raise ConfigError(f"Jwt: algorithms must be asymmetric ones such as RS256, not {wrong}")

    def present(self, request: Request) -> bool:
        return self.at.get(request) is not None

    def key_url(self, request: Request) -> str | None:
        """Always ``jwks``: no request has a say in where keys come from."""
        return self.jwks if self.present(request) else None

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        token = self.at.get(request)
        if not token or len(token) > MAX_TOKEN or not token.isascii() or token.count(".") != 2:
            raise SignatureError(f"{self.at} holds no token")
        need("joserfc")
        jwks = keys.get(self.jwks)
        if jwks is None:
            raise KeyUnavailable(f"the keys of {self.jwks} are not at hand")
        self._judge(_decode(token, _key_set(jwks), tuple(self.algorithms)), request, now)
        return proved(self.name)

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        """The request with a token of an hour; the secret is a private key in PEM. Raises ConfigError."""
        need("joserfc")
        from joserfc import jwk, jwt

        start = int(stamps.seconds(now))
        claims = {"iss": self._issuers[0], "aud": self.audience or request.url, "sub": "example", "iat": start}
        claims |= {"exp": start + int(LIFETIME.total_seconds()), **self.claims}
        try:
            key = jwk.import_key(known.first(secrets, self.secret), _key_type(self.algorithms[0]))
            key.ensure_kid()
            header = {"alg": self.algorithms[0], "kid": key.kid}
            token = jwt.encode(header, claims, key, algorithms=[self.algorithms[0]])
        except ValueError:
            raise ConfigError("cannot sign: the secret is no private key in PEM") from None
        return self.at.put(request, token)

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError where the package is missing; no secret is needed."""
        need("joserfc")

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        need("joserfc")
        from joserfc import jwk

        private = development_key({"RSA": "rsa", "EC": "ecdsa", "OKP": "ed25519"}[_key_type(self.algorithms[0])])
        public = jwk.import_key(public_pem(private), _key_type(self.algorithms[0]))
        jwks = json.dumps(jwk.KeySet([public]).as_dict()).encode()
        return {self.secret: [private]}, {}, {self.jwks: jwks}

    @property
    def _issuers(self) -> tuple[str, ...]:
        return (self.issuer,) if isinstance(self.issuer, str) else tuple(self.issuer)

    def _judge(self, claims: Mapping[str, Any], request: Request, now: datetime) -> None:
        if claims.get("iss") not in self._issuers:
            raise SignatureError("the token is from another issuer")
        told = claims.get("aud")
        if (self.audience or request.url) not in (told if isinstance(told, list) else [told]):
            raise SignatureError("the token is for another audience")
        at, leeway = stamps.seconds(now), self.leeway.total_seconds()
        if not _time(claims, "exp") > at - leeway:
            raise SignatureError("the token has expired")
        for name in ("nbf", "iat"):
            if name in claims and not _time(claims, name) <= at + leeway:
                raise SignatureError(f"the token's {name} is in the future")
        for name, wanted in self.claims.items():
            # True equals 1 in Python, but not in a claim.
            if type(claims.get(name)) is not type(wanted) or claims[name] != wanted:
                raise SignatureError(f"the token's claim {name} is another one")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or abs(value) > 1e12:
        raise SignatureError(f"the token's {name} is missing or no time")
    return float(value)


def _key_type(algorithm: str) -> Any:
    return {"R": "RSA", "P": "RSA", "E": "EC"}[algorithm[0]] if algorithm not in ("EdDSA", "Ed25519") else "OKP"


@lru_cache(maxsize=8)
def _key_set(jwks: bytes) -> Any:
    from joserfc import jwk

    try:
        return jwk.KeySet.import_key_set(json.loads(jwks))
    except Exception:  # whatever was fetched, it is no key set
        raise KeyUnavailable("what was fetched is no JSON Web Key Set") from None


def _decode(token: str, key_set: Any, algorithms: tuple[str, ...]) -> dict[str, Any]:
    from joserfc import errors, jwt

    try:
        return dict(jwt.decode(token, key_set, algorithms=list(algorithms)).claims)
    except errors.InvalidKeyIdError:
        raise UnknownKey("the token names a key that its issuer does not publish") from None
    except Exception:  # the library's errors, and what hostile headers and payloads make of it
        raise SignatureError("the token is not valid") from None
