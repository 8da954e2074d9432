"""Proposify: what a token proves, how amounts are read, and how the activity is asked for; the rest is its contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx

from seamline import ConfigError, Delivery, Item, PayloadError, Request, SignatureError
from seamline.events import ProposalAccepted, ProposalCommented, ProposalViewed
from seamline.transport import Transport, drive
from seamline_adapters.proposify import Proposify
from seamline_adapters.stories.proposify import stories as suite

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRETS = {"signing": ["example-token", "old-token"], "api": ["example-access-token"]}
ACTIVITY = "https://api.proposify.com/api/activity"


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport()
    yield made
    made.close()


def sample(name: str = "viewed", **patch: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((suite.root / f"proposal_{name}_PLACEHOLDER.json").read_bytes())
    found["data"]["proposal"].update(patch)
    return found


def told(adapter: Proposify, body: Any) -> list[Any]:
    delivery = Delivery("POST", "https://hooks.example.com/x", json.dumps(body).encode(), {}, key="k", received_at=NOW)
    items = [item for item in adapter.split(delivery) if isinstance(item, Item)]
    return [event for item in items for event in adapter.normalize(item)]


def entry(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "type": "proposal_viewed", "created_at": at, "proposal_id": 123456, **more}


def page(*entries: dict[str, Any], more: bool = False) -> httpx.Response:
    headers = {"Proposify-Has-More-Results": "true" if more else "false", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}
    return httpx.Response(200, json=list(entries), headers=headers)


def poll(adapter: Proposify, transport: Transport, cursor: str | None) -> str:
    return drive(adapter.poll("activity", "", cursor), transport.sender(adapter, SECRETS))[0]


def test_a_token_proves_the_sender_and_not_the_body_so_its_trust_is_authenticated() -> None:
    adapter = Proposify()
    request = Request.build("POST", "https://hooks.example.com/x", b"{}", {"X-Proposify-Token": "old-token"})
    assert adapter.scheme.verify(request, SECRETS, NOW, {}).secret == 1
    assert adapter.scheme.verify(replace(request, body=b"[]"), SECRETS, NOW, {}).secret == 1
    assert adapter.trust == "authenticated"


def test_an_hmac_in_the_configured_header_covers_the_body_so_its_trust_is_signed() -> None:
    adapter = Proposify({"proof": "hmac", "header": "X-Relay-Proof", "prefix": "v1=", "encoding": "base64"})
    signed = adapter.scheme.sign(Request.build("POST", "https://hooks.example.com/x", b"{}"), SECRETS, NOW)
    assert (signed.header("X-Relay-Proof") or "").startswith("v1=")
    assert adapter.scheme.verify(signed, SECRETS, NOW, {}).secret == 0
    with pytest.raises(SignatureError):
        adapter.scheme.verify(replace(signed, body=b"[]"), SECRETS, NOW, {})
    assert adapter.trust == "signed"


def test_a_source_with_hmac_takes_no_bare_token() -> None:
    request = Request.build("POST", "https://hooks.example.com/x", b"{}", {"X-Proposify-Token": "example-token"})
    with pytest.raises(SignatureError):
        Proposify({"proof": "hmac"}).scheme.verify(request, SECRETS, NOW, {})


@pytest.mark.parametrize(
    "settings",
    [{"header": "X-Bad\r\nHeader"}, {"proof": "none"}, {"activity_fields": {"when": "at"}}, {"words": {"x": "paid"}}],
)
def test_settings_that_nobody_could_mean_refuse_to_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Proposify(settings)


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        ("3500.00", "USD", 350_000),
        (3500, "usd", 350_000),
        (19.99, "EUR", 1_999),
        ("1200", "JPY", 1_200),
        ("1.5", "KWD", 1_500),
    ],
)
def test_amounts_are_minor_units_of_their_currency(value: Any, currency: str, amount: int) -> None:
    (event,) = told(Proposify(), sample("won", value=value, currency=currency))
    assert isinstance(event, ProposalAccepted)
    assert (event.amount, event.currency) == (amount, currency.upper())


def test_an_amount_without_a_currency_is_left_out_unless_the_settings_name_one() -> None:
    (bare,) = told(Proposify(), sample("won", currency=None))
    (known,) = told(Proposify({"currency": "CAD"}), sample("won", currency=None))
    assert (bare.amount, bare.currency) == (None, None)
    assert (known.amount, known.currency) == (350_000, "CAD")


@pytest.mark.parametrize("value", ["a lot", "NaN", "1e400", True, [1]])
def test_an_amount_that_is_no_number_is_quarantined(value: Any) -> None:
    with pytest.raises(PayloadError):
        told(Proposify(), sample("won", value=value))


def test_one_odd_entry_in_a_list_leaves_the_others_alone() -> None:
    adapter = Proposify()
    delivery = Delivery(
        "POST",
        "https://hooks.example.com/x",
        json.dumps([7, sample("commented")]).encode(),
        {},
        key="k",
        received_at=NOW,
    )
    odd, good = (item for item in adapter.split(delivery) if isinstance(item, Item))
    with pytest.raises(PayloadError):
        list(adapter.normalize(odd))
    (event,) = adapter.normalize(good)
    assert isinstance(event, ProposalCommented)
    assert event.text == "Can we drop the setup fee?"


def test_the_same_view_has_one_fact_whatever_offset_its_time_is_written_in() -> None:
    adapter, other = Proposify(), sample()
    other["timestamp"] = "2026-11-20T17:00:00+01:00"
    (one,), (two,) = told(adapter, sample()), told(adapter, other)
    assert one == two
    assert isinstance(one, ProposalViewed)


def test_a_time_without_an_offset_is_quarantined() -> None:
    body = sample()
    body["timestamp"] = "2026-11-20T12:00:00"
    with pytest.raises(PayloadError, match="offset"):
        told(Proposify(), body)


def test_the_poll_reads_all_pages_with_the_access_token(api: respx.MockRouter, transport: Transport) -> None:
    asked = api.get(ACTIVITY).mock(
        side_effect=[
            page(entry(3, "2026-11-20T12:02:00-04:00"), entry(2, "2026-11-20T12:01:00-04:00"), more=True),
            page(entry(1, "2026-11-20T12:00:00-04:00")),
        ]
    )
    cursor = poll(Proposify(), transport, None)
    assert [call.request.url.params["offset"] for call in asked.calls] == ["0", "50"]
    assert {call.request.headers["authorization"] for call in asked.calls} == {"Bearer example-access-token"}
    assert json.loads(cursor)["newest"] == "2026-11-20T16:02:00+00:00"


def test_the_next_poll_stops_an_hour_before_where_the_last_one_had_been(
    api: respx.MockRouter, transport: Transport
) -> None:
    cursor = json.dumps({"newest": "2026-11-20T16:02:00+00:00", "offset": 0})
    asked = api.get(ACTIVITY).mock(
        side_effect=[
            page(entry(9, "2026-11-21T09:00:00Z"), entry(8, "2026-11-20T16:00:00Z"), more=True),
            page(entry(7, "2026-11-20T15:30:00Z"), entry(6, "2026-11-20T14:00:00Z"), more=True),
        ]
    )
    assert json.loads(poll(Proposify(), transport, cursor))["newest"] == "2026-11-21T09:00:00+00:00"
    assert asked.call_count == 2


def test_an_entry_of_an_impossible_time_is_not_where_the_activity_ends(
    api: respx.MockRouter, transport: Transport
) -> None:
    api.get(ACTIVITY).mock(return_value=page(entry(2, "9999-12-31T23:59:59Z"), entry(1, "2026-11-20T12:00:00Z")))
    assert json.loads(poll(Proposify(), transport, None))["newest"] == "2026-11-20T12:00:00+00:00"


def test_without_the_header_a_full_page_says_that_there_is_more(api: respx.MockRouter, transport: Transport) -> None:
    full = [entry(100 - n, f"2026-11-20T12:{59 - n:02}:00Z") for n in range(50)]
    asked = api.get(ACTIVITY).mock(side_effect=[httpx.Response(200, json=full), httpx.Response(200, json={"data": []})])
    poll(Proposify(), transport, None)
    assert asked.call_count == 2


def test_oldest_first_goes_on_at_the_page_where_it_ended(api: respx.MockRouter, transport: Transport) -> None:
    adapter = Proposify({"activity_order": "oldest_first"})
    asked = api.get(ACTIVITY).mock(
        side_effect=[
            page(entry(1, "2026-11-20T12:00:00Z"), entry(2, "2026-11-20T12:01:00Z"), more=True),
            page(entry(3, "2026-11-20T12:02:00Z")),
            page(entry(3, "2026-11-20T12:02:00Z"), entry(4, "2026-11-20T12:03:00Z")),
        ]
    )
    poll(adapter, transport, poll(adapter, transport, None))
    assert [call.request.url.params["offset"] for call in asked.calls] == ["0", "50", "50"]


def test_the_places_of_an_activitys_fields_are_settings() -> None:
    adapter = Proposify(
        {"activity_list": "activities", "activity_fields": {"type": "verb", "at": "when"}, "words": {"seen": "viewed"}}
    )
    body = {"activities": [{"verb": "seen", "when": "2026-11-20T12:00:00-04:00", "proposal_id": 5}]}
    delivery = Delivery("GET", ACTIVITY, json.dumps(body).encode(), {}, key="k", received_at=NOW, poll="activity")
    (item,) = (part for part in adapter.split(delivery) if isinstance(part, Item))
    (event,) = adapter.normalize(item)
    assert isinstance(event, ProposalViewed)
    assert event.proposal_id == "5"
