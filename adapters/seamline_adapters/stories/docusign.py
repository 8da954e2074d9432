"""What DocuSign Connect sends, and what must come of it."""

from __future__ import annotations

from pathlib import Path

from seamline.events import ContractDeclined, ContractSigned, ContractVoided
from seamline.testing import ABSENT, Sample, Story, Suite, story
from seamline_adapters.docusign import DocuSign

_COMPLETED = "envelope-completed.json"
_DECLINED = "envelope-declined.json"
_VOIDED = "envelope-voided.json"
_LEGACY = "legacy-completed.json"

_SUMMARY = "data.envelopeSummary"
_SIGNERS = f"{_SUMMARY}.recipients.signers"
_COUNTERSIGNED = {
    f"{_SUMMARY}.sender": {"userName": "Sam Seller", "email": "sam@agency.example.com"},
    _SIGNERS: [
        {"recipientId": "2", "name": "Olga Owner", "email": "olga@agency.example.com", "routingOrder": "1"},
        {"recipientId": "1", "name": "Jane Doe", "email": "jane@example.com", "routingOrder": "2"},
        {"recipientId": "3", "name": "John Doe", "email": "john@example.com", "routingOrder": "10"},
    ],
}

_STORIES = (
    story("signed by all", _COMPLETED, ContractSigned),
    story("signed by all, compact", "vector_completed.json", ContractSigned),
    story("signed by the customers and by ourselves", _COMPLETED, ContractSigned, patch=_COUNTERSIGNED),
    story(
        "signed in person",
        _COMPLETED,
        ContractSigned,
        patch={
            f"{_SUMMARY}.recipients": {
                "inPersonSigners": [
                    {"hostName": "Sam Seller", "signerName": "Jane Doe", "signerEmail": "jane@example.com"}
                ]
            }
        },
    ),
    story(
        "completed without anybody to sign",
        _COMPLETED,
        patch={
            f"{_SUMMARY}.recipients": {
                "carbonCopies": [{"recipientId": "1", "name": "Jane Doe", "email": "jane@example.com"}]
            }
        },
    ),
    story("signed, and the configuration includes no summary", _COMPLETED, ContractSigned, patch={_SUMMARY: ABSENT}),
    story(
        "the contract of a proposal, a deal and an engagement",
        _COMPLETED,
        ContractSigned,
        patch={
            f"{_SUMMARY}.customFields": {
                "textCustomFields": [
                    {"name": "HubSpot deal", "value": "842"},
                    {"name": "proposal_id", "value": "123456"},
                ],
                "listCustomFields": [{"name": "engagement_id", "value": "retainer-2026"}],
            }
        },
        settings={"deal_field": "HubSpot deal"},
    ),
    story("an envelope with the mark of a contract", _COMPLETED, ContractSigned, settings={"marked_by": "deal_id"}),
    story("an envelope without the mark of a contract", _COMPLETED, settings={"marked_by": "customer_contract"}),
    story(
        "completed by its event, voided by its status",
        _COMPLETED,
        patch={f"{_SUMMARY}.status": "voided"},
        quarantined=1,
    ),
    story("declined", _DECLINED, ContractDeclined, patch={f"{_SIGNERS}.0.declinedReason": "The price is too high"}),
    story(
        "voided",
        _VOIDED,
        ContractVoided,
        patch={
            f"{_SUMMARY}.voidedReason": "Sent to the wrong person",
            f"{_SUMMARY}.voidedDateTime": "2026-11-20T11:59:58Z",
        },
    ),
    story("sent", "envelope-sent.json"),
    story("delivered", "envelope-delivered.json"),
    story("a recipient has signed", _COMPLETED, patch={"event": "recipient-completed"}),
    Story(
        "signed, and told again by a retry",
        (Sample(_COMPLETED), Sample(_COMPLETED, patch={"retryCount": 1})),
        (ContractSigned,),
        any_order=True,
    ),
    Story(
        "signed, and published again",
        (Sample(_COMPLETED), Sample(_COMPLETED, patch={"generatedDateTime": "2026-11-21T08:00:00.5Z"})),
        (ContractSigned,),
        any_order=True,
    ),
    Story(
        "an envelope's life in any order",
        (Sample("envelope-sent.json"), Sample("envelope-delivered.json"), Sample(_COMPLETED)),
        (ContractSigned,),
        any_order=True,
    ),
    story("our account", _COMPLETED, ContractSigned, settings={"accounts": ["0cdb3ff3-f4c3-4ec5-a3c0-9bb5a4a1c111"]}),
    story("another account", _COMPLETED, settings={"accounts": ["11111111-2222-4333-8444-555566667777"]}, refused=True),
    story("the legacy format", _LEGACY, ContractSigned, settings={"legacy": True}, kind_at="status"),
    story(
        "the legacy format, in capitals",
        _LEGACY,
        ContractSigned,
        patch={"status": "Completed"},
        settings={"legacy": True},
    ),
    story(
        "the legacy format, signed but not completed", _LEGACY, patch={"status": "signed"}, settings={"legacy": True}
    ),
    story("the legacy format without its setting", _LEGACY, quarantined=1),
)

stories = Suite(DocuSign, Path(__file__).parent.parent / "samples" / "docusign", _STORIES)
