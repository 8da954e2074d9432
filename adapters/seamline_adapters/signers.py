"""Who signs a document: the customer first, the sender and the sender's colleagues last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from seamline import Party, Ref
from seamline_adapters import told


@dataclass(frozen=True)
class Signer:
    """A signer as the provider told them."""

    name: str | None
    email: str | None

    @classmethod
    def told(cls, name: Any, email: Any) -> Signer:
        return cls(told.text(name), told.email(email))

    @property
    def label(self) -> str | None:
        """What stands for them in ``signers``."""
        return self.email or self.name


def customers_first(signers: Iterable[Signer], senders: Iterable[str | None]) -> list[Signer]:
    """The signers in their order, but whoever shares an address or a domain with the sender last.

    A countersignature of our own would otherwise make a colleague the customer.
    """
    ours = {address.lower() for address in senders if address is not None}
    domains = {_domain(address) for address in ours}

    def rank(signer: Signer) -> tuple[bool, bool, bool]:
        address = (signer.email or "").lower()
        return not address, _domain(address) in domains, address in ours

    return sorted(signers, key=rank)


def parties(signers: Sequence[Signer], refs: tuple[Ref, ...]) -> dict[str, Any]:
    """``party`` and ``others`` of an event: the first signer is the party, and is known by the document too."""
    if not signers:
        return {"party": Party(refs=refs)}
    first, *others = signers
    return {
        "party": told.party(name=first.name, address=first.email, refs=refs),
        "others": tuple(told.party(name=other.name, address=other.email) for other in others),
    }


def labels(signers: Iterable[Signer]) -> tuple[str, ...]:
    return tuple(label for signer in signers if (label := signer.label) is not None)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
