"""One thing that happened to a proposal, read from a webhook of our own contract or from an entry of the activity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from seamline import Party, PayloadError, Ref
from seamline_adapters import told

_CURRENCY = re.compile("[A-Z]{3}")

Kind = Literal["created", "sent", "viewed", "commented", "signed", "accepted", "won", "lost", "declined", "expired"]

#: What each kind comes to: several kinds tell one fact.
MEANING: Mapping[Kind, str] = {
    "created": "created",
    "sent": "sent",
    "viewed": "viewed",
    "commented": "commented",
    "signed": "accepted",
    "accepted": "accepted",
    "won": "accepted",
    "lost": "declined",
    "declined": "declined",
    "expired": "expired",
}

#: Where the parts of the webhook's body stand: our contract.
WEBHOOK: Mapping[str, str] = {
    "id": "id",
    "type": "event",
    "at": "timestamp",
    "proposal_id": "data.proposal.id",
    "title": "data.proposal.name",
    "amount": "data.proposal.value",
    "currency": "data.proposal.currency",
    "client_id": "data.client.id",
    "client": "data.client.name",
    "contact_id": "data.client.contact.id",
    "first_name": "data.client.contact.first_name",
    "last_name": "data.client.contact.last_name",
    "email": "data.client.contact.email",
    "comment_id": "data.comment.id",
    "comment": "data.comment.body",
    "author": "data.comment.author",
    "viewer": "data.viewer",
    "reason": "data.reason",
}

#: Where the parts of an activity are looked for unless a setting says otherwise. Proposify documents none of them.
ACTIVITY: Mapping[str, str] = {
    "id": "id",
    "type": "type",
    "at": "created_at",
    "proposal_id": "proposal_id",
    "title": "proposal.name",
    "amount": "proposal.value",
    "currency": "proposal.currency",
    "client_id": "client.id",
    "client": "client.name",
    "contact_id": "contact.id",
    "first_name": "contact.first_name",
    "last_name": "contact.last_name",
    "email": "contact.email",
    "comment_id": "comment.id",
    "comment": "comment.body",
    "author": "comment.author",
    "viewer": "viewer",
    "reason": "reason",
}


@dataclass(frozen=True)
class Entry:
    """What was told; ``values`` are the raw parts by the names above."""

    kind: Kind
    proposal_id: str
    at: datetime | None
    amount: int | None
    currency: str | None
    values: Mapping[str, Any]

    @classmethod
    def read(
        cls, body: Any, places: Mapping[str, str], words: Mapping[str, Kind], currency: str | None
    ) -> Entry | None:
        """The entry in a body; None where its word is unknown. ``currency`` is the default. Raises PayloadError."""
        if not isinstance(body, dict):
            raise PayloadError("the entry is not an object")
        values = {name: told.at(body, path) for name, path in places.items()}
        kind = _kind(values["type"], words)
        if kind is None:
            return None
        at = None if values["at"] is None else told.moment(values["at"], "the entry's time")
        if at is None and told.text(values["id"]) is None:
            raise PayloadError("the entry has neither a time nor an id, so a repetition could not be told from news")
        unit = (told.text(values["currency"]) or currency or "").upper()
        priced = values["amount"] not in (None, "") and _CURRENCY.fullmatch(unit) is not None
        return cls(
            kind=kind,
            proposal_id=told.ident(values["proposal_id"], "the proposal's id"),
            at=at,
            amount=told.minor(values["amount"], unit) if priced else None,
            currency=unit if priced else None,
            values=values,
        )

    @property
    def key(self) -> str:
        """The item's key: its own kind, proposal and moment, the same from webhook and poll."""
        return f"{self.kind}:{self._moment}"

    @property
    def fact(self) -> str:
        """The fact that it tells: a signature and "won" in one second are one acceptance."""
        return f"{MEANING[self.kind]}:{self._moment}"

    @property
    def _moment(self) -> str:
        when = f"id:{self.text('id')}" if self.at is None else self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{self.proposal_id}:{when}"

    @property
    def party(self) -> Party:
        """The client's contact; the client's company is an account of its own."""
        refs = []
        if (contact := self.text("contact_id")) is not None:
            refs.append(Ref(of="person", kind="contact", id=contact))
        if (client := self.text("client_id")) is not None:
            refs.append(Ref(of="account", kind="client", id=client))
        refs.append(Ref(of="engagement", kind="proposal", id=self.proposal_id))
        return told.party(
            name=told.full_name(self.values["first_name"], self.values["last_name"]),
            address=self.values["email"],
            company=self.values["client"],
            refs=refs,
        )

    @property
    def viewer(self) -> str | None:
        """Who looked: a text, or the name or address in an object."""
        who = self.values["viewer"]
        if isinstance(who, dict):
            return told.text(who.get("email")) or told.text(who.get("name"))
        return told.text(who)

    def text(self, name: str) -> str | None:
        return told.text(self.values[name])


def _kind(word: Any, words: Mapping[str, Kind]) -> Kind | None:
    if not isinstance(word, str):
        raise PayloadError("the entry has no type")
    if word in words:
        return words[word]
    plain = word.strip().lower().replace(" ", ".").replace("_", ".").removeprefix("proposal.")
    return next((kind for kind in MEANING if kind == plain), None)
