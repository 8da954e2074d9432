"""Whatever comes over the wire is refused in one way: nothing else is raised, nothing is accepted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamline.delivery import Request
from seamline.errors import KeyUnavailable, PayloadError, SignatureError
from support.schemes import NOW, REQUEST, SCHEMES

TEXTS = [
    "", "NaN", "1" * 5000, "v1,", "t=,v1=", "t=1,t=1,v1=", "Bearer ..", "Basic ====", "Bearer a.b.c", "é", "\udcff",
    "-1", "1e400",
]  # fmt: skip
FIELDS = [
    "signature", "token", "at", "value", "Signature", "SignatureVersion", "Type", "Message", "MessageId", "Timestamp",
    "TopicArn", "SigningCertURL", "Token", "SubscribeURL",
]  # fmt: skip
HEADERS = [
    "x-signature", "x-signature-1", "x-signature-\u00b2", "x-stamp", "x-v1", "x-v2", "x-version", "x-token",
    "authorization", "webhook-id", "webhook-timestamp", "webhook-signature", "svix-id", "svix-timestamp",
    "svix-signature",
]  # fmt: skip
BYTES = [
    b"[" * 5000, b"1" * 6000, b'{"token": 1e999}', b'{"a":"\\ud800"}', b"signature=%ff&token=", b"--B--",
    b"--B\r\n\r\n--B--",
]  # fmt: skip
TYPES = [
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "multipart/form-data",
    "multipart/form-data; boundary=\u00e9", "", "text/plain",
]  # fmt: skip

HOSTILE = st.one_of(
    st.text(max_size=60), st.text(alphabet="0123456789abcdefv=,. +/-_\x00", max_size=80), st.sampled_from(TEXTS)
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), HOSTILE),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8)),
    max_leaves=12,
)
BODIES = st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(BYTES))
QUERIES = st.one_of(
    st.just(""), st.text(max_size=30), st.sampled_from(["signature=", "token=%ff&token=", "signature=%00"])
)


@settings(max_examples=300, deadline=None)
@given(
    headers=st.dictionaries(st.sampled_from(HEADERS), HOSTILE, max_size=8),
    content_type=st.sampled_from(TYPES),
    content=BODIES,
    query=QUERIES,
    verb=st.sampled_from(["POST", "GET", "\u00df"]),
)
def test_no_input_is_accepted_or_raises_anything_but_a_refusal(
    headers: dict[str, str], content_type: str, content: bytes, query: str, verb: str
) -> None:
    told = {**headers, "content-type": content_type}
    request = Request(verb, f"https://hooks.example.com/webhooks/x?{query}", content, told)
    for scheme in SCHEMES.values():
        _, verify_with, keys = scheme.example()
        scheme.present(request)
        wanted = scheme.key_url(request)
        assert wanted is None or wanted.startswith(("https://keys.example.com/", "https://sns."))
        with pytest.raises((SignatureError, KeyUnavailable)):
            scheme.verify(request, verify_with, NOW, keys)


@settings(max_examples=25, deadline=None)
@given(content=BODIES, content_type=st.sampled_from(TYPES))
def test_signing_goes_round_or_says_that_the_body_cannot_hold_a_proof(content: bytes, content_type: str) -> None:
    request = Request("POST", "https://hooks.example.com/webhooks/x", content, {"content-type": content_type})
    for scheme in SCHEMES.values():
        sign_with, verify_with, keys = scheme.example()
        try:
            signed = scheme.sign(request, sign_with, NOW)
        except (PayloadError, SignatureError):
            continue
        assert scheme.verify(signed, verify_with, NOW, keys)


@settings(max_examples=40, deadline=None)
@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_no_bit_of_a_body_can_be_turned(position: int, bit: int) -> None:
    at = position % len(REQUEST.body)
    for name in ("hmac", "hmac hex key", "hmac pair", "hash", "standard webhooks", "ed25519", "ecdsa", "rsa", "any of"):
        scheme: Any = SCHEMES[name]
        sign_with, verify_with, keys = scheme.example()
        signed = scheme.sign(REQUEST, sign_with, NOW)
        turned = bytearray(signed.body)
        turned[at] ^= 1 << bit
        with pytest.raises(SignatureError):
            scheme.verify(replace(signed, body=bytes(turned)), verify_with, NOW, keys)
