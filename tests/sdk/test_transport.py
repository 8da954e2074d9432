"""The transport: statuses, retries, budgets, and where secrets go. Providers are played by respx."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from seamline.call import Answer, Auth, Basic, Bearer, Call, Calls, HeaderToken, QueryToken
from seamline.errors import KeyUnavailable, NeedsHuman, RetryLater, SeamlineError
from seamline.transport import (
    CallRefused,
    EgressRefused,
    Limits,
    SecretMissing,
    Transport,
    Uncertain,
    drive,
    retry_after,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTS = ("api.example.com", "*.example.net")
URL = "https://api.example.com/deals/1"
TOKEN = "tok-5ecret-5ecret"
SECRETS = {"api": [TOKEN, "tok-old"]}


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def transport(time: Time) -> Iterator[Transport]:
    made = Transport(now=lambda: NOW, clock=time.clock, sleep=time.sleep, random=lambda: 1.0)
    yield made
    made.close()


@pytest.fixture
def provider() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def get(transport: Transport, call: Call | None = None, auth: Auth | None = None, **kw: Any) -> Answer:
    return transport.send(call or Call("deal", URL, secret="api"), hosts=HOSTS, auth=auth, secrets=SECRETS, **kw)


def test_a_2xx_is_answered_with_lower_case_headers_and_without_the_providers_session(
    transport: Transport, provider: respx.MockRouter
) -> None:
    provider.get(URL).respond(200, json={"id": 1}, headers={"X-Request-Id": "r1", "Set-Cookie": "session=1"})
    answer = get(transport)
    assert answer.json() == {"id": 1}
    assert answer.headers["x-request-id"] == "r1"
    assert "set-cookie" not in answer.headers


def test_an_accepted_status_is_given_to_the_adapter(transport: Transport, provider: respx.MockRouter) -> None:
    provider.get(URL).respond(400, json={"error": {"code": 190}})
    assert get(transport, Call("deal", URL, accept=(400,))).json() == {"error": {"code": 190}}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_refusal_is_tried_again_with_full_jitter(
    status: int, transport: Transport, provider: respx.MockRouter, time: Time
) -> None:
    provider.get(URL).mock(side_effect=[httpx.Response(status), httpx.Response(status), httpx.Response(200)])
    assert get(transport).status == 200
    assert time.slept == [0.5, 1.0]


def test_the_wait_is_drawn_between_nothing_and_its_ceiling(provider: respx.MockRouter, time: Time) -> None:
    draws = iter([0.0, 0.25])
    made = Transport(now=lambda: NOW, clock=time.clock, sleep=time.sleep, random=lambda: next(draws))
    provider.get(URL).mock(side_effect=[httpx.Response(503), httpx.Response(503), httpx.Response(200)])
    get(made)
    made.close()
    assert time.slept == [0.0, 0.25]


def test_after_the_last_attempt_the_durable_queue_waits(transport: Transport, provider: respx.MockRouter) -> None:
    route = provider.get(URL).respond(503)
    with pytest.raises(RetryLater, match=r"deal: GET api\.example\.com answered 503") as caught:
        get(transport)
    assert route.call_count == 3
    assert caught.value.after is None


@pytest.mark.parametrize("told", ["4", "Sun, 22 Nov 2026 12:00:04 GMT"])
def test_retry_after_is_obeyed_in_both_forms(
    told: str, transport: Transport, provider: respx.MockRouter, time: Time
) -> None:
    provider.get(URL).mock(side_effect=[httpx.Response(429, headers={"Retry-After": told}), httpx.Response(200)])
    assert get(transport).status == 200
    assert time.slept == [4.0]


def test_retry_after_beyond_the_budget_is_handed_to_the_queue_without_sleeping(
    transport: Transport, provider: respx.MockRouter, time: Time
) -> None:
    route = provider.get(URL).respond(429, headers={"Retry-After": "120"})
    with pytest.raises(RetryLater) as caught:
        get(transport)
    assert caught.value.after == timedelta(seconds=120)
    assert route.call_count == 1
    assert time.slept == []


def test_the_budget_covers_all_attempts_together(transport: Transport, provider: respx.MockRouter, time: Time) -> None:
    route = provider.get(URL).respond(503, headers={"Retry-After": "6"})
    with pytest.raises(RetryLater) as caught:
        get(transport, limits=Limits(attempts=10))
    assert time.slept == [6.0]
    assert route.call_count == 2
    assert caught.value.after == timedelta(seconds=6)


@pytest.mark.parametrize(
    ("told", "after"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("-5", timedelta(0)),
        ("1.5", timedelta(seconds=1.5)),
        ("1e300", timedelta(days=7)),
        ("inf", timedelta(days=7)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("Sun, 22 Nov 2026 12:01:00 -0000", timedelta(minutes=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=7)),
        ("Sun, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_written_and_bounded(told: str | None, after: timedelta | None) -> None:
    assert retry_after(told, NOW) == after


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ConnectTimeout("x")])
def test_a_connection_that_was_never_made_is_tried_again_whatever_the_method(
    error: httpx.TransportError, transport: Transport, provider: respx.MockRouter
) -> None:
    provider.post(URL).mock(side_effect=[error, httpx.Response(201)])
    assert get(transport, Call("note", URL, method="POST", json={})).status == 201


@pytest.mark.parametrize(
    "broken", [httpx.Response(503), httpx.Response(408), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")]
)
def test_a_post_that_may_have_taken_effect_is_not_sent_again(
    broken: Any, transport: Transport, provider: respx.MockRouter
) -> None:
    route = provider.post(URL).mock(side_effect=[broken, httpx.Response(201)])
    with pytest.raises(Uncertain):
        get(transport, Call("note", URL, method="POST", json={}))
    assert route.call_count == 1


@pytest.mark.parametrize(
    "call",
    [
        Call("note", URL, method="POST", json={}, headers={"Idempotency-Key": "k1"}),
        Call("search", URL, method="POST", json={}, repeatable=True),
        Call("put", URL, method="PUT", json={}),
    ],
)
def test_a_call_that_may_be_repeated_is(call: Call, transport: Transport, provider: respx.MockRouter) -> None:
    route = provider.route(url=URL).mock(side_effect=[httpx.ReadTimeout("x"), httpx.Response(503), httpx.Response(200)])
    assert get(transport, call).status == 200
    assert route.call_count == 3


def test_a_post_that_was_refused_before_anything_was_done_is_sent_again(
    transport: Transport, provider: respx.MockRouter
) -> None:
    provider.post(URL).mock(side_effect=[httpx.Response(429), httpx.Response(201)])
    assert get(transport, Call("note", URL, method="POST", json={})).status == 201


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_a_persons_task(status: int, transport: Transport, provider: respx.MockRouter) -> None:
    route = provider.get(URL).respond(status)
    with pytest.raises(NeedsHuman, match="credentials"):
        get(transport)
    assert route.call_count == 1


def test_a_403_with_retry_after_is_a_rate_limit(transport: Transport, provider: respx.MockRouter) -> None:
    provider.get(URL).mock(side_effect=[httpx.Response(403, headers={"Retry-After": "1"}), httpx.Response(200)])
    assert get(transport).status == 200


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
def test_a_permanent_refusal_says_its_status(status: int, transport: Transport, provider: respx.MockRouter) -> None:
    provider.get(URL).respond(status)
    with pytest.raises(CallRefused) as caught:
        get(transport)
    assert caught.value.status == status


def test_a_redirect_is_an_error_that_says_so(transport: Transport, provider: respx.MockRouter) -> None:
    provider.get(URL).respond(302, headers={"Location": "https://elsewhere.example.org/?t=secret"})
    with pytest.raises(CallRefused, match="redirects are not followed") as caught:
        get(transport)
    assert "elsewhere" not in str(caught.value)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Bearer(), "authorization", f"Bearer {TOKEN}"),
        (Basic(), "authorization", "Basic " + base64.b64encode(TOKEN.encode()).decode()),
        (HeaderToken("X-Api-Key"), "x-api-key", TOKEN),
    ],
)
def test_the_first_value_of_a_secret_is_sent_as_the_adapter_declares(
    auth: Auth, header: str, value: str, transport: Transport, provider: respx.MockRouter
) -> None:
    route = provider.get(URL)
    get(transport, auth=auth)
    assert route.calls.last.request.headers[header] == value


def test_a_query_token_joins_the_calls_own_parameters(transport: Transport, provider: respx.MockRouter) -> None:
    route = provider.get(url__startswith=URL)
    get(transport, Call("deal", URL + "?a=1", query={"b": "2 3"}, secret="api"), QueryToken("access_token"))
    assert dict(route.calls.last.request.url.params) == {"a": "1", "b": "2 3", "access_token": TOKEN}


def test_a_signed_url_without_parameters_of_ours_is_sent_untouched(
    transport: Transport, provider: respx.MockRouter
) -> None:
    route = provider.get(url__startswith=URL)
    get(transport, Call("confirm", URL + "?Token=a%2Bb%20c&X"))
    assert route.calls.last.request.url.raw_path == b"/deals/1?Token=a%2Bb%20c&X"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com.evil.example.org/",
        "https://evil.example.org/",
        "https://example.net/",
        "https://evilexample.net/",
        "https://api.example.com@evil.example.org/",
        "https://user:pass@api.example.com/",
        "http://api.example.com/",
        "https:///deals",
        "file:///etc/passwd",
        "ftp://api.example.com/",
        "not a url",
        "https://[",
    ],
)
def test_a_secret_never_goes_elsewhere(url: str, transport: Transport, provider: respx.MockRouter) -> None:
    route = provider.route().respond(200)
    with pytest.raises(EgressRefused) as caught:
        get(transport, Call("deal", url, secret="api"))
    assert route.call_count == 0
    assert TOKEN not in repr(caught.value)


def test_a_suffix_pattern_covers_what_lies_below_it(transport: Transport, provider: respx.MockRouter) -> None:
    route = provider.get("https://Eu.Files.example.net/1").respond(200)
    get(transport, Call("file", "https://Eu.Files.example.net/1", secret="api"))
    assert route.call_count == 1


def test_an_address_that_a_company_configured_gets_no_secret(transport: Transport, provider: respx.MockRouter) -> None:
    route = provider.post("https://seat.example.org/in").respond(204)
    assert transport.send(Call("hand", "https://seat.example.org/in", method="POST", json={})).status == 204
    with pytest.raises(EgressRefused):
        transport.send(Call("hand", "https://seat.example.org/in", method="POST", secret="api"), secrets=SECRETS)
    assert route.call_count == 1


def test_a_secret_for_the_body_is_filled_in_and_goes_only_to_the_adapters_hosts(
    transport: Transport, provider: respx.MockRouter
) -> None:
    route = provider.post(url__regex=".*").respond(201)
    call = Call("hook", URL, method="POST", json={"events": ["a"]}, json_secrets={"signing_key": "api"})
    get(transport, call)
    assert json.loads(route.calls.last.request.content) == {"events": ["a"], "signing_key": TOKEN}
    assert call.json == {"events": ["a"]}
    with pytest.raises(EgressRefused):
        transport.send(call, secrets=SECRETS)
    with pytest.raises(SecretMissing, match="api"):
        transport.send(call, hosts=HOSTS)
    assert route.call_count == 1


def test_a_missing_secret_is_named_and_nothing_is_sent(transport: Transport, provider: respx.MockRouter) -> None:
    route = provider.get(URL)
    with pytest.raises(SecretMissing, match=r"page_token\.77") as caught:
        get(transport, Call("lead", URL, secret="page_token.77"))
    assert caught.value.name == "page_token.77"
    assert isinstance(caught.value, NeedsHuman)
    assert route.call_count == 0


@pytest.mark.parametrize("broken", [f"{TOKEN}\nx", f"{TOKEN}ü"])
def test_a_secret_that_cannot_be_written_is_not_told_in_the_error(broken: str, transport: Transport) -> None:
    with pytest.raises(EgressRefused) as caught:
        transport.send(Call("deal", URL, secret="api"), hosts=HOSTS, secrets={"api": [broken]})
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "outcome", [httpx.Response(404), httpx.Response(503), httpx.Response(401), httpx.ReadTimeout(URL + TOKEN)]
)
def test_no_error_and_no_log_line_holds_a_secret_or_a_query(
    outcome: Any, transport: Transport, provider: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    provider.get(url__startswith=URL).mock(side_effect=[outcome] * 3)
    call = Call("deal", URL, query={"email": "jo@example.com"}, secret="api", json={"note": "private"})
    with pytest.raises(SeamlineError) as caught:
        get(transport, call, QueryToken("access_token"))
    told = f"{caught.value} {caught.value!r} {call!r} {caplog.text}"
    assert TOKEN not in told
    assert "jo@example.com" not in told
    assert "private" not in told


def test_a_verification_key_is_fetched(transport: Transport, provider: respx.MockRouter) -> None:
    provider.get("https://sns.eu-west-1.amazonaws.com/cert.pem").respond(200, content=b"PEM")
    assert transport.fetch_key("https://sns.eu-west-1.amazonaws.com/cert.pem") == b"PEM"


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("https://keys.example.com/jwks", httpx.Response(404)),
        ("https://keys.example.com/jwks", httpx.Response(503)),
        ("https://keys.example.com/jwks", httpx.Response(302)),
        ("https://keys.example.com/jwks", httpx.Response(403)),
        ("https://keys.example.com/jwks", httpx.ReadTimeout("x")),
        ("https://keys.example.com/jwks", httpx.Response(200, content=b"x" * 300_000)),
        ("http://keys.example.com/jwks", httpx.Response(200, content=b"k")),
        ("https://[", httpx.Response(200, content=b"k")),
    ],
)
def test_a_key_that_cannot_be_had_is_our_fault_and_no_forgery(
    url: str, outcome: Any, transport: Transport, provider: respx.MockRouter
) -> None:
    provider.route().mock(side_effect=[outcome] * 3)
    with pytest.raises(KeyUnavailable):
        transport.fetch_key(url)


def test_an_adapters_generator_is_driven_over_the_transport(transport: Transport, provider: respx.MockRouter) -> None:
    provider.get(URL, params={"page": "b"}).respond(200, json={"next": None})
    provider.get(URL).respond(200, json={"next": "b"})

    class Shop:
        hosts = HOSTS
        auth = Bearer()

    def pages() -> Calls[int]:
        first = yield Call("page.1", URL, secret="api")
        yield Call("page.2", URL, query={"page": first.json()["next"]}, secret="api")
        return 2

    value, answers = drive(pages(), transport.sender(Shop(), SECRETS))  # type: ignore[arg-type]
    assert value == 2
    assert {name: answer.json()["next"] for name, answer in answers.items()} == {"page.1": "b", "page.2": None}
