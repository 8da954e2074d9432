"""Mail as the channels write it, and what Postmark and an SMTP server are told and answer."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from seamline import (
    ApprovedDispatch,
    Attachment,
    CallRefused,
    ConfigError,
    EgressRefused,
    NeedsHuman,
    PayloadError,
    RetryLater,
    Submission,
    Uncertain,
)
from seamline.dispatch import content_sha256
from seamline.ssrf import Egress
from seamline.testing import check_suite, load_suite
from seamline.transport import Transport, drive
from seamline_adapters import letter
from seamline_adapters.postmark import Postmark
from seamline_adapters.smtp import Smtp
from support.certificate import certificate
from support.mailserver import PASSWORD, USER, hanging_up, mail_server

URL = "https://api.postmarkapp.com/email"
OURS = {"sender": "Example Agency <hello@example.com>"}
BODY = "Dear Dana,\n\n.the offer is “ready” & costs 1.200 €.\n"
SENT = {"MessageID": "0a129aee-e1cd-480d-b08d-4f48548ff48d", "ErrorCode": 0, "Message": "OK"}


def dispatch(body: str = BODY, **more: Any) -> ApprovedDispatch:
    given: dict[str, Any] = {"recipients": ("dana@example.com",), "subject": "Ihr Angebot für März", **more}
    told = (given["recipients"], given["subject"], body, given.get("attachments", ()))
    sha256 = content_sha256("mail", *told)
    return ApprovedDispatch("d-17", sha256, "mail", body=body, approved_by="avery", **given)


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(sleep=lambda _: None)
    yield made
    made.close()


def post(transport: Transport, asked: ApprovedDispatch | None = None, **settings: Any) -> str:
    adapter = Postmark({**OURS, **settings})
    return drive(adapter.send(asked or dispatch()), transport.sender(adapter, {"api": ["example-server-token"]}))[0]


def handed(asked: ApprovedDispatch | None = None, **settings: Any) -> tuple[Submission, EmailMessage]:
    calls = Smtp({"host": "smtp.example.com", **OURS, **settings}).send(asked or dispatch())
    call = next(calls)
    calls.close()
    assert isinstance(call, Submission)
    found = email.message_from_bytes(call.message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return call, found


# --- the letter -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [BODY, "no end", "one\r\ntwo\rthree\n\n", "x" * 5000, "trail \t\n", ".\n..\nFrom me\n", "\N{LINE SEPARATOR}a"],
)
def test_r72_the_text_that_arrives_is_the_text_that_was_approved(body: str) -> None:
    def lines(text: str) -> str:
        return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")

    _, mail = handed(dispatch(body))
    part = mail.get_body()
    assert isinstance(part, EmailMessage)
    assert lines(part.get_content()) == lines(body)
    assert all(len(line) < 998 and line.isascii() for line in mail.as_bytes().splitlines())


def test_r34_a_mail_names_who_writes_and_nothing_that_sent_it() -> None:
    _, mail = handed()
    assert sorted(mail.keys()) == [
        "Content-Transfer-Encoding",
        "Content-Type",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
    ]
    assert mail["From"] == "Example Agency <hello@example.com>"
    assert mail["Message-ID"].endswith("@example.com>")
    assert not any(word in mail.as_string().lower() for word in ("seamline", "avery", "d-17"))


def test_a_dispatch_may_name_its_own_sender() -> None:
    call, mail = handed(dispatch(sender='"Doe, Jordan" <jordan@example.org>'))
    assert (call.sender, mail["From"].addresses[0].display_name) == ("jordan@example.org", "Doe, Jordan")
    assert mail["Message-ID"].endswith("@example.org>")


def test_each_attempt_writes_the_same_mail() -> None:
    files = (Attachment("Offer.pdf", "application/pdf", b"%PDF\x00"),)
    first, _ = handed(dispatch(attachments=files))
    assert handed(dispatch(attachments=files))[0] == first
    assert handed(dispatch("Another text", attachments=files))[1]["Message-ID"] not in first.message.decode()


def test_an_answer_stands_below_what_it_answers() -> None:
    _, mail = handed(dispatch(thread="first@x.example", in_reply_to="last@x.example"))
    assert mail["In-Reply-To"] == "<last@x.example>"
    assert mail["References"] == "<first@x.example> <last@x.example>"
    _, alone = handed(dispatch(in_reply_to="<last@x.example>"))
    assert alone["References"] == "<last@x.example>"
    assert handed(dispatch(thread="not an id"))[1]["References"] is None


@pytest.mark.parametrize(
    "told",
    [
        "<=?utf-8?q?x=0D=0AReply-To:_x=40example.org=0D=0A=0D=0AAnother_text?=@x.example>",
        "<m=?utf-8?b?DQpCY2M6IHhAZXhhbXBsZS5vcmc=?=@x.example>",
        "<größe@x.example>",
    ],
)
@pytest.mark.parametrize("place", ["in_reply_to", "thread"])
def test_r72_what_a_customer_chose_as_the_id_of_a_mail_writes_nothing_into_the_answer(told: str, place: str) -> None:
    ids = {"in_reply_to": "<last@x.example>", place: told}
    _, mail = handed(dispatch(**ids))
    kept = [] if place == "in_reply_to" else ["<last@x.example>"]
    assert mail.get_all("In-Reply-To", []) == mail.get_all("References", []) == kept
    assert {"Reply-To", "Bcc"}.isdisjoint(mail.keys())
    _, plain = handed(dispatch())
    assert mail.get_content() == plain.get_content()
    sent = next(Postmark(OURS).send(dispatch(**ids)))
    assert "=?" not in json.dumps(sent.json)


def test_files_arrive_whole() -> None:
    _, mail = handed(dispatch(attachments=(Attachment("Angebot für Dana.pdf", "application/pdf", b"%PDF\x00\r\n."),)))
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("Angebot für Dana.pdf", "application/pdf")
    assert file.get_content() == b"%PDF\x00\r\n."


@pytest.mark.parametrize(
    "more",
    [
        {"recipients": ()},
        {"recipients": tuple(f"p{n}@example.com" for n in range(51))},
        {"recipients": ("dana",)},
        {"recipients": ("Dana <dana@example.com>",)},
        {"recipients": ("a@example.com,b@example.com",)},
        {"recipients": ("dana@example.com\r\nBcc: x@example.com",)},
        {"subject": None},
        {"subject": " "},
        {"subject": "Hi\nBcc: x@example.com"},
        {"subject": "x" * 901},
        {"body": "\n \n"},
        {"body": "half \ud83d"},
        {"sender": "Jordan"},
        {"sender": "a@example.com, b@example.com"},
        {"sender": "Jordan\r\nBcc: x@example.com <jordan@example.com>"},
        {"headers": {"Bcc": "x@example.com"}},
        {"headers": {"X-Seat": "crystal"}},
        {"headers": {"Auto-Submitted": "no\r\nBcc: x@example.com"}},
        {"subject": "=?utf-8?q?Hi=0D=0ABcc:_x=40example.com?="},
        {"recipients": ("=?utf-8?q?x=40example.org?=@example.com",)},
        {"sender": "=?utf-8?q?Jordan=0D=0ABcc:_x?= <jordan@example.com>"},
        {"headers": {"Importance": "=?utf-8?q?high=0D=0ABcc:_x?="}},
        {"attachments": (Attachment("=?utf-8?q?x=0D=0AX:_1?=.pdf", "application/pdf", b""),)},
        {"attachments": (Attachment("", "application/pdf", b""),)},
        {"attachments": (Attachment("../x.pdf", "application/pdf", b""),)},
        {"attachments": (Attachment("x.pdf", "pdf\r\nX: 1", b""),)},
    ],
)
@pytest.mark.parametrize(
    "adapter", [Postmark(OURS), Smtp({"host": "smtp.example.com", **OURS})], ids=["postmark", "smtp"]
)
def test_what_is_no_letter_is_refused_before_it_is_approved_and_never_sent(
    adapter: Postmark | Smtp, more: dict[str, Any]
) -> None:
    asked = dispatch(**more)
    reason = adapter.preflight(asked)
    assert reason
    assert "example.com" not in reason
    with pytest.raises(PayloadError):
        next(adapter.send(asked))


def test_without_a_sender_or_a_server_nothing_is_sent() -> None:
    assert "sender" in (Postmark().preflight(dispatch()) or "")
    assert Postmark().preflight(dispatch(sender="jordan@example.com")) is None
    assert "host" in (Smtp(OURS).preflight(dispatch()) or "")
    with pytest.raises(PayloadError, match="host"):
        next(Smtp(OURS).send(dispatch()))


@pytest.mark.parametrize("sender", ["Jordan", "", "a@b", "a@example.com\r\nBcc: b@example.com"])
def test_a_sender_without_an_address_is_refused_at_the_start(sender: str) -> None:
    with pytest.raises(ConfigError, match="sender"):
        Postmark({"sender": sender})
    assert letter.mailbox(sender) is None


# --- Postmark ---------------------------------------------------------------------------------------------------------


def test_postmark_is_told_what_was_approved_and_gives_the_id_of_its_webhooks(
    api: respx.MockRouter, transport: Transport
) -> None:
    route = api.post(URL).respond(json=SENT)
    files = (Attachment("Offer.pdf", "application/pdf", b"%PDF"),)
    asked = dispatch(recipients=("dana@example.com", "sam@example.org"), in_reply_to="m@x.example", attachments=files)
    assert post(transport, asked, message_stream="letters") == SENT["MessageID"]
    request = route.calls.last.request
    assert request.headers["x-postmark-server-token"] == "example-server-token"
    assert "authorization" not in request.headers
    assert json.loads(request.content) == {
        "From": '"Example Agency" <hello@example.com>',
        "To": "dana@example.com, sam@example.org",
        "Subject": "Ihr Angebot für März",
        "TextBody": BODY,
        "MessageStream": "letters",
        "TrackLinks": "None",
        "Metadata": {"key": asked.key},
        "Headers": [
            {"Name": "In-Reply-To", "Value": "<m@x.example>"},
            {"Name": "References", "Value": "<m@x.example>"},
        ],
        "Attachments": [
            {
                "Name": "Offer.pdf",
                "ContentType": "application/pdf",
                "Content": base64.b64encode(b"%PDF").decode(),
            }
        ],
    }


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (406, CallRefused),
        (300, CallRefused),
        (None, CallRefused),
        (400, NeedsHuman),
        (412, NeedsHuman),
        (1235, NeedsHuman),
        (100, RetryLater),
        (429, RetryLater),
    ],
)
def test_postmarks_refusals_are_named_and_its_words_which_name_recipients_are_not_shown(
    api: respx.MockRouter, transport: Transport, code: int | None, raised: type[Exception]
) -> None:
    api.post(URL).respond(422, json={"ErrorCode": code, "Message": "inactive addresses: dana@example.com"})
    with pytest.raises(raised) as told:
        post(transport)
    assert "dana" not in str(told.value)


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (httpx.Response(401, json={"ErrorCode": 10}), NeedsHuman),
        (httpx.Response(429), RetryLater),
        (httpx.Response(500), Uncertain),
        (httpx.Response(200, content=b"<html>"), Uncertain),
        (httpx.Response(200, json={"ErrorCode": 0}), Uncertain),
        (httpx.ReadTimeout("late"), Uncertain),
        (httpx.ConnectError("down"), RetryLater),
    ],
)
def test_r72_a_mail_that_postmark_may_have_taken_is_not_sent_again(
    api: respx.MockRouter, transport: Transport, answer: Any, raised: type[Exception]
) -> None:
    route = api.post(URL).mock(side_effect=[answer] * 3)
    with pytest.raises(raised):
        post(transport)
    assert raised is not Uncertain or route.call_count == 1


# --- SMTP -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority, chain = certificate(tmp_path, "smtp.example.com")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    return server, ssl.create_default_context(cafile=authority)


def hand_over(trusted: ssl.SSLContext, port: int, **settings: Any) -> str:
    there = Transport(Egress(allow=["127.0.0.1"], resolve=lambda *_: ["127.0.0.1"]), tls=trusted)
    adapter = Smtp({"host": "smtp.example.com", "port": port, **OURS, **settings})
    try:
        return drive(adapter.send(dispatch()), there.sender(adapter, {"api": [f"{USER}:{PASSWORD}"]}))[0]
    finally:
        there.close()


def test_a_letter_reaches_a_real_server_and_its_id_is_that_of_its_header(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    with mail_server(tls[0]) as box:
        found = hand_over(tls[1], box.port)
    content = box.taken[0].content
    assert isinstance(content, bytes)
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert mail["Message-ID"] == f"<{found}>"
    assert mail["Date"] is not None
    assert box.logins == [USER.encode()]


def test_r72_a_server_that_dies_with_the_letter_leaves_it_to_a_human(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    with hanging_up(tls[0], ".") as box, pytest.raises(Uncertain):
        hand_over(tls[1], box.port, login=False)
    assert len(box.taken) == 1


def test_a_channel_on_this_machine_is_not_dialled(transport: Transport) -> None:
    adapter = Smtp({"host": "localhost", **OURS, "login": False})
    with pytest.raises(EgressRefused):
        drive(adapter.send(dispatch()), transport.sender(adapter, {}))


def test_the_ports_are_those_of_the_ways_to_tls() -> None:
    assert handed()[0].port == 465
    assert handed(tls="starttls")[0].port == 587


@pytest.mark.parametrize("name", ["smtp", "postmark"])
def test_it_keeps_the_contract_of_channels(name: str) -> None:
    assert check_suite(load_suite(name)) > 50
