"""Inbound mail of Postmark, read by it and given as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from seamline.errors import PayloadError
from seamline.events import EmailDeliveryChanged, EmailReceived
from seamline.events.base import Event, Party
from seamline.mail import (
    Bounce,
    Mailbox,
    classify,
    clean,
    html_to_text,
    is_answer,
    is_forward,
    mailboxes,
    message_ids,
    moment,
    new_text,
    parse_mail,
    thread_of,
)
from seamline_adapters import told
from seamline_adapters.postmark import status

_MAX_TEXT = 1_000_000
_MAX_NAMES = 100

#: What a bounce says that came as mail, in the words of the catalogue.
_ACTIONS: Mapping[str, status.Status] = {
    "failed": "bounced",
    "delayed": "deferred",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}

Headers = list[tuple[str, str]]


def received(data: dict[str, Any]) -> Iterator[Event]:
    """The mail, and of a bounce that came as mail (told only with "Include raw email"), what became of ours."""
    headers = _headers(data.get("Headers"))
    sender = _sender(data)
    bounces = _bounces(data.get("RawEmail"))
    at = _arrived(headers, data.get("Date"))
    message = _first_id(headers, "message-id") or told.ident(data["MessageID"], "MessageID")
    parent, references = _first_id(headers, "in-reply-to"), message_ids(_header(headers, "references"))
    subject = clean(told.text(data.get("Subject")) or "").replace("\n", " ")
    auto = "bounce" if bounces else classify([*headers, ("Subject", subject)], sender.email)
    address = bounces[0].recipient if bounces else sender.email
    yield EmailReceived(
        party=told.party(name=None if bounces else sender.name, address=address),
        others=tuple(_answering(data.get("ReplyTo"), sender)),
        occurred_at=at,
        message_id=message,
        thread_id=thread_of(message, parent, references),
        in_reply_to=parent,
        sender=sender.email,
        recipients=tuple(_recipients(data)),
        subject=subject,
        text=_text(data, subject, answers=bool(parent or references)),
        attachments=tuple(_names(data.get("Attachments"))),
        auto=auto,
    )
    for number, bounce in enumerate(bounces, 1):
        if bounce.message_id is not None and bounce.action in _ACTIONS:
            yield EmailDeliveryChanged(
                party=told.party(address=bounce.recipient),
                occurred_at=at,
                part=str(number),
                message_id=bounce.message_id,
                status=_ACTIONS[bounce.action],
                recipient=bounce.recipient,
                permanent=bounce.permanent if bounce.action == "failed" else None,
                reason=bounce.diagnostic or bounce.status,
            )


def _headers(value: Any) -> Headers:
    """All headers in their order; what is none is left out."""
    found = [] if value is None else told.listed(value, "Headers")
    return [
        (entry["Name"], clean(entry["Value"]))
        for entry in found
        if isinstance(entry, dict) and isinstance(entry.get("Name"), str) and isinstance(entry.get("Value"), str)
    ]


def _header(headers: Headers, name: str) -> str:
    # The first: what stands below was written by the sender, a second Return-Path for example.
    return next((value for told_name, value in headers if told_name.lower() == name), "")


def _first_id(headers: Headers, name: str) -> str | None:
    return next(iter(message_ids(_header(headers, name))), None)


def _arrived(headers: Headers, date: Any) -> datetime | None:
    """When it arrived: as the last server wrote in Received, else what the sender's clock said."""
    stamp = _header(headers, "received").rpartition(";")[2]
    return moment(stamp) or moment(told.text(date) or "")


def _sender(data: dict[str, Any]) -> Mailbox:
    full = data.get("FromFull")
    if not isinstance(full, dict) and "From" not in data:
        raise PayloadError("neither RecordType nor FromFull is there")
    if isinstance(full, dict):
        boxes, name = _boxes([full]), told.text(full.get("Name"))
    else:
        boxes, name = list(mailboxes(told.text(data["From"]) or "")), told.text(data.get("FromName"))
    # Bounces may come from nobody.
    box = boxes[0] if boxes else Mailbox("")
    return Mailbox(box.email, clean(name or box.name or "")[:300] or None)


def _boxes(entries: list[Any]) -> list[Mailbox]:
    told_addresses = [told.text(entry.get("Email")) for entry in entries if isinstance(entry, dict)]
    return list(mailboxes(*(address for address in told_addresses if address)))


def _recipients(data: dict[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for field in ("ToFull", "CcFull", "BccFull"):
        for box in _boxes([] if data.get(field) is None else told.listed(data[field], field)):
            if box.email.lower() not in seen:
                seen.add(box.email.lower())
                yield box.email
    for box in mailboxes(told.text(data.get("OriginalRecipient")) or ""):
        if box.email.lower() not in seen:
            yield box.email


def _answering(reply_to: Any, sender: Mailbox) -> Iterator[Party]:
    """Whom an answer goes to, if not to the sender: behind a web form's mail stands the person who filled it in."""
    for box in mailboxes(told.text(reply_to) or "")[:5]:
        if box.email.lower() != sender.email.lower():
            yield told.party(name=box.name, address=box.email)


def _text(data: dict[str, Any], subject: str, *, answers: bool) -> str | None:
    """What the sender wrote now: Postmark's own reading first; of what is forwarded, all."""
    stripped = clean(told.text(data.get("StrippedTextReply")) or "").strip()
    plain = clean(told.text(data.get("TextBody")) or "").strip()
    if not plain:
        plain = html_to_text(told.text(data.get("HtmlBody")) or "")
    if is_forward(subject):
        return plain[:_MAX_TEXT] or None
    return (stripped or new_text(plain, answers=answers or is_answer(subject)))[:_MAX_TEXT] or None


def _names(value: Any) -> Iterator[str]:
    # Postmark's own test sends `Data` instead of `Content`; only the names are told on, so either will do.
    found = [] if value is None else told.listed(value, "Attachments")
    for entry in found[:_MAX_NAMES]:
        name = told.text(entry.get("Name")) if isinstance(entry, dict) else None
        if name:
            yield clean(name)[:300]


def _bounces(raw: Any) -> tuple[Bounce, ...]:
    if not isinstance(raw, str) or "delivery-status" not in raw:
        return ()
    try:
        return parse_mail(raw.encode("utf-8", "replace")).bounces
    except PayloadError:
        # Postmark has read this mail; that we cannot read it again takes nothing from what it told.
        return ()
