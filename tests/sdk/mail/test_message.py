"""Mail in, one flat value out, whatever was sent."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamline.errors import PayloadError
from seamline.mail import Attachment, Mail, Mailbox, header_text, mailboxes, parse_mail
from seamline.mail.message import MAX_HEADER_CHARS, MAX_TEXT

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> Mail:
    return parse_mail((SAMPLES / name).read_bytes())


def mail(body: str = "", **headers: str) -> Mail:
    head = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    return parse_mail(f"{head}\n{body}".encode())


def test_an_ordinary_mail_is_read() -> None:
    read = sample("sample_email.eml")
    assert read.sender == Mailbox("someone@example.com", "Someone")
    assert read.to == (Mailbox("someoneelse@example.com"),)
    assert read.reply_to == (Mailbox("reply.to@example.com"),)
    assert read.subject == "Test email"
    assert read.message_id == "20130503182626.18666.16540@example.com"
    assert read.thread == read.message_id
    assert read.date == datetime(2013, 5, 3, 18, 26, 27, tzinfo=UTC)
    assert read.text == "Hi Bob, This is a message. Thanks!"
    assert read.html is not None
    assert "<br>" in read.html
    assert read.auto == "list"
    assert read.attachments == ()


def test_an_automatic_reply_is_told_from_an_answer() -> None:
    read = sample("autoreply.eml")
    assert read.auto == "out_of_office"
    assert read.in_reply_to == read.thread == "out-1@agency.example"
    assert read.text == "I am out of office."


def test_a_bounce_names_the_recipient_and_our_mail() -> None:
    read = sample("dsn_bounce.eml")
    assert read.auto == "bounce"
    (bounce,) = read.bounces
    assert bounce.recipient == "nobody@example.com"
    assert (bounce.action, bounce.status, bounce.permanent) == ("failed", "5.1.1", True)
    assert bounce.diagnostic == "550 5.1.1 User unknown"
    assert bounce.message_id == "out-1@agency.example"
    assert read.text == "User unknown"
    assert read.attachments == ()


def test_the_thread_is_the_first_reference_then_the_parent_then_the_mail_itself() -> None:
    assert mail(Message_ID="<c@x>", In_Reply_To="<b@x>", References="<a@x>\n <b@x>").thread == "a@x"
    assert mail(Message_ID="<c@x>", In_Reply_To="<b@x>").thread == "b@x"
    assert mail(Message_ID="<c@x>").thread == "c@x"
    assert mail().thread is None


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("Tue, 23 Jan 2024 09:00:00 -0500", datetime(2024, 1, 23, 14, tzinfo=UTC)),
        ("Tue, 23 Jan 2024 09:00:00 -0000", datetime(2024, 1, 23, 9, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("Tue, 99 Jan 2024 09:00:00 +0000", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
    ],
)
def test_a_date_is_aware_or_none(told: str, read: datetime | None) -> None:
    assert mail(Date=told).date == read


def test_encoded_words_and_raw_bytes_in_headers_are_decoded() -> None:
    raw = "Subject: Grüße\nFrom: =?iso-8859-1?q?J=FCrgen?= =?utf-8?q?_M=C3=BCller?= <J.M@EXAMPLE.com>\n\nx"
    for charset in ("utf-8", "cp1252"):
        read = parse_mail(raw.encode(charset))
        assert read.subject == "Grüße"
        assert read.sender == Mailbox("J.M@example.com", "Jürgen Müller")


def test_a_comma_in_an_encoded_name_does_not_make_a_second_address() -> None:
    read = mail(To="=?utf-8?q?Doe=2C_Jo_=3Cevil=40example=2Eorg=3E?= <jo@example.com>, kim@example.com, nobody")
    assert [box.email for box in read.to] == ["jo@example.com", "kim@example.com"]
    assert read.to[0].name == "Doe, Jo <evil@example.org>"


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-8", "Grüße".encode()),
        ("iso-8859-1", "Grüße".encode("latin-1")),
        ("us-ascii", "Grüße".encode()),
        ("us-ascii", "Grüße".encode("cp1252")),
        ("x-no-such-charset", "Grüße".encode()),
        ("punycode", "Grüße".encode()),
        ("base64", "Grüße".encode()),
        ("iso-2022-jp", "Grüße".encode()),
        ('"utf-8', "Grüße".encode()),
    ],
)
def test_text_survives_a_wrong_charset(charset: str, body: bytes) -> None:
    read = parse_mail(f"Content-Type: text/plain; charset={charset}\n\n".encode() + body)
    assert read.text == "Grüße"


def test_a_latin_1_mail_with_windows_quotes_keeps_them() -> None:
    assert parse_mail(b"Content-Type: text/plain; charset=iso-8859-1\n\n\x93Hi\x94").text == "\u201cHi\u201d"


def test_text_is_made_of_html_where_there_is_no_plain_text() -> None:
    assert mail("<p>Hello<br>Jo &amp; Kim</p>", Content_Type="text/html").text == "Hello\nJo & Kim"


def test_a_blank_plain_alternative_gives_way_to_the_html() -> None:
    message = EmailMessage()
    message.set_content(" \n")
    message.add_alternative("<p>Real text</p>", subtype="html")
    assert parse_mail(message.as_bytes()).text == "Real text"


def test_text_around_an_attachment_is_joined_and_attachments_are_told() -> None:
    message = EmailMessage()
    message.set_content("before")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="..\\..\\etc/Angebot ü.pdf")
    message.add_attachment("after", disposition="inline")
    message.add_attachment("secret plan", filename="plan.txt")
    read = parse_mail(message.as_bytes())
    assert read.text == "before\n\nafter"
    assert [(a.filename, a.content_type, a.content.strip()) for a in read.attachments] == [
        ("Angebot ü.pdf", "application/pdf", b"%PDF"),
        ("plan.txt", "text/plain", b"secret plan"),
    ]


def test_a_mail_inside_a_mail_is_an_attachment_and_does_not_speak_for_it() -> None:
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner["Auto-Submitted"] = "auto-replied"
    inner.set_content("inner text")
    outer = EmailMessage()
    outer["Subject"] = "outer"
    outer.set_content("see below")
    outer.add_attachment(inner)
    read = parse_mail(outer.as_bytes())
    assert (read.text, read.auto, read.bounces) == ("see below", "none", ())
    assert [a.content_type for a in read.attachments] == ["message/rfc822"]
    assert b"inner text" in read.attachments[0].content


def test_a_forwarded_report_is_no_report_about_our_mail() -> None:
    outer = EmailMessage()
    outer.set_content("look what I got")
    outer.add_attachment((SAMPLES / "dsn_bounce.eml").read_bytes(), maintype="application", subtype="octet-stream")
    assert parse_mail(outer.as_bytes()).bounces == ()


REPORT = """From: fbl@example.net
Content-Type: multipart/report; report-type=feedback-report; boundary=B

--B
Content-Type: text/plain

A complaint.
--B
Content-Type: message/feedback-report

Feedback-Type: Abuse
User-Agent: Loop/1
Version: 1
Original-Rcpt-To: <jo@Example.com>
Original-Rcpt-To: kim@example.com
Arrival-Date: Tue, 23 Jan 2024 09:00:00 -0500

--B
Content-Type: message/rfc822

From: us@agency.example
Message-ID: <out-7@agency.example>

Offer
--B--
"""


def test_a_complaint_names_the_recipients_and_our_mail() -> None:
    read = parse_mail(REPORT.encode())
    assert read.auto == "bounce"
    assert read.complaint is not None
    assert read.complaint.kind == "abuse"
    assert read.complaint.recipients == ("jo@example.com", "kim@example.com")
    assert read.complaint.message_id == "out-7@agency.example"
    assert read.complaint.received_at == datetime(2024, 1, 23, 14, tzinfo=UTC)


def test_a_delay_is_not_a_failure_and_each_recipient_is_told() -> None:
    head = 'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n--B\n\nlate\n'
    status = (
        "--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n"
        "Final-Recipient: rfc822; a@example.com\nAction: delayed\nStatus: 4.4.1\n\n"
        "Original-Recipient: rfc822;b@example.com\nAction: failed\nStatus: 4.7.1 (greylisted)\n\n"
        "Final-Recipient: rfc822; c@example.com\nAction: failed\nDiagnostic-Code: smtp; 550 5.1.1 none\n\n"
    )
    read = parse_mail((head + status + "--B--\n").encode())
    assert [(b.recipient, b.action, b.status, b.permanent) for b in read.bounces] == [
        ("a@example.com", "delayed", "4.4.1", False),
        ("b@example.com", "failed", "4.7.1", False),
        ("c@example.com", "failed", "5.1.1", True),
    ]


def test_new_text_leaves_out_the_quotation_but_nothing_of_a_forwarded_mail() -> None:
    body = "Fine.\n\nOn Tue, 23 Jan 2024 at 09:00, Us <us@agency.example> wrote:\n> Shall we?\n"
    assert mail(body, Subject="Re: Offer").new_text == "Fine."
    assert mail(body, Subject="Fwd: Offer").new_text == body.strip()


def test_marked_lines_are_left_out_only_where_the_mail_answers_something() -> None:
    body = "Kim asks:\n> How much?\nCall me"
    assert mail(body, Subject="New request").new_text == body
    for headers in ({"Subject": "AW: Angebot"}, {"In_Reply_To": "<a@x>"}, {"References": "<a@x>"}):
        assert mail(body, **headers).new_text == "Kim asks:\nCall me"


def test_a_header_that_came_through_json_may_hold_what_no_mail_could() -> None:
    assert header_text("a\ud800b\udcffc\x00ü") == "a?b?cü"
    assert header_text("Gr\udcc3\udcbc\udcc3\udc9fe") == "Grüße"
    assert mailboxes("j\ud83do@example.com") == (Mailbox("j?o@example.com"),)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"x" * 2000, "larger than 1000 bytes"),
        (b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n\n" * 11_000, "too many parts"),
        (b"Content-Type: multipart/mixed; boundary=B\r\r" + b"--B\r\r" * 600, "more than 500 parts"),
        (b"Content-Type: message/rfc822\n\n" * 61, "nested"),
        (b"a:b\n" * 700_001, "lines"),
        (b"Content-Type: text/plain;" + b'"' * 20_000 + b"\n\nx", "too long"),
        (b"Content-Disposition: x;\n" + b" a=b;\n" * 2000 + b"\nx", "too long"),
    ],
)
def test_a_bomb_is_refused_before_it_costs_anything(raw: bytes, told: str) -> None:
    limit = {"max_bytes": 1000} if told.startswith("larger") else {}
    with pytest.raises(PayloadError, match=told):
        parse_mail(raw, **limit)


def test_endless_headers_are_read_up_to_a_bound() -> None:
    read = parse_mail(b"To: " + b'"' * 60_000 + b"\n" + (b"To: " + b"a@b.example," * 5_000 + b"\n") * 20 + b"\nhello")
    assert read.text == "hello"
    assert sum(len(value) for _, value in read.headers) <= MAX_HEADER_CHARS


def test_endless_text_is_cut() -> None:
    assert len(parse_mail(b"\n" + b"x " * MAX_TEXT).text) == MAX_TEXT


def test_no_personal_value_stands_in_the_representation() -> None:
    told = repr(sample("sample_email.eml")) + repr(sample("dsn_bounce.eml")) + repr(Attachment("a/b", "jo.pdf"))
    for value in ("someone", "nobody", "Bob", "User unknown", "jo.pdf", "Test email"):
        assert value not in told


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (tuple, list)):
        return [text for part in value for text in strings(part)]
    if hasattr(value, "__dataclass_fields__"):
        return [text for name in value.__dataclass_fields__ for text in strings(getattr(value, name))]
    return []


def assert_storable(read: Mail) -> None:
    for text in [*strings(read), read.new_text, read.thread or ""]:
        json.dumps(text).encode("ascii")
        text.encode("utf-8")
        assert "\0" not in text
    assert read.date is None or read.date.utcoffset() == timedelta(0)


FRAGMENTS = [
    *(b"Content-Type: ", b"Content-Disposition: ", b"Content-Transfer-Encoding: ", b"Auto-Submitted: ", b"To: "),
    *(b"From: ", b"Date: ", b"Subject: ", b"Message-ID: ", b"References: ", b"MIME-Version: 1.0", b"Content-ID: "),
    *(b"multipart/mixed", b"multipart/report", b"multipart/alternative", b"message/rfc822", b"text/html"),
    *(b"text/plain", b"text/calendar", b"image/png", b"; charset=punycode"),
    *(b"message/delivery-status", b"message/feedback-report", b"text/rfc822-headers", b"; boundary=B", b"; charset="),
    *(b"; report-type=delivery-status", b"; filename*0*=utf-8''", b"; filename=", b"base64", b"quoted-printable"),
    *(b"x-uuencode", b"utf-8", b"utf-16", b"hex", b"=?utf-8?b?", b"=?x?q?=FF?=", b"?=", b"begin 644 x\n", b"\n--B\n"),
    *(b"\n--B--\n", b"\n", b"\n\n", b"\r", b"\r\n", b" ", b"<", b">", b'"', b"(", b")", b"[", b"]", b":", b";", b","),
    *(b"@", b"\0", b"\xff", b"\xc3\xbc", b"\xed\xa0\x80", b"a", b"Final-Recipient: rfc822; ", b"Original-Rcpt-To: "),
    *(b"<!--", b"</p>", b"<blockquote>", b"&#0;", b"&#xd800;", b"On 1.1.2024 10:00 a@b wrote:\n"),
    *(b"From: a\nTo: b\nCc: c\n", b"> "),
]  # fmt: skip


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_raise_nothing_but_payload_errors(raw: bytes) -> None:
    with suppress(PayloadError):
        assert_storable(parse_mail(raw))


@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=8)), max_size=60).map(b"".join))
@settings(max_examples=500, deadline=None)
def test_hostile_mail_raises_nothing_but_payload_errors(raw: bytes) -> None:
    with suppress(PayloadError):
        assert_storable(parse_mail(raw))
