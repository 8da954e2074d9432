"""Schemes over a key pair: the provider signs, we hold its public key. Needs the extra ``asymmetric``."""

from __future__ import annotations

import binascii
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from seamline.delivery import Request
from seamline.errors import ConfigError, SignatureError
from seamline.signature import secret as known
from seamline.signature.base import Proof, Secrets, proved
from seamline.signature.keypair import development_key, load_private, load_public, public_pem
from seamline.signature.signed import Signed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

#: Most signatures of one request that are tried: each costs some 50-100 µs a key.
MAX_CANDIDATES = 8


@dataclass(frozen=True)
class _KeyPair(Signed, ABC):
    """What key-pair schemes share.

    The secret is the provider's public key, as PEM or base64. ``published`` are keys that the provider prints in its
    documents: they count where the source configures none.
    """

    _: KW_ONLY
    encoding: Literal["hex", "base64"] = "base64"
    published: Sequence[str] = ()

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        given = self._given(request)
        if self.stamp is not None:
            self._check_stamp(self.stamp, request, now)
        message = self._message(request)
        proofs = [raw for raw in map(self._raw, given[:MAX_CANDIDATES]) if raw]
        for index, text in self._public_texts(secrets):
            key = load_public(text, self.name)
            if key is not None and any(self._holds(key, raw, message) for raw in proofs):
                return proved(self.name, index)
        raise SignatureError("the signature does not match")

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        """The request with stamp and signature; the secret is a private key as PEM. Raises ConfigError."""
        key = load_private(known.first(secrets, self.secret).decode(), self.name)
        request = self._ready(request, now)
        return self.at.put(request, self._text(self._make(key, self._message(request))).decode())

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless the public keys can be read."""
        try:
            texts = self._public_texts(secrets)
        except SignatureError as error:
            raise ConfigError(error.reason) from None
        for index, text in texts:
            if load_public(text, self.name) is None:
                raise ConfigError(
                    f"secret {self.secret!r} number {index + 1} is no {self.name} public key (PEM or base64)"
                )

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        private = development_key(self.name)
        return {self.secret: [private]}, {self.secret: [public_pem(private)]}, {}

    def _public_texts(self, secrets: Secrets) -> list[tuple[int, str]]:
        if self.published and not any(secrets.get(self.secret) or ()):
            return list(enumerate(self.published))
        return known.texts(secrets, self.secret)

    def _raw(self, value: str) -> bytes | None:
        try:
            if self.encoding == "hex":
                return binascii.unhexlify(value)
            return binascii.a2b_base64(value, strict_mode=True)
        except ValueError:
            return None

    def _holds(self, key: Any, proof: bytes, message: bytes) -> bool:
        try:
            self._verify(key, proof, message)
        except Exception:  # InvalidSignature, and what the library makes of a proof that is none
            return False
        return True

    @abstractmethod
    def _verify(self, key: Any, proof: bytes, message: bytes) -> None:
        """Return where the proof holds; raise whatever the library raises where it does not."""

    @abstractmethod
    def _make(self, key: Any, message: bytes) -> bytes:
        """The proof of a message."""


@dataclass(frozen=True)
class Ed25519(_KeyPair):
    """Ed25519 over the signed parts (GoHighLevel, Discord). A public key may also be its 32 bytes in base64 or hex."""

    def _verify(self, key: Any, proof: bytes, message: bytes) -> None:
        key.verify(proof, message)

    def _make(self, key: Any, message: bytes) -> bytes:
        return bytes(key.sign(message))


@dataclass(frozen=True)
class Ecdsa(_KeyPair):
    """ECDSA over P-256 with SHA-256, the signature in DER (SendGrid)."""

    def _verify(self, key: Any, proof: bytes, message: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        key.verify(proof, message, ECDSA(_hash("sha256")))

    def _make(self, key: Any, message: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        return bytes(key.sign(message, ECDSA(_hash("sha256"))))


@dataclass(frozen=True)
class Rsa(_KeyPair):
    """RSA with PKCS #1 v1.5 padding, of at least 2048 bits."""

    _: KW_ONLY
    digest: Literal["sha256", "sha1"] = "sha256"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.digest not in ("sha256", "sha1"):
            raise ConfigError(f"Rsa: digest is 'sha256' or 'sha1', not {self.digest!r}")

    def _verify(self, key: Any, proof: bytes, message: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        key.verify(proof, message, PKCS1v15(), _hash(self.digest))

    def _make(self, key: Any, message: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        return bytes(key.sign(message, PKCS1v15(), _hash(self.digest)))


def _hash(name: Literal["sha256", "sha1"]) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256() if name == "sha256" else hashes.SHA1()  # noqa: S303  (SNS version 1 signs so)
