"""Our schemes against the providers' own SDKs: what either signs the other takes, what either refuses both refuse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
import stripe
import svix
from hubspot.utils.signature import Signature as HubSpotSignature  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from seamline.delivery import Request
from seamline.errors import SignatureError
from seamline.signature import Hash, Header, Hmac, Pair, StandardWebhooks, body, method, url

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "an-example-secret"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the Standard Webhooks libraries' tests
TEXTS = st.text(max_size=200)
BARE = Request("POST", "https://hooks.example.com/webhooks/x?a=1", b"", {})

SLACK_STAMP = Header("X-Slack-Request-Timestamp")
SLACK = Hmac(Header("X-Slack-Signature", "v0="), (b"v0:", SLACK_STAMP, b":", body), stamp=SLACK_STAMP)
STRIPE_STAMP = Pair("Stripe-Signature", "t")
STRIPE = Hmac(Pair("Stripe-Signature", "v1"), (STRIPE_STAMP, b".", body), stamp=STRIPE_STAMP)
HUBSPOT_STAMP = Header("X-HubSpot-Request-Timestamp")
HUBSPOT = Hmac(
    Header("X-HubSpot-Signature-v3"),
    (method, url, body, HUBSPOT_STAMP),
    encoding="base64",
    stamp=HUBSPOT_STAMP,
    unit="ms",
)
few = settings(max_examples=40, deadline=None)


def ours(scheme: Any, request: Request, now: datetime = NOW, secret: str = SECRET) -> bool:
    try:
        scheme.verify(request, {"signing": [secret]}, now, {})
    except SignatureError:
        return False
    return True


class At(Clock):
    def now(self) -> float:
        return NOW.timestamp()


@few
@given(text=TEXTS, offset=st.integers(-400, 400))
def test_slack_sdk_agrees(text: str, offset: int) -> None:
    oracle = SignatureVerifier(SECRET, At())
    request = replace(BARE, body=text.encode("utf-8", "ignore"))
    signed = SLACK.sign(request, {"signing": [SECRET]}, NOW + timedelta(seconds=offset))
    stamp = signed.headers["x-slack-request-timestamp"]
    assert signed.headers["x-slack-signature"] == oracle.generate_signature(timestamp=stamp, body=request.body)
    assert ours(SLACK, signed) == oracle.is_valid_request(request.body, dict(signed.headers)) == (abs(offset) <= 300)
    changed = replace(signed, body=signed.body + b" ")
    assert not ours(SLACK, changed)
    assert not oracle.is_valid_request(changed.body, dict(changed.headers))


@few
@given(text=TEXTS)
def test_stripe_agrees(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    stamp = int(NOW.timestamp())
    header = stripe.WebhookSignature.generate_signature_header(text, SECRET, stamp)
    request = replace(BARE, body=text.encode(), headers={"stripe-signature": header})
    assert ours(STRIPE, request)
    assert STRIPE.sign(replace(request, headers={}), {"signing": [SECRET]}, NOW).headers["stripe-signature"] == header
    assert stripe.WebhookSignature.verify_header(text, header, SECRET)
    rotated = header.replace("v1=", "v1=00,v1=")
    assert ours(STRIPE, replace(request, headers={"stripe-signature": rotated}))
    assert stripe.WebhookSignature.verify_header(text, rotated, SECRET)
    other = header.replace("v1=", "v0=")
    assert not ours(STRIPE, replace(request, headers={"stripe-signature": other}))
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(text, other, SECRET)


@pytest.mark.parametrize(
    ("scheme", "oracle"),
    [
        (StandardWebhooks(), standardwebhooks.Webhook(WHSEC)),
        (StandardWebhooks(prefixes=("svix-",)), svix.Webhook(WHSEC)),
    ],
    ids=["standardwebhooks", "svix"],
)
def test_standard_webhooks_libraries_agree(scheme: StandardWebhooks, oracle: Any) -> None:
    now = datetime.now(UTC)  # the libraries have no clock to hand in
    refusals = (standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError)
    for content in (b"{}", b'{"a": "\xc3\xa9"}', b'["x"]', b"1"):
        signed = scheme.sign(replace(BARE, body=content), {"signing": [WHSEC]}, now)
        oracle.verify(content, dict(signed.headers))
        names = list(signed.headers)
        theirs = oracle.sign(msg_id="msg_1", timestamp=now, data=content.decode())
        told = {names[0]: "msg_1", names[1]: str(int(now.timestamp())), names[2]: f"v1,AAAA v2,{theirs[3:]} {theirs}"}
        assert ours(scheme, replace(BARE, body=content, headers=told), now, WHSEC)
        only_v2 = {**told, names[2]: f"v2,{theirs[3:]}"}
        stale = {**told, names[1]: str(int(now.timestamp()) - 301)}
        for bad in (only_v2, stale, {**told, names[0]: "msg_2"}):
            assert not ours(scheme, replace(BARE, body=content, headers=bad), now, WHSEC)
            with pytest.raises(refusals):
                oracle.verify(content, bad)


@few
@given(text=TEXTS)
def test_hubspot_client_agrees(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    request = replace(BARE, body=text.encode())
    now = datetime.now(UTC)  # the client has no clock to hand in
    signed = HUBSPOT.sign(request, {"signing": [SECRET]}, now)
    assert HubSpotSignature.is_valid(
        signed.headers["x-hubspot-signature-v3"], SECRET, text, request.url, "POST", "v3",
        signed.headers["x-hubspot-request-timestamp"],
    )  # fmt: skip
    for version, parts in (("v1", (body,)), ("v2", (method, url, body))):
        scheme = Hash(Header("X-HubSpot-Signature"), parts, no_stamp="the old versions have none")
        theirs = HubSpotSignature.get_signature(SECRET, text, version, request.url, "POST")
        assert scheme.sign(request, {"signing": [SECRET]}, now).headers["x-hubspot-signature"] == theirs
        assert ours(scheme, replace(request, headers={"x-hubspot-signature": theirs}))
