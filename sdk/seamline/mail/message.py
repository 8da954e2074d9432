"""Mail: MIME in, one flat value out.

The structure is read with the standard library's parser under its ``compat32`` policy. The default policy's structured
headers raise IndexError, AttributeError and RecursionError on hostile values, and take 7 seconds for 20 kB of quotation
marks in one To header; so headers are read by ``seamline.mail.header``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from functools import cached_property

from seamline.errors import PayloadError
from seamline.mail.auto import Auto, classify
from seamline.mail.header import Mailbox, clean, decode, header_text, mailboxes, message_ids, moment, unfold
from seamline.mail.markup import html_to_text
from seamline.mail.quote import new_text
from seamline.mail.report import Bounce, Complaint, read_bounces, read_complaint

#: Largest mail that is read, and bounds on its structure: real mail has a handful of parts.
MAX_BYTES = 40 * 1024 * 1024
MAX_LINES = 700_000
MAX_PARTS = 500
MAX_MULTIPARTS = 60
MAX_HEADERS = 1000
#: Most characters of all header values together that are read.
MAX_HEADER_CHARS = 256 * 1024
# Python reads the parameters of these headers in quadratic time.
_MAX_PARAMETERS = 4 * 1024
_MAX_ALL_PARAMETERS = 128 * 1024
_MAX_DIVIDERS = 10_000
#: Longest text that is kept, in characters.
MAX_TEXT = 1_000_000

_PARAMETERS = re.compile(
    rb"(?:\A|[\r\n])content-(?:type|disposition)[ \t]*:[^\r\n]*(?:(?:\r\n?|\n)[ \t][^\r\n]*)*", re.IGNORECASE
)
_NESTING = re.compile(rb"multipart/|message/", re.IGNORECASE)
_ANSWER = re.compile(r"\s*(re|aw|sv|antw|ref|odp|ynt|rif|r)\s*(\[\d{1,3}\]|\(\d{1,3}\))?\s*:", re.IGNORECASE)
_FORWARD = re.compile(r"\s*(fwd?|wg|tr|rv|i|enc|doorst|vs|vb|pd)\s*:", re.IGNORECASE)


@dataclass(frozen=True)
class Attachment:
    """A part that is not the text; ``filename`` is the last component of what the sender named it."""

    content_type: str
    filename: str | None = field(default=None, repr=False)
    content: bytes = field(default=b"", repr=False)
    content_id: str | None = None
    inline: bool = False


@dataclass(frozen=True)
class Mail:
    """One mail. Ids stand without angle brackets; header names in lower case; ``date`` is what the sender's clock said.

    ``text`` is the plain text, or made of the HTML; ``new_text`` is the part of it that the sender wrote now.
    """

    message_id: str | None = None
    sender: Mailbox | None = field(default=None, repr=False)
    reply_to: tuple[Mailbox, ...] = field(default=(), repr=False)
    to: tuple[Mailbox, ...] = field(default=(), repr=False)
    cc: tuple[Mailbox, ...] = field(default=(), repr=False)
    subject: str = field(default="", repr=False)
    date: datetime | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    html: str | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    auto: Auto = "none"
    bounces: tuple[Bounce, ...] = field(default=(), repr=False)
    complaint: Complaint | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def thread(self) -> str | None:
        """The id of the mail that began the conversation; None: there is no id at all."""
        return thread_of(self.message_id, self.in_reply_to, self.references)

    @cached_property
    def new_text(self) -> str:
        """The text without what it quotes; of a forwarded mail, all of it."""
        if is_forward(self.subject):
            return self.text
        answers = bool(self.in_reply_to or self.references) or is_answer(self.subject)
        return new_text(self.text, answers=answers)

    def header(self, name: str) -> str | None:
        """The first value of a header, decoded."""
        return next((value for told, value in self.headers if told == name.lower()), None)


def thread_of(message_id: str | None, in_reply_to: str | None, references: tuple[str, ...]) -> str | None:
    """The id of the mail that began the conversation."""
    return references[0] if references else in_reply_to or message_id


def is_forward(subject: str) -> bool:
    """Say whether a subject begins as mail programs mark what they forward."""
    return _FORWARD.match(subject) is not None


def is_answer(subject: str) -> bool:
    """Say whether a subject begins as mail programs mark an answer."""
    return _ANSWER.match(subject) is not None


def parse_mail(raw: bytes, *, max_bytes: int = MAX_BYTES) -> Mail:
    """Read a mail. Raises PayloadError, and nothing else, for what is too large or has too many parts.

    Whatever else is wrong with it is lived with: mail is written by anybody, and a lead with a broken Date is a lead.
    """
    _check(raw, max_bytes)
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
        return _read(message)
    except PayloadError:
        raise
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError):
        raise PayloadError("the mail cannot be read") from None


def _check(raw: bytes, max_bytes: int) -> None:
    if len(raw) > max_bytes:
        raise PayloadError(f"the mail is larger than {max_bytes} bytes")
    if max(raw.count(b"\n"), raw.count(b"\r")) > MAX_LINES:
        raise PayloadError(f"the mail has more than {MAX_LINES} lines")
    nested = total = 0
    for match in _PARAMETERS.finditer(raw):
        size = match.end() - match.start()
        total += size
        if size > _MAX_PARAMETERS or total > _MAX_ALL_PARAMETERS:
            raise PayloadError("the content types of the mail's parts are too long")
        nested += _NESTING.search(match.group()) is not None
    if nested > MAX_MULTIPARTS:
        raise PayloadError(f"the mail is nested in more than {MAX_MULTIPARTS} parts")
    if nested and raw.count(b"\n--") + raw.count(b"\r--") > _MAX_DIVIDERS:
        raise PayloadError("the mail has too many parts")


def _read(message: Message) -> Mail:
    raw = list(_bounded(message))
    headers = tuple((clean(name), header_text(value)) for name, value in raw)

    def values(name: str) -> list[object]:
        return [value for told, value in raw if told == name]

    def first(name: str) -> object:
        return next(iter(values(name)), "")

    body, rest = _Body(), list[Attachment]()
    report: list[Message] = []
    for part, kind in _leaves(message):
        if kind == "report":
            report.append(part)
        elif kind == "attachment":
            rest.append(_attachment(part))
    body.read(message)
    senders = mailboxes(first("from")) or mailboxes(first("sender"))
    ids, parents = message_ids(first("message-id")), message_ids(first("in-reply-to"))
    return Mail(
        message_id=ids[0] if ids else None,
        sender=senders[0] if senders else None,
        reply_to=mailboxes(*values("reply-to")),
        to=mailboxes(*values("to")),
        cc=mailboxes(*values("cc")),
        subject=header_text(first("subject"))[:2000],
        date=moment(first("date")),
        in_reply_to=parents[0] if parents else None,
        references=message_ids(first("references")),
        text=body.text(),
        html=body.html(),
        attachments=tuple(rest),
        auto=classify(headers, senders[0].email if senders else unfold(first("from"))),
        bounces=read_bounces(report),
        complaint=read_complaint(report),
        headers=headers,
    )


def _bounded(message: Message) -> Iterator[tuple[str, object]]:
    left = MAX_HEADER_CHARS
    for name, value in list(message.raw_items())[:MAX_HEADERS]:
        left -= len(str(value))
        if left < 0:
            return
        yield name.lower(), value


def _leaves(message: Message) -> Iterator[tuple[Message, str]]:
    """The parts that hold something, each with what it is: ``text``, ``attachment``, or ``report``."""
    stack, seen = [(message, False)], 0
    while stack:
        part, in_report = stack.pop()
        seen += 1
        if seen > MAX_PARTS:
            raise PayloadError(f"the mail has more than {MAX_PARTS} parts")
        children = _children(part)
        if children:
            reports = in_report or part.get_content_type() == "multipart/report"
            stack.extend((child, reports) for child in reversed(children))
        elif _is_text(part):
            yield part, "text"
        else:
            yield part, "report" if in_report and _is_report(part) else "attachment"


def _children(part: Message) -> list[Message]:
    """The parts of a multipart. A mail inside a mail is not opened: what it says is not what this one says."""
    if part.get_content_maintype() != "multipart" or not part.is_multipart():
        return []
    nested = part.get_payload()
    return [child for child in nested if isinstance(child, Message)]


def _is_report(part: Message) -> bool:
    return part.get_content_maintype() == "message" or part.get_content_type() == "text/rfc822-headers"


def _is_text(part: Message) -> bool:
    if part.get_content_type() not in ("text/plain", "text/html") or part.get_content_disposition() == "attachment":
        return False
    return part.get_filename() is None


def _content(part: Message) -> bytes:
    if part.is_multipart():
        # A mail inside a mail: as it came, as far as it can be written again.
        nested = part.get_payload()
        return b"".join(child.as_bytes() for child in nested if isinstance(child, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _attachment(part: Message) -> Attachment:
    try:
        content = _content(part)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        content = b""
    name = header_text(part.get_filename() or "").replace("\\", "/").rpartition("/")[2]
    ids = message_ids(part.get("Content-ID", ""))
    return Attachment(
        content_type=clean(part.get_content_type())[:200],
        filename=name[:300] or None,
        content=content,
        content_id=ids[0] if ids else None,
        inline=part.get_content_disposition() == "inline",
    )


class _Body:
    """The text of a mail: of alternatives the plain one, of a sequence all."""

    def __init__(self) -> None:
        self._plain: list[tuple[str, str]] = []
        self._html: list[str] = []

    def read(self, message: Message) -> None:
        self._plain = self._pieces(message)

    def text(self) -> str:
        told = (html_to_text(piece) if kind == "text/html" else piece for kind, piece in self._plain)
        return "\n\n".join(stripped for piece in told if (stripped := piece.strip()))[:MAX_TEXT]

    def html(self) -> str | None:
        return "\n".join(self._html)[:MAX_TEXT] or None

    def _pieces(self, part: Message) -> list[tuple[str, str]]:
        children = _children(part)
        if not children:
            return self._leaf(part) if _is_text(part) else []
        told = [self._pieces(child) for child in children]
        if part.get_content_type() == "multipart/alternative":
            # The richest is last, the plainest first; an empty plain one is a placeholder.
            filled = [p for p in told if any(text.strip() for _, text in p)]
            plain = [p for p in filled if any(kind == "text/plain" for kind, _ in p)]
            return (plain or filled or [[]])[0]
        if part.get_content_type() == "multipart/report":
            return told[0]
        return [piece for pieces in told for piece in pieces]

    def _leaf(self, part: Message) -> list[tuple[str, str]]:
        content = part.get_payload(decode=True)
        try:
            charset = part.get_content_charset()
        except (LookupError, ValueError, TypeError):
            charset = None
        text = decode(content, charset) if isinstance(content, bytes) else ""
        if part.get_content_type() == "text/html":
            self._html.append(text)
        return [(part.get_content_type(), text)]
