"""The signature that the benchmark's contestants check."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook

from benchmarks import signature
from benchmarks.workload import SECRET, Workload, standard_webhooks

KEY, NOW = signature.key(SECRET), 1_795_371_966
SIGNED = signature.sign(KEY, b"id", b"1795371966", b"body")


def test_what_the_sender_signs_is_genuine_for_another_implementation() -> None:
    message_id, body = next(Workload(1).bodies())
    headers = standard_webhooks(SECRET, "http://x/", message_id, body)
    Webhook(SECRET).verify(body, {name.decode(): value.decode() for name, value in headers.items()})


def test_one_genuine_signature_among_several_is_enough() -> None:
    assert signature.genuine(KEY, b"id", b"1795371966", b"v1,wrong v2,x " + SIGNED, b"body", NOW)


@pytest.mark.parametrize(
    ("message_id", "stamp", "given", "body", "now"),
    [
        (b"id", b"1795371966", SIGNED, b"Body", NOW),
        (b"other", b"1795371966", SIGNED, b"body", NOW),
        (b"id", b"1795371966", b"", b"body", NOW),
        (b"id", b"1795371966", "v1,é".encode(), b"body", NOW),
        (b"id", b"", SIGNED, b"body", NOW),
        (b"id", b"-1", SIGNED, b"body", NOW),
        (b"id", b"9" * 5000, SIGNED, b"body", NOW),
        (b"id", b"1795371966", SIGNED, b"body", NOW + 301),
        (b"id", b"1795371966", SIGNED, b"body", NOW - 301),
    ],
)
def test_anything_else_is_not_genuine(message_id: bytes, stamp: bytes, given: bytes, body: bytes, now: float) -> None:
    assert not signature.genuine(KEY, message_id, stamp, given, body, now)
