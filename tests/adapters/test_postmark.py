"""Postmark: its contract, the two proofs, the keys, and mail made to break it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamline import ConfigError, Delivery, Item, PayloadError, Request, SignatureError
from seamline.events import EmailDeliveryChanged, EmailReceived
from seamline.signature import check
from seamline.testing.play import normalize
from seamline_adapters.postmark import Postmark
from seamline_adapters.stories.postmark import stories as suite

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "https://hooks.example.com/webhooks/mail"
SECRETS = {"signing": ["postmark:correct horse", "old-token"]}
ADAPTER = Postmark()


def read(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((suite.root / name).read_bytes())
    return body


def told(body: Any) -> list[Any]:
    return normalize(ADAPTER, Item("k", body))


def mail(**fields: Any) -> EmailReceived:
    (event,) = told({**read("inbound.reply.json"), **fields})
    assert isinstance(event, EmailReceived)
    return event


def key(body: Any) -> str | None:
    return ADAPTER.delivery_key(Request.build("POST", URL, json.dumps(body).encode()))


def prove(url: str = URL, authorization: str | None = None) -> str:
    headers = {} if authorization is None else {"Authorization": authorization}
    request = Request.build("POST", url, b"{}", headers)
    return ADAPTER.signature.verify(request, SECRETS, NOW, {}).scheme


def test_the_secret_is_a_user_and_password_or_a_token_in_the_query() -> None:
    assert prove(authorization="Basic cG9zdG1hcms6Y29ycmVjdCBob3JzZQ==") == "basic"
    assert prove(f"{URL}?token=old-token") == "token"


@pytest.mark.parametrize(
    ("url", "authorization"),
    [
        (URL, None),
        (URL, "Basic cG9zdG1hcms6d3Jvbmc="),
        (URL, "Bearer old-token"),
        (f"{URL}?token=", None),
        (f"{URL}?token=wrong", None),
        (f"{URL}?token=old-token&token=old-token", None),
        (f"{URL}?TOKEN=old-token", None),
        # A wrong password is not mended by a right token: each scheme that is present decides alone.
        (f"{URL}?token=old-token", "Basic cG9zdG1hcms6d3Jvbmc="),
    ],
)
def test_whatever_else_is_sent_proves_nothing(url: str, authorization: str | None) -> None:
    with pytest.raises(SignatureError):
        prove(url, authorization)


def test_either_kind_of_secret_alone_is_enough_to_start_and_none_is_not() -> None:
    check(ADAPTER.scheme, {"signing": ["only-a-token"]})
    check(ADAPTER.scheme, {"signing": ["user:password"]})
    with pytest.raises(ConfigError):
        check(ADAPTER.scheme, {})


def test_a_wrong_key_of_ours_never_ends_the_retries() -> None:
    # 403 does, and only it and 200 do (Postmark, "Inbound webhook").
    replies = ADAPTER.replies
    assert replies.forged.status in replies.retried
    assert replies.busy.status in replies.retried
    assert 403 not in replies.retried
    assert replies.ok.status == replies.foreign.status == 200
    assert ADAPTER.trust == "authenticated"


def test_keys_are_those_that_postmark_gives() -> None:
    assert key(read("inbound.basics.json")) == "Inbound:22c74902-a0c1-4511-804f2-341342852c90"
    assert key(read("bounce.json")) == "Bounce:901542550"
    assert key(read("spam_complaint.json")) == "SpamComplaint:901542551"
    assert key(read("open.json")) == "Open:f4830d10-9c35-4f0c-bca3-3d9b459821f8:2016-04-27T16:21:41.2493688-04:00"


@pytest.mark.parametrize(
    "odd", [[], None, 7, {}, {"RecordType": "Open"}, {"MessageID": "x" * 300}, {"MessageID": "a\nb"}]
)
def test_without_a_key_the_digest_of_the_body_is_one(odd: Any) -> None:
    assert key(odd) is None


def test_a_key_holds_no_address() -> None:
    for path in sorted(suite.root.glob("*.json")):
        if not path.name.endswith(".expected.json"):
            found = key(read(path.name))
            assert found is not None
            assert "@" not in found


def test_two_opens_of_one_message_are_two_and_two_reports_of_one_open_are_one() -> None:
    first, again = read("open.json"), {**read("open.json"), "ReceivedAt": "2016-04-27T16:21:42-04:00"}
    assert key(first) != key(again)
    assert key(first) == key({**first, "ReadSeconds": 9})


def test_the_thread_is_the_one_that_the_headers_tell() -> None:
    event = mail()
    assert (event.thread_id, event.in_reply_to) == ("out-1@agency.example", "out-2@agency.example")


def test_the_time_is_the_last_servers_and_only_without_it_the_senders() -> None:
    assert mail(Date="Mon, 1 Jan 1990 00:00:00 +0000").occurred_at == datetime(2024, 1, 23, 14, 0, 7, tzinfo=UTC)
    without = mail(Headers=[], Date="Tue, 23 Jan 2024 09:00:00 -0500")
    assert without.occurred_at == datetime(2024, 1, 23, 14, tzinfo=UTC)
    assert mail(Headers=[], Date="soon").occurred_at is None


def test_postmarks_own_reading_of_the_new_text_comes_first() -> None:
    assert mail(StrippedTextReply="Yes.").text == "Yes."
    assert mail(StrippedTextReply=" ").text == "Looks good, one question below.\n\nApril would be better."


def test_a_forwarded_mail_is_told_whole() -> None:
    text = mail(Subject="Fwd: New lead", StrippedTextReply="FYI").text
    assert text is not None
    assert "Shall we start in March?" in text


def test_a_question_that_a_web_form_shows_as_a_quotation_is_not_lost() -> None:
    (event,) = told(read("inbound.web_form.json"))
    assert "How much is it?" in event.text
    assert [other.email for other in event.others] == ["kim@example.org"]
    assert event.auto == "none"


def test_a_second_return_path_that_the_sender_wrote_counts_for_nothing() -> None:
    headers = [{"Name": "Return-Path", "Value": value} for value in ("<jo@example.com>", "<>")]
    sender = {"Email": "postmaster@example.com", "Name": "", "MailboxHash": ""}
    assert mail(Headers=headers, FromFull=sender).auto == "none"
    assert mail(Headers=headers[::-1], FromFull=sender).auto == "bounce"


def test_a_recipient_stands_once_whichever_way_it_was_told() -> None:
    full = {"Email": "Sales@inbound.example.com", "Name": "", "MailboxHash": ""}
    assert mail(CcFull=[full], BccFull=[full]).recipients == ("sales@inbound.example.com",)


def test_mail_from_nobody_is_told_all_the_same() -> None:
    event = mail(FromFull={"Email": "", "Name": "", "MailboxHash": ""}, From="")
    assert (event.sender, event.party.email) == ("", None)


@pytest.mark.parametrize(
    ("kind", "inactive", "status", "permanent"),
    [
        ("HardBounce", True, "bounced", True),
        ("BadEmailAddress", False, "bounced", True),
        ("SoftBounce", False, "bounced", False),
        ("SoftBounce", True, "bounced", True),
        ("Blocked", False, "bounced", None),
        ("Transient", False, "deferred", False),
        ("DnsError", False, "deferred", False),
        ("SpamNotification", False, "complained", None),
        ("Unsubscribe", False, "unsubscribed", None),
    ],
)
def test_bounce_types_are_told_apart(kind: str, inactive: bool, status: str, permanent: bool | None) -> None:
    (event,) = told({**read("bounce.json"), "Type": kind, "Inactive": inactive})
    assert isinstance(event, EmailDeliveryChanged)
    assert (event.status, event.permanent) == (status, permanent)


@pytest.mark.parametrize("kind", ["AutoResponder", "AddressChange", "ChallengeVerification", "InboundError"])
def test_what_changes_nothing_about_our_mail_is_no_event(kind: str) -> None:
    assert told({**read("bounce.json"), "Type": kind}) == []


@pytest.mark.parametrize(
    ("file", "field", "odd"),
    [
        ("bounce.json", "BouncedAt", "yesterday"),
        ("bounce.json", "BouncedAt", "2024-01-23T10:00:00"),
        ("bounce.json", "Type", 1),
        ("bounce.json", "MessageID", None),
        ("unsubscribe.json", "SuppressSending", "true"),
        ("inbound.reply.json", "Headers", {}),
        ("inbound.reply.json", "ToFull", "jo@example.com"),
        ("inbound.reply.json", "Attachments", 1),
    ],
)
def test_what_cannot_be_read_is_quarantined(file: str, field: str, odd: Any) -> None:
    with pytest.raises(PayloadError):
        told({**read(file), field: odd})


TEXTS = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.text(alphabet=st.sampled_from([*'<>@,;:"()[]\\ \n\r\0=?a1', "\ud800", "\udcff", "ü"]), max_size=30),
    st.just("From: a\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n--B\r\n"),
)
HEADERS = st.sampled_from(
    ["Received", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "Content-Type", "x"]
)
PEOPLE = st.lists(st.fixed_dictionaries({"Email": TEXTS, "Name": TEXTS}), max_size=2)


@given(
    st.fixed_dictionaries(
        {
            **dict.fromkeys(("Subject", "TextBody", "HtmlBody", "StrippedTextReply", "ReplyTo", "Date"), TEXTS),
            **dict.fromkeys(("RawEmail", "OriginalRecipient", "From"), TEXTS),
            **dict.fromkeys(("ToFull", "CcFull", "Attachments"), PEOPLE),
            "FromFull": st.one_of(st.none(), st.fixed_dictionaries({"Email": TEXTS, "Name": TEXTS})),
            "Headers": st.lists(st.fixed_dictionaries({"Name": HEADERS, "Value": TEXTS}), max_size=4),
        }
    )
)
@settings(max_examples=300, deadline=None)
def test_no_mail_that_postmark_could_send_raises_anything(fields: dict[str, Any]) -> None:
    body = json.dumps({**read("inbound.reply.json"), **fields}).encode()
    delivery = Delivery("POST", URL, body, {}, key="k", received_at=NOW)
    for item in ADAPTER.split(delivery):
        assert isinstance(item, Item)
        events = normalize(ADAPTER, item)
        assert events
        for event in events:
            shown = event.model_dump_json()  # type: ignore[union-attr]
            assert "\\u0000" not in shown
            shown.encode("utf-8")
