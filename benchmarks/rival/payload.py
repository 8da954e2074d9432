"""The webhook's body, validated."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel


class Reference(BaseModel):
    of: str
    kind: str
    id: str


class Party(BaseModel):
    name: str | None = None
    email: str | None = None
    company: str | None = None
    refs: list[Reference] = []


class Payload(BaseModel):
    id: str
    type: str
    occurred_at: datetime
    party: Party
    data: dict[str, Any]

    def identities(self) -> list[tuple[str, str]]:
        """What the account can be found by, as (kind, value)."""
        found = [(ref.kind, ref.id) for ref in self.party.refs]
        if self.party.email:
            found.append(("email", self.party.email.lower()))
        return found
