"""Calendly: its contract, the stamp's age, hostile links, rescheduling over the API, and the subscription."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from seamline import ConfigError, Delivery, Item, NeedsHuman, PayloadError, Request, SignatureError, Subscription
from seamline.events import KickoffBooked, LeadReceived, MeetingBooked, MeetingCancelled, MeetingRescheduled
from seamline.transport import SecretMissing, Transport, drive
from seamline_adapters.calendly import Calendly
from seamline_adapters.stories.calendly import stories as suite

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
API = "https://api.calendly.com"
HOOKS = f"{API}/webhook_subscriptions"
HOOK = f"{HOOKS}/HOOK1"
URL = "https://hooks.example.com/webhooks/contract"
ORGANIZATION = f"{API}/organizations/ORG1"
SECRETS = {"signing": ["example-signing-key", "old-key"], "api": ["example-access-token"]}
SIGNED = [
    "invitee.created",
    "invitee.canceled",
    "invitee.created.rescheduled",
    "invitee.canceled.rescheduled",
    "routing_form_submission.created",
]


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


def item_of(adapter: Calendly, body: Any) -> Item:
    delivery = Delivery("POST", URL, json.dumps(body).encode(), {}, key="k", received_at=NOW)
    (item,) = adapter.split(delivery)
    assert isinstance(item, Item)
    return item


def told(adapter: Calendly, name: str, **payload: Any) -> list[Any]:
    body = read(name)
    body["payload"].update(payload)
    return list(adapter.normalize(item_of(adapter, body)))


def subscribe(
    transport: Transport, held: Subscription | None = None, settings: dict[str, Any] | None = None
) -> Subscription:
    adapter = Calendly({"organization": ORGANIZATION} if settings is None else settings)
    return drive(adapter.subscribe(URL, held), transport.sender(adapter, SECRETS))[0]


def hook(**changes: Any) -> httpx.Response:
    found = read("api_hook_active.json")
    found["resource"].update(changes)
    return httpx.Response(201, json=found)


@pytest.mark.parametrize("name", SIGNED)
def test_signed_vectors_verify(name: str) -> None:
    vector, body = read(f"{name}.headers.json"), (suite.root / f"{name}.json").read_bytes()
    request = Request.build("POST", URL, body, vector["headers"])
    at = datetime.fromtimestamp(int(vector["signature_vector"]["timestamp"]), UTC)
    secrets = {"signing": ["another", vector["signature_vector"]["secret"]]}
    assert Calendly().scheme.verify(request, secrets, at, {}).secret == 1


def test_a_stamp_is_good_for_three_minutes_unless_the_settings_say_otherwise() -> None:
    signed = Calendly().scheme.sign(Request.build("POST", URL, b"{}"), SECRETS, NOW)
    late = NOW + timedelta(minutes=3, seconds=1)
    Calendly().scheme.verify(signed, SECRETS, NOW + timedelta(minutes=3), {})
    with pytest.raises(SignatureError, match="old"):
        Calendly().scheme.verify(signed, SECRETS, late, {})
    Calendly({"max_age_seconds": 86_400}).scheme.verify(signed, SECRETS, late, {})


def test_a_stamp_from_the_future_is_not_genuine() -> None:
    signed = Calendly().scheme.sign(Request.build("POST", URL, b"{}"), SECRETS, NOW)
    with pytest.raises(SignatureError, match="future"):
        Calendly().scheme.verify(signed, SECRETS, NOW - timedelta(minutes=4), {})


@pytest.mark.parametrize(
    "settings",
    [
        {"max_age_seconds": 0},
        {"scope": "everybody"},
        {"organization": "https://example.com/organizations/1"},
        {"odd": 1},
    ],
)
def test_settings_that_nobody_could_mean_refuse_to_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Calendly(settings)


def test_the_invitee_is_the_customer_and_hosts_and_guests_are_others() -> None:
    event = read("invitee.created.json")["payload"]["scheduled_event"]
    event["event_guests"] = [{"email": "partner@example.com"}]
    (booked,) = told(Calendly(), "invitee.created.json", scheduled_event=event)
    assert isinstance(booked, MeetingBooked)
    assert booked.party.email == "jane@example.com"
    assert [other.email for other in booked.others] == ["host@agency.example", "partner@example.com"]
    assert booked.attendees == ("jane@example.com", "host@agency.example", "partner@example.com")
    assert booked.answers == {"What do you need help with?": "Leaking roof"}


def test_a_purpose_is_found_by_the_event_types_uri_before_its_name() -> None:
    purposes = {"DISCOVERY CALL": "inquiry", f"{API}/event_types/ET1": "kickoff"}
    booked, kickoff = told(Calendly({"purposes": purposes}), "invitee.created.json")
    assert booked.purpose == "kickoff"
    assert isinstance(kickoff, KickoffBooked)
    assert (kickoff.starts_at, kickoff.calendar_event_id) == (booked.starts_at, booked.calendar_event_id)


def test_another_purpose_is_only_written_into_the_meeting() -> None:
    (booked,) = told(Calendly({"purposes": {"Discovery call": "review"}}), "invitee.created.json")
    assert booked.purpose == "review"


def test_a_routing_form_tells_its_person_by_the_words_of_its_questions() -> None:
    wrote = [
        {"question": "Company name", "answer": "Acme Roofing"},
        {"question": "Your name", "answer": "Jane Doe"},
        {"question": "Where can we reach you?", "answer": "jane@example.com"},
        {"question": "Mobile number", "answer": "+1 555 555 0123"},
        {"question": "Services", "answer": None},
        {"question": "Services", "answer": "roof"},
    ]
    (lead,) = told(
        Calendly(),
        "routing_form_submission.created.json",
        questions_and_answers=wrote,
        submitter=f"{API}/scheduled_events/EVT1/invitees/INV1",
        submitter_type="Invitee",
    )
    assert isinstance(lead, LeadReceived)
    assert (lead.party.name, lead.party.company) == ("Jane Doe", "Acme Roofing")
    assert (lead.party.email, lead.party.phone) == ("jane@example.com", "+15555550123")
    assert [ref.id for ref in lead.party.refs] == ["INV1"]
    assert (lead.fields["Services"], lead.fields["Services (2)"]) == (None, "roof")


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/scheduled_events/EVT1",
        "https://api.calendly.com.evil.example/scheduled_events/EVT1",
        "https://api.calendly.com/scheduled_events/../users/me",
        "https://api.calendly.com/scheduled_events/EVT1?x=1",
        "http://api.calendly.com/scheduled_events/EVT1",
    ],
)
def test_a_link_that_is_not_calendlys_is_never_followed(uri: str) -> None:
    adapter, body = Calendly(), read("invitee.created.json")
    body["payload"].update(event=uri, scheduled_event=None)
    with pytest.raises(PayloadError):
        next(adapter.fetch(item_of(adapter, body)))


@pytest.mark.parametrize("field", ["new_invitee", "invitee"])
def test_an_invitees_link_that_is_not_calendlys_is_never_followed(field: str) -> None:
    adapter, body = Calendly(), read("invitee.canceled.rescheduled.json")
    body["payload"][field] = "https://evil.example/scheduled_events/EVT1/invitees/INV1"
    if field == "invitee":
        body["event"] = "invitee_no_show.created"
    with pytest.raises(PayloadError):
        next(adapter.fetch(item_of(adapter, body)))


def test_the_old_half_reads_the_new_booking_and_tells_what_the_new_half_tells(
    api: respx.MockRouter, transport: Transport
) -> None:
    invitee = api.get(f"{API}/scheduled_events/EVT2/invitees/INV2").mock(
        return_value=httpx.Response(200, json=read("api_invitee_INV2.json"))
    )
    api.get(f"{API}/scheduled_events/EVT2").mock(return_value=httpx.Response(200, json=read("api_event_EVT2.json")))
    adapter = Calendly()
    old = item_of(adapter, read("invitee.canceled.rescheduled.json"))
    _, answers = drive(adapter.fetch(old), transport.sender(adapter, SECRETS))
    from_old = list(adapter.normalize(replace(old, answers=answers)))
    from_new = told(adapter, "invitee.created.rescheduled.json")
    assert from_old == from_new
    assert isinstance(from_old[0], MeetingRescheduled)
    assert from_old[0].previous_event_id == "EVT1"
    assert invitee.calls.last.request.headers["authorization"] == "Bearer example-access-token"


def test_the_old_half_is_never_a_cancellation_with_or_without_a_token(transport: Transport) -> None:
    adapter = Calendly()
    old = item_of(adapter, read("invitee.canceled.rescheduled.json"))
    with pytest.raises(SecretMissing):
        drive(adapter.fetch(old), transport.sender(adapter, {"signing": ["x"]}))
    assert list(adapter.normalize(old)) == []
    assert (
        list(adapter.normalize(item_of(adapter, {**old.data, "payload": {**old.data["payload"], "new_invitee": None}})))
        == []
    )


def test_a_cancellation_tells_who_called_off_and_why() -> None:
    (event,) = told(Calendly(), "invitee.canceled.json")
    assert isinstance(event, MeetingCancelled)
    assert (event.cancelled_by, event.reason) == ("Jane Doe", "Schedule conflict")
    assert event.occurred_at == datetime(2024, 1, 24, 10, tzinfo=UTC)


def test_a_new_hook_is_told_the_key_to_sign_with(api: respx.MockRouter, transport: Transport) -> None:
    made = api.post(HOOKS).mock(return_value=hook())
    assert subscribe(transport).id == HOOK
    sent = json.loads(made.calls.last.request.content)
    assert sent["signing_key"] == "example-signing-key"
    assert (sent["url"], sent["scope"], sent["organization"]) == (URL, "organization", ORGANIZATION)
    assert {"invitee.created", "invitee.canceled", "invitee_no_show.created", "routing_form_submission.created"} <= set(
        sent["events"]
    )


def test_an_oauth_apps_own_key_is_not_replaced(api: respx.MockRouter, transport: Transport) -> None:
    made = api.post(HOOKS).mock(return_value=hook())
    subscribe(transport, settings={"organization": ORGANIZATION, "key": "app"})
    assert "signing_key" not in json.loads(made.calls.last.request.content)


def test_a_hook_that_is_alive_is_kept(api: respx.MockRouter, transport: Transport) -> None:
    api.get(HOOK).mock(return_value=httpx.Response(200, json=read("api_hook_active.json")))
    made = api.post(HOOKS).mock(return_value=hook())
    assert subscribe(transport, Subscription(HOOK)).id == HOOK
    assert not made.called


@pytest.mark.parametrize("changes", [{"state": "disabled"}, {"callback_url": "https://old.example.com/x"}])
def test_a_hook_that_was_disabled_or_moved_is_made_anew(
    api: respx.MockRouter, transport: Transport, changes: dict[str, str]
) -> None:
    dead = read("api_hook_active.json")
    dead["resource"].update(changes)
    api.get(HOOK).mock(return_value=httpx.Response(200, json=dead))
    dropped = api.delete(HOOK).mock(return_value=httpx.Response(204))
    api.post(HOOKS).mock(return_value=hook(uri=f"{HOOKS}/HOOK2"))
    assert subscribe(transport, Subscription(HOOK)).id == f"{HOOKS}/HOOK2"
    assert dropped.call_count == 1


def test_a_hook_that_is_gone_is_made_anew(api: respx.MockRouter, transport: Transport) -> None:
    api.get(HOOK).mock(return_value=httpx.Response(404))
    dropped = api.delete(HOOK).mock(return_value=httpx.Response(204))
    api.post(HOOKS).mock(return_value=hook(uri=f"{HOOKS}/HOOK2"))
    assert subscribe(transport, Subscription(HOOK)).id == f"{HOOKS}/HOOK2"
    assert not dropped.called


def test_another_hook_of_our_url_is_replaced_because_its_key_is_not_known(
    api: respx.MockRouter, transport: Transport
) -> None:
    api.post(HOOKS).mock(side_effect=[httpx.Response(409), hook(uri=f"{HOOKS}/HOOK2")])
    others = [
        {"uri": HOOK, "callback_url": URL},
        {"uri": f"{HOOKS}/HOOK9", "callback_url": "https://other.example.com/x"},
    ]
    api.get(HOOKS).mock(return_value=httpx.Response(200, json={"collection": others}))
    dropped = api.delete(HOOK).mock(return_value=httpx.Response(204))
    spared = api.delete(f"{HOOKS}/HOOK9").mock(return_value=httpx.Response(204))
    assert subscribe(transport).id == f"{HOOKS}/HOOK2"
    assert (dropped.called, spared.called) == (True, False)


def test_a_hook_that_cannot_be_replaced_is_for_a_human(api: respx.MockRouter, transport: Transport) -> None:
    api.post(HOOKS).mock(return_value=httpx.Response(409))
    api.get(HOOKS).mock(return_value=httpx.Response(200, json={"collection": []}))
    with pytest.raises(NeedsHuman):
        subscribe(transport)


def test_the_owner_that_is_not_configured_is_the_tokens_own(api: respx.MockRouter, transport: Transport) -> None:
    me = {"uri": f"{API}/users/HOST1", "current_organization": ORGANIZATION}
    api.get(f"{API}/users/me").mock(return_value=httpx.Response(200, json={"resource": me}))
    made = api.post(HOOKS).mock(return_value=hook())
    subscribe(transport, settings={"scope": "user"})
    sent = json.loads(made.calls.last.request.content)
    assert (sent["user"], sent["organization"]) == (f"{API}/users/HOST1", ORGANIZATION)
    assert "routing_form_submission.created" not in sent["events"]


def test_a_hook_for_a_group_needs_the_group(transport: Transport) -> None:
    with pytest.raises(NeedsHuman, match="group"):
        subscribe(transport, settings={"scope": "group", "organization": ORGANIZATION})


def test_an_access_token_that_is_refused_is_for_a_human(api: respx.MockRouter, transport: Transport) -> None:
    api.post(HOOKS).mock(return_value=httpx.Response(403))
    with pytest.raises(NeedsHuman):
        subscribe(transport)


def test_the_same_question_asked_over_and_over_costs_linear_time_and_loses_no_answer() -> None:
    # Minutes, were it quadratic.
    again = [{"question": "Why?", "answer": str(n)} for n in range(20_000)]
    wrote = [{"question": "Why? (2)", "answer": "first"}, *again, {"question": "Why? (4)", "answer": "last"}]
    (booked,) = told(Calendly(), "invitee.created.json", questions_and_answers=wrote)
    assert isinstance(booked, MeetingBooked)
    assert len(booked.answers) == len(wrote)
    assert [booked.answers[name] for name in ("Why? (2)", "Why?", "Why? (3)")] == ["first", "0", "1"]
    assert "last" in booked.answers.values()
