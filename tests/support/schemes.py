"""Every signature scheme in its forms, for tests that hold for all of them."""

from __future__ import annotations

from datetime import UTC, datetime

from seamline.delivery import Request
from seamline.signature import (
    AnyOf,
    BasicAuth,
    BearerToken,
    Body,
    Ecdsa,
    Ed25519,
    FirstPresent,
    Hash,
    Header,
    Hmac,
    Jwt,
    NumberedHeader,
    Pair,
    Query,
    Rsa,
    SharedToken,
    Signature,
    Sns,
    StandardWebhooks,
    body,
    method,
    url,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAMP = Header("X-Stamp")
PAIR = Pair("X-Signature", "t")
WHY = "for the test"

SCHEMES: dict[str, Signature] = {
    "hmac": Hmac(Header("X-Signature"), no_stamp=WHY),
    "hmac base64 sha1": Hmac(Header("X-Signature", "sha1="), digest="sha1", encoding="base64", no_stamp=WHY),
    "hmac hex key": Hmac(Header("X-Signature"), (STAMP, body), stamp=STAMP, key="hex"),
    "hmac base64 key": Hmac(Header("X-Signature"), (STAMP, body), stamp=STAMP, unit="ms", key="base64"),
    "hmac pair": Hmac(Pair("X-Signature", "v1"), (PAIR, b".", body), stamp=PAIR),
    "hmac numbered": Hmac(NumberedHeader("X-Signature-"), no_stamp=WHY),
    "hmac query": Hmac(Query("signature"), (method, body), no_stamp=WHY),
    "hmac of the body in the body": Hmac(
        Body("signature.value", "value"),
        (Body("signature.at", "at"), Body("signature.token", "token")),
        stamp=Body("signature.at", "at"),
    ),
    "hmac iso": Hmac(Header("X-Signature"), (STAMP, url, body), stamp=STAMP, unit="iso"),
    "hash": Hash(Header("X-Signature"), (method, url, body), no_stamp=WHY, when=(Header("X-Version"), "v2")),
    "token header": SharedToken(Header("X-Token")),
    "token query": SharedToken(Query("token")),
    "token body": SharedToken(Body("token")),
    "bearer": BearerToken(),
    "basic": BasicAuth(),
    "standard webhooks": StandardWebhooks(),
    "svix": StandardWebhooks(prefixes=("svix-",)),
    "ed25519": Ed25519(Header("X-Signature"), (STAMP, body), stamp=STAMP, encoding="hex"),
    "ecdsa": Ecdsa(Header("X-Signature"), (STAMP, body), stamp=STAMP),
    "rsa": Rsa(Header("X-Signature"), no_stamp=WHY),
    "rsa sha1": Rsa(Header("X-Signature"), digest="sha1", no_stamp=WHY),
    "jwt": Jwt("https://keys.example.com/jwks", "https://issuer.example.com", claims={"email": "push@example.com"}),
    "jwt ec": Jwt("https://keys.example.com/ec", "https://issuer.example.com", "us", algorithms=("ES256",)),
    "sns": Sns(),
    "first present": FirstPresent(
        {
            "v2": Hmac(Header("X-V2"), (STAMP, body), stamp=STAMP),
            "v1": Hmac(Header("X-V1"), no_stamp=WHY),
        }
    ),
    "any of": AnyOf(
        [Hmac(Header("X-Signature"), (url, body), no_stamp=WHY), Hmac(Header("X-Signature"), no_stamp=WHY)]
    ),
}

REQUEST = Request.build(
    "POST",
    "https://hooks.example.com/webhooks/x?b=2&a=1",
    b'{"a": [1, "\xc3\xa9"]}',
    {"Content-Type": "application/json"},
)
