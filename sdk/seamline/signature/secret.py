"""Secrets as a scheme needs them: present, decoded, and never shown."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
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
    found = [(index, value) for index, value in enumerate(values) if value]
    if not found:
        raise SignatureError(f"no secret {name!r} is configured")
    return found


def keys(secrets: Secrets, name: str, encoding: Encoding) -> Iterator[tuple[int, bytes]]:
    """The bytes of a name's secrets with their index. Raises SignatureError where none can be used."""
    usable = False
    for index, text in texts(secrets, name):
        key = decoded(text, encoding)
        if key:
            usable = True
            yield index, key
    if not usable:
        raise SignatureError(f"no secret {name!r} is {encoding}")


def first(secrets: Secrets, name: str, encoding: Encoding = "text") -> bytes:
    """The bytes of the secret to sign with. Raises ConfigError."""
    try:
        return next(keys(secrets, name, encoding))[1]
    except SignatureError as error:
        raise ConfigError(f"cannot sign: {error.reason}") from None


@lru_cache(maxsize=256)
def decoded(text: str, encoding: Encoding) -> bytes | None:
    """The bytes of a secret; None where it is not written so. Base64 may lack its padding, and may be the URL's."""
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
