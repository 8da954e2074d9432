"""Knowledge: which of the things that a handler or a stage requires are known of an account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from seamline.seat import FIELDS

_ACCOUNT = text("SELECT name, manager FROM accounts WHERE id = :group")
_CONTACTS = text("""
SELECT email, phone FROM contacts WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
""")


class Knowledge(NamedTuple):
    """What is known: how many events there are by type, the people, and the account's own name and manager."""

    facts: Mapping[str, int]
    contacts: Sequence[Mapping[str, Any]] = ()
    name: str | None = None
    manager: str | None = None

    def lacks(self, required: Iterable[str]) -> tuple[str, ...]:
        """Of what is required, what is not known."""
        return tuple(name for name in required if not self._has(name))

    def _has(self, name: str) -> bool:
        if name not in FIELDS:
            return self.facts.get(name, 0) > 0
        whose, _, what = name.partition(".")
        if whose == "contact":
            return any(contact[what] for contact in self.contacts)
        return bool(self.name if what == "name" else self.manager)


def of_group(connection: Connection, group: int, facts: Mapping[str, int], required: Sequence[str]) -> Knowledge:
    """What is known of an account group; what nobody requires is not read."""
    if not any(name in FIELDS for name in required):
        return Knowledge(facts)
    row = connection.execute(_ACCOUNT, {"group": group}).one()
    contacts = [dict(one) for one in connection.execute(_CONTACTS, {"group": group}).mappings()]
    return Knowledge(facts, contacts, row.name, row.manager)
