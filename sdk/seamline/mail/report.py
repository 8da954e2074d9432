"""Reports about mail of ours: bounces (RFC 3464) and complaints (RFC 5965, the abuse reporting format)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from email.parser import HeaderParser
from email.policy import compat32
from typing import Literal

from seamline.mail.header import decode, header_text, mailboxes, message_ids, moment, unfold

#: Most recipients of one report.
MAX_RECIPIENTS = 1000

_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")
_ORIGINALS = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})


@dataclass(frozen=True)
class Bounce:
    """What became of our mail for one recipient; ``message_id`` is that of our mail."""

    action: Literal["failed", "delayed", "delivered", "relayed", "expanded", ""]
    recipient: str | None = field(default=None, repr=False)
    status: str | None = None
    diagnostic: str | None = field(default=None, repr=False)
    message_id: str | None = None

    @property
    def permanent(self) -> bool:
        """It failed, and would again."""
        return self.action == "failed" and not (self.status or "5").startswith("4")


@dataclass(frozen=True)
class Complaint:
    """A recipient reported our mail; ``kind`` is the feedback type, usually ``abuse``."""

    kind: str
    recipients: tuple[str, ...] = field(default=(), repr=False)
    message_id: str | None = None
    received_at: datetime | None = None


def read_bounces(report: list[Message]) -> tuple[Bounce, ...]:
    """The recipients of the delivery-status parts among these leaves of a report."""
    ours = original_id(report)
    found: list[Bounce] = []
    for part in report:
        if part.get_content_type() not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        for block in _blocks(part):
            bounce = _bounce(block, ours)
            if bounce is not None and len(found) < MAX_RECIPIENTS:
                found.append(bounce)
    return tuple(found)


def read_complaint(report: list[Message]) -> Complaint | None:
    """The complaint in a feedback report; None: there is none."""
    part = next((p for p in report if p.get_content_type() == "message/feedback-report"), None)
    if part is None:
        return None
    fields = next(iter(_blocks(part)), part)
    told = [unfold(value) for name, value in fields.raw_items() if name.lower() == "original-rcpt-to"]
    arrived = fields.get("Arrival-Date") or fields.get("Received-Date")
    return Complaint(
        kind=unfold(fields.get("Feedback-Type", "abuse")).lower()[:40],
        recipients=tuple(box.email for box in mailboxes(*told[:MAX_RECIPIENTS])),
        message_id=original_id(report),
        received_at=None if arrived is None else moment(arrived),
    )


def original_id(report: list[Message]) -> str | None:
    """The Message-ID of the mail that a report is about."""
    for part in report:
        if part.get_content_type() in _ORIGINALS:
            ids = message_ids(_original(part).get("Message-ID", ""))
            if ids:
                return ids[0]
    return None


def _original(part: Message) -> Message:
    nested = _blocks(part)
    if nested:
        return nested[0]
    body = part.get_payload(decode=True)
    text = decode(body, None) if isinstance(body, bytes) else ""
    return HeaderParser(policy=compat32).parsestr(text.lstrip("\n"))


def _blocks(part: Message) -> list[Message]:
    # Only asked of what has parts: of a text it would decode by whatever charset the sender names.
    nested = part.get_payload() if part.is_multipart() else []
    return [block for block in nested if isinstance(block, Message)]


def _bounce(block: Message, ours: str | None) -> Bounce | None:
    recipient = block.get("Final-Recipient") or block.get("Original-Recipient")
    if recipient is None:
        return None
    address = unfold(recipient).partition(";")[2]
    boxes = mailboxes(address)
    diagnostic = header_text(block.get("Diagnostic-Code", "")).partition(";")[2].strip()
    action = unfold(block.get("Action", "")).split(" ")[0].lower()
    status = _STATUS.search(unfold(block.get("Status", ""))) or _STATUS.search(diagnostic)
    return Bounce(
        action=action if action in _ACTIONS else "",  # type: ignore[arg-type]
        recipient=boxes[0].email if boxes else None,
        status=status.group(1) if status else None,
        diagnostic=diagnostic[:1000] or None,
        message_id=ours,
    )
