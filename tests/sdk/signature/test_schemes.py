"""What single schemes promise beyond "genuine or refused"."""

from __future__ import annotations

import base64
import hmac
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwk, jwt

from seamline.delivery import Request
from seamline.errors import ConfigError, KeyUnavailable, SignatureError
from seamline.signature import (
    AnyOf,
    BasicAuth,
    BearerToken,
    Body,
    Ecdsa,
    Ed25519,
    FirstPresent,
    Hash,
    Header,
    Hmac,
    Jwt,
    Query,
    Rsa,
    SharedToken,
    Sns,
    StandardWebhooks,
    UnknownKey,
    body,
    check,
)
from seamline.signature.keypair import public_pem

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WHY = "for the test"
STAMP = Header("X-Stamp")
REQUEST = Request.build(
    "POST", "https://hooks.example.com/webhooks/x", b'{"a":1}', {"Content-Type": "application/json"}
)


# --- declaring ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", [Hmac, Hash, Ed25519, Ecdsa, Rsa])
def test_a_scheme_without_a_stamp_says_why_or_that_nobody_said(scheme: Any) -> None:
    assert scheme(Header("X-Signature")).no_stamp == "its author does not say why"
    with pytest.raises(ConfigError, match="no_stamp"):
        scheme(Header("X-Signature"), no_stamp="  ")
    assert scheme(Header("X-Signature"), no_stamp=WHY)


def test_a_stamp_that_is_not_signed_is_an_error() -> None:
    with pytest.raises(ConfigError, match="not signed"):
        Hmac(Header("X-Signature"), (body,), stamp=STAMP)
    Hmac(Header("X-Signature"), (body,), stamp=Body("at"))  # the body covers it
    Hmac(Header("X-Signature"), (lambda _: b"",), stamp=STAMP)  # a function may cover it


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Hmac(Header("X"), no_stamp=WHY, encoding="base32"),  # type: ignore[arg-type]
        lambda: Hmac(Header("X"), no_stamp=WHY, digest="md5"),  # type: ignore[arg-type]
        lambda: Hmac(Header("X"), no_stamp=WHY, key="bytes"),  # type: ignore[arg-type]
        lambda: Hmac(Header("X"), ("text",), no_stamp=WHY),  # type: ignore[arg-type]
        lambda: Rsa(Header("X"), no_stamp=WHY, digest="md5"),  # type: ignore[arg-type]
        lambda: StandardWebhooks(prefixes="webhook-"),
        lambda: FirstPresent({}),
        lambda: AnyOf([]),
        lambda: Body(""),
        lambda: Jwt("http://keys.example.com", "issuer"),
        lambda: Jwt("https://keys.example.com", ""),
        lambda: Jwt("https://keys.example.com", "issuer", algorithms=("HS256",)),
        lambda: Jwt("https://keys.example.com", "issuer", algorithms=("none",)),
    ],
)
def test_a_scheme_declared_wrongly_is_an_error(declare: Any) -> None:
    with pytest.raises(ConfigError):
        declare()


@pytest.mark.parametrize(
    ("scheme", "secrets"),
    [
        (Hmac(Header("X"), no_stamp=WHY), {}),
        (Hmac(Header("X"), no_stamp=WHY, key="hex"), {"signing": ["no hex"]}),
        (StandardWebhooks(), {"signing": ["whsec_"]}),
        (StandardWebhooks(), {"signing": ["whsec_?"]}),
        (BasicAuth(), {"signing": ["only-a-user"]}),
        (BearerToken(), {"signing": [""]}),
        (SharedToken(Query("t"), secret="token"), {"signing": ["x"]}),
        (Ed25519(Header("X"), no_stamp=WHY), {"signing": ["no key"]}),
        (FirstPresent({"a": StandardWebhooks(), "b": BearerToken(secret="other")}), {"signing": ["YQ"]}),
    ],
)  # fmt: skip
def test_secrets_that_cannot_be_used_are_found_at_the_start(scheme: Any, secrets: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        check(scheme, secrets)
    assert "no hex" not in str(caught.value)
    check(scheme, {**scheme.example()[1], "other": ["x"]})


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    schemes: list[Any] = [Ed25519(Header("X"), no_stamp=WHY), Jwt("https://keys.example.com", "issuer"), Sns()]
    for scheme in schemes:
        with pytest.raises(ConfigError, match=r"pip install 'seamline\[asymmetric\]'"):
            check(scheme, {"signing": ["a key never seen before"]})


def test_schemes_are_declared_without_the_extra_being_imported() -> None:
    code = (
        "import sys; from seamline.signature import *; "
        "Ed25519(Header('X'), no_stamp='x'); Sns(); Jwt('https://k', 'i'); "
        "sys.exit(any(name.split('.')[0] in ('cryptography', 'joserfc') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


# --- choosing -----------------------------------------------------------------------------------------------------

V2 = Hmac(Header("X-V2"), (STAMP, body), stamp=STAMP)
V1 = Hmac(Header("X-V1"), no_stamp=WHY)
SECRETS = {"signing": ["secret"]}


def test_a_bad_proof_is_never_mended_by_a_weaker_version() -> None:
    both = FirstPresent({"v2": V2, "v1": V1})
    old = V1.sign(REQUEST, SECRETS, NOW)
    assert both.verify(old, SECRETS, NOW, {}).scheme == "v1"
    assert both.verify(V2.sign(old, SECRETS, NOW), SECRETS, NOW, {}).scheme == "v2"
    for bad in ("", "00", "é"):
        mixed = STAMP.put(Header("X-V2").put(old, bad), str(int(NOW.timestamp())))
        with pytest.raises(SignatureError):
            both.verify(mixed, SECRETS, NOW, {})
    with pytest.raises(SignatureError, match="no proof of v2"):
        FirstPresent({"v2": V2}).verify(old, SECRETS, NOW, {})


def test_any_of_wants_one_and_keeps_what_a_remote_key_needs() -> None:
    either = AnyOf([V2, V1])
    assert either.verify(V1.sign(REQUEST, SECRETS, NOW), SECRETS, NOW, {})
    with pytest.raises(SignatureError):
        either.verify(REQUEST, SECRETS, NOW, {})
    scheme = AnyOf([JWT, V1])
    with pytest.raises(KeyUnavailable):
        scheme.verify(JWT.sign(REQUEST, JWT.example()[0], NOW), SECRETS, NOW, {})
    assert scheme.key_url(JWT.sign(REQUEST, JWT.example()[0], NOW)) == JWT.jwks


# --- Standard Webhooks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr"])
def test_a_secret_may_lack_its_padding_and_its_prefix(secret: str) -> None:
    scheme = StandardWebhooks()
    padded = "whsec_" + secret + "=" * (-len(secret) % 4)
    signed = scheme.sign(REQUEST, {"signing": [secret]}, NOW)
    assert scheme.verify(signed, {"signing": [padded]}, NOW, {})


def test_an_id_with_the_separator_in_it_is_refused() -> None:
    # "a.1700000000.rest" could otherwise be read as the id "a" or as the id "a.1700000000".
    scheme = StandardWebhooks()
    sign_with = scheme.example()[0]
    signed = scheme.sign(Header("webhook-id").put(REQUEST, "msg.1"), sign_with, NOW)
    with pytest.raises(SignatureError, match="not an id"):
        scheme.verify(signed, sign_with, NOW, {})


def test_an_id_that_is_there_is_kept_and_told_as_the_deliverys_key() -> None:
    scheme = StandardWebhooks()
    signed = scheme.sign(Header("webhook-id").put(REQUEST, "msg_7"), scheme.example()[0], NOW)
    assert scheme.message_id(signed) == "msg_7"
    assert scheme.message_id(REQUEST) is None


# --- tokens -------------------------------------------------------------------------------------------------------


def test_basic_auth_knows_colons_in_passwords_and_any_case_of_its_name() -> None:
    pair = base64.b64encode(b"user:pa:ss").decode()
    for name in ("Basic", "basic", "BASIC"):
        request = Header("Authorization").put(REQUEST, f"{name} {pair}")
        assert BasicAuth().verify(request, {"signing": ["user:other", "user:pa:ss"]}, NOW, {}).secret == 1
    with pytest.raises(SignatureError):
        BasicAuth().verify(Header("Authorization").put(REQUEST, f"Bearer {pair}"), {"signing": ["user:pa:ss"]}, NOW, {})


def test_a_password_that_is_missing_in_the_configuration_opens_nothing() -> None:
    for secret in ("user", "user:"):
        request = Header("Authorization").put(REQUEST, "Basic " + base64.b64encode(secret.encode()).decode())
        with pytest.raises(SignatureError):
            BasicAuth().verify(request, {"signing": [secret]}, NOW, {})


def test_a_token_told_for_each_element_must_be_right_for_all() -> None:
    scheme = SharedToken(Body("value.*.clientState"))

    def told(*states: Any) -> Request:
        return replace(REQUEST, body=json.dumps({"value": [{"clientState": state} for state in states]}).encode())

    assert scheme.verify(told("a", "b"), {"signing": ["b", "a"]}, NOW, {}).secret == 1
    for wrong in (
        told("a", "x"),
        told(),
        told("a", None),
        replace(REQUEST, body=b'{"value":[{"clientState":"a"},{}]}'),
    ):
        with pytest.raises(SignatureError):
            scheme.verify(wrong, {"signing": ["a", "b"]}, NOW, {})


# --- key pairs ----------------------------------------------------------------------------------------------------


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def private_pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_public_keys_are_read_as_providers_print_them() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    scheme = Ed25519(Header("X"), no_stamp=WHY)
    signed = scheme.sign(REQUEST, {"signing": [private_pem(key)]}, NOW)
    raw = key.public_key().public_bytes_raw()
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for text in (
        pem(key),
        f"\n{pem(key)}\n",
        raw.hex(),
        base64.b64encode(raw).decode(),
        base64.b64encode(der).decode(),
    ):
        assert scheme.verify(signed, {"signing": ["garbage", text]}, NOW, {}).secret == 1


@pytest.mark.filterwarnings("default")
def test_keys_of_another_kind_or_too_short_ones_accept_nothing() -> None:
    short, curve = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())
    private = ed25519.Ed25519PrivateKey.generate()
    schemes: list[tuple[Any, str]] = [
        (Rsa(Header("X"), no_stamp=WHY), pem(short)),
        (Ecdsa(Header("X"), no_stamp=WHY), pem(curve)),
        (Rsa(Header("X"), no_stamp=WHY), pem(curve)),
        (Ed25519(Header("X"), no_stamp=WHY), private_pem(private)),
    ]
    for scheme, key in schemes:
        signed = scheme.sign(REQUEST, scheme.example()[0], NOW)
        with pytest.raises(SignatureError):
            scheme.verify(signed, {"signing": [key]}, NOW, {})
        with pytest.raises(ConfigError):
            check(scheme, {"signing": [key]})


def test_a_published_key_counts_only_where_the_source_has_none() -> None:
    ours = Ed25519(Header("X"), no_stamp=WHY).example()
    scheme = Ed25519(Header("X"), no_stamp=WHY, published=ours[1]["signing"])
    signed = scheme.sign(REQUEST, ours[0], NOW)
    assert scheme.verify(signed, {}, NOW, {})
    assert scheme.verify(signed, {"signing": [""]}, NOW, {})
    with pytest.raises(SignatureError):
        scheme.verify(signed, {"signing": [pem(ed25519.Ed25519PrivateKey.generate())]}, NOW, {})


# --- JSON Web Tokens ----------------------------------------------------------------------------------------------

JWT = Jwt(
    "https://keys.example.com/jwks",
    ("https://issuer.example.com", "issuer.example.com"),
    "https://hooks.example.com/webhooks/x",
    claims={"email": "push@example.com", "email_verified": True},
)
START = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": "https://issuer.example.com", "aud": JWT.audience, "iat": START, "exp": START + 3600,
    "email": "push@example.com", "email_verified": True,
}  # fmt: skip


def token(claims: dict[str, Any], **header: Any) -> Request:
    key = jwk.import_key(JWT.example()[0]["signing"][0], "RSA")
    key.ensure_kid()
    text = jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key, algorithms=["RS256"])
    return JWT.at.put(REQUEST, text)


def test_a_token_with_the_right_claims_is_genuine() -> None:
    keys = JWT.example()[2]
    assert JWT.verify(token(CLAIMS), {}, NOW, keys).scheme == "jwt"
    assert JWT.verify(token({**CLAIMS, "aud": ["x", JWT.audience]}), {}, NOW, keys)
    assert JWT.verify(token({**CLAIMS, "iss": "issuer.example.com"}), {}, NOW, keys)
    assert JWT.verify(token(CLAIMS), {}, NOW + timedelta(seconds=3659), keys)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example.com"}, {"iss": None}, {"aud": "https://other.example.com"}, {"aud": None},
        {"aud": {JWT.audience: 1}}, {"exp": START - 61}, {"exp": None}, {"exp": True}, {"exp": str(START + 60)},
        {"exp": float("nan")}, {"exp": 1e300}, {"nbf": START + 61}, {"nbf": "x"}, {"iat": START + 61},
        {"email": "other@example.com"}, {"email": None}, {"email_verified": 1}, {"email_verified": "true"},
        {"iss": ["https://issuer.example.com"]},
    ],
)  # fmt: skip
def test_a_token_with_another_claim_is_refused(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    with pytest.raises(SignatureError):
        JWT.verify(token(claims), {}, NOW, JWT.example()[2])


def test_a_token_is_not_taken_with_another_algorithm() -> None:
    keys = JWT.example()[2]
    public = public_pem(JWT.example()[0]["signing"][0])
    segments = token(CLAIMS).headers["authorization"].removeprefix("Bearer ").split(".")
    none, hs256 = unpadded(b'{"alg":"none"}'), unpadded(b'{"alg":"HS256"}')
    # The classic: the public key, which everybody has, taken as the secret of an HMAC.
    confused = unpadded(hmac.digest(public.encode(), f"{hs256}.{segments[1]}".encode(), "sha256"))
    for forged in (
        f"{hs256}.{segments[1]}.{confused}",
        f"{none}.{segments[1]}.",
        f"{none}.{segments[1]}.{segments[2]}",
        f"{segments[0]}.{segments[1]}.",
    ):
        with pytest.raises(SignatureError):
            JWT.verify(JWT.at.put(REQUEST, forged), {}, NOW, keys)


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_key_that_is_not_published_says_so_and_missing_keys_are_our_fault() -> None:
    keys = JWT.example()[2]
    with pytest.raises(UnknownKey):
        JWT.verify(token(CLAIMS, kid="another"), {}, NOW, keys)
    with pytest.raises(KeyUnavailable):
        JWT.verify(token(CLAIMS), {}, NOW, {})
    for garbage in (b"", b"<html>", b'{"keys": 7}', b'{"keys": []}', b"[]"):
        with pytest.raises(KeyUnavailable):
            JWT.verify(token(CLAIMS), {}, NOW, {JWT.jwks: garbage})


def test_no_request_has_a_say_in_where_keys_come_from() -> None:
    assert JWT.key_url(token(CLAIMS, jku="https://evil.example.com/jwks")) == JWT.jwks
    assert JWT.key_url(REQUEST) is None


# --- SNS ----------------------------------------------------------------------------------------------------------

SNS = Sns()
NOTIFICATION = replace(REQUEST, body=json.dumps({"Message": "hello", "Subject": "it"}).encode())


@pytest.mark.parametrize(
    "where",
    [
        "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem?x=.pem",
        "https://sns.us-east-1.amazonaws.com/other/SimpleNotificationService-1.pem",
        "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.s3.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem\n",
        "file:///etc/passwd",
        "",
        None,
        7,
    ],
)
def test_a_certificate_from_elsewhere_is_refused_and_never_fetched(where: Any) -> None:
    signed = SNS.sign(NOTIFICATION, SNS.example()[0], NOW)
    moved = replace(signed, body=json.dumps({**signed.json(), "SigningCertURL": where}).encode())
    assert SNS.key_url(moved) is None
    with pytest.raises(SignatureError, match="SigningCertURL"):
        SNS.verify(moved, {}, NOW, {str(where): SNS.example()[2][signed.json()["SigningCertURL"]]})


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-4"])
def test_amazons_own_certificates_are_named_in_every_region(region: str) -> None:
    for host in (f"sns.{region}.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"):
        where = f"https://{host}/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"
        assert SNS.key_url(replace(REQUEST, body=json.dumps({"SigningCertURL": where}).encode())) == where


def test_the_seam_between_two_fields_cannot_be_moved() -> None:
    # The signed text of these fields is the same: only Message may hold a line break.
    signed = SNS.sign(
        replace(REQUEST, body=json.dumps({"Message": "a\nMessageId\nb\nSubject\nc"}).encode()), SNS.example()[0], NOW
    )
    told = signed.json()
    moved = {**told, "Message": "a", "MessageId": "b", "Subject": f"c\nMessageId\n{told['MessageId']}"}
    assert SNS.verify(signed, {}, NOW, SNS.example()[2])
    with pytest.raises(SignatureError, match="Subject"):
        SNS.verify(replace(signed, body=json.dumps(moved).encode()), {}, NOW, SNS.example()[2])


def test_a_certificate_that_is_not_at_hand_or_none_is_our_fault() -> None:
    signed = SNS.sign(NOTIFICATION, SNS.example()[0], NOW)
    where = SNS.key_url(signed)
    assert where is not None
    for keys in ({}, {where: b""}, {where: b"<html>"}):
        with pytest.raises(KeyUnavailable):
            SNS.verify(signed, {}, NOW, keys)


@pytest.mark.parametrize("type_", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_the_token_of_a_confirmation_is_signed(type_: str) -> None:
    told = {
        "Type": type_,
        "Token": "t",
        "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
    }
    signed = SNS.sign(replace(REQUEST, body=json.dumps(told).encode()), SNS.example()[0], NOW)
    assert SNS.verify(signed, {}, NOW, SNS.example()[2]).scheme == "sns-2"
    for name in ("Token", "SubscribeURL", "Type"):
        other = "Notification" if name == "Type" else "other"
        with pytest.raises(SignatureError):
            SNS.verify(
                replace(signed, body=json.dumps({**signed.json(), name: other}).encode()), {}, NOW, SNS.example()[2]
            )


def test_an_id_that_is_not_ascii_is_signed_as_its_bytes_came() -> None:
    key, now = b"a key of the test's own, 32 bytes", NOW
    wire, body = "pedido-ñ".encode(), b"{}"
    stamp = str(int(now.timestamp()))
    proof = base64.b64encode(hmac.digest(key, b"%b.%b.%b" % (wire, stamp.encode(), body), "sha256")).decode()
    headers = {"webhook-id": wire.decode("latin-1"), "webhook-timestamp": stamp, "webhook-signature": f"v1,{proof}"}
    request = Request("POST", "https://hooks.example.com/webhooks/crm", body, headers)
    StandardWebhooks().verify(request, {"signing": [base64.b64encode(key).decode()]}, now, {})
