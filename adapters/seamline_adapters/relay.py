"""The relay: facts of the catalogue, posted by whoever saw them happen (Zapier, Make, a script of ours).

Its word is signed by the relay, not by the provider where the thing happened: trust is "relayed", which opens no gate.
"""

from __future__ import annotations

from collections.abc import Iterator

from seamline.adapter import Adapter
from seamline.delivery import Delivery, Item, Request
from seamline.events.base import Event
from seamline.reply import Replies
from seamline.signature import StandardWebhooks
from seamline_adapters import fact


class Relay(Adapter):
    """Facts in our own words, one object or a list of up to 500, signed by Standard Webhooks.

    The source must say in ``allow`` what it may tell. Each item is known by its ``id``: the same id is the same thing,
    however often and in whatever list it comes. An unknown type tells nothing; a bad item is quarantined alone.
    """

    name = "relay"
    signature = StandardWebhooks()
    emits = fact.FACTS
    trust = "relayed"
    needs_allow = True
    replies = Replies(attempts="the relay's own; Zapier and Make repeat a failed run by their own settings")

    def delivery_key(self, request: Request) -> str | None:
        return self.signature.message_id(request)

    def split(self, delivery: Delivery) -> Iterator[Item]:
        yield from fact.items(delivery.json())

    def normalize(self, item: Item) -> Iterator[Event]:
        event = fact.event(item.data)
        if event is not None:
            yield event
