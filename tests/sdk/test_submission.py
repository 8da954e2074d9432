"""Mail over SMTP: to a real server on the loopback, to the letter, to all recipients or to none, and never twice."""

from __future__ import annotations

import email
import email.policy
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from seamline.call import Answer, Submission
from seamline.errors import CallRefused, EgressRefused, NeedsHuman, RetryLater, SecretMissing, Uncertain
from seamline.ssrf import Egress
from seamline.submission import PORTS, Submitter
from support.certificate import certificate
from support.mailserver import PASSWORD, USER, Mailbox, hanging_up, mail_server, talking

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAME = "smtp.example.com"
SECRETS = {"api": [f"{USER}:{PASSWORD}"]}
MESSAGE = (
    b"From: hello@example.com\r\nTo: dana@example.com, sam@example.org\r\nSubject: Hello\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nDear Dana,\r\n.and a dot\r\n..two\r\n"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What the server proves itself with, and what the client trusts."""
    authority, chain = certificate(tmp_path_factory.mktemp("tls"), NAME)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    return server, ssl.create_default_context(cafile=authority)


@pytest.fixture
def server(served: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Mailbox]:
    with mail_server(served[0]) as box:
        yield box


@pytest.fixture
def submitter(served: tuple[ssl.SSLContext, ssl.SSLContext]) -> Submitter:
    return Submitter(local(), served[1], connect=5, read=5, now=lambda: NOW)


def local() -> Egress:
    """A egress that opens this machine, where every name is."""
    return Egress(allow=["127.0.0.1"], resolve=lambda *_: ["127.0.0.1"])


def mail(box: Mailbox, **other: Any) -> Submission:
    to = ("dana@example.com", "sam@example.org")
    return replace(
        Submission("send", NAME, box.port, "implicit", "hello@example.com", to, MESSAGE, secret="api"), **other
    )


def submit(submitter: Submitter, asked: Submission, secrets: dict[str, list[str]] | None = None) -> Answer:
    return submitter.submit(asked, hosts=(NAME,), secrets=SECRETS if secrets is None else secrets)


def read(box: Mailbox) -> EmailMessage:
    (envelope,) = box.taken
    assert isinstance(envelope.content, bytes)
    found = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_mail_arrives_to_the_letter_for_all_its_recipients(server: Mailbox, submitter: Submitter) -> None:
    assert submit(submitter, mail(server)).status == 250
    assert server.taken[0].rcpt_tos == ["dana@example.com", "sam@example.org"]
    assert server.taken[0].mail_from == "hello@example.com"
    assert read(server).get_content() == "Dear Dana,\r\n.and a dot\r\n..two\r\n"
    assert server.over_tls == [True]


def test_its_date_is_that_of_its_sending_and_its_server_is_greeted_in_the_senders_name(
    server: Mailbox, submitter: Submitter
) -> None:
    submit(submitter, mail(server))
    assert read(server)["Date"] == "Sun, 22 Nov 2026 12:00:00 +0000"
    assert server.greeted == ["example.com"]


def test_by_starttls_nothing_is_sent_in_the_clear(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter
) -> None:
    with mail_server(served[0], implicit=False) as box:
        assert submit(submitter, mail(box, tls="starttls")).status == 250
    assert box.over_tls == [True]


def test_a_server_without_starttls_gets_neither_the_mail_nor_the_password(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter
) -> None:
    with mail_server(served[0], implicit=False, offers_tls=False) as box:
        with pytest.raises(NeedsHuman, match="STARTTLS"):
            submit(submitter, mail(box, tls="starttls"))
        assert (box.taken, box.logins) == ([], [])


def test_a_certificate_of_another_name_gets_nothing(server: Mailbox, submitter: Submitter) -> None:
    other = mail(server, host="smtp.example.org")
    with pytest.raises(NeedsHuman, match="certificate"):
        submitter.submit(other, hosts=("smtp.example.org",), secrets=SECRETS)
    assert (server.taken, server.logins) == ([], [])


def test_a_wrong_password_is_for_a_human(server: Mailbox, submitter: Submitter) -> None:
    with pytest.raises(NeedsHuman, match="535") as told:
        submit(submitter, mail(server), {"api": [f"{USER}:guess"]})
    assert "guess" not in str(told.value)
    assert server.taken == []


def test_a_missing_password_is_told_before_anything_is_dialled(submitter: Submitter) -> None:
    with pytest.raises(SecretMissing):
        submit(submitter, mail(Mailbox(port=1)), {})


def test_a_server_that_lets_us_in_needs_no_password(server: Mailbox, submitter: Submitter) -> None:
    assert submit(submitter, mail(server, secret=None), {}).status == 250
    assert server.logins == []


@pytest.mark.parametrize(
    ("at", "reply", "raised"),
    [
        ("MAIL", "450 later", RetryLater),
        ("MAIL", "550 never", CallRefused),
        ("dana@example.com", "450 greylisted", RetryLater),
        ("sam@example.org", "550 no such user", CallRefused),
        ("DATA", "452 no space", RetryLater),
        ("DATA", "554 spam", CallRefused),
    ],
)
def test_a_refusal_is_certain_and_nobody_gets_anything(
    server: Mailbox, submitter: Submitter, at: str, reply: str, raised: type[Exception]
) -> None:
    server.refuses[at] = reply
    with pytest.raises(raised, match=reply[:3]) as told:
        submit(submitter, mail(server))
    assert server.taken == []
    assert not any(word in str(told.value) for word in ("dana", "sam", reply[4:]))


@pytest.mark.parametrize("at", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_server_that_hangs_up_before_it_has_the_text_is_tried_again(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter, at: str
) -> None:
    with hanging_up(served[0], at) as box, pytest.raises(RetryLater):
        submit(submitter, mail(box, secret=None), {})
    assert box.taken == []


def test_r72_a_server_that_hangs_up_after_data_leaves_it_uncertain_and_it_is_not_sent_again(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter
) -> None:
    with hanging_up(served[0], ".") as box, pytest.raises(Uncertain, match="after DATA"):
        submit(submitter, mail(box, secret=None), {})
    assert len(box.taken) == 1


@pytest.mark.parametrize(
    ("at", "raised"), [("EHLO", RetryLater), ("MAIL", RetryLater), ("RCPT", RetryLater), (".", Uncertain)]
)
def test_r72_a_server_that_drips_has_no_more_time_than_all_of_a_mail_may_take(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter, at: str, raised: type[Exception]
) -> None:
    spent = [0.0]

    def drip(word: str) -> None:
        spent[0] += 1.0 if word == at else 0.0

    slow = replace(submitter, budget=30.0, clock=lambda: spent[0])
    with talking(served[0], at, drip) as box, pytest.raises(raised, match="took longer than 30 s"):
        submit(slow, mail(box, secret=None), {})
    assert len(box.taken) == (at == ".")


@pytest.mark.parametrize(("at", "raised"), [("RCPT", RetryLater), (".", Uncertain)])
def test_a_server_that_talks_without_end_is_not_listened_to_without_end(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter, at: str, raised: type[Exception]
) -> None:
    with talking(served[0], at) as box, pytest.raises(raised, match="said more than"):
        submit(replace(submitter, clock=lambda: 0.0), mail(box, secret=None), {})


def test_who_has_no_time_left_at_data_has_sent_nothing(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter
) -> None:
    spent = [0.0]

    def linger(word: str) -> None:
        spent[0] = 1_000.0 if word == "DATA" else 0.0

    with talking(served[0], "never", linger) as box, pytest.raises(RetryLater, match="took longer"):
        submit(replace(submitter, clock=lambda: spent[0]), mail(box, secret=None), {})
    assert box.taken == []


def test_what_becomes_of_the_connection_after_it_was_taken_changes_nothing(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter
) -> None:
    with hanging_up(served[0], "QUIT") as box:
        assert submit(submitter, mail(box, secret=None), {}).status == 250


@pytest.mark.parametrize(("greeting", "raised"), [(b"421 busy\r\n", RetryLater), (b"554 not you\r\n", CallRefused)])
def test_a_server_can_refuse_at_its_greeting(
    served: tuple[ssl.SSLContext, ssl.SSLContext], submitter: Submitter, greeting: bytes, raised: type[Exception]
) -> None:
    with hanging_up(served[0], "QUIT", {"": greeting}) as box, pytest.raises(raised):
        submit(submitter, mail(box, secret=None), {})


def test_a_server_that_is_not_there_is_tried_again(submitter: Submitter, server: Mailbox) -> None:
    gone = Mailbox(port=1)
    with pytest.raises(RetryLater, match="cannot be reached"):
        submit(submitter, mail(gone))


def test_this_machine_is_reached_only_where_the_guard_opens_it(
    server: Mailbox, served: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    closed = Submitter(Egress(resolve=lambda *_: ["127.0.0.1"]), served[1], 5, 5, lambda: NOW)
    with pytest.raises(EgressRefused, match="loopback"):
        submit(closed, mail(server))
    assert server.greeted == []


@pytest.mark.parametrize("port", [22, 25, 80, 443])
def test_only_ports_for_mail_are_dialled(served: tuple[ssl.SSLContext, ssl.SSLContext], port: int) -> None:
    public = Submitter(Egress(resolve=lambda *_: ["93.184.215.14"]), served[1], 5, 5, lambda: NOW)
    with pytest.raises(EgressRefused, match=f"port {port}"):
        submit(public, mail(Mailbox(port=port)))
    assert PORTS == (465, 587, 2525)


@pytest.mark.parametrize(
    "other",
    [
        {"host": "smtp.example.org"},
        {"recipients": ("dana@example.com\r\nRCPT TO:<spy@example.net>",)},
        {"sender": "hello@example.com>\r\nDATA"},
    ],
)
def test_another_host_or_a_command_in_an_address_is_refused(
    server: Mailbox, submitter: Submitter, other: dict[str, Any]
) -> None:
    with pytest.raises(EgressRefused):
        submit(submitter, mail(server, **other))
    assert server.greeted == []


def test_neither_text_nor_recipients_stand_in_a_representation(server: Mailbox) -> None:
    assert not any(word in repr(mail(server)) for word in ("dana", "Dear", "hello@"))
