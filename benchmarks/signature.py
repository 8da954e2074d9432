"""The one signature that every contestant checks: Standard Webhooks, HMAC-SHA256 over "id.timestamp.body".

Specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac

TOLERANCE_S = 300


def key(secret: str) -> bytes:
    """The HMAC key in a secret as the provider shows it: ``whsec_`` and base64."""
    return base64.b64decode(secret.removeprefix("whsec_"))


def sign(secret_key: bytes, message_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    """The value of the webhook-signature header."""
    digest = hmac.digest(secret_key, b"%b.%b.%b" % (message_id, timestamp, body), "sha256")
    return b"v1," + base64.b64encode(digest)


def genuine(secret_key: bytes, message_id: bytes, timestamp: bytes, signatures: bytes, body: bytes, now: float) -> bool:
    """Whether one of the blank-separated signatures is ours and the timestamp is at most five minutes off."""
    if not message_id or not timestamp.isdigit() or abs(now - int(timestamp[:12])) > TOLERANCE_S:
        return False
    expected = sign(secret_key, message_id, timestamp, body)
    return any(hmac.compare_digest(expected, given) for given in signatures.split(b" "))
