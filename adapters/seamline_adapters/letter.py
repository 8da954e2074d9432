"""A mail that a human has approved, as the channels for mail write it: to the letter, and with no mark of ours.

Receivers see the human's or the company's name and address. Nothing says by what it was sent: no name of a program, and
of the dispatch only an id that means nothing outside.
"""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from typing import Annotated

from pydantic import AfterValidator

from seamline import ApprovedDispatch, PayloadError, content_key
from seamline.mail import message_ids

#: Most recipients of one mail: what Postmark takes, and more than a letter has.
MAX_RECIPIENTS = 50

#: Longest subject (a line of RFC 5322) and text that are sent, in characters.
MAX_SUBJECT = 900
MAX_TEXT = 1_000_000

#: Headers that a dispatch may add. Whatever names people, or says what sent it, is not among them.
MORE_HEADERS = frozenset({"auto-submitted", "importance", "list-unsubscribe", "list-unsubscribe-post"})

# RFC 5321 without quoted names and without SMTPUTF8: what every server takes, and no list reads as two.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,100}", re.IGNORECASE)

#: Begins a word in code (RFC 2047). Whoever writes or reads a mail puts other text in its place, line ends among it, so
#: it may stand in no header: nobody has approved what it means. Customers choose the ids of their own mails.
CODED = "=?"


def _sender(value: str) -> str:
    if mailbox(value) is None:
        raise ValueError('write an address, or a name with one: "Example Agency <hello@example.com>"')
    return value


#: Who writes, where a dispatch does not say: ``Example Agency <hello@example.com>``.
Sender = Annotated[str, AfterValidator(_sender)]


def mailbox(text: str | None) -> tuple[str, str] | None:
    """Name and address of one sender; None for what is none."""
    if not text or not text.isprintable() or CODED in text:
        return None
    name, address = parseaddr(text)
    return (name, address) if _ADDRESS.fullmatch(address) and text.count("@") == 1 else None


def fault(dispatch: ApprovedDispatch, sender: str | None) -> str | None:
    """Why this cannot be sent as mail; None: it can. ``sender`` is that of the channel's settings."""
    subject = dispatch.subject or ""
    if not dispatch.recipients:
        return "there is no recipient"
    if len(dispatch.recipients) > MAX_RECIPIENTS:
        return f"there are more than {MAX_RECIPIENTS} recipients"
    if not all(_ADDRESS.fullmatch(one) and CODED not in one for one in dispatch.recipients):
        return "a recipient is no e-mail address"
    if mailbox(dispatch.sender or sender) is None:
        return "who writes is not known, or has no e-mail address; set sender in the channel's settings"
    if not subject.strip():
        return "the subject is empty"
    if not subject.isprintable() or len(subject) > MAX_SUBJECT:
        return f"the subject is not one line of at most {MAX_SUBJECT} characters"
    if CODED in subject:
        return f"the subject holds {CODED}, which mail programs read as code for another text: write it without"
    if not dispatch.body.strip():
        return "the text is empty"
    if len(dispatch.body) > MAX_TEXT:
        return f"the text is longer than {MAX_TEXT:,} characters"
    return _hidden_fault(dispatch)


def _hidden_fault(dispatch: ApprovedDispatch) -> str | None:
    """What is wrong with the parts that nobody reads as text."""
    for text in (dispatch.body, dispatch.subject or ""):
        try:
            text.encode()
        except UnicodeEncodeError:
            return "the text holds half a character, which no mail can carry"
    if "\x00" in dispatch.body:
        return "the text holds a NUL"
    for name, value in dispatch.headers.items():
        if name.lower() not in MORE_HEADERS:
            return f"a dispatch may add only the headers {', '.join(sorted(MORE_HEADERS))}"
        if not value.isprintable() or not value.isascii() or CODED in value:
            return f"the header {name} is not one line of ASCII"
    for attached in dispatch.attachments:
        if _TYPE.fullmatch(attached.content_type) is None or not attached.name.strip():
            return "an attachment has no name, or its type is none"
        if not attached.name.isprintable() or {*'/\\"'} & {*attached.name} or CODED in attached.name:
            return "an attachment's name is not a file's"
    return None


def thread(dispatch: ApprovedDispatch) -> dict[str, str]:
    """The headers that put it below what it answers, and those that it adds.

    The ids are the customer's: one that is more than an id is left out, and the mail stands by itself.
    """
    parent = _plain_ids(dispatch.in_reply_to)
    root = _plain_ids(dispatch.thread)
    more = dict(dispatch.headers)
    if not parent:
        return more
    ids = dict.fromkeys((*root, *parent))
    return {"In-Reply-To": f"<{parent[0]}>", "References": " ".join(f"<{one}>" for one in ids), **more}


def _plain_ids(told: str | None) -> list[str]:
    return [one for one in message_ids(told or "") if one.isascii() and one.isprintable() and CODED not in one]


def writer(dispatch: ApprovedDispatch, sender: str | None) -> tuple[str, str]:
    """Name and address of who writes. Raises PayloadError for what ``fault`` finds."""
    found = mailbox(dispatch.sender or sender)
    if (reason := fault(dispatch, sender)) is not None or found is None:
        raise PayloadError(reason or "who writes is not known")
    return found


def message_id(dispatch: ApprovedDispatch, sender: str) -> str:
    """The id of the mail, without angle brackets: the same at every attempt, and telling nothing."""
    return f"{content_key(dispatch.key)}@{sender.rpartition('@')[2]}"


def written(dispatch: ApprovedDispatch, sender: tuple[str, str]) -> bytes:
    """The mail, whole but for its Date. Its text is what was approved, as UTF-8 in lines that every server takes."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = shown(sender)
    mail["To"] = ", ".join(dispatch.recipients)
    mail["Subject"] = dispatch.subject or ""
    mail["Message-ID"] = f"<{message_id(dispatch, sender[1])}>"
    for header, value in thread(dispatch).items():
        mail[header] = value
    mail.set_content(dispatch.body, charset="utf-8", cte="quoted-printable")
    for attached in dispatch.attachments:
        kind, _, subtype = attached.content_type.lower().partition("/")
        mail.add_attachment(attached.content, maintype=kind, subtype=subtype, filename=attached.name)
    if mail.is_multipart():
        mail.set_boundary(content_key(dispatch.sha256))  # not by chance: each attempt writes the same
    return mail.as_bytes()


def shown(sender: tuple[str, str]) -> str:
    """A sender as it stands in From."""
    name, address = sender
    if not name:
        return address
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'
