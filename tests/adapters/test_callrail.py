"""CallRail: what a body is that names no event, when a call has ended, and what is told of a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from seamline import ConfigError, Delivery, Event, Item, PayloadError, Request, SignatureError
from seamline.events import CallCompleted, ChatReceived, ChatSent, LeadReceived
from seamline.transport import Transport, drive
from seamline_adapters.callrail import CallRail
from seamline_adapters.stories.callrail import stories as suite

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOG = "https://api.callrail.com/v3/a/227799611/calls.json"
KEY = 'Token token="example-api-key"'
VECTORS = Path(__file__).parents[1] / "vectors" / "callrail"


def sample(name: str = "post_call.answered", **patch: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((suite.root / f"{name}.json").read_bytes())
    return {**found, **patch}


def told(body: Any, **settings: Any) -> list[Event]:
    adapter = CallRail(settings)
    delivery = Delivery("POST", "https://hooks.example.com/x", json.dumps(body).encode(), {}, key="k", received_at=NOW)
    items = [part for part in adapter.split(delivery) if isinstance(part, Item)]
    return [event for item in items for event in adapter.normalize(item)]


def call(**patch: Any) -> CallCompleted:
    (event,) = told(sample(**patch))
    assert isinstance(event, CallCompleted)
    return event


def lead(form_data: Any, settings: dict[str, Any] | None = None, **patch: Any) -> LeadReceived:
    (event,) = told(sample("form_submission", form_data=form_data, **patch), **(settings or {}))
    assert isinstance(event, LeadReceived)
    return event


def test_the_published_signature_of_the_published_body_is_genuine() -> None:
    given = json.loads((VECTORS / "post_call.voicemail.vector.json").read_bytes())
    body = (VECTORS / given["body"]).read_bytes()
    request = Request.build(given["method"], given["url"], body, given["headers"])
    assert CallRail.signature.verify(request, given["secrets"], NOW, {}).scheme == "hmac-sha1"
    with pytest.raises(SignatureError):
        CallRail.signature.verify(request, {"signing": ["another"]}, NOW, {})


@pytest.mark.parametrize(
    ("answered", "voicemail", "call_type", "outcome"),
    [
        (True, False, "call", "answered"),
        (True, True, "call", "answered"),
        (False, True, "voicemail", "voicemail"),
        (False, False, "voicemail", "voicemail"),
        (False, False, "missed", "missed"),
        (False, False, "abandoned", "missed"),
        (False, None, "a kind of tomorrow", "missed"),
    ],
)
def test_the_outcome_is_what_the_two_flags_say(answered: bool, voicemail: Any, call_type: str, outcome: str) -> None:
    assert call(answered=answered, voicemail=voicemail, call_type=call_type).outcome == outcome


@pytest.mark.parametrize("duration", ["0", 0, "", None])
def test_a_call_without_a_duration_has_not_ended_so_missed_is_not_yet_true_of_it(duration: Any) -> None:
    assert told(sample(duration=duration, answered=False, call_type="missed")) == []


@pytest.mark.parametrize("duration", ["-1", "1.5", "soon", "99999999", [3]])
def test_a_duration_that_is_none_is_not_taken_for_one(duration: Any) -> None:
    try:
        events = told(sample(duration=duration))
    except PayloadError:
        return
    assert events == []


def test_a_call_happened_when_it_ended() -> None:
    assert call(duration="245").occurred_at == datetime(2018, 2, 19, 18, 45, 5, 236000, tzinfo=UTC)


def test_a_modified_call_is_the_same_fact_and_another_item() -> None:
    adapter = CallRail()
    first, changed = sample(), sample(tags=["booked"], changes=["tags"])
    deliveries = (
        Delivery("POST", "https://hooks.example.com/x", json.dumps(body).encode(), {}, key="k", received_at=NOW)
        for body in (first, changed)
    )
    one, two = (next(iter(adapter.split(delivery))) for delivery in deliveries)
    assert isinstance(one, Item)
    assert isinstance(two, Item)
    assert one.key != two.key
    assert list(adapter.normalize(one)) == list(adapter.normalize(two))


def test_the_key_to_a_recording_is_cut_from_its_address() -> None:
    event = call(recording="https://app.callrail.com/calls/1/recording/redirect?access_key=aaaaccccddddeeee")
    assert event.recording_ref == "https://app.callrail.com/calls/1/recording/redirect"
    assert "aaaaccccddddeeee" not in event.model_dump_json()


def test_an_unknown_caller_is_told_as_a_caller_and_not_as_a_lead() -> None:
    (event,) = told(sample(first_call=True))
    assert isinstance(event, CallCompleted)
    assert event.first_time is True


@pytest.mark.parametrize(
    ("field", "holds"),
    [("Email", "email"), ("E-Mail", "email"), ("your-email", "email"), ("EMAIL ADDRESS", "email"), ("reply to", None)],
)
def test_usual_names_of_a_forms_fields_are_known(field: str, holds: str | None) -> None:
    event = lead({field: "jane@example.com"})
    assert event.party.email == ("jane@example.com" if holds else None)
    assert event.fields == {field: "jane@example.com"}


def test_the_settings_know_a_forms_fields_better() -> None:
    wrote = {"email": "office@example.com", "private": "jane@example.com"}
    assert lead(wrote, {"form_fields": {"private": "email"}}).party.email == "jane@example.com"


@pytest.mark.parametrize("written", ["not an address", "", None, ["jane@example.com"], {"a": 1}])
def test_an_address_that_is_none_is_kept_in_the_fields_and_names_nobody(written: Any) -> None:
    event = lead({"email": written, "phone": "+1 214 865 4559"})
    assert (event.party.email, event.party.phone) == (None, "+12148654559")
    assert event.fields["email"] == written


@pytest.mark.parametrize(
    ("address", "click"),
    [
        ("https://example.com/?utm_source=x&gclid=abc", "abc"),
        ("https://example.com/?fbclid=f1", "f1"),
        ("https://example.com/", None),
        ("https://[bad", None),
        (None, None),
    ],
)
def test_the_click_that_brought_a_lead_is_read_from_where_they_landed(address: Any, click: str | None) -> None:
    assert lead({"name": "Jane"}, landing_page_url=address).click_id == click


def test_a_text_is_of_the_customer_whichever_way_it_went() -> None:
    (received,) = told(sample("text_message_received"))
    (sent,) = told(
        sample("text_message_received", agent=None, source_number="+14045558514", destination_number="+12148654559")
    )
    assert isinstance(received, ChatReceived)
    assert isinstance(sent, ChatSent)
    assert received.party.phone == sent.party.phone == "+12148654559"
    assert (received.sender, sent.recipients) == ("+12148654559", ("+12148654559",))


def test_one_person_is_one_over_calls_texts_and_forms() -> None:
    person = {"person_resource_id": "PER1"}
    events = [
        told(sample(name, **person))[0] for name in ("post_call.answered", "form_submission", "text_message_received")
    ]
    assert len({event.party.refs for event in events}) == 1
    assert events[0].party.refs[0].of == "person"


def test_a_company_is_ours_by_either_of_its_ids() -> None:
    adapter = CallRail({"companies": ["COM1"]})
    asked = [
        Request.build("POST", "https://hooks.example.com/x", json.dumps(body).encode())
        for body in (sample("text_message_received"), sample("form_submission"), sample())
    ]
    assert [adapter.refuse(request) is None for request in asked] == [True, True, False]


@pytest.mark.parametrize("settings", [{"form_fields": {"x": "age"}}, {"company": ["COM1"]}])
def test_settings_that_nobody_could_mean_refuse_to_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        CallRail(settings)


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def log(
    api: respx.MockRouter, cursor: str | None, *pages: dict[str, Any], headers: Mapping[str, str] | None = None
) -> tuple[str, respx.Route]:
    """Read the call log over HTTP; gives the new cursor."""
    adapter, transport = CallRail({"account": "227799611"}), Transport()
    asked = api.get(LOG).mock(side_effect=[httpx.Response(200, json=page, headers=headers) for page in pages])
    try:
        return drive(adapter.poll("calls", "", cursor), transport.sender(adapter, {"api": [KEY]}))[0], asked
    finally:
        transport.close()


def page(number: int, total: int, *started: Any) -> dict[str, Any]:
    return {"page": number, "total_pages": total, "calls": [{"id": "CAL1", "start_time": at} for at in started]}


def test_the_call_log_is_read_page_by_page_with_the_key_as_callrail_wants_it(api: respx.MockRouter) -> None:
    first, second = "2026-11-20T12:00:00-05:00", "2026-11-21T09:00:00-05:00"
    cursor, asked = log(api, None, page(1, 2, first), page(2, 2, second))
    assert [call.request.url.params["page"] for call in asked.calls] == ["1", "2"]
    assert {call.request.headers["authorization"] for call in asked.calls} == {KEY}
    assert {call.request.url.params["date_range"] for call in asked.calls} == {"recent"}
    assert cursor == "2026-11-21T14:00:00+00:00"


def test_the_next_reading_begins_two_days_before_where_the_last_one_ended(api: respx.MockRouter) -> None:
    cursor, asked = log(api, "2026-11-21T14:00:00+00:00", page(1, 1))
    assert asked.calls.last.request.url.params["start_date"] == "2026-11-19"
    assert cursor == "2026-11-21T14:00:00+00:00"


def test_a_listed_call_with_an_odd_time_does_not_stop_the_reading(api: respx.MockRouter) -> None:
    cursor, _ = log(api, None, page(1, 1, "soon", None, "2026-11-21T14:00:00Z"))
    assert cursor == "2026-11-21T14:00:00+00:00"


@pytest.mark.parametrize("odd", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+00:00"])
def test_a_call_of_an_impossible_time_is_not_where_the_log_ends(api: respx.MockRouter, odd: str) -> None:
    began = "2026-11-20T12:00:00-05:00"
    headers = {"date": "Fri, 20 Nov 2026 18:00:00 GMT"}
    assert log(api, None, page(1, 1, odd, began), headers=headers)[0] == "2026-11-20T17:00:00+00:00"
    assert log(api, None, page(1, 1, odd), headers=headers)[0] == ""


def test_an_empty_log_says_nothing_of_where_it_ends(api: respx.MockRouter) -> None:
    assert log(api, None, page(1, 0))[0] == ""
    assert log(api, "", page(1, 0))[0] == ""


def test_a_person_is_not_known_by_the_older_number() -> None:
    assert call(person_id=17).party.refs == ()
    assert [ref.id for ref in call(person_id="PER17").party.refs] == ["PER17"]
