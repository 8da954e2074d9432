"""HubSpot: official signature vectors, versions, batches of several portals, and its API over the real transport."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import respx
from hubspot.utils.signature import Signature as OfficialSignature  # type: ignore[import-untyped]

from seamline import ConfigError, Delivery, Event, Item, NeedsHuman, PayloadError, Request, RetryLater, SignatureError
from seamline.call import drive
from seamline.events import ContactChanged, DealAmountChanged, DealStageChanged, DealWon
from seamline.signature import FirstPresent
from seamline.testing.play import normalize
from seamline.transport import Transport
from seamline_adapters.hubspot import HubSpot
from seamline_adapters.stories.hubspot import ROOT

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "https://hooks.example.com/webhooks/crm"
API = "https://api.hubapi.com"
ALL = {"signature_versions": ["v3", "v2", "v1"]}

# Vectors of HubSpot's own SDKs: hubspot-api-nodejs test/unit/signature.spec.ts, hubspot-api-ruby
# spec/helpers/signature_spec.rb, hubspot-api-python tests/spec/utils/test_signature.py.
SDK_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
SDK_URL = "https://www.example.com/webhook_uri"
PYTHON_BODY = b"{'example_field':'example_value'}"
OFFICIAL = {
    "v1": (
        b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":'
        b'"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]',
        "POST",
        {
            "X-HubSpot-Signature": "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
            "X-HubSpot-Signature-Version": "v1",
        },
    ),
    "v2": (
        b'{"example_field":"example_value"}',
        "POST",
        {
            "X-HubSpot-Signature": "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
            "X-HubSpot-Signature-Version": "v2",
        },
    ),
    "v2 of a GET": (
        b"",
        "GET",
        {
            "X-HubSpot-Signature": "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e",
            "X-HubSpot-Signature-Version": "v2",
        },
    ),
    "v2 of the Python SDK": (
        PYTHON_BODY,
        "POST",
        {
            "X-HubSpot-Signature": "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383",
            "X-HubSpot-Signature-Version": "v2",
        },
    ),
    "v3": (
        PYTHON_BODY,
        "POST",
        {
            "X-HubSpot-Signature-v3": "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=",
            "X-HubSpot-Request-Timestamp": "1700000300000",
        },
    ),
}


def at_ms(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp / 1000, UTC)


def sample(name: str) -> Any:
    return json.loads((ROOT / name).read_bytes())


def items(elements: Any, settings: dict[str, Any] | None = None) -> list[Item]:
    body = json.dumps(elements).encode()
    found = list(HubSpot(settings).split(Delivery("POST", URL, body, {})))
    return [item for item in found if isinstance(item, Item)]


def events(elements: Any, settings: dict[str, Any] | None = None) -> list[Any]:
    return [event for item in items(elements, settings) for event in normalize(HubSpot(settings), item)]


# --- signatures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", OFFICIAL)
def test_an_official_vector_is_genuine(vector: str) -> None:
    body, method, headers = OFFICIAL[vector]
    request = Request.build(method, SDK_URL, body, headers)
    proof = HubSpot(ALL).scheme.verify(request, {"signing": [SDK_SECRET]}, at_ms(1700000301000), {})
    assert proof.scheme == vector[:2]
    with pytest.raises(SignatureError):
        HubSpot(ALL).scheme.verify(replace(request, body=body + b" "), {"signing": [SDK_SECRET]}, NOW, {})


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_the_official_sdk_agrees_with_what_we_sign(version: str) -> None:
    adapter = HubSpot({"signature_versions": [version]})
    body = (ROOT / "vector_v3_deal_closedwon.json").read_bytes()
    signed = adapter.scheme.sign(Request.build("POST", URL, body), {"signing": [SDK_SECRET]}, NOW)
    given = signed.header("X-HubSpot-Signature-v3" if version == "v3" else "X-HubSpot-Signature")
    stamp = signed.header("X-HubSpot-Request-Timestamp")
    assert given == OfficialSignature.get_signature(SDK_SECRET, body.decode(), version, URL, "POST", stamp)


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("https://hooks.example.com/v1/hooks/hubspot", "+3XO3YWp9AyS6gEfH8yfkHsLi8ixOeSYeGb/fe90MaE="),
        (
            "https://hooks.example.com/v1/hooks/hubspot?src=hs%3Aapp%2Fv3&x=%28a%29",
            "puaz680Gmr5QhPw0HIB+bg36A59m2akeuQzjaItiE2Q=",
        ),
        (
            "https://hooks.example.com/v1/hooks/hubspot?src=hs%3aapp%2fv3&x=%28a%29",
            "puaz680Gmr5QhPw0HIB+bg36A59m2akeuQzjaItiE2Q=",
        ),
    ],
)
def test_version_3_signs_the_url_with_the_documented_characters_decoded(url: str, signature: str) -> None:
    headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": "1732715701368"}
    request = Request.build("POST", url, (ROOT / "vector_v3_deal_closedwon.json").read_bytes(), headers)
    now = at_ms(1732715702368)
    secrets = {"signing": ["example-client-secret-0001"]}
    assert HubSpot().scheme.verify(request, secrets, now, {}).scheme == "v3"
    for other in (url.replace("https", "http"), url + "/", url.replace("v1", "v2")):
        with pytest.raises(SignatureError):
            HubSpot().scheme.verify(replace(request, url=other), secrets, now, {})


@pytest.mark.parametrize(("age", "genuine"), [(299_999, True), (300_001, False), (-299_999, True), (-300_001, False)])
def test_version_3_lasts_five_minutes_either_way(age: int, genuine: bool) -> None:
    body, method, headers = OFFICIAL["v3"]
    request, now = Request.build(method, SDK_URL, body, headers), at_ms(1700000300000 + age)
    if genuine:
        assert HubSpot().scheme.verify(request, {"signing": [SDK_SECRET]}, now, {}).scheme == "v3"
    else:
        with pytest.raises(SignatureError, match="timestamp"):
            HubSpot().scheme.verify(request, {"signing": [SDK_SECRET]}, now, {})


@pytest.mark.parametrize("vector", ["v1", "v2"])
def test_older_versions_are_refused_unless_the_source_names_them(vector: str) -> None:
    body, method, headers = OFFICIAL[vector]
    with pytest.raises(SignatureError):
        HubSpot().scheme.verify(Request.build(method, SDK_URL, body, headers), {"signing": [SDK_SECRET]}, NOW, {})


def test_a_bad_version_3_is_not_mended_by_the_version_1_that_hubspot_sends_beside_it() -> None:
    body, method, headers = OFFICIAL["v1"]
    stamp = str(int(NOW.timestamp() * 1000))
    both = {**headers, "X-HubSpot-Signature-v3": "AAAA", "X-HubSpot-Request-Timestamp": stamp}
    with pytest.raises(SignatureError):
        HubSpot(ALL).scheme.verify(Request.build(method, SDK_URL, body, both), {"signing": [SDK_SECRET]}, NOW, {})


def test_the_order_in_the_settings_does_not_weaken_the_choice() -> None:
    scheme = HubSpot({"signature_versions": ["v1", "v3"]}).scheme
    assert isinstance(scheme, FirstPresent)
    assert list(scheme.schemes) == ["v3", "v1"]


@pytest.mark.parametrize(
    "settings",
    [
        {"signature_versions": []},
        {"signature_versions": ["v4"]},
        {"pipeline_stages": {"x": "maybe"}},
        {"currency": "euro"},
        {"portals": ["north"]},
        {"portal": 1},
    ],
)
def test_wrong_settings_refuse_to_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"settings of hubspot: {next(iter(settings))}"):
        HubSpot(settings)


# --- batches and portals -------------------------------------------------------------------------------------------


def test_a_retry_keeps_the_keys_though_attempt_and_batch_changed() -> None:
    first, again = items(sample("batch_first.json")), items(sample("batch_retry_rest.json"))
    assert {item.key for item in again} < {item.key for item in first}
    assert {item.key: item.data for item in first} | {item.key: item.data for item in again} == {
        item.key: item.data for item in first
    }


def test_the_same_event_id_on_two_objects_is_two_items() -> None:
    won = sample("deal_propertyChange_dealstage_closedwon.json")[0]
    assert len({item.key for item in items([won, {**won, "objectId": 5}, {**won, "portalId": 6}])}) == 3


def test_an_odd_element_has_the_same_key_in_every_batch_and_does_not_show_in_it() -> None:
    odd = {"email": "dana@example.com"}
    alone, among = items([odd]), items([*sample("batch_first.json"), odd])
    assert alone[0].key == among[-1].key
    assert "dana" not in alone[0].key
    with pytest.raises(PayloadError, match="portalId"):
        normalize(HubSpot(), alone[0])


def test_a_request_is_foreign_only_as_a_whole() -> None:
    mine, other = sample("mixed_portals.json")
    adapter = HubSpot({"portals": [145106154]})

    def refused(*elements: Any) -> bool:
        return adapter.refuse(Request.build("POST", URL, json.dumps(elements).encode())) is not None

    assert refused(other)
    assert refused(other, other)
    assert not refused(mine, other)
    assert not refused(other, "odd")
    assert not refused()
    assert [item.data["portalId"] for item in items([other, mine], {"portals": [145106154]})] == [145106154]


def test_without_a_list_of_portals_every_portal_is_ours() -> None:
    assert len(items(sample("mixed_portals.json"))) == 2


# --- what changes mean ---------------------------------------------------------------------------------------------


def test_both_spellings_of_the_kind_are_read() -> None:
    won = sample("deal_propertyChange_dealstage_closedwon.json")[0]
    older = {("eventType" if name == "subscriptionType" else name): value for name, value in won.items()}
    assert events([won]) == events([older])


def test_a_generic_subscription_makes_the_event_of_its_classic_twin() -> None:
    classic, generic = events(sample("twin_classic.json")), events(sample("twin_generic.json"))
    assert classic == generic
    assert {event.fact for event in classic} == {classic[0].fact}


def test_a_deal_and_its_contacts_never_make_one_person() -> None:
    won = events(sample("deal_propertyChange_dealstage_closedwon.json"))[-1]
    assert isinstance(won, DealWon)
    assert [ref.of for ref in won.party.refs] == ["engagement"]
    assert {ref.realm for ref in won.party.refs} == {"145106154"}


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("9500", "USD", 950_000),
        ("9500.005", "USD", 950_001),
        ("9500", "JPY", 9500),
        ("9.5", "KWD", 9500),
        ("", "USD", None),
    ],
)
def test_an_amount_is_told_in_minor_units_of_its_currency(value: str, currency: str, minor: int | None) -> None:
    change = {**sample("deal_propertyChange_amount.json")[0], "propertyValue": value}
    (event,) = events([change], {"currency": currency})
    assert isinstance(event, DealAmountChanged)
    assert (event.amount, event.currency) == (minor, currency)


@pytest.mark.parametrize("value", ["much", "NaN", "1e400", [9500], {"value": 1}])
def test_an_amount_that_is_none_is_quarantined_without_its_value(value: Any) -> None:
    change = {**sample("deal_propertyChange_amount.json")[0], "propertyValue": value}
    with pytest.raises(PayloadError) as caught:
        events([change], {"currency": "USD"})
    assert str(value) not in str(caught.value)


def test_a_sensitive_value_is_never_told_whichever_subscription_tells_it() -> None:
    change = sample("contact_propertyChange_sensitive.json")[0]
    generic = {
        **change,
        "eventId": 77,
        "subscriptionType": "object.propertyChange",
        "objectTypeId": "0-1",
        "propertyValue": "1990-01-01",
    }
    classic, twin = events([change]), events([generic])
    assert classic == twin
    assert isinstance(classic[0], ContactChanged)
    assert classic[0].changes == {"date_of_birth": None}


def test_a_flag_that_nobody_knows_changes_nothing() -> None:
    created = sample("contact_creation_live_shape.json")[0]
    told = [events([{**created, "changeFlag": flag}]) for flag in ("CREATED", "NEW", "SOMETHING_NEW", None, 7)]
    assert told[0]
    assert all(one == told[0] for one in told)


# --- the API over the transport ------------------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=API, assert_all_called=False) as router:
        yield router


@pytest.fixture
def transport() -> Iterator[Transport]:
    slept: list[float] = []
    made = Transport(now=lambda: NOW, clock=lambda: sum(slept), sleep=slept.append, random=lambda: 1.0)
    yield made
    made.close()


def fetched(transport: Transport, name: str, settings: dict[str, Any] | None = None) -> list[Event]:
    """The events of a sample's only change, completed from the API."""
    adapter, (item,) = HubSpot(settings), items(sample(name))
    _, answers = drive(adapter.fetch(item), transport.sender(adapter, {"api": ["pat-example-0001"]}))
    return [event for event in normalize(adapter, replace(item, answers=answers)) if isinstance(event, Event)]


def test_a_win_is_completed_with_people_amount_and_reason(transport: Transport, api: respx.MockRouter) -> None:
    deal = api.get("/crm/v3/objects/deals/9034578123").respond(json=sample("api_get_deal_with_people.json"))
    contacts = api.post("/crm/v3/objects/contacts/batch/read").respond(json=sample("api_contacts_batch_read.json"))
    moved, won = fetched(transport, "deal_propertyChange_dealstage_closedwon.json")
    assert isinstance(moved, DealStageChanged)
    assert isinstance(won, DealWon)
    assert (won.amount, won.currency, won.engagement, won.reason) == (750_000, "EUR", "new", "fast answers")
    assert (won.party.email, won.party.phone) == ("dana@example.com", "+12025550147")
    assert [other.email for other in won.others] == ["sam@example.com"]
    asked = deal.calls.last.request
    assert asked.headers["authorization"] == "Bearer pat-example-0001"
    assert asked.url.params["associations"] == "contacts,companies"
    inputs = json.loads(contacts.calls.last.request.content)["inputs"]
    assert inputs == [{"id": "65059681032"}, {"id": "65059681040"}]


def test_the_stage_is_the_webhooks_though_the_deal_has_moved_on(transport: Transport, api: respx.MockRouter) -> None:
    now = sample("api_get_deal.json")
    assert now["properties"]["dealstage"] == "closedwon"
    api.get("/crm/v3/objects/deals/9034578123").respond(json=now)
    api.post("/crm/v3/objects/contacts/batch/read").respond(json={"results": []})
    told = fetched(
        transport, "deal_propertyChange_dealstage_proposal.json", {"pipeline_stages": {"presentationscheduled": "open"}}
    )
    assert [type(event) for event in told] == [DealStageChanged]
    assert isinstance(told[0], DealStageChanged)
    assert told[0].to_stage == "presentationscheduled"


def test_a_stage_of_the_portal_is_looked_up_in_its_pipelines(transport: Transport, api: respx.MockRouter) -> None:
    api.get("/crm/v3/objects/deals/9034578123").respond(404, json=sample("api_error_404.json"))
    pipelines = api.get("/crm/v3/pipelines/deals").respond(json=sample("api_get_pipelines.json"))
    moved, won = fetched(transport, "deal_propertyChange_dealstage_custom.json")
    assert isinstance(moved, DealStageChanged)
    assert isinstance(won, DealWon)
    assert moved.pipeline == "12093"
    assert pipelines.call_count == 1


@pytest.mark.parametrize(
    ("file", "after"),
    [("api_error_429.json", timedelta(seconds=1)), ("api_error_429_ten_secondly.json", timedelta(seconds=10))],
)
def test_a_limit_is_waited_out_as_its_policy_says(
    file: str, after: timedelta, transport: Transport, api: respx.MockRouter
) -> None:
    route = api.get("/crm/v3/objects/deals/9034578123").respond(429, json=sample(file))
    with pytest.raises(RetryLater) as caught:
        fetched(transport, "deal_creation.json")
    assert caught.value.after == after
    assert route.call_count == 1


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        ({"json": {"policyName": "DAILY"}}, timedelta(hours=1)),
        ({"json": {"policyName": "SOME_NEW_POLICY"}}, timedelta(seconds=10)),
        ({"text": "<html>busy</html>"}, timedelta(seconds=10)),
        ({"json": ["odd"]}, timedelta(seconds=10)),
    ],
)
def test_a_limit_of_an_unknown_shape_is_waited_out_too(
    answer: dict[str, Any], after: timedelta, transport: Transport, api: respx.MockRouter
) -> None:
    api.get("/crm/v3/objects/deals/9034578123").respond(429, **answer)
    with pytest.raises(RetryLater) as caught:
        fetched(transport, "deal_creation.json")
    assert caught.value.after == after


def test_a_withdrawn_token_needs_a_human(transport: Transport, api: respx.MockRouter) -> None:
    api.get("/crm/v3/objects/deals/9034578123").respond(401, json={"category": "INVALID_AUTHENTICATION"})
    with pytest.raises(NeedsHuman) as caught:
        fetched(transport, "deal_creation.json")
    assert "pat-example" not in str(caught.value)


def test_the_test_button_asks_the_api_nothing(transport: Transport, api: respx.MockRouter) -> None:
    adapter = HubSpot()
    (item,) = items([{**sample("deal_creation.json")[0], "eventId": 100, "objectId": 123}])
    drive(adapter.fetch(item), transport.sender(adapter, {"api": ["pat-example-0001"]}))
    assert api.calls.call_count == 0
    assert normalize(adapter, item) == []
