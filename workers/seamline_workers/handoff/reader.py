"""What a handler may read: the account and its events, never later than the handler's own place in the ledger."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import text

from seamline.company import Company
from seamline.context import Account
from seamline.events import DeadlineFired
from seamline.events.base import Event, Ref
from seamline.projection import Projection
from seamline.stages import refold
from seamline_workers.handoff.company_reader import CompanyReader
from seamline_workers.store.company import COMPANY
from seamline_workers.store.lanes import Handoff
from seamline_workers.store.ledger import facts_of
from seamline_workers.store.store import Store
from seamline_workers.translation.interpret import to_us
from seamline_workers.translation.placed import event_of

# The lane's group as it is now: a lane that goes on to its end may be of one that has joined another since.
_HEAD = "(SELECT coalesce(group_id, id) FROM accounts WHERE id = :group)"
_GROUP = f"(SELECT id FROM accounts WHERE id = {_HEAD} OR group_id = {_HEAD})"
_EVENTS = text(f"""
SELECT seq, id, type, version, account_id, source, delivery_id, occurred_at, timebasis, received_at, trust, stage, data,
    cause, correlation, hops, adapter_version
FROM events WHERE account_id IN {_GROUP} AND seq <= :upto AND type = :type AND occurred_at >= :since
ORDER BY seq DESC
""")
#: Before every time that an event can have.
_EVER = -(2**63)
# In one statement, so of one moment: whether what is known now is what was known then.
_ACCOUNT = text(f"""
SELECT id, name, provisional, manager, projection, group_id IS NULL AND NOT EXISTS (
    SELECT 1 FROM events WHERE account_id IN {_GROUP} AND seq > :upto) AS newest
FROM accounts WHERE id = {_HEAD}
""")
# `kind || ''`: by the account. By the key every reference there is would be read.
_PEOPLE = text(f"""
SELECT id, name, email, phone, NULL AS ref FROM contacts WHERE account_id IN {_GROUP}
UNION ALL
SELECT contact_id, NULL, NULL, NULL, value FROM identities WHERE account_id IN {_GROUP} AND kind || '' = 'ref'
""")


def _ref(value: str, contact: int | None) -> Ref:
    """A stored reference; one with a contact is a person's."""
    provider, realm, kind, number = value.split("\n")
    return Ref(of="account" if contact is None else "person", provider=provider, realm=realm, kind=kind, id=number)


class LedgerReader:
    """Reads for one handoff; remembers what it read."""

    def __init__(self, store: Store, handoff: Handoff) -> None:
        self._store = store
        self._type = handoff.type
        self._group = handoff.account_id
        self._upto = max(handoff.event_seq, handoff.as_of)
        self.read: set[int] = set()

    def account(self) -> Account:
        """The account as of the handoff's place, its projection folded up to there."""
        binds = {"group": self._group, "upto": self._upto}
        with self._store.read() as connection:
            row = connection.execute(_ACCOUNT, binds).one()
            people = connection.execute(_PEOPLE, binds).all()
            if row.newest and row.projection is not None:
                projection = Projection.from_json(row.projection)
            else:
                projection = refold(facts_of(connection, row.id, self._upto))
        contacts = sorted((one for one in people if one.ref is None), key=lambda one: one.id)
        refs = sorted((one.ref, one.id) for one in people if one.ref is not None)
        return Account(
            id=str(row.id),
            name=row.name,
            stage=projection.stage,
            overlays=projection.overlays,
            provisional=bool(row.provisional),
            manager=row.manager,
            contacts=tuple({"id": str(c.id), "name": c.name, "email": c.email, "phone": c.phone} for c in contacts),
            facts={name: known[0] for name, known in projection.types.items()},
            refs=tuple(_ref(*one) for one in refs),
            risks=dict(projection.risks),
        )

    def events(
        self, event_type: str, where: dict[str, Any], limit: int | None, since: datetime | None = None
    ) -> list[Event]:
        """The account's events of a type whose data has these values, newest first."""
        began = _EVER if since is None else to_us(since)
        binds = {"group": self._group, "upto": self._upto, "type": event_type, "since": began}
        with self._store.read() as connection:
            rows = connection.execute(_EVENTS, binds).all()
        found = []
        for row in rows:
            data = json.loads(row.data)
            if all(data.get(name) == value for name, value in where.items()):
                found.append(event_of(row))
                if limit is not None and len(found) == limit:
                    break
        self.read.update(event.envelope.sequence for event in found)
        return found

    def told(self) -> str | None:
        """The ledger numbers of what was read, as the handoff keeps them; None: nothing was."""
        return ",".join(map(str, sorted(self.read))) or None

    def count(self, event_type: str, where: dict[str, Any]) -> int:
        return len(self.events(event_type, where, None))

    def company(self) -> Company | None:
        """The whole company, where a time has come that is no customer's; None: an account is what this is about."""
        if self._type != DeadlineFired.event_type:
            return None
        with self._store.read() as connection:
            own = connection.execute(COMPANY).scalar()
        return CompanyReader(self._store, self._upto) if own == self._group else None
