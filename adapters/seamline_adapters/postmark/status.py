"""What becomes of mail that Postmark sends: one event a recipient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from seamline.errors import PayloadError
from seamline.events import EmailDeliveryChanged
from seamline.events.base import Event
from seamline.mail import clean
from seamline_adapters import told

Status = Literal["delivered", "bounced", "complained", "opened", "clicked", "deferred", "unsubscribed", "resubscribed"]

#: Where each record type says when.
TIMES: Mapping[str, str] = {
    "Delivery": "DeliveredAt",
    "Bounce": "BouncedAt",
    "SpamComplaint": "BouncedAt",
    "Open": "ReceivedAt",
    "Click": "ReceivedAt",
    "SubscriptionChange": "ChangedAt",
}

_PLAIN: Mapping[str, Status] = {"Delivery": "delivered", "Open": "opened", "Click": "clicked"}

# Types of the Bounce API (postmarkapp.com/developer/api/bounce-api, "Bounce types"); all others are bounces.
_BOUNCES: Mapping[str, Status] = {
    "Transient": "deferred",
    "DnsError": "deferred",
    "SpamNotification": "complained",
    "SpamComplaint": "complained",
    "Unsubscribe": "unsubscribed",
    "Subscribe": "resubscribed",
}
#: The mail arrived and something answered, or the bounce is not about mail of ours: nothing changed.
_NO_CHANGE = frozenset({"AutoResponder", "AddressChange", "ChallengeVerification", "OpenRelayTest", "InboundError"})
_FOR_GOOD = frozenset({"HardBounce", "BadEmailAddress", "ManuallyDeactivated", "Unconfirmed"})
_FOR_NOW = frozenset({"SoftBounce", "Transient", "DnsError"})

#: Postmark's id for a message that it does not know: a recipient was suppressed by hand.
_NO_MESSAGE = "00000000-0000-0000-0000-000000000000"


def changed(kind: str, data: dict[str, Any]) -> Iterator[Event]:
    """The change that a record tells; nothing for a kind that is not known."""
    if kind in _PLAIN:
        yield _event(kind, data, _PLAIN[kind])
    elif kind in ("Bounce", "SpamComplaint"):
        yield from _bounced(kind, data)
    elif kind == "SubscriptionChange":
        yield _subscription(data)


def _bounced(kind: str, data: dict[str, Any]) -> Iterator[Event]:
    how = data["Type"] if kind == "Bounce" else "SpamComplaint"
    if not isinstance(how, str):
        raise PayloadError("Type is not text")
    if how in _NO_CHANGE:
        return
    status = _BOUNCES.get(how, "bounced")
    permanent = None
    if status in ("bounced", "deferred"):
        # A recipient that Postmark deactivates gets nothing more, whatever the type says.
        permanent = True if how in _FOR_GOOD or data.get("Inactive") is True else False if how in _FOR_NOW else None
    reason = " ".join(filter(None, (told.text(data.get("Description")), told.text(data.get("Details")))))
    yield _event(kind, data, status, permanent=permanent, reason=reason or how)


def _subscription(data: dict[str, Any]) -> Event:
    if not isinstance(data["SuppressSending"], bool):
        raise PayloadError("SuppressSending is not true or false")
    why = told.text(data.get("SuppressionReason"))
    if not data["SuppressSending"]:
        return _event("SubscriptionChange", data, "resubscribed", reason=why)
    if why == "HardBounce":
        return _event("SubscriptionChange", data, "bounced", permanent=True, reason=why)
    return _event("SubscriptionChange", data, "complained" if why == "SpamComplaint" else "unsubscribed", reason=why)


def _event(
    kind: str, data: dict[str, Any], status: Status, *, permanent: bool | None = None, reason: str | None = None
) -> Event:
    recipient = clean(told.text(data.get("Recipient")) or told.text(data.get("Email")) or "") or None
    message = data.get("MessageID") or (_NO_MESSAGE if kind == "SubscriptionChange" else None)
    return EmailDeliveryChanged(
        party=told.party(address=recipient),
        occurred_at=told.moment(data[TIMES[kind]], TIMES[kind]),
        message_id=told.ident(message, "MessageID"),
        status=status,
        recipient=recipient,
        permanent=permanent,
        reason=clean(reason)[:1000] if reason else None,
    )
