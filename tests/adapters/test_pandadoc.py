"""PandaDoc: what a document is, when it is a signed contract, and whose."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seamline import ConfigError, Delivery, Event, Item, PayloadError, Request, SignatureError
from seamline.events import (
    ContractDeclined,
    ContractSigned,
    ContractVoided,
    ProposalAccepted,
    ProposalDeclined,
    ProposalExpired,
    ProposalSent,
    ProposalViewed,
)
from seamline_adapters.pandadoc import PandaDoc
from seamline_adapters.stories.pandadoc import stories as suite

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
VECTORS = Path(__file__).parents[1] / "vectors" / "pandadoc"
STATUSES = (
    "draft", "uploaded", "error", "sent", "viewed", "waiting_approval", "approved", "rejected", "completed",
    "waiting_pay", "paid", "declined", "voided", "cancelled", "external_review",
)  # fmt: skip
SIGNED = {"completed", "waiting_pay"}


def notification(status: str = "completed", **data: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((suite.root / "document_state_changed_completed.json").read_bytes())[0]
    found["data"].update({"status": f"document.{status}", **data})
    return found


def delivered(body: Any) -> Delivery:
    return Delivery("POST", "https://hooks.example.com/x", json.dumps(body).encode(), {}, key="k", received_at=NOW)


def told(*notifications: Any, **settings: Any) -> list[Event]:
    adapter = PandaDoc(settings)
    items = [part for part in adapter.split(delivered(list(notifications))) if isinstance(part, Item)]
    return [event for item in items for event in adapter.normalize(item)]


def kinds(*notifications: Any, **settings: Any) -> set[type[Event]]:
    return {type(event) for event in told(*notifications, **settings)}


def recipient(address: str, *, done: bool = True, kind: str | None = "signer") -> dict[str, Any]:
    return {"email": address, "has_completed": done, "recipient_type": kind}


def vector() -> tuple[Request, dict[str, list[str]]]:
    given = json.loads((VECTORS / "batch_two.vector.json").read_bytes())
    body = (VECTORS / given["body"]).read_bytes()
    return Request.build(given["method"], given["url"], body, given["headers"]), given["secrets"]


def test_the_signature_in_the_query_covers_the_body() -> None:
    request, secrets = vector()
    assert PandaDoc.signature.verify(request, secrets, NOW, {}).secret == 0
    with pytest.raises(SignatureError):
        PandaDoc.signature.verify(replace(request, body=request.body + b" "), secrets, NOW, {})


def test_a_signature_in_a_header_is_none() -> None:
    request, secrets = vector()
    url, _, value = request.url.partition("?signature=")
    moved = Request.build("POST", url, request.body, {"X-PandaDoc-Signature": value})
    with pytest.raises(SignatureError):
        PandaDoc.signature.verify(moved, secrets, NOW, {})


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("documents", ["proposal", "contract", "other"])
@pytest.mark.parametrize("both", [False, True])
def test_r4_a_contract_is_signed_only_by_a_completed_document_that_is_one(
    status: str, documents: str, both: bool
) -> None:
    found = kinds(notification(status), documents=documents, signature_is_contract=both)
    is_contract = documents == "contract" or (documents == "proposal" and both)
    assert (ContractSigned in found) is (status in SIGNED and is_contract)


def test_r4_a_proposal_is_no_contract_unless_the_settings_say_so() -> None:
    assert kinds(notification()) == {ProposalAccepted}
    assert kinds(notification(), signature_is_contract=True) == {ProposalAccepted, ContractSigned}
    assert kinds(notification(), documents="contract") == {ContractSigned}


@pytest.mark.parametrize("kind", ["signer", "Signer", None, "something new"])
def test_r4_one_signature_too_few_is_no_contract(kind: str | None) -> None:
    people = [recipient("jane@example.com"), recipient("john@example.com", done=False, kind=kind)]
    assert told(notification(recipients=people), documents="contract") == []
    assert kinds(notification(recipients=people), signature_is_contract=True) == {ProposalAccepted}


def test_r4_a_recipients_own_completion_is_no_contract_even_the_last_ones() -> None:
    assert told({**notification(), "event": "recipient_completed"}, signature_is_contract=True) == []


def test_r4_the_finished_file_and_other_events_of_a_completed_document_are_no_contract() -> None:
    for event in ("document_completed_pdf_ready", "document_updated", "quote_updated", "template_created"):
        assert told({**notification(), "event": event}, documents="contract") == []


@pytest.mark.parametrize("people", [[], None, [{"email": "jane@example.com"}], [recipient("j@example.com", kind="CC")]])
def test_r4_a_completion_that_does_not_say_who_has_signed_is_for_a_human(people: Any) -> None:
    with pytest.raises(PayloadError, match="has_completed"):
        told(notification(recipients=people), documents="contract")
    assert kinds(notification(recipients=people)) == {ProposalAccepted}


def test_r4_a_contract_that_is_set_to_declined_or_expired_closes_its_gate_again() -> None:
    assert kinds(notification("declined"), documents="contract") == {ContractDeclined}
    assert kinds(notification("voided"), documents="contract") == {ContractVoided}
    assert kinds(notification("declined"), signature_is_contract=True) == {ProposalDeclined, ContractDeclined}
    assert kinds(notification("voided"), signature_is_contract=True) == {ProposalExpired, ContractVoided}


def test_who_receives_a_copy_or_approves_need_not_sign() -> None:
    people = [
        recipient("cc@example.com", done=False, kind="CC"),
        recipient("approver@example.com", done=False, kind="approver"),
        recipient("jane@example.com"),
    ]
    (event,) = told(notification(recipients=people), documents="contract")
    assert isinstance(event, ContractSigned)
    assert event.signers == ("jane@example.com",)
    assert event.party.email == "jane@example.com"


def test_a_template_says_by_id_or_name_what_a_document_is() -> None:
    templates = {"tpl_1": "contract", "Mutual NDA": "other"}
    named = [
        notification(template={"id": known, "name": name})
        for known, name in (("tpl_1", "Retainer"), ("x", "Mutual NDA"))
    ]
    assert kinds(named[0], templates=templates) == {ContractSigned}
    assert kinds(named[1], templates=templates, signature_is_contract=True) == set()
    assert kinds(notification(template=None), templates=templates) == {ProposalAccepted}


def test_one_odd_notification_leaves_the_others_alone() -> None:
    adapter = PandaDoc()
    good = notification("viewed")
    odd, viewed = (part for part in adapter.split(delivered([7, good])) if isinstance(part, Item))
    with pytest.raises(PayloadError):
        list(adapter.normalize(odd))
    (event,) = adapter.normalize(viewed)
    assert isinstance(event, ProposalViewed)
    (alone,) = (part for part in adapter.split(delivered(good)) if isinstance(part, Item))
    assert alone.key == viewed.key


@pytest.mark.parametrize(
    ("total", "amount", "currency"),
    [
        ({"amount": "3500", "currency": "USD"}, 350_000, "USD"),
        ({"amount": "1200.50", "currency": "eur"}, 120_050, "EUR"),
        ({"amount": 1200, "currency": "JPY"}, 1_200, "JPY"),
        ({"amount": "3500"}, None, None),
        ({"amount": "", "currency": "USD"}, None, None),
        (None, None, None),
    ],
)
def test_the_grand_total_is_told_in_minor_units_or_not_at_all(total: Any, amount: Any, currency: Any) -> None:
    (event,) = told(notification("sent", grand_total=total))
    assert isinstance(event, ProposalSent)
    assert (event.amount, event.currency) == (amount, currency)


def test_a_document_that_is_sent_again_is_told_again_and_created_only_once() -> None:
    first, again = "2026-11-20T11:45:12Z", "2026-11-21T09:00:00Z"
    sent = told(*(notification("sent", date_modified=at) for at in (first, again)))
    created = told(*(notification("draft", date_modified=at) for at in (first, again)))
    assert len({event.fact for event in sent}) == 2
    assert len({event.fact for event in created}) == 1


@pytest.mark.parametrize(
    "settings",
    [{"documents": "both"}, {"templates": {"x": "invoice"}}, {"statuses": {"document.x": "signed"}}, {"kind": "x"}],
)
def test_settings_that_nobody_could_mean_refuse_to_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        PandaDoc(settings)
