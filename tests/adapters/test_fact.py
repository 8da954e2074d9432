"""Facts told in our own words: what the relay and a generic signed source may say, and what they may not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamline.adapter import Adapter
from seamline.delivery import Delivery, Item, Request
from seamline.errors import PayloadError, SignatureError
from seamline.events import Event, ProposalViewed, catalogue
from seamline_adapters.relay import Relay
from seamline_adapters.standard_webhooks import StandardWebhooks

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
VIEWED: dict[str, Any] = {
    "type": "proposal.viewed",
    "id": "view-1",
    "occurred_at": "2026-11-20T09:12:00+01:00",
    "party": {"name": "Jordan Doe", "email": "Jordan@Example.com"},
    "data": {"proposal_id": "prop_1"},
}
each_adapter = pytest.mark.parametrize("adapter", [Relay(), StandardWebhooks()], ids=["relay", "standard_webhooks"])


def delivery(body: Any, key: str = "msg_1") -> Delivery:
    return Delivery("POST", "https://hooks.example.com/webhooks/x", json.dumps(body).encode(), {}, key=key)


def cut(adapter: Adapter, body: Any, key: str = "msg_1") -> list[Item]:
    return [part for part in adapter.split(delivery(body, key)) if isinstance(part, Item)]


def told(adapter: Adapter, body: Any) -> list[Event]:
    return [event for item in cut(adapter, body) for event in adapter.normalize(item) if isinstance(event, Event)]


@each_adapter
def test_an_item_is_known_by_its_id_wherever_it_comes(adapter: Adapter) -> None:
    other = {**VIEWED, "id": 7}
    assert [item.key for item in cut(adapter, [VIEWED, other])] == ["view-1 proposal.viewed", "7 proposal.viewed"]
    assert [item.key for item in cut(adapter, other, key="msg_2")] == ["7 proposal.viewed"]
    (event,) = told(adapter, VIEWED)
    assert isinstance(event, ProposalViewed)
    assert event.proposal_id == "prop_1"
    assert event.party.email == "Jordan@example.com"
    assert event.occurred_at == datetime(2026, 11, 20, 8, 12, tzinfo=UTC)


@each_adapter
def test_five_hundred_items_are_taken_and_one_more_is_not(adapter: Adapter) -> None:
    many = [{**VIEWED, "id": f"view-{number}"} for number in range(501)]
    assert len(cut(adapter, many[:500])) == 500
    with pytest.raises(PayloadError, match="at most 500"):
        cut(adapter, many)
    assert cut(adapter, []) == []


@each_adapter
def test_only_facts_are_told_and_all_of_them_may_be(adapter: Adapter) -> None:
    assert {model.event_type for model in adapter.emits} == {
        name for name, model in catalogue().items()
        if model.nature == "fact" and model.__module__.startswith("seamline.events.")
    }  # fmt: skip
    for name, model in catalogue().items():
        if model.nature != "fact":
            with pytest.raises(PayloadError, match="no source can tell it"):
                told(adapter, {**VIEWED, "type": name})


@each_adapter
def test_an_unknown_type_tells_nothing(adapter: Adapter) -> None:
    assert told(adapter, {**VIEWED, "type": "weather.changed", "data": {"anything": [1]}}) == []


@each_adapter
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": None}, "type"), ({"type": 7}, "type"), ({"type": ["deal.won"]}, "type"), ({"id": ""}, "id"),
        ({"id": None}, "id"), ({"id": True}, "id"), ({"id": "x" * 301}, "id"), ({"data": "x"}, "data"),
        ({"data": {}}, "proposal_id"), ({"data": {"proposal_id": "p", "typo": 1}}, "typo"),
        ({"data": {"proposal_id": "p", "fact": "f"}}, "fact"), ({"data": {"proposal_id": "p", "part": "f"}}, "part"),
        ({"party": "Jordan"}, "party"), ({"party": {"email": "nobody"}}, "email"), ({"party": {"age": 7}}, "age"),
        ({"occurred_at": 1763629200}, "occurred_at"), ({"occurred_at": "2026-11-20T09:12:00"}, "occurred_at"),
        ({"occurred_at": "soon"}, "occurred_at"), ({"others": {}}, "others"), ({"version": 99}, "version"),
        ({"version": 0}, "version"), ({"version": "1"}, "version"), ({"version": 1.5}, "version"),
    ],
)  # fmt: skip
def test_a_bad_item_is_quarantined_alone_and_its_reason_names_the_field(
    adapter: Adapter, change: dict[str, Any], reason: str
) -> None:
    bad = {**VIEWED, "id": "bad", **change}
    items = cut(adapter, [VIEWED, bad])
    assert len(items) == 2
    assert len(list(adapter.normalize(items[0]))) == 1
    with pytest.raises(PayloadError, match=reason):
        list(adapter.normalize(items[1]))


@each_adapter
def test_a_reason_holds_no_value(adapter: Adapter) -> None:
    with pytest.raises(PayloadError) as caught:
        told(adapter, {**VIEWED, "party": {"email": "a secret value"}, "data": {"proposal_id": ["a secret value"]}})
    assert "a secret value" not in str(caught.value)


@each_adapter
def test_what_has_no_id_is_told_apart_by_its_content_and_not_by_its_place(adapter: Adapter) -> None:
    odd: list[Any] = [None, 7, "x", [], {"type": "proposal.viewed"}]
    keys = [item.key for item in cut(adapter, odd)]
    assert len(set(keys)) == len(odd)
    assert sorted(keys) == sorted(item.key for item in cut(adapter, odd[::-1]))


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["type", "id", "occurred_at", "timestamp", "party", "others", "data", "version", "email"]),
            st.one_of(inner, st.sampled_from(["proposal.viewed", "deadline.fired", "2026-11-20T09:12:00Z"])),
            max_size=6,
        ),
    ),
    max_leaves=15,
)


@each_adapter
@settings(max_examples=150, deadline=None)
@given(body=JSON)
def test_whatever_comes_an_item_is_read_or_quarantined(adapter: Adapter, body: Any) -> None:
    for item in cut(adapter, body):
        assert item.key
        try:
            events = list(adapter.normalize(item))
        except PayloadError:
            continue
        assert all(type(event) in adapter.emits for event in events)


def test_the_relay_is_believed_less_and_must_be_allowed_each_type() -> None:
    assert Relay.needs_allow
    assert Relay.trust == "relayed"
    assert not StandardWebhooks.needs_allow
    assert StandardWebhooks.trust == "signed"


def test_a_message_of_the_specification_is_known_by_its_header() -> None:
    adapter = StandardWebhooks()
    body = {
        "type": "proposal.viewed",
        "timestamp": "2026-11-20T09:12:00Z",
        "data": {"proposal_id": "prop_1", "party": {"email": "jordan@example.com"}},
    }
    (item,) = cut(adapter, body, key="msg_9")
    (event,) = adapter.normalize(item)
    assert item.key == "msg_9 proposal.viewed"
    assert isinstance(event, ProposalViewed)
    assert event.party.email == "jordan@example.com"
    assert event.occurred_at == datetime(2026, 11, 20, 9, 12, tzinfo=UTC)


@each_adapter
def test_a_request_is_known_by_its_webhook_id(adapter: Adapter) -> None:
    scheme = adapter.scheme
    assert scheme is not None
    sign_with, verify_with, keys = scheme.example()
    request = Request.build("POST", "https://hooks.example.com/webhooks/x", b"{}", {"webhook-id": "msg_7"})
    signed = scheme.sign(request, sign_with, NOW)
    assert scheme.verify(signed, verify_with, NOW, keys)
    assert adapter.delivery_key(signed) == "msg_7"
    with pytest.raises(SignatureError):
        scheme.verify(request, verify_with, NOW, keys)
