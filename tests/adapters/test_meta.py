"""Meta Lead Ads: its contract, the handshake, batches, the Graph API's errors, and the leads that never came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
import respx

from seamline import Delivery, Item, NeedsHuman, PayloadError, Request, RetryLater, SignatureError
from seamline.call import Answer, Call, Submission
from seamline.events import LeadReceived
from seamline.testing import check_suite
from seamline.transport import SecretMissing, Transport, drive
from seamline_adapters.meta import Meta
from seamline_adapters.stories.meta import stories as suite

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAGE = "153125381133"
GRAPH = "https://graph.facebook.com/v24.0"
LEAD = f"{GRAPH}/444444444444"
SECRETS = {"signing": ["x"], "verify_token": ["example-verify-token"], f"page_token.{PAGE}": ["example-page-token"]}


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport()
    yield made
    made.close()


def read(name: str) -> Any:
    return json.loads((suite.root / name).read_bytes())


def items(adapter: Meta, body: Any) -> list[Item]:
    delivery = Delivery("POST", "https://hooks.example.com/x", json.dumps(body).encode(), {}, key="k", received_at=NOW)
    return [item for item in adapter.split(delivery) if isinstance(item, Item)]


def lead(adapter: Meta) -> Item:
    (item,) = items(adapter, read("leadgen_single.json"))
    return item


def hello(**query: str) -> Request:
    pairs = "&".join(f"hub.{name}={value}" for name, value in query.items())
    return Request.build("GET", f"https://hooks.example.com/webhooks/leads?{pairs}")


def fetch(transport: Transport, secrets: dict[str, list[str]] | None = None) -> dict[str, Answer]:
    adapter = Meta()
    return drive(adapter.fetch(lead(adapter)), transport.sender(adapter, SECRETS if secrets is None else secrets))[1]


def test_it_keeps_the_contract_of_adapters() -> None:
    assert check_suite(suite) > 100


@pytest.mark.parametrize("name", ["vector_leadgen", "vector_leadgen_escaped_unicode"])
def test_signed_vectors_verify_over_their_raw_bytes_only(name: str) -> None:
    vector, body = read(f"{name}.headers.json"), (suite.root / f"{name}.json").read_bytes()
    request = Request.build("POST", vector["url"], body, vector["headers"])
    secrets = {"signing": [vector["secret"]]}
    assert Meta().signature.verify(request, secrets, NOW, {}).secret == 0
    rewritten = json.dumps(json.loads(body), ensure_ascii=False, indent=1).encode()
    with pytest.raises(SignatureError):
        Meta().signature.verify(replace(request, body=rewritten), secrets, NOW, {})


def test_the_older_sha1_header_alone_proves_nothing() -> None:
    vector = read("vector_leadgen.headers.json")
    headers = {"X-Hub-Signature": vector["headers"]["X-Hub-Signature"]}
    request = Request.build("POST", vector["url"], (suite.root / "vector_leadgen.json").read_bytes(), headers)
    with pytest.raises(SignatureError):
        Meta().signature.verify(request, {"signing": [vector["secret"]]}, NOW, {})


def test_the_handshake_gives_the_challenge_back_as_plain_text() -> None:
    asked = hello(mode="subscribe", challenge="1158201444", verify_token="example-verify-token")
    reply = Meta().challenge(asked, SECRETS)
    assert reply is not None
    assert (reply.status, reply.body, reply.content_type) == (200, b"1158201444", "text/plain")


@pytest.mark.parametrize(
    "query",
    [
        {"mode": "subscribe", "challenge": "1", "verify_token": "guess"},
        {"mode": "subscribe", "challenge": "1"},
        {"mode": "unsubscribe", "challenge": "1", "verify_token": "example-verify-token"},
        {"mode": "subscribe", "challenge": "1" * 300, "verify_token": "example-verify-token"},
        {"mode": "subscribe", "verify_token": "example-verify-token"},
    ],
)
def test_any_other_handshake_is_refused_without_an_echo(query: dict[str, str]) -> None:
    reply = Meta().challenge(hello(**query), SECRETS)
    assert reply is not None
    assert (reply.status, reply.body) == (403, b"")


def test_a_handshake_at_a_source_without_a_verify_token_is_refused() -> None:
    reply = Meta().challenge(hello(mode="subscribe", challenge="1", verify_token=""), {"signing": ["x"]})
    assert reply is not None
    assert reply.status == 403


def test_a_thousand_leads_are_a_thousand_items_and_an_odd_one_is_quarantined_alone() -> None:
    body = {"object": "page", "entry": [{"id": PAGE, "changes": []}]}
    for number in range(1_000):
        value = {"leadgen_id": 9_000_000_000_000_000_000 + number, "page_id": PAGE, "created_time": 1732715698}
        body["entry"][0]["changes"].append({"field": "leadgen", "value": value})  # type: ignore[index]
    body["entry"][0]["changes"][500]["value"] = {"leadgen_id": None}  # type: ignore[index]
    adapter = Meta()
    cut = items(adapter, body)
    good = [item for item in cut if item.kind == "leadgen"]
    assert (len(cut), len({item.key for item in good})) == (1_000, 999)
    (event,) = adapter.normalize(good[0])
    assert isinstance(event, LeadReceived)
    assert event.lead_id == "9000000000000000000"
    with pytest.raises(PayloadError):
        list(adapter.normalize(cut[500]))


def test_a_lead_came_when_it_was_written_not_when_meta_sent_it() -> None:
    adapter = Meta()
    (event,) = adapter.normalize(lead(adapter))
    assert event.occurred_at == datetime(2024, 11, 27, 13, 54, 58, tzinfo=UTC)


def test_a_lead_is_read_with_its_pages_own_token(api: respx.MockRouter, transport: Transport) -> None:
    asked = api.get(LEAD).mock(return_value=httpx.Response(200, json=read("api_get_lead.json")))
    answers = fetch(transport)
    adapter = Meta()
    (event,) = adapter.normalize(replace(lead(adapter), answers=answers))
    assert isinstance(event, LeadReceived)
    assert asked.calls.last.request.headers["authorization"] == "Bearer example-page-token"
    assert "field_data" in asked.calls.last.request.url.params["fields"]
    assert (event.party.email, event.party.phone, event.campaign_id) == (
        "jane@example.com",
        "+15555550123",
        "6798196962600",
    )
    assert event.fields["monthly_budget"] == "$2k-$5k"


def test_without_the_pages_own_token_the_one_for_all_pages_is_used(api: respx.MockRouter, transport: Transport) -> None:
    asked = api.get(LEAD).mock(return_value=httpx.Response(200, json=read("api_get_lead.json")))
    fetch(transport, {"page_token": ["system-user-token"]})
    assert asked.calls.last.request.headers["authorization"] == "Bearer system-user-token"


def test_without_any_token_meta_is_not_asked_and_the_lead_is_told_thin(
    api: respx.MockRouter, transport: Transport
) -> None:
    asked = api.get(LEAD).mock(return_value=httpx.Response(200))
    with pytest.raises(SecretMissing) as missing:
        fetch(transport, {})
    assert missing.value.name.split(".")[0] in Meta.optional_secrets
    assert not asked.called
    adapter = Meta()
    (event,) = adapter.normalize(lead(adapter))
    assert isinstance(event, LeadReceived)
    assert (event.lead_id, event.form_id, event.ad_id) == ("444444444444", "793235552669212", "6798196962793")


@pytest.mark.parametrize("code", [1, 2, 4, 17, 32, 341, 613, 80001, 80004, 80005])
@pytest.mark.parametrize("status", [400, 403])
def test_limits_and_metas_own_trouble_are_tried_again(
    api: respx.MockRouter, transport: Transport, code: int, status: int
) -> None:
    api.get(LEAD).mock(return_value=httpx.Response(status, json={"error": {"code": code, "is_transient": False}}))
    with pytest.raises(RetryLater):
        fetch(transport)


def test_what_meta_calls_transient_is_tried_again_whatever_its_code(
    api: respx.MockRouter, transport: Transport
) -> None:
    api.get(LEAD).mock(return_value=httpx.Response(400, json={"error": {"code": 190, "is_transient": True}}))
    with pytest.raises(RetryLater):
        fetch(transport)


@pytest.mark.parametrize(
    ("usage", "after"),
    [
        ({PAGE: [{"type": "leadgen", "estimated_time_to_regain_access": 19}]}, timedelta(minutes=19)),
        ({PAGE: [{"type": "leadgen", "estimated_time_to_regain_access": 0}]}, None),
        ({PAGE: [{"estimated_time_to_regain_access": 10**12}]}, timedelta(days=1)),
        ({PAGE: "odd"}, None),
        ([], None),
    ],
)
def test_metas_own_estimate_of_the_wait_is_obeyed(
    api: respx.MockRouter, transport: Transport, usage: Any, after: timedelta | None
) -> None:
    headers = {"X-Business-Use-Case-Usage": json.dumps(usage)}
    api.get(LEAD).mock(return_value=httpx.Response(400, json={"error": {"code": 80005}}, headers=headers))
    with pytest.raises(RetryLater) as raised:
        fetch(transport)
    assert raised.value.after == after


@pytest.mark.parametrize("code", [3, 10, 102, 190, 200, 299])
def test_tokens_and_permissions_are_for_a_human(api: respx.MockRouter, transport: Transport, code: int) -> None:
    api.get(LEAD).mock(return_value=httpx.Response(400, json={"error": {"code": code, "message": "private words"}}))
    with pytest.raises(NeedsHuman) as raised:
        fetch(transport)
    assert PAGE in str(raised.value)
    assert "private words" not in str(raised.value)


@pytest.mark.parametrize("code", [100, 803])
def test_a_lead_that_is_gone_is_quarantined(api: respx.MockRouter, transport: Transport, code: int) -> None:
    api.get(LEAD).mock(return_value=httpx.Response(400, json={"error": {"code": code, "error_subcode": 33}}))
    with pytest.raises(PayloadError, match="gone"):
        fetch(transport)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "odd"}', b'{"error": {"code": "190"}}'])
def test_an_error_that_cannot_be_read_is_for_a_human(api: respx.MockRouter, transport: Transport, body: bytes) -> None:
    api.get(LEAD).mock(return_value=httpx.Response(400, content=body))
    with pytest.raises(NeedsHuman):
        fetch(transport)


def test_a_failing_answer_that_was_stored_does_not_end_the_fetch() -> None:
    adapter = Meta()
    item = replace(lead(adapter), answers={"lead": Answer(400, b'{"error": {"code": 4}}')})
    assert next(adapter.fetch(item)).name == "lead"


def test_answers_that_are_no_address_stay_fields_and_join_nobody() -> None:
    adapter = Meta()
    wrote = [
        {"name": "email", "values": ["not an address"]},
        {"name": "work_email", "values": ["Jane@Example.COM"]},
        {"name": "phone_number", "values": ["none"]},
        {"name": "first_name", "values": ["Jane"]},
        {"name": "last_name", "values": ["Doe"]},
        {"name": "services", "values": ["roof", "gutter"]},
    ]
    answer = Answer(200, json.dumps({"id": "1", "field_data": wrote}).encode())
    (event,) = adapter.normalize(replace(lead(adapter), answers={"lead": answer}))
    assert isinstance(event, LeadReceived)
    assert (event.party.name, event.party.email, event.party.phone) == ("Jane Doe", "Jane@example.com", None)
    assert event.fields["email"] == "not an address"
    assert event.fields["services"] == ["roof", "gutter"]


def test_a_list_of_forms_that_never_ends_is_given_up() -> None:
    asked = count(1)

    def send(_: Call | Submission) -> Answer:
        n = next(asked)
        assert n < 1_000, "it would go on for ever"
        paging = {"next": "https://graph.facebook.com/more", "cursors": {"after": f"c{n % 2}"}}
        return Answer(200, json.dumps({"data": [], "paging": paging}).encode())

    with pytest.raises(NeedsHuman, match="pages"):
        drive(Meta({"pages": [PAGE]}).sent(NOW), send)


def test_leads_that_never_came_are_found_and_can_be_taken_in(api: respx.MockRouter, transport: Transport) -> None:
    forms = api.get(f"{GRAPH}/{PAGE}/leadgen_forms").mock(
        return_value=httpx.Response(200, json=read("api_get_leadgen_forms.json"))
    )
    leads = api.get(f"{GRAPH}/793235552669212/leads").mock(
        side_effect=[
            httpx.Response(200, json=read("api_get_leads.json")),
            httpx.Response(200, json=read("api_get_leads_end.json")),
        ]
    )
    adapter = Meta({"pages": [PAGE]})
    since = datetime(2024, 11, 27, tzinfo=UTC)
    found, _ = drive(adapter.sent(since), transport.sender(adapter, SECRETS))
    (one,) = found
    assert forms.call_count == 1
    assert leads.calls.last.request.url.params["after"] == "QVFK"
    assert json.loads(leads.calls.last.request.url.params["filtering"])[0]["value"] == int(since.timestamp())
    assert one.body is not None
    (item,) = items(adapter, json.loads(one.body))
    (event,) = adapter.normalize(item)
    (pushed,) = adapter.normalize(lead(adapter))
    assert (one.key, event) == (item.key, pushed)
