"""Every provider's scheme as a value, against requests that providers, their SDKs or their documents signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from seamline.delivery import Request
from seamline.errors import SignatureError
from seamline.signature import (
    AnyOf,
    BasicAuth,
    Body,
    Ecdsa,
    Ed25519,
    Hash,
    Header,
    Hmac,
    NumberedHeader,
    Pair,
    Place,
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

VECTORS = Path(__file__).parents[2] / "vectors"
SECOND = timedelta(seconds=1)


# --- what single providers sign -----------------------------------------------------------------------------------

# developers.hubspot.com, "Validating requests": decoded before the URI is hashed, the question mark left alone.
HUBSPOT_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def hubspot_uri(request: Request) -> bytes:
    uri = request.url
    for code, character in HUBSPOT_DECODED.items():
        uri = uri.replace(code, character).replace(code.lower(), character)
    return uri.encode()


def sorted_pairs(request: Request) -> str:
    return "".join(name + value for name, value in sorted(set(request.form().fields)))


def twilio_parameters(request: Request) -> bytes:
    if request.is_form:
        return sorted_pairs(request).encode()
    if request.query.get("bodySHA256") != sha256(request.body).hexdigest():
        raise SignatureError("bodySHA256 does not match")
    return b""


def twilio_other_port(request: Request) -> bytes:
    parts = urlsplit(request.url)
    default = {"https": 443, "http": 80}[parts.scheme]
    host = parts.hostname or ""
    return parts._replace(netloc=host if parts.port else f"{host}:{default}").geturl().encode()


def mandrill(request: Request) -> bytes:
    import base64

    user = base64.b64decode((request.header("Authorization") or "").removeprefix("Basic ")).decode()
    scheme, rest = request.url.split("://", 1)
    return f"{scheme}://{user}@{rest}{sorted_pairs(request)}".encode()


# --- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Provider:
    """A scheme, where its proof stands, and what of its requests is not signed."""

    scheme: Signature
    proof: Place
    stamp: Place | None = None
    spoil: Callable[[Request], Request] | None = None  # a change that must be noticed
    wrong: str = "another-secret"


def flipped(request: Request) -> Request:
    middle = len(request.body) // 2
    return replace(request, body=request.body[:middle] + bytes([request.body[middle] ^ 1]) + request.body[middle + 1 :])


def with_field(path: str) -> Callable[[Request], Request]:
    return lambda request: Body(path).put(request, "other")


def plain(proof: Place, **options: Any) -> Provider:
    return Provider(Hmac(proof, **options, no_stamp="the provider sends none"), proof, spoil=flipped)


def token(proof: Place) -> Provider:
    return Provider(SharedToken(proof), proof)


SLACK_STAMP = Header("X-Slack-Request-Timestamp")
ZOOM_STAMP = Header("x-zm-request-timestamp")
CLOSE_STAMP = Header("close-sig-timestamp")
HUBSPOT_STAMP = Header("X-HubSpot-Request-Timestamp")
SENDGRID_STAMP = Header("X-Twilio-Email-Event-Webhook-Timestamp")
STRIPE_STAMP = Pair("Stripe-Signature", "t")
CALENDLY_STAMP = Pair("Calendly-Webhook-Signature", "t")
MAILGUN_STAMP = Body("signature.timestamp", "timestamp")
MAILGUN_TOKEN = Body("signature.token", "token")
HUBSPOT_OLD = Header("X-HubSpot-Signature")
HUBSPOT_VERSION = Header("X-HubSpot-Signature-Version")
TWILIO = Header("X-Twilio-Signature")
OTHER_ED25519 = (
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=\n-----END PUBLIC KEY-----"
)
# The wrong key of sendgrid-python's own tests.
OTHER_P256 = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj"
    "+y7GjUuFDb/R1NGe1OPzpA=="
)


def timed(scheme: Any, spoil: Callable[[Request], Request] = flipped, **options: Any) -> Provider:
    return Provider(scheme, scheme.at, scheme.stamp, spoil, **options)


PROVIDERS: dict[str, Provider] = {
    "acuity": plain(Header("X-Acuity-Signature"), encoding="base64"),
    "aircall": token(Body("token")),
    "asana": plain(Header("X-Hook-Signature")),
    "attio": plain(Header("Attio-Signature")),
    "brevo": Provider(BasicAuth(), Header("Authorization")),
    "calcom": plain(Header("X-Cal-Signature-256")),
    "calendly": timed(
        Hmac(Pair("Calendly-Webhook-Signature", "v1"), (CALENDLY_STAMP, b".", body), stamp=CALENDLY_STAMP)
    ),
    "callrail": plain(Header("Signature"), digest="sha1", encoding="base64"),
    "clickup": plain(Header("X-Signature")),
    "close": timed(
        Hmac(Header("close-sig-hash"), (CLOSE_STAMP, body), stamp=CLOSE_STAMP, key="hex"), wrong="5ea1" * 16
    ),
    "docusign": plain(NumberedHeader("X-DocuSign-Signature-"), encoding="base64"),
    "gohighlevel": timed(
        Ed25519(Header("X-GHL-Signature"), stamp=Body("timestamp"), unit="iso"), wrong=OTHER_ED25519
    ),
    "gohighlevel_rsa": timed(Rsa(Header("x-wh-signature"), stamp=Body("timestamp"), unit="iso")),
    "google_ads": token(Body("google_key")),
    "google_calendar": token(Header("X-Goog-Channel-Token")),
    "hubspot": timed(
        Hmac(
            Header("X-HubSpot-Signature-v3"), (method, hubspot_uri, body, HUBSPOT_STAMP),
            encoding="base64", stamp=HUBSPOT_STAMP, unit="ms",
        )
    ),
    "hubspot_v1": Provider(
        Hash(HUBSPOT_OLD, when=(HUBSPOT_VERSION, "v1"), no_stamp="v1 has none"), HUBSPOT_OLD, spoil=flipped
    ),
    "hubspot_v2": Provider(
        Hash(HUBSPOT_OLD, (method, url, body), when=(HUBSPOT_VERSION, "v2"), no_stamp="v2 has none"),
        HUBSPOT_OLD,
        spoil=lambda request: replace(request, url=request.url + "/"),
    ),
    "linkedin": plain(Header("X-LI-Signature", "hmacsha256=", bare=True), signed=(b"hmacsha256=", body)),
    "mailgun": timed(
        Hmac(Body("signature.signature", "signature"), (MAILGUN_STAMP, MAILGUN_TOKEN), stamp=MAILGUN_STAMP),
        spoil=lambda request: MAILGUN_TOKEN.put(request, "another"),
    ),
    "mandrill": plain(Header("X-Mandrill-Signature"), signed=(mandrill,), digest="sha1", encoding="base64"),
    "meta": plain(Header("X-Hub-Signature-256", "sha256=")),
    "microsoft_graph": token(Body("value.*.clientState")),
    "pandadoc": plain(Query("signature")),
    "pipedrive": Provider(BasicAuth(), Header("Authorization")),
    "postmark": Provider(BasicAuth(), Header("Authorization")),
    "resend": Provider(StandardWebhooks(), Header("svix-signature"), Header("svix-timestamp"), flipped),
    "sendgrid": timed(
        Ecdsa(Header("X-Twilio-Email-Event-Webhook-Signature"), (SENDGRID_STAMP, body), stamp=SENDGRID_STAMP),
        wrong=OTHER_P256,
    ),
    "slack": timed(
        Hmac(Header("X-Slack-Signature", "v0="), (b"v0:", SLACK_STAMP, b":", body), stamp=SLACK_STAMP)
    ),
    "sns": Provider(Sns(), Body("Signature"), Body("Timestamp"), with_field("Message")),
    "standardwebhooks": Provider(StandardWebhooks(), Header("webhook-signature"), Header("webhook-timestamp"), flipped),
    "stripe": timed(Hmac(Pair("Stripe-Signature", "v1"), (STRIPE_STAMP, b".", body), stamp=STRIPE_STAMP)),
    "svix": Provider(StandardWebhooks(), Header("svix-signature"), Header("svix-timestamp"), flipped),
    "tiktok": plain(Header("X-Open-Signature")),
    "twilio": Provider(
        AnyOf(
            [
                Hmac(TWILIO, (url, twilio_parameters), digest="sha1", encoding="base64", no_stamp="Twilio sends none"),
                Hmac(
                    TWILIO, (twilio_other_port, twilio_parameters),
                    digest="sha1", encoding="base64", no_stamp="Twilio sends none",
                ),
            ]
        ),
        TWILIO,
        spoil=flipped,
    ),
    "zoho": token(Body("token")),
    "zoom": timed(Hmac(Header("x-zm-signature", "v0="), (b"v0:", ZOOM_STAMP, b":", body), stamp=ZOOM_STAMP)),
}  # fmt: skip


@dataclass(frozen=True)
class Vector:
    provider: Provider
    request: Request
    secrets: dict[str, list[str]]
    keys: dict[str, bytes]
    now: datetime

    def verify(self, request: Request | None = None, now: datetime | None = None, **changes: Any) -> Any:
        vector = replace(self, **changes)
        return self.provider.scheme.verify(
            request if request is not None else self.request, vector.secrets, now or self.now, vector.keys
        )


def load(path: Path) -> Vector:
    told = json.loads(path.read_text())
    content = (path.parent / told["body"]).read_bytes()
    keys = {where: (path.parent / name).read_bytes() for where, name in told.get("keys", {}).items()}
    request = Request.build(told["method"], told["url"], content, told["headers"])
    return Vector(PROVIDERS[path.parent.name], request, told["secrets"], keys, datetime.fromisoformat(told["now"]))


PATHS = sorted(VECTORS.glob("*/*.vector.json"))


def vectors(wanted: Callable[[Provider], bool] = lambda _: True) -> pytest.MarkDecorator:
    chosen = [path for path in PATHS if wanted(PROVIDERS[path.parent.name])]
    return pytest.mark.parametrize(
        "path", chosen, ids=[f"{path.parent.name}/{path.name.removesuffix('.vector.json')}" for path in chosen]
    )


every_vector = vectors()
with_secrets = vectors(lambda provider: not isinstance(provider.scheme, Sns))
with_a_stamp = vectors(lambda provider: provider.stamp is not None)
bound_to_the_request = vectors(lambda provider: provider.spoil is not None)
outside_the_body = vectors(lambda provider: not isinstance(provider.proof, Body))


def refused(vector: Vector, request: Request) -> None:
    with pytest.raises(SignatureError):
        vector.verify(request)


def without(place: Place, request: Request) -> Request:
    """The request with no trace of the proof."""
    if isinstance(place, Header):
        return replace(request, headers={k: v for k, v in request.headers.items() if k != place.name.lower()})
    if isinstance(place, Pair):
        return without(Header(place.header), request)
    if isinstance(place, NumberedHeader):
        kept = {k: v for k, v in request.headers.items() if not k.startswith(place.stem.lower())}
        return replace(request, headers=kept)
    if isinstance(place, Query):
        return replace(request, url=request.url.partition("?")[0])
    return replace(request, body=b"{}")


def put_alone(place: Place, request: Request, value: str) -> Request:
    """The request with this proof and no other."""
    return place.put(without(place, request) if isinstance(place, NumberedHeader) else request, value)


# --- the tests ----------------------------------------------------------------------------------------------------


def test_every_provider_of_the_table_has_a_vector_and_every_vector_a_provider() -> None:
    assert {path.parent.name for path in PATHS} == set(PROVIDERS)


@every_vector
def test_a_vector_is_genuine(path: Path) -> None:
    vector = load(path)
    assert vector.provider.scheme.present(vector.request)
    assert vector.verify().secret == 0


@with_secrets
def test_any_of_several_secrets_matches_and_says_which(path: Path) -> None:
    vector = load(path)
    secrets = {"signing": [vector.provider.wrong, *vector.secrets["signing"]]}
    assert vector.verify(secrets=secrets).secret == 1


@bound_to_the_request
def test_a_request_changed_by_one_byte_is_refused(path: Path) -> None:
    vector = load(path)
    assert vector.provider.spoil is not None
    refused(vector, vector.provider.spoil(vector.request))


@with_secrets
def test_wrong_empty_and_missing_secrets_accept_nothing(path: Path) -> None:
    vector = load(path)
    for values in ([vector.provider.wrong], [""], [], [" "]):
        with pytest.raises(SignatureError):
            vector.verify(secrets={"signing": values})
    with pytest.raises(SignatureError):
        vector.verify(secrets={})


@every_vector
def test_a_proof_that_is_missing_empty_or_not_ascii_is_refused(path: Path) -> None:
    vector = load(path)
    place = vector.provider.proof
    refused(vector, without(place, vector.request))
    assert not vector.provider.scheme.present(without(place, vector.request))
    for text in ("", " ", "é", "\x00", "\udcff", "𐍈" * 50, "=", "v1,", "%"):
        if text == "\udcff" and not isinstance(place, Header):
            continue  # a body or a URL with it cannot come over the wire
        refused(vector, put_alone(place, vector.request, text))


@outside_the_body
def test_a_header_sent_twice_is_refused(path: Path) -> None:
    vector = load(path)
    place = vector.provider.proof
    if isinstance(place, Pair):
        place = Header(place.header)
    if isinstance(place, NumberedHeader):
        request = replace(vector.request, headers={k: f"{v}, {v}" for k, v in vector.request.headers.items()})
        refused(vector, request)
        return
    if isinstance(place, Query):
        refused(vector, replace(vector.request, url=vector.request.url + "&" + urlsplit(vector.request.url).query))
        return
    assert isinstance(place, Header)
    value = vector.request.headers[place.name.lower()]
    headers = {**vector.request.headers, place.name.lower(): f"{value}, {value}"}
    refused(vector, replace(vector.request, headers=headers))


@every_vector
def test_hex_in_upper_case_and_a_cut_signature_are_refused(path: Path) -> None:
    vector = load(path)
    place = vector.provider.proof
    for value in place.all(vector.request)[-1:]:
        refused(vector, put_alone(place, vector.request, value[:-1]))
        if value.upper() != value:
            refused(vector, put_alone(place, vector.request, value.upper()))


@with_a_stamp
def test_a_stale_stamp_and_one_from_the_future_are_refused(path: Path) -> None:
    vector = load(path)
    assert vector.provider.stamp is not None
    scheme: Any = vector.provider.scheme
    text = vector.provider.stamp.get(vector.request)
    assert text is not None
    unit = getattr(scheme, "unit", "iso" if isinstance(scheme, Sns) else "s")
    stamp = (
        datetime.fromisoformat(text)
        if unit == "iso"
        else datetime.fromtimestamp(int(text) / (1000 if unit == "ms" else 1), vector.now.tzinfo)
    )
    vector.verify(now=stamp + scheme.max_age)
    vector.verify(now=stamp - scheme.max_future)
    with pytest.raises(SignatureError, match="s old"):
        vector.verify(now=stamp + scheme.max_age + SECOND)
    with pytest.raises(SignatureError, match="in the future"):
        vector.verify(now=stamp - scheme.max_future - SECOND)


@with_a_stamp
def test_a_stamp_that_is_no_number_or_another_one_is_refused(path: Path) -> None:
    vector = load(path)
    assert vector.provider.stamp is not None
    for text in (
        "",
        "NaN",
        "inf",
        "1e9",
        "-1",
        "\uff11\uff17",
        "9" * 400,
        "0x10",
        " 1706000000",
        "1706000000\x00",
    ):
        refused(vector, vector.provider.stamp.put(vector.request, text))
    renewed = str(int(vector.now.timestamp()) + 1)
    refused(vector, vector.provider.stamp.put(vector.request, renewed))


@every_vector
def test_what_a_scheme_signs_it_verifies(path: Path) -> None:
    vector = load(path)
    scheme = vector.provider.scheme
    sign_with, verify_with, keys = scheme.example()
    signed = scheme.sign(vector.request, sign_with, vector.now)
    assert scheme.verify(signed, verify_with, vector.now, keys).secret == 0
