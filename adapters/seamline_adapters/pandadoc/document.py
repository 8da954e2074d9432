"""A document as a notification of PandaDoc tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from seamline import PayloadError, Ref
from seamline_adapters import told
from seamline_adapters.signers import Signer, customers_first

_CURRENCY = re.compile("[A-Z]{3}")

Meaning = Literal["created", "sent", "viewed", "completed", "awaiting_payment", "declined", "lapsed"]

#: What each documented status means. PandaDoc calls "Expired" ``document.voided``. The statuses of approval and
#: processing change nothing for the customer; ``document.paid`` comes after what is signed.
STATUSES: Mapping[str, Meaning] = {
    "document.draft": "created",
    "document.sent": "sent",
    "document.viewed": "viewed",
    "document.completed": "completed",
    "document.waiting_pay": "awaiting_payment",
    "document.declined": "declined",
    "document.voided": "lapsed",
    "document.cancelled": "lapsed",
}


@dataclass(frozen=True)
class Document:
    """The document of a change of state."""

    id: str
    status: str
    data: Mapping[str, Any]

    @classmethod
    def read(cls, data: Any) -> Document:
        """Raises PayloadError."""
        if not isinstance(data, dict):
            raise PayloadError("data is not an object")
        return cls(told.ident(data["id"], "the document's id"), told.ident(data["status"], "status"), data)

    @property
    def ref(self) -> Ref:
        return Ref(of="engagement", kind="document", id=self.id)

    @property
    def modified_at(self) -> datetime | None:
        """When it last changed: the nearest to the change of state that PandaDoc tells."""
        return self._moment("date_modified")

    @property
    def created_at(self) -> datetime | None:
        return self._moment("date_created")

    @property
    def expires_at(self) -> datetime | None:
        return self._moment("expiration_date")

    @property
    def title(self) -> str | None:
        return told.text(self.data.get("name"))

    @property
    def templates(self) -> tuple[str, ...]:
        """The id and the name of the template that it was made from."""
        template = told.mapping(self.data.get("template"), "template")
        return tuple(text for key in ("id", "name") if (text := told.text(template.get(key))) is not None)

    @property
    def money(self) -> dict[str, Any]:
        """Amount and currency of the grand total; nothing unless both are told."""
        total = told.mapping(self.data.get("grand_total"), "grand_total")
        currency = (told.text(total.get("currency")) or "").upper()
        if total.get("amount") in (None, "") or not _CURRENCY.fullmatch(currency):
            return {}
        return {"amount": told.minor(total["amount"], currency), "currency": currency}

    @property
    def recipients(self) -> list[Signer]:
        """All recipients, customers first."""
        return self._people(self._recipients)

    @property
    def signers(self) -> list[Signer]:
        """The recipients who sign, customers first."""
        return self._people(self._signing)

    @property
    def is_signed(self) -> bool:
        """Whether every signer has completed it. Raises PayloadError where that is not told."""
        done = [one.get("has_completed") for one in self._signing]
        if not done or not all(isinstance(one, bool) for one in done):
            raise PayloadError("the document is completed, but recipients[].has_completed does not tell who has signed")
        return all(done)

    def metadata(self, name: str) -> str | None:
        return told.text(told.mapping(self.data.get("metadata"), "metadata").get(name))

    @property
    def _recipients(self) -> list[Mapping[str, Any]]:
        listed = self.data.get("recipients")
        return [] if listed is None else [told.mapping(one, "recipient") for one in told.listed(listed, "recipients")]

    @property
    def _signing(self) -> list[Mapping[str, Any]]:
        # Who is not said to receive a copy or to approve signs: a signature too few opens no gate.
        kinds = [(one, (told.text(one.get("recipient_type")) or "signer").lower()) for one in self._recipients]
        return [one for one, kind in kinds if kind not in ("cc", "approver")]

    def _people(self, recipients: list[Mapping[str, Any]]) -> list[Signer]:
        people = [
            Signer.told(told.full_name(one.get("first_name"), one.get("last_name")), one.get("email"))
            for one in recipients
        ]
        return customers_first(
            people, [told.text(told.at(self.data, f"{who}.email")) for who in ("sent_by", "created_by")]
        )

    def _moment(self, field: str) -> datetime | None:
        value = self.data.get(field)
        return None if value is None else told.moment(value, field)
