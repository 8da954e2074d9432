"""What PandaDoc sends, and what must come of it."""

from __future__ import annotations

from pathlib import Path

from seamline.events import (
    ContractDeclined,
    ContractSigned,
    ContractVoided,
    ProposalAccepted,
    ProposalCreated,
    ProposalDeclined,
    ProposalExpired,
    ProposalSent,
    ProposalViewed,
)
from seamline.testing import ABSENT, Sample, Story, Suite, story
from seamline_adapters.pandadoc import PandaDoc

_DRAFT = "document_state_changed_draft.json"
_SENT = "document_state_changed_sent.json"
_VIEWED = "document_state_changed_viewed.json"
_COMPLETED = "document_state_changed_completed.json"
_VOIDED = "document_state_changed_voided.json"
_BATCH = "vector_batch_two.json"

_BOTH = {"signature_is_contract": True}
_CONTRACT = {"documents": "contract"}

_DECLINED = {"0.data.status": "document.declined"}
_WAITING = {"0.data.status": "document.waiting_pay"}
_BY_HAND = {"0.data.recipients.0.has_completed": False}
_LATER = {"0.data.date_modified": "2026-11-21T09:00:00.000000Z"}
_TEMPLATE = {"0.data.template": {"id": "tpl_retainer", "name": "Retainer agreement"}}
_COUNTERSIGNED = {
    "0.data.recipients": [
        {
            "first_name": "Olga",
            "last_name": "Owner",
            "email": "olga@agency.example.com",
            "recipient_type": "signer",
            "has_completed": True,
        },
        {
            "first_name": "Jane",
            "last_name": "Doe",
            "email": "jane@example.com",
            "recipient_type": "signer",
            "has_completed": True,
        },
        {
            "first_name": "John",
            "last_name": "Doe",
            "email": "john@example.com",
            "recipient_type": "CC",
            "has_completed": False,
        },
    ],
    "0.data.sent_by.email": "sam@agency.example.com",
    "0.data.created_by.email": "sam@agency.example.com",
}
_HALF_SIGNED = {
    **_COUNTERSIGNED,
    "0.data.recipients": [
        {"email": "jane@example.com", "recipient_type": "signer", "has_completed": True},
        {"email": "john@example.com", "recipient_type": "signer", "has_completed": False},
    ],
}

_STORIES = (
    story("created", _DRAFT, ProposalCreated),
    Story(
        "returned to draft, and sent anew",
        (Sample(_DRAFT), Sample(_DRAFT, patch=_LATER), Sample(_SENT), Sample(_SENT, patch=_LATER)),
        (ProposalCreated, ProposalSent, ProposalSent),
        any_order=True,
    ),
    story("sent", _SENT, ProposalSent, patch={"0.data.expiration_date": "2026-12-20T00:00:00.000000Z"}),
    story("sent without a total", _SENT, ProposalSent, patch={"0.data.grand_total": ABSENT}),
    story("viewed", _VIEWED, ProposalViewed),
    story("waiting for approval", "document_state_changed_waiting_approval.json"),
    story("accepted", _COMPLETED, ProposalAccepted),
    story("accepted, and the signature is the contract", _COMPLETED, ProposalAccepted, ContractSigned, settings=_BOTH),
    story(
        "signed by the customer and by ourselves", _COMPLETED, ContractSigned, patch=_COUNTERSIGNED, settings=_CONTRACT
    ),
    story("completed by hand is no contract", _COMPLETED, ProposalAccepted, patch=_BY_HAND, settings=_BOTH),
    story("completed, and one of two has signed", _COMPLETED, patch=_HALF_SIGNED, settings=_CONTRACT),
    story(
        "completed, and who has signed is not told",
        _COMPLETED,
        patch={"0.data.recipients": []},
        settings=_BOTH,
        quarantined=1,
    ),
    story(
        "signed, and payment is awaited", _COMPLETED, ProposalAccepted, ContractSigned, patch=_WAITING, settings=_BOTH
    ),
    story("payment is awaited before all have signed", _COMPLETED, patch={**_WAITING, **_BY_HAND}, settings=_BOTH),
    story("paid", "document_state_changed_paid.json", settings=_BOTH),
    story("one recipient has signed", "recipient_completed.json", settings=_BOTH),
    story("declined", _COMPLETED, ProposalDeclined, patch=_DECLINED),
    story(
        "declined, and it was the contract too",
        _COMPLETED,
        ProposalDeclined,
        ContractDeclined,
        patch=_DECLINED,
        settings=_BOTH,
    ),
    story("expired", _VOIDED, ProposalExpired),
    story("expired, and it was the contract too", _VOIDED, ProposalExpired, ContractVoided, settings=_BOTH),
    story(
        "a contract is withdrawn",
        _VOIDED,
        ContractVoided,
        patch={"0.data.status": "document.cancelled"},
        settings=_CONTRACT,
    ),
    story("a contract is sent", _SENT, settings=_CONTRACT),
    story(
        "a contract by its template",
        _COMPLETED,
        ContractSigned,
        patch=_TEMPLATE,
        settings={"templates": {"tpl_retainer": "contract"}},
    ),
    story(
        "neither, by its template", _COMPLETED, patch=_TEMPLATE, settings={"templates": {"Retainer agreement": "other"}}
    ),
    story(
        "the contract of a proposal, a deal and an engagement",
        _COMPLETED,
        ContractSigned,
        patch={"0.data.metadata": {"hubspot_deal": "842", "proposal_id": "123456", "engagement_id": "retainer-2026"}},
        settings={**_CONTRACT, "deal_field": "hubspot_deal"},
    ),
    story(
        "a status that only the settings know",
        _VIEWED,
        ProposalExpired,
        patch={"0.data.status": "document.expired"},
        settings={"statuses": {"document.expired": "lapsed"}},
    ),
    story("a status that nobody knows", _VIEWED, patch={"0.data.status": "document.external_review"}),
    story("deleted", "document_deleted.json"),
    story("two notifications at once", _BATCH, ProposalAccepted, ProposalViewed),
    story(
        "two of a kind",
        _BATCH,
        ProposalViewed,
        ProposalViewed,
        patch={"0.data.id": "another", "0.data.status": "document.viewed"},
    ),
    Story(
        "a retry, cut anew",
        (Sample(_BATCH), Sample(_BATCH, patch={"0": ABSENT})),
        (ProposalAccepted, ProposalViewed),
        any_order=True,
    ),
    Story(
        "completed by hand, and signed in the same second",
        (Sample(_COMPLETED, patch=_BY_HAND), Sample(_COMPLETED)),
        (ProposalAccepted, ContractSigned),
        settings=_BOTH,
        any_order=True,
    ),
    Story(
        "a document's life in any order",
        (Sample(_SENT), Sample(_VIEWED), Sample("recipient_completed.json"), Sample(_COMPLETED)),
        (ProposalSent, ProposalViewed, ProposalAccepted, ContractSigned),
        settings=_BOTH,
        any_order=True,
    ),
    story("a notification without a list", "bare_viewed.json", ProposalViewed),
    story("without a time", _VIEWED, ProposalViewed, patch={"0.data.date_modified": ABSENT}),
    story("without an id", _VIEWED, patch={"0.data.id": ABSENT}, quarantined=1),
)

stories = Suite(PandaDoc, Path(__file__).parent.parent / "samples" / "pandadoc", _STORIES)
