"""Signature schemes as values: each verifies and signs.

A scheme is composed of places (where the proof, the stamp and the signed parts stand) and says what it covers::

    Hmac(Header("X-Hub-Signature-256", "sha256="), no_stamp="Meta sends none")
    Hmac(Pair("Stripe-Signature", "v1"), (stamp := Pair("Stripe-Signature", "t"), b".", body), stamp=stamp)
"""

from seamline.signature.asymmetric import Ecdsa, Ed25519, Rsa
from seamline.signature.base import Place, Proof, Secrets, Signature, UnknownKey
from seamline.signature.choice import AnyOf, FirstPresent, check, mask
from seamline.signature.hmac import Hash, Hmac
from seamline.signature.jwt import Jwt
from seamline.signature.part import Part, body, method, url
from seamline.signature.place import Body, Header, NumberedHeader, Pair, Query
from seamline.signature.sns import Sns
from seamline.signature.stamp import Unit
from seamline.signature.standard_webhooks import StandardWebhooks
from seamline.signature.token import BasicAuth, BearerToken, SharedToken

__all__ = [
    "AnyOf",
    "BasicAuth",
    "BearerToken",
    "Body",
    "Ecdsa",
    "Ed25519",
    "FirstPresent",
    "Hash",
    "Header",
    "Hmac",
    "Jwt",
    "NumberedHeader",
    "Pair",
    "Part",
    "Place",
    "Proof",
    "Query",
    "Rsa",
    "Secrets",
    "SharedToken",
    "Signature",
    "Sns",
    "StandardWebhooks",
    "Unit",
    "UnknownKey",
    "body",
    "check",
    "mask",
    "method",
    "url",
]
