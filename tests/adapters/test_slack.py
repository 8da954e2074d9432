"""Slack: official vectors, what is shown is what was approved, refusals by name, buttons, and notices to colleagues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from seamline import (
    Answer,
    ApprovedDispatch,
    Attachment,
    CallRefused,
    ConfigError,
    Decision,
    Delivery,
    Item,
    NeedsHuman,
    NoticeDraft,
    PayloadError,
    Request,
    RetryLater,
    SecretMissing,
    SignatureError,
    Uncertain,
)
from seamline.dispatch import content_sha256
from seamline.testing import run_calls
from seamline.transport import Transport, drive
from seamline_adapters.slack import Slack, markup
from seamline_adapters.slack.markup import approval_card, escaped, press, shown
from seamline_adapters.stories.slack import stories as suite

URL = "https://hooks.example.com/webhooks/contract"
POST = "https://slack.com/api/chat.postMessage"
RESPONSE_URL = "https://hooks.slack.com/actions/T111/111/random-value"
SECRETS = {"signing": ["signing-secret-example"], "api": ["xoxb-example-token"]}
SHA = "9f" * 32
SIGNED = [
    "block_actions.approve.form",
    "block_actions.bolt.form",
    "block_actions.reject.form",
    "event.message.json",
    "event.message.retry.json",
    "slash_command.official_vector.form",
    "url_verification.json",
]


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(sleep=lambda _: None)
    yield made
    made.close()


def read(name: str) -> Any:
    return json.loads((suite.root / name).read_bytes())


def dispatch(body: str = "Hello", *to: str, **more: Any) -> ApprovedDispatch:
    recipients, subject, attachments = to or ("C111",), more.get("subject"), more.get("attachments", ())
    sha256 = content_sha256("chat", recipients, subject, body, attachments)
    return ApprovedDispatch("draft-1", sha256, "chat", recipients, body, approved_by="dana", **more)


def posted(answer: dict[str, Any], status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(answer).encode(), {name.replace("_", "-"): text for name, text in headers.items()})


def send(answer: Answer, body: str = "Hello", **more: Any) -> tuple[str, dict[str, Any]]:
    """The id of the message, and what was posted."""
    found, (call,) = run_calls(Slack().send(dispatch(body, **more)), {"POST /api/chat.postMessage": answer})
    assert (call.url, call.secret, call.method) == (POST, "api", "POST")
    return found, call.json


# --- the proof ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIGNED)
def test_signed_vectors_verify_and_not_five_minutes_later(name: str) -> None:
    vector = read(f"{name.rpartition('.')[0]}.headers.json")
    request = Request.build("POST", URL, (suite.root / name).read_bytes(), vector["headers"])
    told = vector["signature_vector"]
    at = datetime.fromtimestamp(int(told["timestamp"]), UTC)
    secrets = {"signing": ["another", told["secret"]]}
    assert Slack.signature.verify(request, secrets, at + timedelta(minutes=5), {}).secret == 1
    with pytest.raises(SignatureError, match="old"):
        Slack.signature.verify(request, secrets, at + timedelta(minutes=5, seconds=1), {})


def test_a_challenge_is_answered_only_where_the_request_says_that_it_is_one() -> None:
    body = read("url_verification.json")
    reply = Slack().reply(Request.build("POST", URL, json.dumps(body).encode()))
    assert (reply.status, reply.body, reply.content_type) == (200, body["challenge"].encode(), "text/plain")
    other = {**body, "type": "event_callback"}
    assert Slack().reply(Request.build("POST", URL, json.dumps(other).encode())).body == b""


def test_an_organisations_app_is_known_by_the_organisation() -> None:
    adapter = Slack({"teams": ["E111"]})
    pressed = {"type": "block_actions", "team": None, "enterprise": {"id": "E111"}}
    assert adapter.refuse(Request.build("POST", URL, json.dumps(pressed).encode())) is None
    other = {**pressed, "enterprise": {"id": "E999"}}
    assert adapter.refuse(Request.build("POST", URL, json.dumps(other).encode())) is not None


@pytest.mark.parametrize("settings", [{"teams": ["acme"]}, {"channels": ["#general"]}, {"colleagues": ["dana"]}])
def test_settings_name_ids_and_nothing_else(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Slack(settings)


def test_a_message_in_which_somebody_wrote_a_press_is_no_press_whatever_its_unsigned_type_says() -> None:
    pressed = {"type": "block_actions", "actions": [{"action_id": "approve", "value": f"draft-123/{SHA}"}]}
    written = f"&payload={quote(json.dumps(pressed))}&"
    body = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"type": "message", "text": written}})
    request = Request.build("POST", URL, body.encode(), {"content-type": "application/x-www-form-urlencoded"})
    assert request.form().get("payload") == json.dumps(pressed)
    assert Slack().delivery_key(request) == "Ev1"
    (item,) = Slack().split(Delivery("POST", URL, request.body, request.headers, key="Ev1"))
    assert item.kind == "message"


# --- buttons --------------------------------------------------------------------------------------------------------


def decisions(*actions: dict[str, Any], **payload: Any) -> list[Any]:
    pressed = {
        "type": "block_actions",
        "trigger_id": "1.2.x",
        "team": {"id": "T111"},
        "user": {"id": "W111", "team_id": "T111"},
        "actions": [{"action_ts": "1706000000.000100", **action} for action in actions],
    } | payload
    delivery = Delivery("POST", URL, json.dumps(pressed).encode(), {}, key="1.2.x")
    (item,) = Slack({"teams": ["T111"]}).split(delivery)
    assert isinstance(item, Item)
    return list(Slack().normalize(item))


def test_a_press_says_who_decided_what_on_which_content() -> None:
    (decision,) = decisions({"action_id": "reject", "value": f"draft-123/{SHA}"})
    at = datetime(2024, 1, 23, 8, 53, 20, 100, UTC)
    assert decision == Decision("draft-123", "reject", "T111/W111", at, SHA)


def test_who_presses_from_another_workspace_is_not_one_of_ours_with_the_same_id() -> None:
    (decision,) = decisions(
        {"action_id": "approve", "value": f"draft-123/{SHA}"}, user={"id": "W111", "team_id": "T999"}
    )
    assert decision.actor == "T999/W111"


@pytest.mark.parametrize("value", [None, "", "draft-123", f"draft-123/{SHA[1:]}", f"/{SHA}", f"a/b/{SHA}", SHA.upper()])
def test_a_button_that_names_no_content_decides_nothing(value: str | None) -> None:
    with pytest.raises(PayloadError):
        decisions({"action_id": "approve", "value": value})


@pytest.mark.parametrize("url", [RESPONSE_URL, "https://evil.example/actions/x", None, 7, {}])
def test_a_press_can_be_answered_at_slack_and_nowhere_else(url: Any) -> None:
    (decision,) = decisions({"action_id": "approve", "value": f"draft-123/{SHA}"}, response_url=url)
    assert decision.answer_to == (RESPONSE_URL if url == RESPONSE_URL else None)
    assert "hooks.slack.com" not in repr(decision)


def test_a_press_of_nobody_decides_nothing() -> None:
    with pytest.raises((PayloadError, KeyError)):
        decisions({"action_id": "approve", "value": f"draft-123/{SHA}"}, user={"team_id": "T111"})


def test_the_buttons_of_our_card_come_back_as_what_they_carry() -> None:
    card = approval_card("draft-123", SHA, "To dana@acme.example", "Your offer", "Dear Dana")
    buttons = [element for block in card if block["type"] == "actions" for element in block["elements"]]
    found = [press(button) for button in buttons]
    assert [(one.draft_id, one.sha256, one.verdict) for one in found if one] == [
        ("draft-123", SHA, "approve"),
        ("draft-123", SHA, "reject"),
    ]


# --- what is shown is what was approved -----------------------------------------------------------------------------


@given(st.text())
def test_what_slack_shows_is_what_was_approved(text: str) -> None:
    sent = escaped(text)
    assert shown(sent) == text
    assert not {"<", ">"} & set(sent)


def test_a_text_is_posted_as_it_stands_with_nothing_added() -> None:
    body = "<!channel> & *bold* <https://evil.example|our site> &lt; @dana #general"
    found, message = send(posted(read("api_post_message.json")), body)
    assert found == "C111/1706000001.000200"
    assert shown(message.pop("text")) == body
    assert message == {
        "channel": "C111",
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def test_a_thread_is_answered_in_its_channel() -> None:
    _, message = send(posted(read("api_post_message.json")), thread="C111/1596183880.004200")
    assert message["thread_ts"] == "1596183880.004200"


@given(st.text(alphabet=st.sampled_from("ab&<>\n \U0001f600"), max_size=4_000), st.integers(1, 3))
def test_a_card_shows_the_whole_draft_or_has_no_buttons(text: str, times: int) -> None:
    body = text * times
    card = approval_card("draft-123", SHA, "", None, body)
    sections = [block["text"]["text"] for block in card if block["type"] == "section"]
    assert all(len(one.encode("utf-16-le")) // 2 <= 3_000 for one in sections)
    if any(block["type"] == "actions" for block in card):
        assert "".join(map(shown, sections)) == body
    else:
        assert markup.size(body) > markup.MAX_CARD


@pytest.mark.parametrize(
    ("text", "subject", "body"), [("x" * 3_001, None, "b"), ("t", "&" * 601, "b"), ("t", None, "b" * 9_001)]
)
def test_nobody_approves_on_a_card_what_it_does_not_show(text: str, subject: str | None, body: str) -> None:
    card = approval_card("draft-123", SHA, text, subject, body)
    assert [block["type"] for block in card if block["type"] == "actions"] == []
    assert "console" in json.dumps(card[-1])


def test_a_card_needs_a_draft_and_its_digest() -> None:
    with pytest.raises(PayloadError):
        approval_card("draft/123", SHA, "", None, "b")
    with pytest.raises(PayloadError):
        approval_card("draft-123", "abc", "", None, "b")


# --- what is not sent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approved", "fault"),
    [
        (dispatch("Hello", "C111", "C222"), "exactly one"),
        (dispatch("Hello", "dana@acme.example"), "no id"),
        (dispatch("Hello", "#general"), "no id"),
        (dispatch(" \n"), "empty"),
        (dispatch("x" * 40_001), "40,000"),
        (dispatch("&" * 8_001), "40,000"),
        (dispatch(subject="Your offer"), "subject"),
        (dispatch(attachments=(Attachment("a.txt", "text/plain", b"a"),)), "files"),
        (dispatch(thread="C222/1596183880.004200"), "thread"),
        (dispatch(thread="C111/now"), "thread"),
    ],
)
def test_what_slack_would_refuse_or_change_is_said_before_it_is_approved(
    approved: ApprovedDispatch, fault: str
) -> None:
    assert fault in (Slack().preflight(approved) or "")
    with pytest.raises(PayloadError, match=fault):
        next(Slack().send(approved))


@pytest.mark.parametrize("to", ["C111", "G0123ABCD", "D0123ABCD", "U0123ABCD", "W111"])
def test_a_channel_or_a_user_can_be_sent_the_longest_text(to: str) -> None:
    assert Slack().preflight(dispatch("x" * 40_000, to)) is None


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ("ratelimited", RetryLater),
        ("rate_limited", RetryLater),
        ("service_unavailable", RetryLater),
        ("invalid_auth", NeedsHuman),
        ("token_revoked", NeedsHuman),
        ("missing_scope", NeedsHuman),
        ("restricted_action_thread_only_channel", NeedsHuman),
        ("channel_not_found", CallRefused),
        ("not_in_channel", CallRefused),
        ("is_archived", CallRefused),
        ("msg_too_long", CallRefused),
        ("an error of tomorrow", CallRefused),
        ("fatal_error", Uncertain),
        ("internal_error", Uncertain),
        (None, CallRefused),
    ],
)
def test_a_refusal_is_named_by_what_happens_next(error: str | None, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        send(posted({"ok": False, "error": error}))


def test_a_limit_is_kept_for_as_long_as_slack_says() -> None:
    with pytest.raises(RetryLater) as caught:
        send(posted({"ok": False, "error": "ratelimited"}, retry_after="30"))
    assert caught.value.after == timedelta(seconds=30)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"ok": true}', b'{"ok": 1, "channel": "C1"}'])
def test_an_answer_that_says_neither_yes_nor_no_is_uncertain(body: bytes) -> None:
    with pytest.raises(Uncertain):
        send(Answer(200, body))


def test_an_error_is_not_quoted_where_it_is_no_word_of_slacks() -> None:
    with pytest.raises(CallRefused) as caught:
        send(posted({"ok": False, "error": "no such user dana@acme.example"}))
    assert "acme" not in str(caught.value)


# --- over the real transport ----------------------------------------------------------------------------------------


def over(transport: Transport, secrets: Any = SECRETS) -> str:
    adapter = Slack()
    return drive(adapter.send(dispatch()), transport.sender(adapter, secrets))[0]


def test_the_token_goes_to_slack_with_the_text(api: respx.MockRouter, transport: Transport) -> None:
    route = api.post(POST).mock(return_value=httpx.Response(200, json=read("api_post_message.json")))
    assert over(transport) == "C111/1706000001.000200"
    assert route.calls.last.request.headers["authorization"] == "Bearer xoxb-example-token"


@pytest.mark.parametrize("broken", [httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"), httpx.Response(503)])
def test_a_post_whose_answer_is_lost_is_uncertain_and_not_sent_again(
    api: respx.MockRouter, transport: Transport, broken: Any
) -> None:
    route = api.post(POST).mock(side_effect=[broken, httpx.Response(200, json=read("api_post_message.json"))])
    with pytest.raises(Uncertain):
        over(transport)
    assert route.call_count == 1


def test_a_limit_of_the_web_api_waits_as_told(api: respx.MockRouter, transport: Transport) -> None:
    limited = httpx.Response(429, headers={"Retry-After": "30"}, json={"ok": False, "error": "ratelimited"})
    api.post(POST).mock(return_value=limited)
    with pytest.raises(RetryLater) as caught:
        over(transport)
    assert caught.value.after == timedelta(seconds=30)


def test_nothing_is_sent_without_a_token(api: respx.MockRouter, transport: Transport) -> None:
    route = api.post(POST)
    with pytest.raises(SecretMissing):
        over(transport, {"signing": ["x"]})
    assert not route.called


# --- notices to colleagues ------------------------------------------------------------------------------------------


def test_a_notice_with_a_draft_asks_for_a_decision_and_without_one_only_tells() -> None:
    answers = {"POST /api/chat.postMessage": posted(read("api_post_message.json"))}
    draft = NoticeDraft("draft-123", SHA, "Your offer", "Dear Dana")
    found, (asked,) = run_calls(Slack().notice("C111", "To dana@acme.example", draft), answers)
    _, (told,) = run_calls(Slack().notice("U111", "x" * 5_000, None), answers)
    assert found == "C111/1706000001.000200"
    assert asked.json["blocks"] == approval_card("draft-123", SHA, "To dana@acme.example", "Your offer", "Dear Dana")
    assert "blocks" not in told.json
    assert len(told.json["text"]) <= 3_000
    assert told.json["text"].endswith("…")


def test_a_notice_goes_to_an_id_at_slack_and_nowhere_else() -> None:
    with pytest.raises(PayloadError):
        next(Slack().notice("dana@acme.example", "Hello", None))


def test_a_notices_draft_cannot_be_read_in_a_log() -> None:
    assert "Dana" not in repr(NoticeDraft("draft-123", SHA, "For Dana", "Dear Dana"))


def test_whoever_pressed_is_answered_where_slack_says_and_without_our_token(
    api: respx.MockRouter, transport: Transport
) -> None:
    route = api.post(RESPONSE_URL).mock(return_value=httpx.Response(200, text="ok"))
    adapter = Slack()
    drive(adapter.answer(RESPONSE_URL, "Sent <today>"), transport.sender(adapter, SECRETS))
    sent = route.calls.last.request
    assert "authorization" not in sent.headers
    assert json.loads(sent.content) == {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": "Sent &lt;today&gt;",
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/actions/T111/111/x",
        "https://hooks.slack.com.evil.example/actions/x",
        "https://hooks.slack.com@evil.example/x",
        "http://hooks.slack.com/actions/x",
        "https://hooks.slack.com/actions/x?to=1",
        "",
    ],
)
def test_an_answer_goes_to_slacks_own_host_only(url: str) -> None:
    with pytest.raises(PayloadError):
        next(Slack().answer(url, "done"))
