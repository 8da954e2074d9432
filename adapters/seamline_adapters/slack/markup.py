"""Text and cards as Slack shows them: what a human approves is what is shown, to the letter.

Documented (docs.slack.dev): ``&``, ``<`` and ``>`` are control characters in every text and are written as entities,
nothing else is (messaging/formatting-message-text); a section holds 3,000 characters of text, a button a value of
2,000 (reference/block-kit). Blocks of some 13,000 characters in all are refused as ``msg_blocks_too_long``
(github.com/slackapi/bolt-js/issues/2509), hence our own, lower limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from seamline import PayloadError
from seamline_adapters import told

#: Most characters, as Slack counts them, that a message may have; what is longer is cut off by Slack.
MAX_TEXT = 40_000

#: Most characters of one section of a card, and of a draft that a card shows whole.
SECTION = 3_000
MAX_CARD = 9_000

#: Most characters of what stands above a draft, and of a notice without one.
MAX_NOTICE = SECTION

APPROVE = "approve"
REJECT = "reject"

_CARRIED = re.compile(r"(?P<draft>[^/\s]{1,200})/(?P<sha256>[0-9a-f]{64})")

Block = dict[str, Any]


def escaped(text: str) -> str:
    """A text with Slack's control characters as entities, so that it is shown as it stands."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shown(text: str) -> str:
    """What Slack shows for a text that was ``escaped``, or what somebody typed of a text that Slack sent."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def size(text: str) -> int:
    """Characters of a text as it is sent, in UTF-16 as Slack's clients count them."""
    return len(escaped(text).encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int = MAX_NOTICE) -> str:
    """A text of at most ``most`` characters; what was cut off is marked."""
    if size(text) <= most:
        return text
    kept = text[:most]
    while size(kept) >= most:
        kept = kept[:-100]
    return f"{kept}…"


def approval_card(draft_id: str, sha256: str, text: str, subject: str | None, body: str) -> list[Block]:
    """A draft with buttons to approve and reject it, as Block Kit; ``text`` says what it is about.

    The buttons carry the draft's id and ``sha256``. What is too long to be shown whole has no buttons: nobody approves
    what they have not seen, be it only the recipients, which ``text`` names.
    """
    carried = f"{draft_id}/{sha256}"
    if _CARRIED.fullmatch(carried) is None:
        raise PayloadError("a card needs the id of a draft and the SHA-256 of its content")
    head = [_section(cut(line)) for line in (text, subject or "") if line.strip()]
    if size(body) > MAX_CARD or max(size(text), size(subject or "")) > MAX_NOTICE:
        return [*head, _note("This draft is too long to be shown here whole. Decide on it in the console.")]
    buttons = [_button("Approve", APPROVE, carried, "primary"), _button("Reject", REJECT, carried, "danger")]
    shown_whole = [_section(part) for part in _parts(body)]
    return [*head, *shown_whole, {"type": "actions", "block_id": "decision", "elements": buttons}]


class Press(NamedTuple):
    """A button of a card that was pressed: which draft, as which content, and what is decided."""

    draft_id: str
    sha256: str
    verdict: Literal["approve", "reject"]


def press(action: Mapping[str, Any]) -> Press | None:
    """What a pressed button decides; None: it is no button of a card. Raises PayloadError where it names no draft."""
    verdict = action.get("action_id")
    if verdict not in (APPROVE, REJECT):
        return None
    found = _CARRIED.fullmatch(told.text(action.get("value")) or "")
    if found is None:
        raise PayloadError("the button's value is not a draft's id and the SHA-256 of what was shown")
    return Press(found["draft"], found["sha256"], "approve" if verdict == APPROVE else "reject")


def _section(text: str) -> Block:
    # No emoji: a smiley that is written in letters stays in letters.
    return {"type": "section", "text": {"type": "plain_text", "text": escaped(text), "emoji": False}}


def _note(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "plain_text", "text": escaped(text), "emoji": False}]}


def _button(label: str, action: str, value: str, style: str) -> Block:
    text = {"type": "plain_text", "text": label, "emoji": False}
    return {"type": "button", "action_id": action, "text": text, "value": value, "style": style}


def _parts(body: str) -> Iterator[str]:
    """The body in pieces that each fit a section, cut at ends of lines where there are any; joined, they are it."""
    piece = ""
    for line in body.splitlines(keepends=True):
        for part in _fitting(line):
            if piece and size(piece + part) > SECTION:
                yield piece
                piece = ""
            piece += part
    if piece:
        yield piece


def _fitting(line: str) -> Iterator[str]:
    """A line in pieces that surely fit a section: an escaped character takes at most five."""
    step = SECTION // 5 if size(line) > SECTION else len(line)
    yield from (line[at : at + step] for at in range(0, len(line), step))
