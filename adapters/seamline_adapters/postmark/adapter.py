"""Postmark: mail that comes in, mail that goes out, and what becomes of it.

Documented (postmarkapp.com/developer): the JSON of inbound mail, how often it is sent again, and that a 403 ends it
(webhooks/inbound-webhook); bounces and their types (webhooks/bounce-webhook, api/bounce-api). No signature is
documented: what proves a request is the secret that stands in the webhook's URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from seamline import (
    Adapter,
    ApprovedDispatch,
    Calls,
    Event,
    HeaderToken,
    Item,
    PayloadError,
    Replies,
    Reply,
    Request,
    Secrets,
    content_key,
)
from seamline.events import EmailDeliveryChanged, EmailReceived
from seamline.signature import BasicAuth, FirstPresent, Query, SharedToken, check
from seamline_adapters import letter, told
from seamline_adapters.postmark import mail, send, status

#: Mail that comes in names no record type.
INBOUND = "Inbound"

_MAX_KEY = 200


@dataclass(frozen=True)
class _UrlSecret(FirstPresent):
    """What stands in the webhook's URL: user and password, or a token in the query. Either may be left unused."""

    def check(self, secrets: Secrets) -> None:
        """Raise ConfigError unless there is a secret; one with a colon is a user and password."""
        check(self.schemes["token"], secrets)


class Postmark(Adapter):
    """Postmark's inbound mail, deliveries, bounces, complaints, opens, clicks and subscription changes; a way out.

    Postmark signs nothing: it sends back the secret that stands in the webhook's URL, so the trust is "authenticated".
    A wrong secret is answered 401, which Postmark retries for 10 hours; 403 would end it, and a mistake in our own
    configuration would lose mail for good.
    """

    name = "postmark"
    signature = _UrlSecret(
        {
            "basic": BasicAuth(no_stamp="Postmark signs nothing"),
            "token": SharedToken(Query("token"), no_stamp="Postmark signs nothing"),
        }
    )
    trust = "authenticated"
    emits = (EmailReceived, EmailDeliveryChanged)
    hosts = ("api.postmarkapp.com",)
    auth = HeaderToken("X-Postmark-Server-Token")
    sends = True
    replies = Replies(
        ok=Reply(200),
        foreign=Reply(200),
        retried=[status for status in range(201, 600) if status != 403],
        attempts="inbound mail: 10 times in 10.5 hours, after 1, 5, 10, 10, 10, 15 and 30 minutes, 1, 2 and 6 hours; "
        "403 ends it (postmarkapp.com/developer/webhooks/inbound-webhook)",
    )

    class Settings(BaseModel):
        """``sender``: who writes where a dispatch does not say. ``message_stream``: the id of an outbound stream."""

        model_config = ConfigDict(extra="forbid")

        sender: letter.Sender | None = None
        message_stream: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,30}$")] = "outbound"

    def delivery_key(self, request: Request) -> str | None:
        return _key(request.json())

    def normalize(self, item: Item) -> Iterator[Event]:
        data = item.data
        if not isinstance(data, dict):
            raise PayloadError("the body is not an object")
        kind = _kind(data)
        if kind == INBOUND:
            yield from mail.received(data)
        else:
            yield from status.changed(kind, data)

    def preflight(self, dispatch: ApprovedDispatch) -> str | None:
        return letter.fault(dispatch, self.settings.sender)

    def send(self, dispatch: ApprovedDispatch) -> Calls[str]:
        """Send what was approved. What becomes of it comes by the webhook, as ``email.delivery_changed``."""
        sender = letter.writer(dispatch, self.settings.sender)
        return send.send(dispatch, sender, self.settings.message_stream)


def _kind(data: dict[str, Any]) -> str:
    kind = data.get("RecordType", INBOUND)
    if not isinstance(kind, str):
        raise PayloadError("RecordType is not text")
    return kind


def _key(data: Any) -> str | None:
    """The key of what a request tells; None: the digest of its body.

    Mail by its MessageID, bounces and complaints by their ID, the rest by message and time: one message is opened,
    clicked and delivered many times. A subscription can change without any message, so its recipient counts too.
    """
    if not isinstance(data, dict):
        return None
    kind, message = _kind(data), told.text(data.get("MessageID"))
    at = told.text(data.get(status.TIMES.get(kind, "")))
    if kind == INBOUND:
        parts = [kind, message]
    elif kind in ("Bounce", "SpamComplaint") and told.text(data.get("ID")) not in (None, "0"):
        parts = [kind, told.text(data["ID"])]
    elif kind == "SubscriptionChange":
        parts = [kind, message, at, content_key(data.get("Recipient"))]
    else:
        parts = [kind, message, at]
    if not all(parts):
        return None
    key = ":".join(part for part in parts if part)
    return key if len(key) <= _MAX_KEY and key.isprintable() else None
