"""One change as HubSpot's webhooks tell it: an element of a batch, under either of its spellings.

Documented (developers.hubspot.com/docs/api/webhooks): a request is an array of up to 100 changes; ``eventId`` is not
unique; ``attemptNumber`` counts from 0; ``occurredAt`` is milliseconds. The documents' sample calls the kind
``eventType``, live deliveries ``subscriptionType``. A generic subscription (``object.propertyChange`` with
``objectTypeId``) tells the same change as the classic one (``deal.propertyChange``) with another ``eventId``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from seamline import Item, PayloadError, Ref, content_key, unix_ms
from seamline_adapters import told

#: ``objectTypeId`` of the objects that have classic names.
_OBJECTS = {"0-1": "contact", "0-2": "company", "0-3": "deal"}

#: What a sensitive value is replaced with in classic subscriptions.
REDACTED = "REDACTED"

#: The delivery of the button "Test" in HubSpot's app settings: no change of anything.
_TEST = ("100", "123")


@dataclass(frozen=True)
class Change:
    """A change of one object: ``kind`` is its classic name (``deal.propertyChange``)."""

    portal: str
    kind: str
    number: str
    at: datetime
    told: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str | None:
        """The changed property of a propertyChange."""
        return told.text(self.told.get("propertyName"))

    @property
    def redacted(self) -> bool:
        return self.told.get("propertyValue") == REDACTED or self.told.get("isSensitive") is True

    @property
    def value(self) -> str:
        """The new value; empty where it was cleared. Raises PayloadError."""
        value = self.told.get("propertyValue")
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, (str, int, float)):
            raise PayloadError("propertyValue is no plain value")
        return str(value)

    @property
    def test(self) -> bool:
        return (told.text(self.told.get("eventId")), self.number) == _TEST

    def fact(self, *more: str) -> str:
        """What happened, without the subscription that told it: both twins make one event of it."""
        happened = f"{self.portal}/{self.kind}/{self.number}@{int(self.at.timestamp() * 1000)}"
        return "/".join((happened, *more))

    def ref(self) -> Ref:
        """The changed object; only a contact is a person."""
        return ref(self.kind.partition(".")[0], self.number, self.portal)


def ref(name: str, number: str, portal: str) -> Ref:
    """A contact, a company or a deal of a portal."""
    if name == "contact":
        return Ref(of="person", kind=name, id=number, realm=portal)
    return Ref(of="account" if name == "company" else "engagement", kind=name, id=number, realm=portal)


def portal_of(element: Any) -> str | None:
    """The portal of an element; None where it cannot be read."""
    return told.text(element.get("portalId")) if isinstance(element, dict) else None


def item(element: Any) -> Item:
    """The item of an element. Its key holds whatever a retry in another batch repeats; ``attemptNumber`` does not."""
    if not isinstance(element, dict):
        return _odd(element)
    data = {name: value for name, value in element.items() if name != "attemptNumber"}
    kind = told.text(data.get("subscriptionType")) or told.text(data.get("eventType"))
    happened = [told.text(data.get(name)) for name in ("portalId", "objectId", "eventId", "occurredAt")]
    if kind is None or happened[0] is None or happened[3] is None:
        return _odd(data)
    # Merges and associations have no eventId of their own in some deliveries; these tell them apart.
    more = ("objectTypeId", "propertyName", "associationType", "fromObjectId", "toObjectId", "associationRemoved")
    also = [str(data[name]) for name in (*more, "newObjectId") if isinstance(data.get(name), (str, int))]
    return Item("/".join([kind, *(part or "" for part in happened), *also]), data, kind)


def read(item: Item) -> Change:
    """The change that an item tells. Raises PayloadError."""
    data = item.data
    if not isinstance(data, dict) or not item.kind:
        raise PayloadError("the element is no change: it lacks its kind, portalId or occurredAt")
    name, _, action = item.kind.partition(".")
    if name == "object":
        name = _OBJECTS.get(told.text(data.get("objectTypeId")) or "", "object")
    numbers = [data.get(field) for field in ("objectId", "newObjectId", "primaryObjectId", "fromObjectId")]
    number = next((value for value in numbers if value is not None), None)
    return Change(
        portal=told.ident(data.get("portalId"), "portalId"),
        kind=f"{name}.{action}",
        number=told.ident(number, "objectId"),
        at=unix_ms(data["occurredAt"]),
        told=data,
    )


def _odd(element: Any) -> Item:
    # The same odd element has the same key in every batch; its text must not stand in it.
    return Item(f"odd/{content_key(element)}", element)
