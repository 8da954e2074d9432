"""Header values as text: decoded words, ids, dates, mailboxes. Nothing here raises, whatever was sent."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime

#: Longest header value that is read, in characters, and most addresses and ids of one header.
MAX_HEADER = 64 * 1024
MAX_MAILBOXES = 1000
MAX_REFERENCES = 100

_ID = re.compile(r"<([^<>\s]{1,300})>")
_BARE_ID = re.compile(r"[^<>\s,;]{1,300}@[^<>\s,;]{1,300}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_ESCAPED = re.compile(r"\A[^\ud800-\udc7f\udd00-\udfff]*[\udc80-\udcff][^\ud800-\udc7f\udd00-\udfff]*\Z", re.DOTALL)
_FOLD = re.compile(r"\r?\n[ \t]*|\r")

# These are encodings of text to Python, but no charset of mail: they read escapes, or take quadratic time.
_NO_CHARSET = frozenset({"idna", "punycode", "undefined", "unicode-escape", "unicode_escape", "raw-unicode-escape"})


@dataclass(frozen=True)
class Mailbox:
    """A name and an address as a header tells them. ``email`` has its domain in lower case."""

    email: str = field(repr=False)
    name: str | None = field(default=None, repr=False)


def clean(text: str) -> str:
    """The text with LF line ends, and without what a database or a JSON document could not hold."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def decode(body: bytes, charset: str | None) -> str:
    """Read bytes of text by the charset that is told; where it is wrong or none, as UTF-8, else as Windows-1252."""
    told = _codec(charset)
    for name in ("utf-8",) if told == "utf-8" else (told, "utf-8") if told else ("utf-8", "cp1252"):
        try:
            return clean(body.decode(name))
        except (ValueError, LookupError):
            continue
    return clean(body.decode(told or "latin-1", "replace"))


def _codec(charset: str | None) -> str | None:
    """Python's name of a charset of mail; None: unknown, or ASCII, which is never what was meant where it fails."""
    if not charset or len(charset) > 60:
        return None
    try:
        name = codecs.lookup(charset.strip("\"' ")).name
        b"".decode(name)
    except (LookupError, ValueError, TypeError):
        return None
    if name in _NO_CHARSET or name == "ascii":
        return None
    # As on the web: what says Latin-1 is written in its superset.
    return "cp1252" if name == "iso8859-1" else name


def unfold(value: object) -> str:
    """A raw header value on one line, with the bytes that were no ASCII read as UTF-8 or Windows-1252."""
    text = _FOLD.sub(" ", str(value)[:MAX_HEADER])
    if not text.isascii():
        # Of a mail's header, surrogates stand for raw bytes; of JSON, where others can be, for nothing.
        text = decode(text.encode("utf-8", "surrogateescape" if _ESCAPED.search(text) else "replace"), None)
    return clean(text).replace("\n", " ").strip()


def header_text(value: object) -> str:
    """A header value as a reader sees it: RFC 2047 words decoded."""
    text = unfold(value)
    if "=?" not in text:
        return text
    try:
        parts = decode_header(text)
    except (HeaderParseError, ValueError, LookupError, TypeError):
        return text
    told = "".join(part if isinstance(part, str) else decode(part, charset) for part, charset in parts)
    return clean(told).replace("\n", " ").strip()


def mailboxes(*values: object) -> tuple[Mailbox, ...]:
    """The addresses of one or more headers; what is no address is left out."""
    try:
        pairs = getaddresses([unfold(value) for value in values])
    except (RecursionError, ValueError, IndexError, TypeError):
        return ()
    found: dict[str, Mailbox] = {}
    for name, address in pairs:
        local, at, domain = address.strip().rpartition("@")
        if not (at and local and domain) or len(address) > 320 or not address.isprintable() or " " in address:
            continue
        email = f"{local}@{domain.lower()}"
        found.setdefault(email, Mailbox(email, header_text(name)[:300] or None))
        if len(found) == MAX_MAILBOXES:
            break
    return tuple(found.values())


def message_ids(value: object) -> tuple[str, ...]:
    """The message ids of a header, without angle brackets; of very many, the first and the last ones."""
    text = unfold(value)
    found = list(dict.fromkeys(_ID.findall(text)))
    if not found:
        bare = _BARE_ID.match(text)
        found = [bare.group()] if bare else []
    return tuple(found if len(found) <= MAX_REFERENCES else [found[0], *found[1 - MAX_REFERENCES :]])


def moment(value: object) -> datetime | None:
    """A date header as an aware time in UTC; None: absent or not readable."""
    try:
        at = parsedate_to_datetime(unfold(value)[:200])
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
