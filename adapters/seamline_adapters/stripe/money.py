"""Stripe's amounts in the minor units of ISO 4217.

Documented (docs.stripe.com/currencies): an amount is in the smallest unit. Three currencies differ from ISO 4217:
ISK and UGX have no minor unit and are told in hundredths all the same, MGA has one and is told in whole ariary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seamline import PayloadError
from seamline_adapters import told

_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
_WHOLE = frozenset({"MGA"})


def currency(found: Mapping[str, Any]) -> str:
    """The currency of an object, in upper case as everywhere. Raises PayloadError."""
    return told.ident(found["currency"], "currency").upper()


def minor(value: Any, code: str) -> int:
    """An amount of Stripe's in minor units. Raises PayloadError."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > told.MAX_MINOR // 100:
        raise PayloadError("the amount is no whole number, or out of range")
    if code in _IN_HUNDREDTHS:
        return round(value / 100)
    return value * 100 if code in _WHOLE else value


def recurring(subscription: Mapping[str, Any]) -> int | None:
    """What a subscription charges each time, in minor units; None where its prices do not say (tiers, metered)."""
    items = told.mapping(subscription.get("items"), "items")
    rows = told.listed(items.get("data", []), "items.data")
    if not rows or items.get("has_more") is True:
        return None
    amounts = [_charge(told.mapping(row, "an item")) for row in rows]
    known = [amount for amount in amounts if amount is not None]
    return minor(sum(known), currency(subscription)) if len(known) == len(amounts) else None


def _charge(item: Mapping[str, Any]) -> int | None:
    each, quantity = told.at(item, "price.unit_amount"), item.get("quantity")
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in (each, quantity))
    return each * quantity if whole else None
