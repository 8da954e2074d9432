"""Stripe: invoices issued, paid, failed and voided, and subscriptions that change; and what of a customer still runs.

Documented (docs.stripe.com): ``Stripe-Signature: t=…,v1=…`` over ``t.body``, one ``v1`` for each secret in use, five
minutes (webhooks/signature); three days of retries with growing pauses, no order, now and then twice (webhooks);
``previous_attributes`` of an update (api/events/object); amounts in a currency's smallest unit (currencies).
``invoice.paid`` tells every payment, ``invoice.payment_succeeded`` the same once more, so only the first is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from seamline import Adapter, Calls, Delivery, Event, Evidence, Item, Party, Ref, Replies, Reply, Request, unix_s
from seamline.events import (
    AccountStatusChanged,
    InvoiceFailed,
    InvoiceIssued,
    InvoicePaid,
    InvoiceVoided,
    SubscriptionChanged,
)
from seamline.signature import Hmac, Pair, body
from seamline_adapters import told
from seamline_adapters.stripe import api
from seamline_adapters.stripe.money import currency, minor, recurring

_HEADER = "Stripe-Signature"
_STAMP = Pair(_HEADER, "t")

_SUBSCRIPTION = tuple(
    f"customer.subscription.{what}" for what in ("created", "updated", "deleted", "paused", "resumed")
)
_DELETED = "customer.subscription.deleted"

#: What makes an update one of the recurring charge: not its description, not each renewal's newest invoice.
_CHARGE = frozenset(
    {
        *("status", "items", "plan", "quantity", "currency", "discount", "discounts", "pause_collection"),
        *("cancel_at", "cancel_at_period_end", "canceled_at", "ended_at", "trial_end", "collection_method"),
    }
)

AccountId = Annotated[str, Field(pattern="^acct_[A-Za-z0-9]{1,60}$")]


class Stripe(Adapter):
    """Invoices and subscriptions of customers; with the secret ``api`` also who they are and what still runs of them.

    A subscription that ended makes its customer inactive, unless the settings say otherwise or Stripe knows of another
    one that runs: without the secret ``api`` nobody can know of others.
    """

    name = "stripe"
    signature = Hmac(Pair(_HEADER, "v1"), (_STAMP, b".", body), stamp=_STAMP)
    emits = (InvoiceIssued, InvoicePaid, InvoiceFailed, InvoiceVoided, SubscriptionChanged, AccountStatusChanged)
    hosts = (api.HOST,)
    optional_secrets = (api.KEY,)
    replies = Replies(
        ok=Reply(200),
        foreign=Reply(200),
        retried=range(300, 600),
        attempts="growing pauses for three days; a sandbox's three times within hours (docs.stripe.com, Webhooks)",
    )

    class Settings(BaseModel):
        """``accounts``: the connected accounts that are ours; events of others are foreign.

        ``inactive_when_cancelled``: a subscription that ended makes its customer inactive.
        """

        model_config = ConfigDict(extra="forbid")

        accounts: tuple[AccountId, ...] = ()
        inactive_when_cancelled: bool = True

    def refuse(self, request: Request) -> str | None:
        """An event of somebody else's connected account; our own account's events name none."""
        account = told.text(told.at(request.json(), "account"))
        return None if account in (None, *self.settings.accounts) else "the connected account is not in the settings"

    def delivery_key(self, request: Request) -> str | None:
        return told.text(told.at(request.json(), "id"))

    def split(self, delivery: Delivery) -> Iterator[Item]:
        data = told.mapping(delivery.json(), "the body")
        yield Item(told.ident(data["id"], "id"), data, told.ident(data["type"], "type"))

    def fetch(self, item: Item) -> Calls[None]:
        """Ask whose subscription it is, which Stripe does not tell; and of one that ended, what else they have."""
        if item.kind not in _SUBSCRIPTION:
            return
        customer, account = _customer(_object(item)), _account(item)
        if customer is not None and "customer" not in item.answers:
            yield api.customer(customer, account)
        if customer is not None and item.kind == _DELETED and "others" not in item.answers:
            yield api.others(customer, account)

    def normalize(self, item: Item) -> Iterator[Event]:
        if item.kind in _SUBSCRIPTION:
            yield from self._subscription(item)
        elif item.kind.startswith("invoice."):
            yield from _invoice(item)

    def status(self, ref: Ref) -> Calls[Evidence]:
        """What of an invoice, a subscription or a customer still runs or is owed. Reads only."""
        return api.status(ref)

    def _subscription(self, item: Item) -> Iterator[Event]:
        found, before = _object(item), told.mapping(told.at(item.data, "data.previous_attributes"), "previous")
        if item.kind == "customer.subscription.updated" and before and _CHARGE.isdisjoint(before):
            return
        party = _party(item, api.known(item.answers.get("customer")), "")
        ended = _moment(found.get("ended_at"))
        when = unix_s(item.data["created"])
        amount = recurring(found)
        yield SubscriptionChanged(
            party=party,
            occurred_at=when,
            subscription_id=told.ident(found["id"], "id"),
            status=told.ident(found["status"], "status"),
            previous_status=told.text(before.get("status")),
            amount=amount,
            currency=None if amount is None else currency(found),
            invoice_id=_id(found.get("latest_invoice")),
            ends_at=ended or _moment(found.get("cancel_at")),
        )
        gone = item.kind == _DELETED and self.settings.inactive_when_cancelled
        if gone and not api.runs_another(item.answers.get("others"), told.ident(found["id"], "id")):
            yield AccountStatusChanged(
                party=party, occurred_at=when, status="inactive", reason="the subscription at Stripe ended"
            )


def _invoice(item: Item) -> Iterator[Event]:
    found = _object(item)
    match item.kind:
        case "invoice.finalized" | "invoice.sent":
            about = _about(item, "finalized_at", "issued", "amount_due")
            status = told.text(found.get("status")) or "open"
            yield InvoiceIssued(**about, status=status, due_at=_moment(found.get("due_date")))
        case "invoice.paid":
            yield InvoicePaid(**_about(item, "paid_at", "paid", "amount_paid"))
        case "invoice.payment_failed":
            attempt, again = found.get("attempt_count"), _moment(found.get("next_payment_attempt"))
            yield InvoiceFailed(**_about(item, "", "", "amount_due"), attempt=attempt, next_attempt_at=again)
        case "invoice.voided":
            yield InvoiceVoided(**_about(item, "voided_at", "voided", "amount_due"))


def _about(item: Item, moment: str, fact: str, amount: str) -> dict[str, Any]:
    """What every event of an invoice tells; an invoice is issued, paid and voided once, and fails as often as told."""
    found = _object(item)
    invoice = told.ident(found["id"], "id")
    at = _moment(told.at(found, f"status_transitions.{moment}")) if moment else None
    return {
        "party": _party(item, found, "customer_"),
        "occurred_at": at or unix_s(item.data["created"]),
        "fact": f"{fact}:{invoice}" if fact else None,
        "invoice_id": invoice,
        "amount": minor(found[amount], currency(found)),
        "currency": currency(found),
        "subscription_id": _subscription_of(found),
    }


def _party(item: Item, source: Mapping[str, Any], prefix: str) -> Party:
    customer = _customer(_object(item))
    refs = [Ref(of="account", kind="customer", id=customer, realm=_account(item))] if customer is not None else []
    return told.party(
        name=source.get(f"{prefix}name"),
        address=source.get(f"{prefix}email"),
        number=source.get(f"{prefix}phone"),
        refs=refs,
    )


def _object(item: Item) -> Mapping[str, Any]:
    return told.mapping(told.mapping(item.data["data"], "data").get("object"), "data.object")


def _account(item: Item) -> str:
    """The connected account that an event is of; empty: our own."""
    return told.text(item.data.get("account")) or ""


def _customer(found: Mapping[str, Any]) -> str | None:
    return _id(found.get("customer")) or _id(found.get("customer_account"))


def _subscription_of(invoice: Mapping[str, Any]) -> str | None:
    """The subscription that an invoice is of: a field of its own until 2025, then its parent."""
    if told.at(invoice, "parent.type") == "subscription_details":
        return _id(told.at(invoice, "parent.subscription_details.subscription"))
    return _id(invoice.get("subscription"))


def _id(value: Any) -> str | None:
    """An id, or that of an object which the endpoint was told to expand."""
    found = told.text(value.get("id") if isinstance(value, dict) else value)
    return None if found is None else told.ident(found, "an id")


def _moment(value: Any) -> datetime | None:
    return None if value is None else unix_s(value)
