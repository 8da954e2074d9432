"""Secrets as a scheme needs them: present, decoded, and never shown."""

from __future__ import annotations

import binascii
from functools import lru_cache
from typing import Literal

from seamline.errors import ConfigError, SignatureError
from seamline.signature.base import Secrets

#: How a secret is written: as text, or as the hex or base64 of its bytes.
Encoding = Literal["text", "hex", "base64"]

#: The name of the secrets that a bare list in the configuration means.
SIGNING = "signing"


def texts(secrets: Secrets, name: str) -> list[tuple[int, str]]:
    """The secrets of a name with their index. Raises SignatureError where there is none: nothing is ever accepted."""
    values = secrets.get(name) or ()
    if isinstance(values, str):  # a str is a sequence too: each of its letters would be a secret
        values = (values,)
    found = [(index, value) for index, value in enumerate(values) if value.strip()]
    if not found:
        raise SignatureError(f"no secret {name!r} is configured")
    return found


def keys(secrets: Secrets, name: str, encoding: Encoding, prefix: str = "") -> list[tuple[int, bytes]]:
    """The bytes of a name's secrets with their index. Raises SignatureError where none can be used."""
    found = []
    for index, text in texts(secrets, name):
        key = decoded(text, encoding, prefix)
        if key:
            found.append((index, key))
    if not found:
        raise SignatureError(f"no secret {name!r} is {encoding}")
    return found


def first(secrets: Secrets, name: str, encoding: Encoding = "text", prefix: str = "") -> bytes:
    """The bytes of the secret to sign with. Raises ConfigError."""
    try:
        return keys(secrets, name, encoding, prefix)[0][1]
    except SignatureError as error:
        raise ConfigError(f"cannot sign: {error.reason}") from None


@lru_cache(maxsize=256)
def decoded(text: str, encoding: Encoding, prefix: str = "") -> bytes | None:
    """The bytes of a secret; None where it is not written so. Base64 may lack its padding, and may be the URL's.

    ``prefix`` may stand before it, and may be left out (``whsec_``).
    """
    text = text.removeprefix(prefix)
    if encoding == "text":
        return text.encode("utf-8", "surrogatepass")
    try:
        if encoding == "hex":
            return binascii.unhexlify(text)
        return from_base64(text)
    except ValueError:
        return None


def from_base64(text: str) -> bytes:
    """Strict base64 of either alphabet, padded or not. Raises ValueError."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
