"""Secrets that are not ours: of the same form, and wrong."""

from __future__ import annotations

from functools import lru_cache

from seamline.errors import ConfigError
from seamline.signature.keypair import development_key, load_private

_NEXT = {"0": "1", "a": "b", "A": "B"}


def other_secret(secret: str) -> str:
    """Another secret of the same alphabet and length; of a private key, another key of its kind."""
    if "-----BEGIN" in secret:
        for kind in ("ed25519", "ecdsa", "rsa"):
            try:
                load_private(secret, kind)
            except ConfigError:
                continue
            return _fresh_key(kind)
    # Near the end, so that a prefix such as whsec_ stays; but not last, where base64 has bits that do not count.
    at = len(secret) * 2 // 3
    while at < len(secret) - 1 and not secret[at].isalnum():
        at += 1
    old = secret[at]
    new = _NEXT.get(old, "0" if old.isdigit() else "a" if old.islower() else "A")
    return secret[:at] + new + secret[at + 1 :]


@lru_cache(maxsize=8)
def _fresh_key(kind: str) -> str:
    # The one made for development is cached for the process; behind the cache there is a new one each time.
    return development_key.__wrapped__(kind)
