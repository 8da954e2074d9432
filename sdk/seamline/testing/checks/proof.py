"""Checks of the proof: what is genuine passes, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from seamline.delivery import Request
from seamline.errors import PayloadError, SignatureError
from seamline.signature.base import Proof, Secrets, Signature
from seamline.signature.keypair import public_pem
from seamline.testing.checks.check import Broken, Case, StoryCheck, demand
from seamline.testing.keys import other_secret
from seamline.testing.signer import Signer

#: Further off than any tolerance of a provider.
FAR = timedelta(days=400)

NON_ASCII = ("\u00e9\u00fc\u4e00", "\ud83d\ude80", "\u0661\u0662\u0663", "\udcff")


def _genuine(case: Case) -> Iterator[tuple[Request, Request, Signature]]:
    """Each step bare and signed, with the scheme; nothing where the provider signs nothing."""
    scheme = case.bench.scheme
    if scheme is not None:
        for _, bare in case.bench.signed_steps():
            yield bare, case.bench.sign(bare), scheme


def _verify(case: Case, request: Request, secrets: Secrets | None = None) -> Proof:
    scheme = case.bench.scheme
    assert scheme is not None
    return scheme.verify(request, case.bench.secrets if secrets is None else secrets, case.bench.now, case.bench.keys)


def _refused(case: Case, request: Request, what: str, secrets: Secrets | None = None) -> None:
    """Demand a SignatureError and nothing else."""
    try:
        _verify(case, request, secrets)
    except SignatureError:
        return
    except Exception as error:
        raise Broken(f"{what} raised {type(error).__name__} instead of SignatureError") from error
    raise Broken(f"{what} was accepted")


def accepts_signed(case: Case) -> bool:
    ran = False
    for _, signed, _ in _genuine(case):
        ran = True
        try:
            proof = _verify(case, signed)
        except SignatureError as error:
            raise Broken(f"a request signed by the scheme itself was refused: {error.reason}") from error
        demand(isinstance(proof, Proof), "verify() must return a Proof")
    return ran


def rejects_missing(case: Case) -> bool:
    ran = False
    for bare, signed, _ in _genuine(case):
        ran = True
        _refused(case, bare, "a request without any signature")
        for name, stripped in _without_each(bare, signed):
            _refused(case, stripped, f"a request without {name}")
    return ran


def rejects_empty(case: Case) -> bool:
    ran = False
    for bare, signed, _ in _genuine(case):
        for name, emptied in _with_each(bare, signed, ""):
            ran = True
            _refused(case, emptied, f"an empty {name}")
    return ran


def rejects_non_ascii(case: Case) -> bool:
    ran = False
    for bare, signed, _ in _genuine(case):
        for text in NON_ASCII:
            for name, odd in _with_each(bare, signed, text):
                ran = True
                _refused(case, odd, f"a non-ASCII {name}")
    return ran


def rejects_wrong_secret(case: Case) -> bool:
    scheme, ran = case.bench.scheme, False
    if scheme is None:
        return False
    wrong = _other_secrets(case, scheme)
    for _, bare in case.bench.signed_steps():
        ran = True
        _refused(case, scheme.sign(bare, wrong, case.bench.now), "a request signed with another secret")
    return ran


def rejects_without_secret(case: Case) -> bool:
    ran = False
    names = _verifying(case)
    for _, signed, scheme in _genuine(case):
        if not names:
            return False  # the proof is wholly in remote keys
        ran = True
        _refused(case, signed, "a request at a source without a secret", {})
        for empty in ((), ("",)):
            secrets = {**case.bench.secrets, **dict.fromkeys(names, empty)}
            _refused(case, signed, "a request at a source with an empty secret", secrets)
            forged = _forged_with_nothing(case, scheme, secrets, signed)
            _refused(case, forged, "a request signed with an empty secret", secrets)
    return ran


def rejects_changed_body(case: Case) -> bool:
    if case.bench.adapter.trust != "signed":
        return False
    ran = False
    for _, signed, _ in _genuine(case):
        body = signed.body
        for at in sorted({0, len(body) // 2, len(body) - 1}) if body else ():
            ran = True
            flipped = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            _refused(case, replace(signed, body=flipped), f"a body whose byte {at} was flipped")
    return ran


def rejects_changed_body_in_older_schemes(case: Case) -> bool:
    ran = False
    schemes = getattr(case.bench.scheme, "schemes", {})
    if case.bench.adapter.trust != "signed":
        return False
    # FirstPresent's are a mapping by name, AnyOf's a sequence.
    for weaker in list(schemes.values() if isinstance(schemes, Mapping) else schemes)[1:]:
        sign, verify, keys = weaker.example()
        for _, bare in case.bench.signed_steps():
            signed = weaker.sign(bare, {**sign, **case.bench.signing}, case.bench.now)
            if not signed.body or not weaker.present(signed):
                continue
            ran = True
            at = len(signed.body) - 1
            flipped = replace(signed, body=signed.body[:at] + bytes([signed.body[at] ^ 1]))
            try:
                weaker.verify(flipped, {**verify, **case.bench.secrets}, case.bench.now, {**keys, **case.bench.keys})
            except SignatureError:
                continue
            raise Broken(f"the scheme {getattr(weaker, 'name', type(weaker).__name__)} accepted a changed body")
    return ran


def ignores_header_case(case: Case) -> bool:
    ran = False
    for _, signed, _ in _genuine(case):
        for change in (str.upper, str.lower, str.title):
            ran = True
            headers = {change(name): value for name, value in signed.headers.items()}
            request = Request.build(signed.method, signed.url, signed.body, headers)
            try:
                _verify(case, request)
            except Exception as error:
                raise Broken(f"headers written as {change('x-name')} were refused: {type(error).__name__}") from error
    return ran


def verifies_raw_bytes(case: Case) -> bool:
    if case.bench.adapter.trust != "signed":
        return False
    ran = False
    for bare, signed, _ in _genuine(case):
        for rewritten in _rewritten(bare.body):
            ran = True
            if bare.body == signed.body:
                _refused(case, replace(signed, body=rewritten), "a re-formatted body under the same signature")
            odd = case.bench.sign(replace(bare, body=rewritten))
            try:
                _verify(case, odd)
            except Exception as error:
                raise Broken("a body with odd white space, rightly signed, was refused") from error
    return ran


def rotates(case: Case) -> bool:
    scheme, ran = case.bench.scheme, False
    if scheme is None:
        return False
    names = _verifying(case)
    other = _other_secrets(case, scheme, verifying=True)
    for _, bare in case.bench.signed_steps():
        signed = case.bench.sign(bare)
        for name in names:
            ran = True
            good, wrong = list(case.bench.secrets[name]), list(other[name])
            for values, index in ((wrong + good, len(wrong)), (good + wrong, 0)):
                try:
                    proof = _verify(case, signed, {**case.bench.secrets, name: values})
                except Exception as error:
                    raise Broken(f"the right secret at place {index} of {name!r} was not tried") from error
                demand(len(names) > 1 or proof.secret == index, f"Proof.secret is {proof.secret}, not {index}")
    return ran


def rejects_stale(case: Case) -> bool:
    return _out_of_time(case, -FAR, "a request signed long ago")


def rejects_future(case: Case) -> bool:
    return _out_of_time(case, FAR, "a request signed in the future")


def _out_of_time(case: Case, shift: timedelta, what: str) -> bool:
    scheme, ran = case.bench.scheme, False
    if scheme is None or not _stamped(case):
        return False
    for _, bare in case.bench.signed_steps():
        ran = True
        _refused(case, case.bench.sign(bare, case.bench.now + shift), what)
    return ran


def keeps_to_the_strongest(case: Case) -> bool:
    scheme, ran = case.bench.scheme, False
    schemes = getattr(scheme, "schemes", None)
    ranked: list[tuple[str, Signature]] = list(schemes.items()) if isinstance(schemes, Mapping) else []
    for _, bare in case.bench.signed_steps():
        for at, (strong, first) in enumerate(ranked):
            for weak, second in ranked[at + 1 :]:
                ran = True
                sign, verify, _ = second.example()
                signing, secrets = {**sign, **case.bench.signing}, {**verify, **case.bench.secrets}
                for name, broken in _with_each(bare, first.sign(bare, signing, case.bench.now), "AAAA"):
                    both = second.sign(broken, signing, case.bench.now)
                    if first.present(both):
                        _refused(case, both, f"a bad {strong} ({name}) beside a good {weak}", secrets)
    return ran


def raises_only_signature_errors(case: Case) -> bool:
    ran = False
    for _, signed, _ in _genuine(case):
        for body in (b"", b"null", b"\xff\xfe{", b"[" * 5000, b"{}", b"[1]", b"a=b&a=c"):
            ran = True
            garbled = {name: "\x00" + value[::-1] + ",=;" for name, value in signed.headers.items()}
            for headers in (garbled, {**signed.headers, "content-type": "multipart/form-data; boundary="}):
                for url in (signed.url, signed.url + "?a=%ff&a=%zz;b"):
                    _survives(case, Request("POST", url, body, headers))
    return ran


def _survives(case: Case, request: Request) -> None:
    try:
        _verify(case, request)
    except SignatureError:
        return
    except Exception as error:
        raise Broken(f"a garbled request raised {type(error).__name__} instead of SignatureError") from error


def _verifying(case: Case) -> list[str]:
    """The names of the secrets that verify; the others are for calls and challenges."""
    scheme = case.bench.scheme
    return sorted(scheme.example()[1]) if scheme is not None else []


def _other_secrets(case: Case, scheme: Signature, *, verifying: bool = False) -> Secrets:
    """Secrets of the same form that are not ours."""
    sign, verify, _ = scheme.example()
    if sign == verify:
        return {**case.bench.secrets, **{name: [other_secret(v) for v in case.bench.secrets[name]] for name in sign}}
    private = {name: [other_secret(value) for value in values] for name, values in sign.items()}
    if not verifying:
        return private
    return {name: [public_pem(value) for value in private[name]] for name in verify if name in private}


def _forged_with_nothing(case: Case, scheme: Signature, secrets: Secrets, otherwise: Request) -> Request:
    for _, bare in case.bench.signed_steps():
        try:
            return scheme.sign(bare, secrets, case.bench.now)
        except Exception:  # the scheme will not sign with nothing, which is as good
            return otherwise
    return otherwise


def _stamped(case: Case) -> bool:
    signer = Signer(case.bench.adapter, case.bench.signing)
    return any(signer.says_when(bare, case.bench.now) for _, bare in case.bench.signed_steps())


def _rewritten(body: bytes) -> list[bytes]:
    """The same JSON in other bytes."""
    try:
        value = json.loads(body)
    except ValueError:
        return []
    texts = (json.dumps(value), json.dumps(value, separators=(",", ":")), json.dumps(value, indent=3) + " \n")
    return [text.encode() for text in texts if text.encode() != body]


def _differences(bare: Request, signed: Request) -> tuple[list[str], list[str], list[str]]:
    """The headers, query parameters and top-level body fields that signing added or changed."""
    headers = [name for name, value in signed.headers.items() if bare.headers.get(name) != value]
    query = [name for name, value in signed.query.items() if bare.query.get(name) != value]
    before, after = _fields(bare), _fields(signed)
    return headers, query, [name for name, value in after.items() if before.get(name) != value]


def _fields(request: Request) -> dict[str, object]:
    try:
        if request.is_form:
            return dict(request.form().fields)
        value = request.json()
    except PayloadError:
        return {}
    return value if isinstance(value, dict) else {}


def _with_each(bare: Request, signed: Request, text: str) -> Iterator[tuple[str, Request]]:
    """The signed request with each value that signing added replaced by ``text``."""
    headers, query, fields = _differences(bare, signed)
    for name in headers:
        yield f"header {name}", replace(signed, headers={**signed.headers, name: text})
    for name in query:
        yield f"query parameter {name}", _with_query(signed, {**signed.query, name: text})
    for name in fields:
        yield f"body field {name}", _with_field(signed, name, text)


def _without_each(bare: Request, signed: Request) -> Iterator[tuple[str, Request]]:
    headers, query, _ = _differences(bare, signed)
    for name in headers:
        yield f"header {name}", replace(signed, headers={n: v for n, v in signed.headers.items() if n != name})
    for name in query:
        yield f"query parameter {name}", _with_query(signed, {n: v for n, v in signed.query.items() if n != name})


def _with_query(request: Request, query: Mapping[str, str]) -> Request:
    text = urlencode(query, errors="surrogatepass")
    return replace(request, url=urlsplit(request.url)._replace(query=text).geturl())


def _with_field(request: Request, name: str, text: str) -> Request:
    fields = _fields(request)
    if request.media_type == "multipart/form-data":
        raw = str(fields[name]).encode()
        return replace(request, body=request.body.replace(raw, text.encode("utf-8", "surrogatepass")))
    if request.is_form:
        return replace(request, body=urlencode({**fields, name: text}, errors="surrogatepass").encode())
    return replace(request, body=json.dumps({**fields, name: text}).encode())


PROOF_CHECKS: Sequence[StoryCheck] = (
    StoryCheck("accepts signed", "the scheme's sign and verify disagree: compare the signed parts", accepts_signed),
    StoryCheck(
        "rejects a missing signature",
        "verify must fail closed: no header, no entry; use a scheme of seamline.signature",
        rejects_missing,
    ),
    StoryCheck("rejects an empty signature", "an empty proof is a missing proof", rejects_empty),
    StoryCheck(
        "rejects a non-ASCII signature",
        "compare bytes, not str: hmac.compare_digest raises TypeError on non-ASCII text",
        rejects_non_ascii,
    ),
    StoryCheck("rejects a wrong secret", "the secret must take part in the proof", rejects_wrong_secret),
    StoryCheck("rejects without a secret", "a source without a secret must refuse everything", rejects_without_secret),
    StoryCheck(
        "rejects a changed body",
        'the proof must cover the body; where the provider\'s does not, declare trust = "authenticated"',
        rejects_changed_body,
    ),
    StoryCheck(
        "rejects a changed body in older schemes",
        'where a source lets a scheme pass that does not cover the body, set self.trust = "authenticated" in __init__',
        rejects_changed_body_in_older_schemes,
    ),
    StoryCheck("header names are case-insensitive", "read headers with request.header(name)", ignores_header_case),
    StoryCheck(
        "raw bytes are verified", "verify request.body as received, never parsed JSON written anew", verifies_raw_bytes
    ),
    StoryCheck("secrets can be rotated", "try every value of the secret, and say in Proof which one matched", rotates),
    StoryCheck("rejects a stale timestamp", "compare the signed timestamp with now; see Hmac(stamp=…)", rejects_stale),
    StoryCheck(
        "rejects a future timestamp", "the window has two sides: a stamp in the future is refused too", rejects_future
    ),
    StoryCheck(
        "never falls back to a weaker scheme",
        "the first scheme that is present decides alone; see FirstPresent",
        keeps_to_the_strongest,
    ),
    StoryCheck(
        "verify raises only SignatureError",
        "whatever an unknown sender writes must give 401, never 500",
        raises_only_signature_errors,
    ),
)
