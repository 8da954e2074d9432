"""Stories of Stripe: invoices on their way, subscriptions that change and end, and what is no fact."""

from __future__ import annotations

from pathlib import Path

from seamline import PayloadError, Ref
from seamline.events import (
    AccountStatusChanged,
    InvoiceFailed,
    InvoiceIssued,
    InvoicePaid,
    InvoiceVoided,
    SubscriptionChanged,
)
from seamline.testing import ABSENT, Look, Respond, Sample, Story, Suite, story
from seamline_adapters.stripe import Stripe

_KEY = {"api": ["rk_example_0001"]}
_WHOSE = "GET /v1/customers/cus_QXg1o8vcGmoR32"
_OTHERS = "GET /v1/subscriptions"
_FINALIZED = "invoice_finalized.json"
_PAID = "invoice_paid.json"
_UPDATED = "customer_subscription_updated.json"
_DELETED = "customer_subscription_deleted.json"
_ISSUED_AT = {"data.object.status_transitions.finalized_at": 1732715700}
_FAILED = {"type": "invoice.payment_failed", "data.object.attempt_count": 2, "data.object.attempted": True}
_VOIDED = {"type": "invoice.voided", "data.object.status": "void"}
_WHO = {"data.object.customer_email": "billing@acme.example", "data.object.customer_name": "Acme Roofing"}
_OF_SUBSCRIPTION = {"data.object.parent.type": "subscription_details"}

_INVOICES = (
    story("an invoice goes out", _FINALIZED, InvoiceIssued, patch=_ISSUED_AT | _WHO | _OF_SUBSCRIPTION),
    Story(
        "an invoice goes out by mail",
        (
            Sample(_FINALIZED, patch=_ISSUED_AT),
            Sample(_FINALIZED, patch=_ISSUED_AT | {"id": "evt_sent", "type": "invoice.sent", "created": 1732715800}),
        ),
        (InvoiceIssued,),
        any_order=True,
    ),
    story("an invoice is paid", _PAID, InvoicePaid, patch=_WHO),
    story("an invoice of old times is paid", _PAID, InvoicePaid, patch={"data.object.subscription": "sub_1"}),
    story("a payment fails", _FINALIZED, InvoiceFailed, patch=_FAILED),
    Story(
        "a payment fails twice",
        (Sample(_FINALIZED, patch=_FAILED), Sample(_FINALIZED, patch=_FAILED | {"id": "evt_again"})),
        (InvoiceFailed, InvoiceFailed),
        any_order=True,
    ),
    story("an invoice is voided", _FINALIZED, InvoiceVoided, patch=_VOIDED),
    story(
        "an invoice of a connected account",
        _PAID,
        InvoicePaid,
        patch={"account": "acct_1"},
        settings={"accounts": ["acct_1"]},
    ),
    story("an invoice of somebody else's account", _PAID, patch={"account": "acct_1"}, refused=True),
    story("a draft is made", "invoice_created.json"),
    story("an invoice comes up", "invoice_upcoming.json"),
    story("a payment that invoice.paid tells too", _PAID, patch={"type": "invoice.payment_succeeded"}),
    story("an amount that is none", _PAID, patch={"data.object.amount_paid": "10.00"}, quarantined=1),
)

_SUBSCRIPTIONS = (
    story("a subscription begins", "customer_subscription_created.json", SubscriptionChanged),
    story(
        "a subscription begins, and Stripe says whose",
        "customer_subscription_created.json",
        SubscriptionChanged,
        answers={_WHOSE: "api_customer.json"},
        secrets=_KEY,
    ),
    story(
        "a subscription falls behind",
        _UPDATED,
        SubscriptionChanged,
        patch={"data.object.status": "past_due", "data.previous_attributes": {"status": "active"}},
    ),
    story(
        "a subscription's notes change",
        _UPDATED,
        patch={"data.previous_attributes": {"metadata": {"note": "x"}, "latest_invoice": "in_0"}},
    ),
    story(
        "a subscription by use",
        _UPDATED,
        SubscriptionChanged,
        patch={"data.object.items.data.0.price.unit_amount": None},
    ),
    story("a subscription ends", _DELETED, SubscriptionChanged, AccountStatusChanged),
    story(
        "a subscription ends, the last one",
        _DELETED,
        SubscriptionChanged,
        AccountStatusChanged,
        answers={_WHOSE: "api_customer.json", _OTHERS: "api_subscriptions_none.json"},
        secrets=_KEY,
    ),
    story(
        "a subscription ends, and another runs",
        _DELETED,
        SubscriptionChanged,
        answers={_WHOSE: "api_customer.json", _OTHERS: "api_subscriptions_another.json"},
        secrets=_KEY,
    ),
    story(
        "a subscription ends of a customer that is gone",
        _DELETED,
        SubscriptionChanged,
        AccountStatusChanged,
        answers={
            _WHOSE: Respond("api_customer_missing.json", 404),
            _OTHERS: Respond("api_customer_missing.json", 404),
        },
        secrets=_KEY,
    ),
    story(
        "a subscription ends, which says nothing of the customer here",
        _DELETED,
        SubscriptionChanged,
        settings={"inactive_when_cancelled": False},
    ),
    story("a trial will end", _UPDATED, patch={"type": "customer.subscription.trial_will_end"}),
    story("a subscription of nobody", _UPDATED, SubscriptionChanged, patch={"data.object.customer": ABSENT}),
    story("an event of another kind", "vector_sdk_dummy.json", patch={"type": "terminal.reader.action_succeeded"}),
)

_DATE = {"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}


def _said(file: str, status: int = 200) -> Respond:
    return Respond(file, status, _DATE)


def _at(kind: str, id: str) -> Ref:
    return Ref(of="account", kind=kind, id=id)


_INVOICE, _SUBSCRIPTION = _at("invoice", "in_1NXg1o8vcGmoR32"), _at("subscription", "sub_1NXg1o8vcGmoR32")
_CUSTOMER = _at("customer", "cus_QXg1o8vcGmoR32")
_NO_MORE = {
    _OTHERS: _said("api_subscriptions_none.json"),
    "GET /v1/invoices": _said("api_invoices_none.json"),
    "GET /v1/subscription_schedules": _said("api_schedules_none.json"),
}

_LOOKS = (
    Look(
        "an invoice is open",
        _INVOICE,
        "open",
        answers={f"GET /v1/invoices/{_INVOICE.id}": _said("api_invoice_open.json")},
    ),
    Look(
        "an invoice is paid",
        _INVOICE,
        "paid",
        settled=True,
        answers={f"GET /v1/invoices/{_INVOICE.id}": _said("api_invoice_paid.json")},
    ),
    Look(
        "a subscription runs",
        _SUBSCRIPTION,
        "active",
        answers={f"GET /v1/subscriptions/{_SUBSCRIPTION.id}": _said("api_subscription_active.json")},
    ),
    Look(
        "a subscription has ended",
        _SUBSCRIPTION,
        "canceled",
        settled=True,
        answers={f"GET /v1/subscriptions/{_SUBSCRIPTION.id}": _said("api_subscription_canceled.json")},
    ),
    Look(
        "a subscription that Stripe does not know",
        _SUBSCRIPTION,
        answers={f"GET /v1/subscriptions/{_SUBSCRIPTION.id}": _said("api_customer_missing.json", 404)},
        raises=PayloadError,
    ),
    Look("nothing of a customer runs", _CUSTOMER, "nothing runs", settled=True, answers=_NO_MORE),
    Look(
        "a customer's other subscription runs",
        _CUSTOMER,
        "a subscription is active",
        answers=_NO_MORE | {_OTHERS: _said("api_subscriptions_another.json")},
    ),
)

stories = Suite(
    Stripe, Path(__file__).parent.parent / "samples" / "stripe", (*_INVOICES, *_SUBSCRIPTIONS), looks=_LOOKS
)
