"""PandaDoc: documents sent, viewed, signed, declined and lapsed; a document is a proposal, a contract, or both.

Documented (developers.pandadoc.com/docs, webhook-verification, webhook-events, webhooks-overview): ``?signature=``,
hex of an HMAC-SHA256 over the raw body, appended to the URL; a list of notifications; the header
``X-PandaDoc-Webhook-Event-Id``, which retries repeat; the statuses of ``document_state_changed``, of which
``document.voided`` is called "Expired" (change-document-status-manually); 20 seconds to answer (webhook-debugging).

Not documented as far as we know: how often and how long a notification is tried again, and that a bare object may come
in place of the list, as public receivers take it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from seamline import Adapter, Delivery, Event, Item, PayloadError, Replies, Reply, content_key
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
from seamline.signature import Hmac, Query
from seamline_adapters import told
from seamline_adapters.pandadoc.document import STATUSES, Document, Meaning
from seamline_adapters.signers import labels, parties

#: What a document is to the customer; ``other`` is neither and tells nothing.
Kind = Literal["proposal", "contract", "other"]

_CHANGED = "document_state_changed"


class PandaDocSettings(BaseModel):
    """What the documents of this workspace are, and where they say what they belong to.

    ``documents`` is what a document is unless its template, by id or name, is in ``templates``. With
    ``signature_is_contract`` a proposal is the contract too. ``statuses`` maps further status words to our meanings.
    The other three name the entries of a document's metadata.
    """

    model_config = ConfigDict(extra="forbid")

    documents: Kind = "proposal"
    templates: dict[str, Kind] = Field(default_factory=dict)
    signature_is_contract: bool = False
    statuses: dict[str, Meaning] = Field(default_factory=dict)
    deal_field: str = "deal_id"
    proposal_field: str = "proposal_id"
    engagement_field: str = "engagement_id"


class PandaDoc(Adapter):
    """Changes of state of documents. A signature is everybody's: one recipient's completion tells nothing.

    A document that somebody set to "Completed" by hand is no contract, because nobody signed it; as a proposal it
    counts as accepted. What waits for payment has been signed before.
    """

    name = "pandadoc"
    signature = Hmac(Query("signature"), no_stamp="PandaDoc signs the body only and sends no time")
    emits = (
        ProposalCreated,
        ProposalSent,
        ProposalViewed,
        ProposalAccepted,
        ProposalDeclined,
        ProposalExpired,
        ContractSigned,
        ContractDeclined,
        ContractVoided,
    )
    replies = Replies(
        ok=Reply(200),
        foreign=Reply(200),
        within=timedelta(seconds=20),
        attempts="automatic and by hand, with one id for all (webhooks-overview); the schedule is not documented",
    )

    class Settings(PandaDocSettings):
        """Settings of a PandaDoc source."""

    settings: PandaDocSettings

    def split(self, delivery: Delivery) -> Iterator[Item]:
        """One item a notification, by its content: of two about one state, one may know more of who has signed."""
        body = delivery.json()
        for one in body if isinstance(body, list) else [body]:
            yield Item(content_key(one), one)

    def normalize(self, item: Item) -> Iterator[Event]:
        notification = item.data
        if not isinstance(notification, dict):
            raise PayloadError("the notification is not an object")
        if told.ident(notification["event"], "event") != _CHANGED:
            return
        document = Document.read(notification["data"])
        meaning = {**STATUSES, **self.settings.statuses}.get(document.status)
        if meaning is None:
            return
        kind = self._kind(document)
        told_about: list[Event] = []
        if kind == "proposal":
            told_about += self._of_proposal(document, meaning)
        if kind == "contract" or (kind == "proposal" and self.settings.signature_is_contract):
            told_about += self._of_contract(document, meaning, proposal=kind == "proposal")
        yield from told_about

    def _kind(self, document: Document) -> Kind:
        kinds = self.settings.templates
        return next((kinds[name] for name in document.templates if name in kinds), self.settings.documents)

    def _of_proposal(self, document: Document, meaning: Meaning) -> Iterator[Event]:
        about = {**_about(document, meaning), "proposal_id": document.id}
        deal: dict[str, Any] = {"deal_id": document.metadata(self.settings.deal_field)}
        offer = {"title": document.title, "recipients": _addresses(document)}
        match meaning:
            case "created":
                about |= {"occurred_at": document.created_at, "fact": f"created:{document.id}"}
                yield ProposalCreated(**about, **deal, **document.money, **offer)
            case "sent":
                yield ProposalSent(**about, **deal, **document.money, **offer, expires_at=document.expires_at)
            case "viewed":
                yield ProposalViewed(**about)
            case "completed":
                yield ProposalAccepted(**about, **deal, **document.money)
            case "awaiting_payment":
                if document.is_signed:
                    yield ProposalAccepted(**about, **deal, **document.money)
            case "declined":
                yield ProposalDeclined(**about, **deal, **document.money)
            case "lapsed":
                yield ProposalExpired(**about, **deal, **document.money)

    def _of_contract(self, document: Document, meaning: Meaning, *, proposal: bool) -> Iterator[Event]:
        about = {**_about(document, meaning), "contract_id": document.id}
        match meaning:
            case "completed" | "awaiting_payment":
                if document.is_signed:
                    yield ContractSigned(**about, signers=labels(document.signers), **self._links(document, proposal))
            case "declined":
                yield ContractDeclined(**about)
            case "lapsed":
                yield ContractVoided(**about)

    def _links(self, document: Document, proposal: bool) -> Mapping[str, Any]:
        """What a contract belongs to; one that is a proposal too belongs to itself."""
        settings = self.settings
        return {
            "deal_id": document.metadata(settings.deal_field),
            "proposal_id": document.id if proposal else document.metadata(settings.proposal_field),
            "engagement_id": document.metadata(settings.engagement_field),
        }


def _about(document: Document, meaning: Meaning) -> dict[str, Any]:
    at = document.modified_at
    moment = "" if at is None else f":{at.isoformat()}"
    people = document.signers or document.recipients
    fact = f"{meaning}:{document.id}{moment}"
    return {**parties(people, (document.ref,)), "occurred_at": at, "fact": fact}


def _addresses(document: Document) -> tuple[str, ...]:
    return tuple(person.email for person in document.recipients if person.email is not None)
