"""Places: reading and writing a value wherever it stands, and storing a request without it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seamline.delivery import Request
from seamline.errors import PayloadError
from seamline.signature import (
    AnyOf,
    Body,
    FirstPresent,
    Header,
    Hmac,
    NumberedHeader,
    Pair,
    Query,
    SharedToken,
    Signature,
    mask,
)

REQUEST = Request.build("POST", "https://hooks.example.com/x", b"", {"Content-Type": "application/json"})
FORM = replace(REQUEST, headers={"content-type": "application/x-www-form-urlencoded"})


def with_headers(**headers: str) -> Request:
    return Request.build(
        "POST", "https://hooks.example.com/x", b"", {k.replace("_", "-"): v for k, v in headers.items()}
    )


def test_a_header_is_read_in_any_case_and_without_its_prefix() -> None:
    place = Header("X-Hub-Signature-256", "sha256=")
    assert place.get(with_headers(x_HUB_signature_256="sha256=ab")) == "ab"
    assert place.get(with_headers(x_hub_signature_256="ab")) is None
    assert Header("X", "p=", bare=True).get(with_headers(x="ab")) == "ab"
    assert Header("X", "p=", bare=True).get(with_headers(x="p=ab")) == "ab"


def test_a_pair_is_read_and_written_beside_the_others() -> None:
    stamp, proof = Pair("S", "t"), Pair("S", "v1")
    request = with_headers(s="t=1, v1=a=b,v1=c,v0=d,junk")
    assert stamp.get(request) == "1"
    assert proof.all(request) == ("a=b", "c")
    assert proof.get(request) is None
    assert proof.put(stamp.put(with_headers(s="t=1,v1=a,v1=b"), "2"), "c").headers["s"] == "t=2,v1=c"


def test_numbered_headers_are_found_wherever_the_numbering_starts() -> None:
    place = NumberedHeader("X-DocuSign-Signature-")
    request = with_headers(X_DocuSign_Signature_2="b", X_DocuSign_Signature_7="g", X_DocuSign_Signature_x="no")
    assert place.all(request) == ("b", "g")


def test_a_query_parameter_is_decoded_and_replaced_and_never_doubled() -> None:
    place = Query("signature")
    request = replace(REQUEST, url="https://hooks.example.com/x?a=%20&signature=a%2Bb&c")
    assert place.get(request) == "a+b"
    assert place.put(request, "1+2=3").url == "https://hooks.example.com/x?a=%20&c&signature=1%2B2%3D3"
    assert place.get(replace(REQUEST, url="https://hooks.example.com/x?signature=a&signature=a")) is None


def test_a_body_field_is_read_by_path_and_in_forms_the_last_one_counts() -> None:
    place = Body("signature.token", "token")
    assert place.get(replace(REQUEST, body=b'{"signature":{"token":"t"}}')) == "t"
    assert place.get(replace(REQUEST, body=b'{"signature":{"token":7}}')) == "7"
    assert place.get(replace(FORM, body=b"token=attacker&a=1&token=t")) == "t"
    assert Body("list.1.a").get(replace(REQUEST, body=b'{"list":[{},{"a":"x"}]}')) == "x"
    for nothing in (
        b"",
        b"[]",
        b'{"signature":[]}',
        b'{"signature":{"token":true}}',
        b'{"signature":{"token":1.5}}',
        b"{",
    ):
        assert place.get(replace(REQUEST, body=nothing)) is None


def test_a_body_field_is_written_where_there_is_room() -> None:
    place = Body("signature.token", "token")
    assert place.put(replace(REQUEST, body=b'{"a":1}'), "t").json() == {"a": 1, "signature": {"token": "t"}}
    assert place.put(replace(FORM, body=b"token=x&a=%20"), "t&t").body == b"a=%20&token=t%26t"
    for nowhere in (b"[]", b"7", b"", b'"text"'):
        with pytest.raises(PayloadError):
            place.put(replace(REQUEST, body=nowhere), "t")


# --- storing ------------------------------------------------------------------------------------------------------

SECRET = "a/b c-secret"
MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--B\r\nContent-Disposition: form-data; name="token"\r\n\r\na/b c-secret\r\n--B--\r\n'
)


@pytest.mark.parametrize(
    ("scheme", "request_"),
    [
        (SharedToken(Body("google_key")), replace(REQUEST, body=json.dumps({"n": 1.0, "google_key": SECRET}).encode())),
        (SharedToken(Body("token")), replace(REQUEST, body=b'{"n": 1.0, "token": "a\\/b c-secre\\u0074"}')),
        (SharedToken(Body("token")), replace(FORM, body=b"n=1&token=a%2Fb+c-secret")),
        (
            SharedToken(Body("token")),
            replace(REQUEST, body=MULTIPART, headers={"content-type": "multipart/form-data; boundary=B"}),
        ),
        (SharedToken(Query("token")), replace(REQUEST, url="https://hooks.example.com/x?token=a%2Fb%20c-secret")),
        (SharedToken(Header("X-Goog-Channel-Token")), Header("X-Goog-Channel-Token").put(REQUEST, SECRET)),
        (
            FirstPresent({"new": Hmac(Header("X"), no_stamp="none"), "old": SharedToken(Query("token"))}),
            replace(REQUEST, url="https://hooks.example.com/x?token=a%2Fb%20c-secret"),
        ),
        (AnyOf([SharedToken(Body("token"))]), replace(FORM, body=b"token=a%2Fb+c-secret")),
    ],
)
def test_a_stored_request_does_not_hold_the_token(scheme: Signature, request_: Request) -> None:
    now: object = None
    assert scheme.verify(request_, {"signing": [SECRET]}, now, {}).secret == 0  # type: ignore[arg-type]
    stored = mask(scheme, request_)
    text = repr((stored.url, stored.body, dict(stored.headers)))
    for form in (SECRET, "a%2Fb", "c-secre"):
        assert form not in text
    assert "***" in text or "%2A%2A%2A" in text


def test_all_else_of_a_body_is_stored_byte_for_byte() -> None:
    request = replace(REQUEST, body=b'{ "n": 1.0,  "token": "secret", "text": "secret agent" }')
    stored = mask(SharedToken(Body("token")), request)
    assert stored.body == b'{ "n": 1.0,  "token": "***", "text": "secret agent" }'


def test_a_scheme_that_sends_no_secret_leaves_the_request_as_it_is() -> None:
    scheme = Hmac(Header("X"), no_stamp="none")
    assert mask(scheme, REQUEST) is REQUEST
    assert mask(None, REQUEST) is REQUEST
