"""Amazon SNS: RSA over chosen fields of the body, with a certificate that the message names. Needs ``asymmetric``."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from seamline.delivery import Request
from seamline.errors import KeyUnavailable, PayloadError, SignatureError
from seamline.signature import secret as known
from seamline.signature import stamp as stamps
from seamline.signature.base import Proof, Secrets, proved
from seamline.signature.keypair import development_key, load_private, need
from seamline.signature.signed import nonce
from seamline.signature.stamp import FIVE_MINUTES

# The region is spelled out: sns.s3-us-west-2.amazonaws.com would be somebody's bucket.
_CERTIFICATE = re.compile(
    r"https://sns\.[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}\.amazonaws\.(?:com|com\.cn|eu)"
    r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem"
)
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_OPTIONAL = ("Subject",)
_DEVELOPMENT_URL = f"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{'0' * 32}.pem"


@dataclass(frozen=True)
class Sns:
    """The signature of Amazon SNS, versions 1 (SHA-1) and 2 (SHA-256).

    Genuine means "from Amazon", not "from our topic": refuse other topics in ``Adapter.refuse``. ``max_age`` covers a
    delivery policy's longest retrying (3,600 s, docs.aws.amazon.com/sns "Message delivery retries") and five minutes.
    """

    max_age: timedelta = timedelta(hours=1) + FIVE_MINUTES
    max_future: timedelta = FIVE_MINUTES
    secret: str = known.SIGNING

    name = "sns"

    def present(self, request: Request) -> bool:
        return "Signature" in _fields(request)

    def key_url(self, request: Request) -> str | None:
        """The certificate's URL, where it is Amazon's own; None otherwise, and ``verify`` refuses."""
        url = _fields(request).get("SigningCertURL")
        return url if isinstance(url, str) and _CERTIFICATE.fullmatch(url) else None

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        fields = _fields(request)
        version = fields.get("SignatureVersion")
        if version not in ("1", "2"):
            raise SignatureError("the signature version is neither 1 nor 2")
        proof, message = _proof(fields), _message(fields)
        stamps.fresh(
            stamps.read(fields["Timestamp"], "iso"), now, self.max_age.total_seconds(), self.max_future.total_seconds()
        )
        url = self.key_url(request)
        if url is None:
            raise SignatureError("SigningCertURL is not one of Amazon SNS")
        if url not in keys:
            raise KeyUnavailable(f"the certificate {url} is not at hand")
        _check(keys[url], proof, message, "sha1" if version == "1" else "sha256")
        return proved(f"{self.name}-{version}")

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        """The request with a signed body; what an SNS message needs besides is filled in. Raises PayloadError."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        key = load_private(known.first(secrets, self.secret).decode(), "rsa")
        told = request.json()
        if not isinstance(told, dict):
            raise PayloadError("the body is no SNS message")
        fields = {
            "Type": "Notification",
            "MessageId": nonce(request, now),
            "TopicArn": "arn:aws:sns:us-east-1:0:example",
        }
        fields |= {"Message": ""} | told
        fields |= {"Timestamp": stamps.write(now, "iso"), "SignatureVersion": "2", "SigningCertURL": _DEVELOPMENT_URL}
        raw = key.sign(_message(fields), PKCS1v15(), SHA256())
        fields["Signature"] = binascii.b2a_base64(raw, newline=False).decode()
        done = replace(request, body=json.dumps(fields).encode())
        if not self.present(done):
            raise PayloadError("the body is no JSON that can be written again")
        return done

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError where the package is missing; no secret is needed."""
        need("cryptography")

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        private = development_key("rsa")
        return {self.secret: [private]}, {}, {_DEVELOPMENT_URL: _certificate(private)}


def _fields(request: Request) -> dict[str, Any]:
    try:
        told = request.json()
    except Exception:  # a body that cannot be read holds no proof
        return {}
    return told if isinstance(told, dict) else {}


def _proof(fields: Mapping[str, Any]) -> bytes:
    try:
        return binascii.a2b_base64(fields["Signature"], strict_mode=True)
    except (KeyError, TypeError, ValueError):
        raise SignatureError("Signature is missing or not base64") from None


def _message(fields: Mapping[str, Any]) -> bytes:
    """The signed text: ``name\\nvalue\\n`` for each field that is there, in the order of their names.

    Only Message may hold a line break; elsewhere one could move the seam between two fields.
    """
    names = _SIGNED.get(fields["Type"]) if isinstance(fields.get("Type"), str) else None
    if names is None:
        raise SignatureError("the message's Type is none of SNS")
    lines = []
    for name in names:
        value = fields.get(name)
        if value is None and name in _OPTIONAL:
            continue
        if not isinstance(value, str) or (name != "Message" and "\n" in value):
            raise SignatureError(f"{name} is missing or not a line of text")
        lines.append(f"{name}\n{value}\n")
    return "".join(lines).encode("utf-8", "surrogatepass")


def _check(certificate: bytes, proof: bytes, message: bytes, digest: Literal["sha1", "sha256"]) -> None:
    key = _public_key(certificate)
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    try:
        key.verify(proof, message, PKCS1v15(), SHA1() if digest == "sha1" else SHA256())  # noqa: S303
    except (InvalidSignature, ValueError):
        raise SignatureError("the signature does not match") from None


@lru_cache(maxsize=32)
def _public_key(certificate: bytes) -> Any:
    # Amazon's TLS vouches for the certificate; its dates say nothing about a message that was stored meanwhile.
    x509 = need("cryptography.x509")
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
        key.public_numbers().e  # noqa: B018  (an RSA key)
        return key
    except Exception:  # whatever was fetched, it is no certificate
        raise KeyUnavailable("what was fetched is no RSA certificate") from None


@lru_cache(maxsize=2)
def _certificate(private: str) -> bytes:
    x509 = need("cryptography.x509")
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    key = load_private(private, "rsa")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.example.com")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=36_500))
    pem: bytes = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    return pem
