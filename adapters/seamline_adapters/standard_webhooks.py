"""Any sender that signs by Standard Webhooks (standardwebhooks.com) and speaks the catalogue's language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seamline.adapter import Adapter
from seamline.delivery import Delivery, Item, Request
from seamline.events.base import Event
from seamline.reply import Replies
from seamline.signature import StandardWebhooks as Scheme
from seamline_adapters import fact


class StandardWebhooks(Adapter):
    """Facts in our own words from the system where they happen, signed by Standard Webhooks.

    Takes what the relay takes, one object or a list of up to 500, and the single body that the specification advises,
    ``{"type", "timestamp", "data"}``: its id is the message's ``webhook-id``, its party may stand in ``data``.
    """

    name = "standard_webhooks"
    signature = Scheme()
    emits = fact.FACTS
    replies = Replies(attempts="the sender's own; the specification advises growing delays over several days")

    def delivery_key(self, request: Request) -> str | None:
        return self.signature.message_id(request)

    def split(self, delivery: Delivery) -> Iterator[Item]:
        body = delivery.json()
        yield from fact.items(_message(body, delivery.key) if _is_message(body) else body)

    def normalize(self, item: Item) -> Iterator[Event]:
        event = fact.event(item.data)
        if event is not None:
            yield event


def _is_message(body: Any) -> bool:
    return isinstance(body, dict) and "id" not in body and "timestamp" in body


def _message(body: dict[str, Any], key: str) -> dict[str, Any]:
    """A body of the specification in our own shape."""
    value = {"id": key, "occurred_at": body["timestamp"], **{k: v for k, v in body.items() if k != "timestamp"}}
    data = body.get("data")
    if isinstance(data, dict) and "party" in data and "party" not in body:
        value |= {"party": data["party"], "data": {k: v for k, v in data.items() if k != "party"}}
    return value
