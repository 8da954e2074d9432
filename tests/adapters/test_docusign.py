"""DocuSign: which of its messages is a signed contract, whose it is, and by which of several keys it is proved."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seamline import ConfigError, Delivery, Event, Item, PayloadError, Request, SignatureError
from seamline.events import ContractDeclined, ContractSigned, ContractVoided
from seamline_adapters.docusign import DocuSign
from seamline_adapters.stories.docusign import stories as suite

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
VECTORS = Path(__file__).parents[1] / "vectors" / "docusign"
ENVELOPE = "4d2a2b3c-1111-4222-8333-444455556666"


def sample(word: str = "completed", **summary: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((suite.root / f"envelope-{word}.json").read_bytes())
    found["data"]["envelopeSummary"].update(summary)
    return found


def told(body: Any, **settings: Any) -> list[Event]:
    adapter = DocuSign(settings)
    delivery = Delivery("POST", "https://hooks.example.com/x", json.dumps(body).encode(), {}, key="k", received_at=NOW)
    items = [part for part in adapter.split(delivery) if isinstance(part, Item)]
    return [event for item in items for event in adapter.normalize(item)]


def signers(*addresses: str) -> dict[str, Any]:
    return {"signers": [{"recipientId": str(n), "email": address} for n, address in enumerate(addresses, 1)]}


def vector() -> tuple[Request, dict[str, list[str]]]:
    given = json.loads((VECTORS / "completed.vector.json").read_bytes())
    body = (VECTORS / given["body"]).read_bytes()
    return Request.build(given["method"], given["url"], body, given["headers"]), given["secrets"]


def test_any_of_the_numbered_signatures_proves_the_request() -> None:
    request, secrets = vector()
    assert DocuSign.signature.verify(request, secrets, NOW, {}).secret == 0
    first = {name: value for name, value in request.headers.items() if not name.endswith("-2")}
    second = {name: value for name, value in request.headers.items() if not name.endswith("-1")}
    proved = 0
    for headers in (first, second):
        try:
            DocuSign.signature.verify(replace(request, headers=headers), secrets, NOW, {})
            proved += 1
        except SignatureError:
            continue
    assert proved == 1, "one of the two is another key's"


def test_a_body_that_was_changed_is_proved_by_none_of_them() -> None:
    request, secrets = vector()
    forged = replace(request, body=request.body.replace(b"jane@", b"john@"))
    with pytest.raises(SignatureError):
        DocuSign.signature.verify(forged, secrets, NOW, {})


@pytest.mark.parametrize(
    "event",
    [
        "envelope-sent",
        "envelope-delivered",
        "envelope-resent",
        "envelope-corrected",
        "envelope-purge",
        "recipient-completed",
        "recipient-finish-later",
        "template-created",
        "Envelope-Completed",
    ],
)
def test_r4_no_event_but_envelope_completed_is_a_signed_contract(event: str) -> None:
    assert told({**sample(), "event": event}) == []


@pytest.mark.parametrize("status", ["sent", "delivered", "signed", "voided", "declined", "processing"])
def test_r4_a_completion_that_the_envelopes_status_denies_is_for_a_human(status: str) -> None:
    with pytest.raises(PayloadError, match="status"):
        told(sample(status=status))


@pytest.mark.parametrize("kind", ["carbonCopies", "certifiedDeliveries", "agents", "editors"])
def test_r4_an_envelope_that_nobody_signs_is_no_contract(kind: str) -> None:
    assert told(sample(recipients={kind: [{"email": "jane@example.com"}]})) == []


@pytest.mark.parametrize("status", ["sent", "Delivered", "signed", "Correct", "timedout"])
def test_r4_a_legacy_message_of_another_status_is_no_contract(status: str) -> None:
    assert told({"envelopeId": ENVELOPE, "status": status}, legacy=True) == []


def test_a_legacy_message_and_a_message_of_today_tell_one_signature() -> None:
    legacy = {"envelopeId": ENVELOPE, **sample()["data"]["envelopeSummary"]}
    (one,), (two,) = told(sample()), told(legacy, legacy=True)
    assert isinstance(one, ContractSigned)
    assert isinstance(two, ContractSigned)
    assert (one.fact, one.contract_id, one.occurred_at) == (two.fact, two.contract_id, two.occurred_at)


def test_the_party_is_the_first_who_signs_and_does_not_work_with_the_sender() -> None:
    recipients = signers("olga@agency.example.com", "jane@customer.example.com", "john@customer.example.com")
    (event,) = told(sample(recipients=recipients, sender={"email": "sam@agency.example.com"}))
    assert event.party.email == "jane@customer.example.com"
    assert [other.email for other in event.others] == ["john@customer.example.com", "olga@agency.example.com"]


def test_a_sender_who_shares_the_mail_provider_of_the_customer_is_still_not_the_customer() -> None:
    recipients = signers("sam@mail.example.com", "jane@mail.example.com")
    (event,) = told(sample(recipients=recipients, sender={"email": "Sam@mail.example.com"}))
    assert event.party.email == "jane@mail.example.com"


def test_who_signs_first_is_a_number_not_a_text() -> None:
    recipients = {
        "signers": [
            {"email": "tenth@example.com", "routingOrder": "10"},
            {"email": "second@example.com", "routingOrder": "2"},
        ]
    }
    (event,) = told(sample(recipients=recipients))
    assert event.party.email == "second@example.com"


def test_the_ids_that_a_contract_belongs_to_are_custom_fields_named_in_the_settings() -> None:
    fields = {"listCustomFields": [{"name": "Deal", "value": "842"}, {"name": "Engagement", "value": ""}]}
    (event,) = told(sample(customFields=fields), deal_field="Deal", engagement_field="Engagement")
    assert isinstance(event, ContractSigned)
    assert (event.deal_id, event.proposal_id, event.engagement_id) == ("842", None, None)


def test_only_marked_envelopes_are_contracts_where_the_settings_name_a_mark() -> None:
    assert told(sample(customFields=None), marked_by="deal_id") == []
    assert told(sample("voided", customFields=None), marked_by="deal_id") == []
    assert len(told(sample(), marked_by="deal_id")) == 1


def test_reasons_are_told() -> None:
    recipients = {"signers": [{"email": "jane@example.com"}, {"email": "j@example.com", "declinedReason": "Too dear"}]}
    (declined,) = told(sample("declined", recipients=recipients))
    (voided,) = told(sample("voided", voidedReason="Wrong person"))
    assert isinstance(declined, ContractDeclined)
    assert isinstance(voided, ContractVoided)
    assert (declined.reason, voided.reason) == ("Too dear", "Wrong person")


def test_a_retry_is_the_item_of_its_first_attempt_and_another_message_is_none() -> None:
    def key(**more: Any) -> str:
        body = json.dumps({**sample(), **more}).encode()
        delivery = Delivery("POST", "https://hooks.example.com/x", body, {}, key="k", received_at=NOW)
        (item,) = DocuSign().split(delivery)
        return item.key

    assert key(retryCount=1) == key()
    assert key(generatedDateTime="2026-11-21T08:00:00Z") != key()
    assert key(generatedDateTime=None) != key()


@pytest.mark.parametrize("settings", [{"account": ["a"]}, {"legacy": "perhaps"}, {"accounts": "a"}])
def test_settings_that_nobody_could_mean_refuse_to_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        DocuSign(settings)
