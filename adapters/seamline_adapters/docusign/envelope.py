"""An envelope as a message of DocuSign Connect tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from seamline import PayloadError, Ref
from seamline_adapters import told
from seamline_adapters.signers import Signer, customers_first

Meaning = Literal["signed", "declined", "voided"]

#: What each event means. All others (sent, delivered, resent, a recipient's own, templates) change no contract.
MEANING: Mapping[str, Meaning] = {
    "envelope-completed": "signed",
    "envelope-declined": "declined",
    "envelope-voided": "voided",
}

#: Where the time of each stands in the envelope.
_TIMES: Mapping[Meaning, str] = {
    "signed": "completedDateTime",
    "declined": "declinedDateTime",
    "voided": "voidedDateTime",
}

_LAST = 1_000_000


@dataclass(frozen=True)
class Envelope:
    """What was told; ``summary`` is empty where the configuration includes none."""

    id: str
    account: str
    meaning: Meaning
    generated_at: datetime | None
    summary: Mapping[str, Any]

    @classmethod
    def read(cls, body: Any, *, legacy: bool) -> Envelope | None:
        """The envelope of a message; None where its event means nothing for a contract. Raises PayloadError."""
        if not isinstance(body, dict):
            raise PayloadError("the body is not an object")
        if "event" in body:
            return cls._read(body, told.mapping(body.get("data"), "data"))
        if "envelopeId" not in body or "status" not in body:
            raise PayloadError("the body names no event")
        if not legacy:
            raise PayloadError("the body has the legacy format; set legacy = true in the source's settings to read it")
        # "Completed" in some, "completed" in others.
        event = f"envelope-{(told.text(body['status']) or '').lower()}"
        return cls._read({"event": event}, {"envelopeId": body["envelopeId"], "envelopeSummary": body})

    @classmethod
    def _read(cls, message: Mapping[str, Any], data: Mapping[str, Any]) -> Envelope | None:
        event = told.text(message["event"])
        if event is None:
            raise PayloadError("the event is not a word")
        meaning = MEANING.get(event)
        if meaning is None:
            return None
        summary = told.mapping(data.get("envelopeSummary"), "envelopeSummary")
        status = told.text(summary.get("status"))
        if meaning == "signed" and status is not None and status.lower() != "completed":
            raise PayloadError("the event says that the envelope is completed, its status says otherwise")
        generated = message.get("generatedDateTime")
        return cls(
            id=told.ident(data["envelopeId"], "envelopeId"),
            account=told.text(data.get("accountId")) or "",
            meaning=meaning,
            generated_at=None if generated is None else told.moment(generated, "generatedDateTime"),
            summary=summary,
        )

    @property
    def ref(self) -> Ref:
        return Ref(of="engagement", kind="envelope", id=self.id, realm=self.account)

    @property
    def at(self) -> datetime | None:
        """When it happened: by the envelope, else when the message was made."""
        for field in (_TIMES[self.meaning], "statusChangedDateTime"):
            if self.summary.get(field) is not None:
                return told.moment(self.summary[field], field)
        return self.generated_at

    @property
    def is_for_signing(self) -> bool:
        """Whether anybody signs it, as far as the recipients are told."""
        return self.summary.get("recipients") is None or bool(self.signers)

    @property
    def signers(self) -> list[Signer]:
        """Who signs, in their order, customers first."""
        listed = sorted(self._listed("signers"), key=_order)
        signers = [Signer.told(one.get("name"), one.get("email")) for one in listed]
        signers += [
            Signer.told(one.get("signerName"), one.get("signerEmail")) for one in self._listed("inPersonSigners")
        ]
        return customers_first(signers, [told.text(told.at(self.summary, "sender.email"))])

    @property
    def declined_reason(self) -> str | None:
        found = (told.text(one.get("declinedReason")) for one in self._listed("signers"))
        return next((reason for reason in found if reason is not None), None)

    @property
    def voided_reason(self) -> str | None:
        return told.text(self.summary.get("voidedReason"))

    @property
    def fields(self) -> Mapping[str, str]:
        """The custom fields that have a value, by name."""
        custom = told.mapping(self.summary.get("customFields"), "customFields")
        return dict(_fields(custom, "textCustomFields")) | dict(_fields(custom, "listCustomFields"))

    def _listed(self, kind: str) -> list[Mapping[str, Any]]:
        recipients = told.mapping(self.summary.get("recipients"), "recipients")
        return _objects(recipients.get(kind), kind)


def _fields(custom: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    for one in _objects(custom.get(kind), kind):
        name, value = told.text(one.get("name")), told.text(one.get("value"))
        if name is not None and value is not None:
            yield name, value


def _objects(value: Any, field: str) -> list[Mapping[str, Any]]:
    return [] if value is None else [told.mapping(one, field) for one in told.listed(value, field)]


def _order(signer: Mapping[str, Any]) -> int:
    text = told.text(signer.get("routingOrder")) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else _LAST
