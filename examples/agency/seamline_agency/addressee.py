"""The addressee of a letter: whom an event is about, else whoever of the account has an address."""

from __future__ import annotations

from typing import NamedTuple

from seamline import Event
from seamline.context import Account


class Addressee(NamedTuple):
    """A person and their address, as far as they are known."""

    name: str | None
    email: str | None

    @property
    def to(self) -> tuple[str, ...]:
        return (self.email,) if self.email else ()

    @property
    def missing(self) -> tuple[str, ...]:
        """What a letter to them lacks: without an address a human has to find one."""
        return () if self.email else ("contact.email",)


def addressee(event: Event, account: Account) -> Addressee:
    """Whom to write to because of an event."""
    party = event.party
    if party.email:
        return Addressee(party.name, party.email)
    known = [contact for contact in account.contacts if contact.get("email")]
    # Somebody named in the event is written to themselves; their colleague's address would not be theirs.
    same = [contact for contact in known if party.name and contact.get("name") == party.name]
    for contact in same or known:
        return Addressee(contact.get("name"), contact["email"])
    return Addressee(party.name, None)
