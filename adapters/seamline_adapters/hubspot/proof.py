"""How HubSpot signs, in three versions.

Documented (developers.hubspot.com/docs/api/webhooks/validating-requests): v3 is an HMAC-SHA256 in base64 over method,
URI, body and timestamp, certain characters of the URI decoded, refused when older than five minutes. v2 (method, URI,
body) and v1 (body) are plain digests of the client secret and what follows it, without any timestamp. The Webhooks API
sends v1 beside v3; workflows and CRM cards send v2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from seamline import Request
from seamline.signature import FirstPresent, Hash, Header, Hmac, Signature, body, method, url

Version = Literal["v3", "v2", "v1"]

#: What v3 decodes in the URI before signing (the table of URL-encoded characters).
_DECODED = {
    "3A": ":", "2F": "/", "3F": "?", "40": "@", "21": "!", "24": "$", "27": "'",
    "28": "(", "29": ")", "2A": "*", "2C": ",", "3B": ";",
}  # fmt: skip
_ESCAPE = re.compile("%(" + "|".join(_DECODED) + ")", re.IGNORECASE)

_STAMP = Header("X-HubSpot-Request-Timestamp")
_OLD = Header("X-HubSpot-Signature")
_OLD_VERSION = Header("X-HubSpot-Signature-Version")
_NO_STAMP = "only version 3 has a timestamp"


def decoded_url(request: Request) -> bytes:
    """The URL as version 3 signs it."""
    text = _ESCAPE.sub(lambda found: _DECODED[found[1].upper()], request.url)
    return text.encode("utf-8", "surrogatepass")


#: The strongest first.
_VERSIONS: dict[Version, Signature] = {
    "v3": Hmac(
        Header("X-HubSpot-Signature-v3"),
        (method, decoded_url, body, _STAMP),
        encoding="base64",
        stamp=_STAMP,
        unit="ms",
    ),
    "v2": Hash(_OLD, (method, url, body), when=(_OLD_VERSION, "v2"), no_stamp=_NO_STAMP),
    "v1": Hash(_OLD, (body,), when=(_OLD_VERSION, "v1"), no_stamp=_NO_STAMP),
}


def scheme(versions: Iterable[Version]) -> FirstPresent:
    """These versions, the strongest that is present deciding alone."""
    allowed = set(versions)
    return FirstPresent({name: one for name, one in _VERSIONS.items() if name in allowed})
