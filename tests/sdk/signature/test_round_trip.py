"""What a scheme signs it verifies, wherever the proof stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from seamline.delivery import Request
from seamline.errors import ConfigError, KeyUnavailable, SignatureError
from seamline.signature import Signature
from support.schemes import NOW, REQUEST, SCHEMES

each_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)

FORM = replace(REQUEST, body=b"a=1&b=%C3%A9", headers={"content-type": "application/x-www-form-urlencoded"})
MULTIPART = replace(
    REQUEST,
    body=b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n',
    headers={"content-type": 'multipart/form-data; boundary="B"'},
)


@each_scheme
def test_a_signed_request_is_genuine_and_the_signed_one_is_another_value(scheme: Signature) -> None:
    sign_with, verify_with, keys = scheme.example()
    signed = scheme.sign(REQUEST, sign_with, NOW)
    assert scheme.present(signed)
    assert not scheme.present(REQUEST)
    assert scheme.verify(signed, verify_with, NOW, keys).secret == 0
    assert isinstance(scheme, Signature)


@each_scheme
def test_signing_anew_replaces_the_old_proof(scheme: Signature) -> None:
    sign_with, verify_with, keys = scheme.example()
    later = NOW + timedelta(hours=3)
    signed = scheme.sign(scheme.sign(REQUEST, sign_with, NOW), sign_with, later)
    assert scheme.verify(signed, verify_with, later, keys)


@pytest.mark.parametrize("name", ["hmac of the body in the body", "token body"])
@pytest.mark.parametrize("request_", [FORM, MULTIPART], ids=["urlencoded", "multipart"])
def test_a_proof_in_a_form_goes_round(name: str, request_: Request) -> None:
    scheme = SCHEMES[name]
    sign_with, verify_with, keys = scheme.example()
    signed = scheme.sign(scheme.sign(request_, sign_with, NOW), sign_with, NOW)
    assert scheme.verify(signed, verify_with, NOW, keys)
    assert signed.form()["a"] == "1"


@each_scheme
def test_no_secret_shows_in_reprs_and_errors(scheme: Signature) -> None:
    sign_with, verify_with, keys = scheme.example()
    signed = scheme.sign(REQUEST, sign_with, NOW)
    shown = repr(scheme) + repr(scheme.verify(signed, verify_with, NOW, keys)) + repr(signed.headers and signed)
    with pytest.raises((SignatureError, KeyUnavailable)) as caught:
        scheme.verify(signed, {"signing": ["something-else-entirely"]}, NOW + timedelta(days=400), {})
    shown += repr(caught.value) + str(caught.value)
    for secret in [*sign_with["signing"], "something-else-entirely"]:
        assert secret not in shown


@each_scheme
def test_a_lone_string_is_one_secret_and_not_its_letters(scheme: Signature) -> None:
    sign_with, verify_with, keys = scheme.example()
    if not verify_with:
        return
    letter: Any = {"signing": verify_with["signing"][0]}
    signed = scheme.sign(REQUEST, sign_with, NOW)
    assert scheme.verify(signed, letter, NOW, keys).secret == 0
    try:
        forged = scheme.sign(REQUEST, {"signing": [verify_with["signing"][0][0]]}, NOW)
    except ConfigError:
        return
    with pytest.raises(SignatureError):
        scheme.verify(forged, letter, NOW, keys)
