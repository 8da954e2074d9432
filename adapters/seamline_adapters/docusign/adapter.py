"""DocuSign Connect: envelopes signed, declined and voided.

Documented (developers.docusign.com/platform/webhooks/connect): one ``X-DocuSign-Signature-<n>`` for each active key,
base64 of an HMAC-SHA256 over the raw body (validate); the JSON SIM format, whose ``event`` names what happened and
whose envelope summary is there only where the configuration includes it (json-sim-event-model).

Not documented as far as we know: how long a message is tried again, and the fields of the legacy JSON format, which is
read only with the setting ``legacy``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from seamline import Adapter, Delivery, Event, Item, Replies, Reply, Request, content_key
from seamline.events import ContractDeclined, ContractSigned, ContractVoided
from seamline.signature import Hmac, NumberedHeader
from seamline_adapters import told
from seamline_adapters.docusign.envelope import Envelope
from seamline_adapters.signers import labels, parties


class DocuSign(Adapter):
    """Envelopes that everybody has signed, that a signer declined, or that the sender voided.

    Only ``envelope-completed`` is ``contract.signed``: a recipient's own completion, a delivery and the word "signed"
    are not. An envelope without any signer (a copy, a certified delivery) completes without a signature and tells
    nothing.
    """

    name = "docusign"
    signature = Hmac(
        NumberedHeader("X-DocuSign-Signature-"), encoding="base64", no_stamp="DocuSign signs the body only"
    )
    emits = (ContractSigned, ContractDeclined, ContractVoided)
    replies = Replies(
        ok=Reply(200),
        foreign=Reply(200),
        attempts="not confirmed (said to be up to 15 days); an administrator can publish failed messages again",
    )

    class Settings(BaseModel):
        """``accounts``: the only DocuSign accounts that are ours; empty: whichever signs with our key.

        ``marked_by`` names a custom field without which an envelope is no contract of a customer. The other three name
        the custom fields with the ids that the contract belongs to. ``legacy`` reads the older format too.
        """

        model_config = ConfigDict(extra="forbid")

        accounts: tuple[str, ...] = ()
        marked_by: str | None = None
        deal_field: str = "deal_id"
        proposal_field: str = "proposal_id"
        engagement_field: str = "engagement_id"
        legacy: bool = False

    def refuse(self, request: Request) -> str | None:
        account = told.text(told.at(request.json(), "data.accountId"))
        if self.settings.accounts and account is not None and account not in self.settings.accounts:
            return "the DocuSign account is not in the settings"
        return None

    def split(self, delivery: Delivery) -> Iterator[Item]:
        """One item, by the message's own key: a retry counts itself in the body, and is the same item all the same."""
        body = delivery.json()
        yield Item(_key(body) or f"body:{content_key(body)}", body)

    def normalize(self, item: Item) -> Iterator[Event]:
        envelope = Envelope.read(item.data, legacy=self.settings.legacy)
        if envelope is None or not self._is_ours(envelope):
            return
        about = {
            **parties(envelope.signers, (envelope.ref,)),
            "occurred_at": envelope.at,
            "fact": f"{envelope.meaning}:{envelope.id}",
            "contract_id": envelope.id,
        }
        match envelope.meaning:
            case "signed":
                if not envelope.is_for_signing:
                    return
                yield ContractSigned(**about, signers=labels(envelope.signers), **self._links(envelope))
            case "declined":
                yield ContractDeclined(**about, reason=envelope.declined_reason)
            case "voided":
                yield ContractVoided(**about, reason=envelope.voided_reason)

    def _is_ours(self, envelope: Envelope) -> bool:
        marked_by = self.settings.marked_by
        return marked_by is None or marked_by in envelope.fields

    def _links(self, envelope: Envelope) -> dict[str, Any]:
        return {
            "deal_id": envelope.fields.get(self.settings.deal_field),
            "proposal_id": envelope.fields.get(self.settings.proposal_field),
            "engagement_id": envelope.fields.get(self.settings.engagement_field),
        }


def _key(body: Any) -> str | None:
    """Event, envelope and the time when the message was made; None where one of them is not told."""
    parts = [told.text(told.at(body, path)) for path in ("event", "data.envelopeId", "generatedDateTime")]
    return ":".join(part for part in parts if part) if all(parts) else None
