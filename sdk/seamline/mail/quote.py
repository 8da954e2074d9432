"""The new text of a reply, without what it quotes.

The lines with which mail programs introduce a quotation come from ``mail-parser-reply``, in a dozen languages. Only
its patterns are used, on the first lines and clipped: its own parser takes minutes on 20 kB of line ends, ends a mail
at the first line that begins with a hyphen, and drops answers that stand between quoted lines.

Where it is not clear that something is quoted it is kept: text too much is read over, text too little is lost.
"""

from __future__ import annotations

import re
from functools import cache

from mailparser_reply.parser import EmailMessage

#: How many lines are searched for the start of a quotation, and how many characters of each.
MAX_LINES = 400
_WIDTH = 160
_LANGUAGES = ("en", "de", "fr", "it", "es", "nl", "pl", "sv", "da", "cs", "ja", "zh")

# The second is the full-width colon of Chinese and Japanese.
_COLONS = (":", "\uff1a")
_QUOTED = re.compile(r"\s*>")
_FIELD = re.compile(r"[>*\s]*[^\W\d_][^\n:\uff1a]{0,30}[:\uff1a]", re.MULTILINE)
_FORWARDED = re.compile(
    r"-{3,} ?(forwarded|weitergeleitete|message transf|mensaje reenviado|messaggio inoltrato|doorgestuurd)"
    r"|begin forwarded",
    re.IGNORECASE,
)
_WHEN_OR_WHOM = re.compile(r"\d{1,2}[:.]\d{2}\b|\d{4}.*@|@.*\d{4}")
_RULE = re.compile(r"\s*[_-]{20,}\s*")


@cache
def _introductions() -> re.Pattern[str]:
    pattern = EmailMessage(text="", languages=list(_LANGUAGES)).HEADER_REGEX
    assert isinstance(pattern, re.Pattern)
    return pattern


def new_text(text: str, *, answers: bool = True) -> str:
    """What the sender wrote now. Gives the whole text where nothing of it is new, and where it forwards something.

    ``answers`` says that the mail is known to answer another one. Where it is not, and nothing introduces a quotation,
    marked lines are the sender's own: a web form's mail may show the question so.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    starts = _starts(lines)
    if not answers and not starts:
        return text.strip()
    kept: list[str] = []
    at = 0
    while at < len(lines):
        if at in starts:
            end = starts[at]
            if any(_FORWARDED.search(line) for line in lines[max(0, at - 3) : end]):
                return text.strip()
            after = next((line for line in lines[end:] if line.strip()), "")
            if _QUOTED.match(after):
                at = end
                continue
            if _certain(" ".join(lines[at:end])):
                break
            kept += lines[at:end]
            at = end
        elif _QUOTED.match(lines[at]):
            _drop_introduction(kept)
            while at < len(lines) and _QUOTED.match(lines[at]):
                at += 1
        else:
            kept.append(lines[at])
            at += 1
    while kept and (not kept[-1].strip() or _RULE.fullmatch(kept[-1])):
        kept.pop()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() or text.strip()


def _starts(lines: list[str]) -> dict[int, int]:
    """Where introductions stand: first line, and the line after the last."""
    clipped = "\n".join(line.strip()[:_WIDTH] for line in lines[:MAX_LINES])
    # Long runs of empty lines are what the patterns are slow on; a space keeps the count of lines.
    clipped = re.sub(r"(?<=\n\n)\n", " \n", clipped)
    found: dict[int, int] = {}
    for match in _introductions().finditer(clipped):
        told = match.group()
        first = clipped.count("\n", 0, match.start() + len(told) - len(told.lstrip()))
        last = clipped.count("\n", 0, match.start() + len(told.rstrip()))
        if told.rstrip().endswith(_COLONS) or "--" in told:
            found[first] = last + 1
        elif len(_FIELD.findall(told)) >= 3:
            # A block of From, Sent, To, Subject; two lines that look so may be anything.
            found[first] = last + 1
    return found


def _drop_introduction(kept: list[str]) -> None:
    """Take away a line such as "Jo Doe <jo@example.com> skrev 3. mai:", in whatever language it is."""
    last = len(kept) - 1
    while last >= 0 and not kept[last].strip():
        last -= 1
    if last < 0 or not kept[last].rstrip().endswith(_COLONS):
        return
    first = last
    if not _told_whom(kept[last]) and last > 0 and kept[last - 1].strip():
        first = last - 1
    if _told_whom(" ".join(kept[first : last + 1])):
        del kept[first:]


def _certain(introduction: str) -> bool:
    """Say whether this introduces a quotation that nothing else marks, rather than being the sender's own words."""
    return "--" in introduction or len(introduction.split(":")) > 3 or _WHEN_OR_WHOM.search(introduction) is not None


def _told_whom(line: str) -> bool:
    return "@" in line and any(c.isdigit() for c in line)
