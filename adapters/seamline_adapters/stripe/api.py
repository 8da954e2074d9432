"""Stripe's API, read only: who a customer is, and what of an invoice, a subscription or a customer still runs.

Documented (docs.stripe.com/api): statuses of invoices (``draft``, ``open``, ``paid``, ``uncollectible``, ``void``) and
of subscriptions; a list without ``status`` holds the subscriptions that were not cancelled; ``limit`` up to 100,
``has_more`` and ``starting_after``; ``Stripe-Version`` and, for a connected account, ``Stripe-Account``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from seamline import Answer, Call, Calls, Evidence, PayloadError, Ref
from seamline_adapters import told

HOST = "api.stripe.com"
API = f"https://{HOST}/v1"

#: The name of the secret with the key: a restricted one that may read customers, invoices and subscriptions.
KEY = "api"

#: The version whose answers are read here, whatever the account's own default is.
VERSION = "2025-03-31.basil"

#: Most pages of a customer's subscriptions that are looked at.
MAX_PAGES = 50

#: What ends for good. An ``unpaid`` or ``paused`` subscription still makes invoices, or can.
_ENDED = frozenset({"canceled", "incomplete_expired"})
_SETTLED = frozenset({"paid", "void", "uncollectible"})

_ID = re.compile("[A-Za-z0-9_-]{1,200}")


def customer(id: str, account: str) -> Call:
    """Read who a customer is. One that was deleted is told as far as it is known."""
    return _get("customer", f"customers/{_safe(id)}", account, accept=(404,))


def others(customer: str, account: str) -> Call:
    """Read the subscriptions that a customer has, without those that were cancelled."""
    return _get("others", "subscriptions", account, {"customer": _safe(customer), "limit": "100"}, accept=(404,))


def known(answer: Answer | None) -> Mapping[str, Any]:
    """The customer as read; empty where it was not asked, or is gone."""
    if answer is None or answer.status == 404:
        return {}
    return told.mapping(answer.json(), "Stripe's answer")


def runs_another(answer: Answer | None, ended: str) -> bool:
    """Whether a customer has another subscription that runs; False where it was not asked."""
    if answer is None or answer.status == 404:
        return False
    return any(told.text(row.get("id")) != ended and _runs(row) for row in _rows(answer))


def status(ref: Ref) -> Calls[Evidence]:
    """The state of a ref. Raises PayloadError for a kind that Stripe has not, or an id that it does not know."""
    match ref.kind:
        case "invoice":
            return (yield from _one(ref, "invoices", _SETTLED))
        case "subscription":
            return (yield from _one(ref, "subscriptions", _ENDED))
        case "customer":
            return (yield from _customer(ref))
    raise PayloadError(f"Stripe tells the status of an invoice, a subscription or a customer, not of {ref.kind}")


def _one(ref: Ref, path: str, settled: frozenset[str]) -> Calls[Evidence]:
    answer = yield _get("status", f"{path}/{_safe(ref.id)}", ref.realm, accept=(404,))
    if answer.status == 404:
        raise PayloadError(f"Stripe knows no such {ref.kind}")
    found = told.ident(told.mapping(answer.json(), "Stripe's answer").get("status"), "status")
    return Evidence(ref.id, found, told.written_at(answer, "Stripe"), settled=found in settled)


def _customer(ref: Ref) -> Calls[Evidence]:
    """Whether anything of a customer runs or is owed: the first thing found is enough."""
    about = {"customer": _safe(ref.id)}
    running = yield from _running(about, ref.realm)
    if running is not None:
        return Evidence(ref.id, *running)
    for state in ("open", "draft"):
        answer = yield _get(f"{state} invoices", "invoices", ref.realm, {**about, "status": state, "limit": "1"})
        if _rows(answer):
            return Evidence(ref.id, f"an invoice is {state}", told.written_at(answer, "Stripe"))
    answer = yield _get("schedules", "subscription_schedules", ref.realm, {**about, "scheduled": "true", "limit": "1"})
    if _rows(answer):
        return Evidence(ref.id, "a subscription is scheduled", told.written_at(answer, "Stripe"))
    return Evidence(ref.id, "nothing runs", told.written_at(answer, "Stripe"), settled=True)


def _running(about: Mapping[str, str], account: str) -> Calls[tuple[str, datetime] | None]:
    """The first subscription that runs, as its status and when; None: there is none."""
    query = {**about, "limit": "100"}
    for page in range(MAX_PAGES):
        answer = yield _get(f"subscriptions {page + 1}", "subscriptions", account, query)
        rows = _rows(answer)
        found = next((row for row in rows if _runs(row)), None)
        if found is not None:
            return f"a subscription is {told.ident(found.get('status'), 'status')}", told.written_at(answer, "Stripe")
        if not rows or told.mapping(answer.json(), "Stripe's answer").get("has_more") is not True:
            return None
        query = {**query, "starting_after": _safe(told.ident(rows[-1].get("id"), "id"))}
    raise PayloadError(f"a customer has more than {MAX_PAGES} pages of subscriptions")


def _runs(subscription: Mapping[str, Any]) -> bool:
    # A word that is not known here may stand for something that runs.
    return told.text(subscription.get("status")) not in _ENDED


def _rows(answer: Answer) -> list[Mapping[str, Any]]:
    rows = told.listed(told.mapping(answer.json(), "Stripe's answer").get("data"), "data")
    return [told.mapping(row, "a row") for row in rows]


def _get(
    name: str, path: str, account: str, query: Mapping[str, str] | None = None, *, accept: tuple[int, ...] = ()
) -> Call:
    headers = {"Stripe-Version": VERSION} | ({"Stripe-Account": _safe(account)} if account else {})
    return Call(name, f"{API}/{path}", query or {}, secret=KEY, headers=headers, accept=accept)


def _safe(id: str) -> str:
    """An id that leads nowhere else in an address. Raises PayloadError."""
    if _ID.fullmatch(id) is None:
        raise PayloadError("an id is none of Stripe's")
    return id
