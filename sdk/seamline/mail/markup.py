"""HTML as plain text.

Scanned by hand, in linear time: the standard library's parser takes quadratic time on unclosed comments and tags
(200 kB of ``<!--`` hold it for minutes), and mail is written by anybody.
"""

from __future__ import annotations

import re
from html import unescape

from seamline.mail.header import clean

#: Most characters of HTML that are read, and how far a tag may reach.
MAX_HTML = 1_000_000
_MAX_TAG = 20_000

_NAME = re.compile(r"/?[a-zA-Z][a-zA-Z0-9:-]{0,40}")
_OPENING = re.compile(r"<(?=[!?/a-zA-Z])")  # any other is a sign of its own
_MARK = re.compile(r"[\"'>]")
_BLANKS = re.compile(r"[ \t\r\n\f\xa0]+")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|\shidden(?=[\s=>/]|$)", re.IGNORECASE)

_UNSEEN = frozenset({"script", "style", "title", "template", "noscript", "object", "svg", "math"})
_LINES = frozenset(
    {
        *("address", "article", "aside", "blockquote", "center", "dd", "div", "dl", "dt", "fieldset", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section"),
        *("table", "tbody", "tr", "ul"),
    }
)
_APART = frozenset({"p", "blockquote", "h1", "h2", "h3", "h4", "ul", "ol", "table"})
_EMPTY = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track"),
        "wbr",
    }
)


class _Page:
    """Lines under way. What stands in a blockquote gets the ``>`` of a quoted line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0
        self._verbatim = 0
        #: The hidden element under way and how many of its kind are open inside it.
        self._unseen: tuple[str, int] | None = None

    def text(self, raw: str) -> None:
        if self._unseen is not None or not raw:
            return
        told = unescape(raw)
        if self._verbatim:
            first, *rest = told.split("\n")
            self._line.append(first)
            for line in rest:
                self._end()
                self._line.append(line)
            return
        told = _BLANKS.sub(" ", told)
        if not self._line or self._line[-1].endswith(" "):
            told = told.lstrip()
        if told:
            self._line.append(told)

    def tag(self, name: str, closing: bool, attributes: str) -> None:
        if self._unseen is not None:
            self._deeper(name, closing, attributes)
        elif not closing and name not in _EMPTY and (name in _UNSEEN or _HIDDEN.search(attributes)):
            if not attributes.endswith("/"):
                self._unseen = (name, 1)
        elif name == "br":
            self._end()
        elif name in ("td", "th"):
            if self._line and not self._line[-1].endswith(" "):
                self._line.append(" ")
        elif name in _LINES:
            self._block(name, closing)

    def _deeper(self, name: str, closing: bool, attributes: str) -> None:
        assert self._unseen is not None
        kind, depth = self._unseen
        if name == kind and not attributes.endswith("/"):
            depth += -1 if closing else 1
            self._unseen = (kind, depth) if depth else None

    def _block(self, name: str, closing: bool) -> None:
        if any(not piece.isspace() for piece in self._line):
            self._end()
        self._line.clear()
        if name in _APART and self.lines and self.lines[-1].strip("> "):
            self.lines.append("> " * self._quotes)
        if name == "blockquote":
            self._quotes = max(0, min(20, self._quotes + (-1 if closing else 1)))
        elif name == "pre":
            self._verbatim = max(0, self._verbatim + (-1 if closing else 1))
        elif name == "li" and not closing:
            self._line.append("- ")

    def _end(self) -> None:
        self.lines.append("> " * self._quotes + "".join(self._line).rstrip())
        self._line.clear()

    def close(self) -> str:
        self._end()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in self.lines)).strip()


def html_to_text(html: str) -> str:
    """The visible text of HTML: blocks on lines of their own, quotations marked with ``>``, hidden elements left out.

    What only a style sheet hides is not noticed.
    """
    page, at, html = _Page(), 0, clean(html[:MAX_HTML])
    while True:
        opening = _OPENING.search(html, at)
        if opening is None:
            page.text(html[at:])
            return clean(page.close())
        start = opening.start()
        page.text(html[at:start])
        at = _markup(page, html, start)


def _markup(page: _Page, html: str, start: int) -> int:
    """Read what begins with ``<``; gives where the text goes on."""
    if html.startswith("<!--", start):
        end = html.find("-->", start + 4)
        return len(html) if end < 0 else end + 3
    if html.startswith(("<!", "<?"), start):
        end = html.find(">", start)
        return len(html) if end < 0 else end + 1
    name = _NAME.match(html, start + 1)
    if name is None:
        page.text("&lt;")
        return start + 1
    end = _tag_end(html, name.end())
    if end < 0:
        page.text("&lt;")
        return start + 1
    told = name.group().lower()
    page.tag(told.lstrip("/"), told.startswith("/"), html[name.end() : end])
    return end + 1


def _tag_end(html: str, at: int) -> int:
    """Where the tag ends, minding quoted values; -1: nowhere near."""
    limit, quote = min(len(html), at + _MAX_TAG), ""
    plain = html.find(">", at, limit)
    if plain < 0:
        return -1
    for mark in _MARK.finditer(html, at, limit):
        char = mark.group()
        if quote:
            quote = "" if char == quote else quote
        elif char == ">":
            return mark.start()
        else:
            quote = char
    return plain
