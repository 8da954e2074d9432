"""Stripe: vectors of its SDK, amounts in minor units, what a change is, and the evidence that nothing runs any more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from seamline import (
    Answer,
    Call,
    ConfigError,
    Event,
    Evidence,
    Item,
    NeedsHuman,
    PayloadError,
    Ref,
    Request,
    RetryLater,
    SignatureError,
)
from seamline.events import AccountStatusChanged, InvoiceFailed, InvoiceIssued, InvoicePaid, SubscriptionChanged
from seamline.testing import run_calls
from seamline.transport import Transport, drive
from seamline_adapters.stories.stripe import stories as suite
from seamline_adapters.stripe import Stripe
from seamline_adapters.stripe.api import VERSION
from seamline_adapters.stripe.money import minor

URL = "https://hooks.example.com/webhooks/contract"
API = "https://api.stripe.com/v1"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DATE = {"date": "Sun, 22 Nov 2026 12:00:00 GMT"}
SECRETS = {"signing": ["whsec_example"], "api": ["rk_example_0001"]}


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(sleep=lambda _: None)
    yield made
    made.close()


def read(name: str) -> Any:
    return json.loads((suite.root / name).read_bytes())


def told(name: str, kind: str | None = None, before: dict[str, Any] | None = None, **fields: Any) -> list[Any]:
    body = read(name)
    body["data"]["object"].update(fields)
    if before is not None:
        body["data"]["previous_attributes"] = before
    return list(Stripe().normalize(Item("evt_1", body, kind or body["type"])))


# --- the proof ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vector_sdk_dummy", "vector_sdk_dummy_multi_v1"])
def test_vectors_of_the_sdk_verify_for_five_minutes(name: str) -> None:
    vector, body = read(f"{name}.headers.json"), (suite.root / "vector_sdk_dummy.json").read_bytes()
    request = Request.build("POST", URL, body, vector["headers"])
    at, secrets = datetime.fromtimestamp(1732715701, UTC), {"signing": ["whsec_another", vector["secret"]]}
    assert Stripe.signature.verify(request, secrets, at + timedelta(minutes=5), {}).secret == 1
    with pytest.raises(SignatureError, match="old"):
        Stripe.signature.verify(request, secrets, at + timedelta(minutes=5, seconds=1), {})


def test_only_the_connected_accounts_of_the_settings_are_ours() -> None:
    ours = Stripe({"accounts": ["acct_1"]})
    for account, foreign in (("acct_1", False), ("acct_2", True)):
        request = Request.build("POST", URL, json.dumps({"id": "evt_1", "account": account}).encode())
        assert (ours.refuse(request) is not None) == foreign
    with pytest.raises(ConfigError):
        Stripe({"accounts": ["acme"]})


# --- invoices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "code", "expected"),
    [
        (1_999, "EUR", 1_999),
        (500, "JPY", 500),
        (5_120, "KWD", 5_120),
        # Stripe tells these three in another unit than ISO 4217 has.
        (500, "ISK", 5),
        (500, "UGX", 5),
        (5, "MGA", 500),
        (-300, "USD", -300),
    ],
)
def test_an_amount_is_told_in_the_minor_units_of_its_currency(amount: int, code: str, expected: int) -> None:
    assert minor(amount, code) == expected


@pytest.mark.parametrize("amount", [None, True, "10", 10.5, 2**63, [10]])
def test_an_amount_that_is_no_whole_number_is_refused(amount: Any) -> None:
    with pytest.raises(PayloadError):
        minor(amount, "EUR")


def test_an_invoice_that_went_out_says_what_is_due_when_and_from_whom() -> None:
    (issued,) = told(
        "invoice_finalized.json",
        currency="eur",
        amount_due=12_300,
        total=99_900,
        due_date=1732800000,
        customer_email="Billing@Acme.example",
        customer_name="Acme Roofing",
    )
    assert isinstance(issued, InvoiceIssued)
    assert (issued.amount, issued.currency, issued.status) == (12_300, "EUR", "open")
    assert issued.due_at == datetime(2024, 11, 28, 13, 20, tzinfo=UTC)
    assert (issued.party.email, issued.party.name) == ("Billing@acme.example", "Acme Roofing")
    assert issued.party.refs == (Ref(of="account", kind="customer", id="cus_QXg1o8vcGmoR32"),)


def test_a_failed_payment_says_which_attempt_it_was_and_when_the_next_one_is() -> None:
    (failed,) = told(
        "invoice_finalized.json", "invoice.payment_failed", attempt_count=2, next_payment_attempt=1732800000
    )
    assert isinstance(failed, InvoiceFailed)
    assert (failed.attempt, failed.next_attempt_at) == (2, datetime(2024, 11, 28, 13, 20, tzinfo=UTC))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}}, "sub_1"),
        ({"parent": None, "subscription": "sub_2"}, "sub_2"),
        ({"parent": None, "subscription": {"id": "sub_3", "object": "subscription"}}, "sub_3"),
        ({"parent": {"type": "quote_details", "subscription_details": {"subscription": "sub_4"}}}, None),
    ],
)
def test_an_invoice_knows_its_subscription_in_every_version(fields: dict[str, Any], expected: str | None) -> None:
    (paid,) = told("invoice_paid.json", **fields)
    assert isinstance(paid, InvoicePaid)
    assert paid.subscription_id == expected


# --- subscriptions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "tells"),
    [
        ({"status": "trialing"}, True),
        ({"cancel_at_period_end": False}, True),
        ({"items": {}}, True),
        ({"metadata": {}}, False),
        ({"latest_invoice": "in_0", "current_period_end": 1}, False),
        (None, True),
    ],
)
def test_only_a_change_of_the_charge_is_told(before: dict[str, Any] | None, tells: bool) -> None:
    assert len(told("customer_subscription_updated.json", before=before)) == tells


def test_a_subscription_charges_all_of_its_items_or_nobody_knows() -> None:
    def item(each: Any, quantity: Any) -> dict[str, Any]:
        return {"price": {"unit_amount": each}, "quantity": quantity}

    def amount(*items: dict[str, Any], has_more: bool = False) -> int | None:
        (changed,) = told("customer_subscription_created.json", items={"data": list(items), "has_more": has_more})
        assert isinstance(changed, SubscriptionChanged)
        assert (changed.currency is None) == (changed.amount is None)
        return changed.amount

    assert amount(item(2_000, 1), item(500, 3)) == 3_500
    assert amount(item(2_000, 1), item(None, 3)) is None
    assert amount(item(2_000, None)) is None
    assert amount(item(2_000, 1), has_more=True) is None
    assert amount() is None


def others(*rows: tuple[str, str]) -> Answer:
    data = [{"id": subscription, "status": status} for subscription, status in rows]
    return Answer(200, json.dumps({"data": data, "has_more": False}).encode(), DATE)


@pytest.mark.parametrize(
    ("others_have", "inactive"),
    [
        (None, True),
        (others(), True),
        (others(("sub_1Pgc6rB7WZ01zgkWNy0Cn5nw", "active")), True),
        (others(("sub_2", "incomplete_expired")), True),
        (others(("sub_2", "past_due")), False),
        (others(("sub_2", "a status of tomorrow")), False),
        (Answer(404, b"{}"), True),
    ],
)
def test_r59_a_customer_is_inactive_when_the_last_subscription_that_is_known_ends(
    others_have: Answer | None, inactive: bool
) -> None:
    body = read("customer_subscription_deleted.json")
    answers = {} if others_have is None else {"others": others_have}
    found = list(Stripe().normalize(Item("evt_1", body, body["type"], answers=answers)))
    assert [event.status for event in found if isinstance(event, AccountStatusChanged)] == ["inactive"] * inactive


def test_r59_the_settings_can_say_that_a_subscription_says_nothing_of_the_customer() -> None:
    body = read("customer_subscription_deleted.json")
    found: list[Event] = list(Stripe({"inactive_when_cancelled": False}).normalize(Item("evt_1", body, body["type"])))
    assert [type(event) for event in found] == [SubscriptionChanged]


# --- evidence -------------------------------------------------------------------------------------------------------


def page(*rows: Mapping[str, Any], has_more: bool = False) -> Answer:
    return Answer(200, json.dumps({"data": list(rows), "has_more": has_more}).encode(), DATE)


def evidence(kind: str, answers: Mapping[str, Answer | Sequence[Answer]], id: str = "x_1", **ref: str) -> Any:
    """What is found, and what was asked."""
    return run_calls(Stripe().status(Ref(of="account", kind=kind, id=id, **ref)), answers)


@pytest.mark.parametrize(
    ("kind", "path", "word", "settled"),
    [
        ("invoice", "invoices", "draft", False),
        ("invoice", "invoices", "open", False),
        ("invoice", "invoices", "paid", True),
        ("invoice", "invoices", "void", True),
        ("invoice", "invoices", "uncollectible", True),
        ("invoice", "invoices", "a word of tomorrow", False),
        ("subscription", "subscriptions", "active", False),
        ("subscription", "subscriptions", "trialing", False),
        ("subscription", "subscriptions", "unpaid", False),
        ("subscription", "subscriptions", "paused", False),
        ("subscription", "subscriptions", "canceled", True),
        ("subscription", "subscriptions", "incomplete_expired", True),
    ],
)
def test_r58_what_may_still_make_an_invoice_is_not_settled(kind: str, path: str, word: str, settled: bool) -> None:
    answer = Answer(200, json.dumps({"id": "x_1", "status": word}).encode(), DATE)
    found, calls = evidence(kind, {f"GET /v1/{path}/x_1": answer})
    assert found == Evidence("x_1", word, NOON, settled)
    assert [call.secret for call in calls] == ["api"]


_NOTHING: dict[str, Answer | Sequence[Answer]] = {
    "GET /v1/subscriptions": page(),
    "GET /v1/invoices": page(),
    "GET /v1/subscription_schedules": page(),
}


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ({}, "nothing runs"),
        ({"GET /v1/subscriptions": page({"id": "sub_1", "status": "canceled"})}, "nothing runs"),
        ({"GET /v1/subscriptions": page({"id": "sub_1", "status": "past_due"})}, "a subscription is past_due"),
        ({"GET /v1/invoices": page({"id": "in_1"})}, "an invoice is open"),
        ({"GET /v1/invoices": [page(), page({"id": "in_1"})]}, "an invoice is draft"),
        ({"GET /v1/subscription_schedules": page({"id": "sub_sched_1"})}, "a subscription is scheduled"),
    ],
)
def test_r58_a_customer_is_settled_when_nothing_of_theirs_makes_an_invoice(
    answers: dict[str, Answer | Sequence[Answer]], word: str
) -> None:
    found, calls = evidence("customer", _NOTHING | answers, "cus_1")
    assert found == Evidence("cus_1", word, NOON, word == "nothing runs")
    assert {call.query["customer"] for call in calls} == {"cus_1"}


def test_every_page_of_a_customers_subscriptions_is_looked_at() -> None:
    ended = [{"id": f"sub_{n}", "status": "canceled"} for n in range(3)]
    pages = [page(*ended, has_more=True), page({"id": "sub_9", "status": "active"})]
    found, calls = evidence("customer", _NOTHING | {"GET /v1/subscriptions": pages}, "cus_1")
    assert (found.status, found.settled) == ("a subscription is active", False)
    assert calls[1].query["starting_after"] == "sub_2"
    assert calls[0].query == {"customer": "cus_1", "limit": "100"}


def test_a_list_that_never_ends_is_no_evidence() -> None:
    endless = page({"id": "sub_1", "status": "canceled"}, has_more=True)
    with pytest.raises(PayloadError, match="pages"):
        evidence("customer", _NOTHING | {"GET /v1/subscriptions": endless}, "cus_1")


def asked(calls: Sequence[Call]) -> set[tuple[str, str | None, str]]:
    return {(call.method, call.secret, call.headers["Stripe-Version"]) for call in calls}


def test_stripe_is_only_read_and_in_one_version() -> None:
    _, calls = evidence("customer", _NOTHING, "cus_1", realm="acct_1")
    assert asked(calls) == {("GET", "api", VERSION)}
    assert {call.headers["Stripe-Account"] for call in calls} == {"acct_1"}
    _, calls = evidence("customer", _NOTHING, "cus_1")
    assert all("Stripe-Account" not in call.headers for call in calls)


@pytest.mark.parametrize("id", ["in_1/../../charges", "in_1?x=1", "..", "in 1", "in_1/pay", "é"])
@pytest.mark.parametrize("kind", ["invoice", "subscription", "customer"])
def test_an_id_leads_nowhere_else(kind: str, id: str) -> None:
    with pytest.raises(PayloadError):
        next(Stripe().status(Ref(of="account", kind=kind, id=id)))


def test_what_stripe_does_not_know_is_no_evidence() -> None:
    with pytest.raises(PayloadError, match="no such invoice"):
        evidence("invoice", {"GET /v1/invoices/x_1": Answer(404, b"{}", DATE)})
    with pytest.raises(PayloadError, match="not of charge"):
        next(Stripe().status(Ref(of="account", kind="charge", id="ch_1")))


def test_evidence_has_the_time_at_which_stripe_said_so() -> None:
    with pytest.raises(RetryLater, match="Date"):
        evidence("invoice", {"GET /v1/invoices/x_1": Answer(200, b'{"status": "paid"}')})


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"status": null}', b'{"status": {}}'])
def test_an_odd_answer_is_no_evidence(body: bytes) -> None:
    with pytest.raises(PayloadError):
        evidence("subscription", {"GET /v1/subscriptions/x_1": Answer(200, body, DATE)})


def test_a_key_that_may_not_read_is_for_a_human(api: respx.MockRouter, transport: Transport) -> None:
    route = api.get(f"{API}/invoices/in_1").mock(return_value=httpx.Response(403))
    adapter = Stripe()
    with pytest.raises(NeedsHuman):
        drive(adapter.status(Ref(of="account", kind="invoice", id="in_1")), transport.sender(adapter, SECRETS))
    assert route.calls.last.request.headers["authorization"] == "Bearer rk_example_0001"
    assert route.calls.last.request.headers["stripe-version"] == VERSION
