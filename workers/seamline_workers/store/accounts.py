"""Accounts, contacts and identities: finding whom a batch of events is about, in two statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from seamline_workers.identity import Key, Keys
from seamline_workers.store.array import array
from seamline_workers.store.lite import look_up, raw


class LostRace(Exception):
    """Raised when another transaction made the same person a moment earlier; the batch is done again."""


class Subject(NamedTuple):
    """A party of one event: its keys and what to write down of it when it is new."""

    keys: Keys
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None


class Conflict(NamedTuple):
    """Two strong keys of one party that belong to different contacts."""

    account_id: int
    other_id: int
    keys: tuple[Key, ...]


class Link(NamedTuple):
    """A provisional account that turned out to be the same customer as another."""

    account_id: int
    other_id: int
    key: Key


@dataclass
class Resolved:
    """Account of each subject, in the order given, and what the batch found out. ``fresh``: accounts made for it.

    ``settled``: accounts that are provisional no more; ``settle`` writes that once they are locked.
    """

    accounts: list[int]
    fresh: frozenset[int] = frozenset()
    conflicts: list[Conflict] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Account:
    id: int
    group: int
    provisional: bool
    name: str | None = None
    new: bool = False
    settled: bool = False  # was provisional, is not any more


@dataclass(slots=True)
class _Contact:
    id: int
    account: _Account
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    new: bool = False
    learnt: bool = False


#: Whether a whole group is provisional: one that was linked to a customer is not any more, whatever its own row says.
_PROVISIONAL = """CASE WHEN a.provisional = 0 THEN 0 ELSE (
    SELECT min(m.provisional) FROM accounts m WHERE m.id = coalesce(a.group_id, a.id)
    OR m.group_id = coalesce(a.group_id, a.id)) END"""
_PG_FIND = text(f"""
SELECT i.kind, i.value, i.account_id, i.contact_id, a.group_id, {_PROVISIONAL} AS provisional
FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) k(kind, value)
JOIN identities i USING (kind, value) JOIN accounts a ON a.id = i.account_id
""")
_LITE_FIND = f"""
WITH u(kind, value) AS (VALUES @keys)
SELECT i.kind, i.value, i.account_id, i.contact_id, a.group_id, {_PROVISIONAL}
FROM u CROSS JOIN identities i ON i.kind = u.kind AND i.value = u.value JOIN accounts a ON a.id = i.account_id
"""
_PG_IDS = "SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, {n})"
_LITE_IDS = "SELECT coalesce(max(id), 0) FROM {table}"

_NEW_ACCOUNTS = """
INSERT INTO accounts (id, name, provisional, created_at) VALUES ({})
"""
_NEW_CONTACTS = """
INSERT INTO contacts (id, account_id, name, email, phone, created_at) VALUES ({})
"""


class Resolver:
    """Resolves the subjects of one batch against what is known; then writes what is new."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._postgres = connection.dialect.name == "postgresql"
        self._now = now
        self._known: dict[Key, tuple[_Account, _Contact | None]] = {}
        self._accounts: dict[int, _Account] = {}
        self._contacts: dict[int, _Contact] = {}
        self._new_keys: dict[Key, tuple[_Account, _Contact | None]] = {}
        self._fresh_accounts: list[_Account] = []
        self._fresh_contacts: list[_Contact] = []
        self._links: list[tuple[_Account, _Account, Key]] = []
        self._conflicts: list[tuple[_Account, _Account, tuple[Key, ...]]] = []

    def resolve(self, subjects: Sequence[Subject]) -> Resolved:
        """Find or make the account of each subject. Raises LostRace."""
        self._find({key for subject in subjects for key in subject.keys.all()})
        found = [self._one(subject) for subject in subjects]
        self._write()
        return Resolved(
            [account.id for account in found],
            frozenset(account.id for account in self._fresh_accounts),
            [Conflict(one.id, other.id, keys) for one, other, keys in self._conflicts],
            [Link(keep.id, joined.id, key) for keep, joined, key in self._links],
            [account.id for account in self._accounts.values() if account.settled],
        )

    def _find(self, keys: Iterable[Key]) -> None:
        wanted = sorted(keys)
        if not wanted:
            return
        if self._postgres:
            binds = {"kinds": array([kind for kind, _ in wanted]), "values": array([value for _, value in wanted])}
            rows: Iterable[Any] = self._connection.execute(_PG_FIND, binds).all()
        else:
            rows = look_up(self._connection, _LITE_FIND, wanted)
        for kind, value, account_id, contact_id, group_id, provisional in rows:
            account = self._accounts.get(account_id)
            if account is None:
                account = _Account(account_id, group_id or account_id, bool(provisional))
                self._accounts[account_id] = account
            contact = None
            if contact_id is not None:
                contact = self._contacts.setdefault(contact_id, _Contact(contact_id, account))
            self._known[kind, value] = (account, contact)

    def _one(self, subject: Subject) -> _Account:
        keys = subject.keys
        strong = [key for key in (*keys.person, keys.email) if key is not None and key in self._known]
        contact, account = self._person(keys, strong)
        rival = self._rival(keys, contact) if not strong else None
        if rival is not None:
            contact = account = None
        if account is None:
            account = next(
                (self._known[key][0] for key in (*keys.account, *keys.engagement, keys.domain) if key in self._known),
                None,
            )
        else:
            self._join_account_level(account, keys)
        if account is None:
            account = self._make_account(subject)
        if contact is None and (keys.person or keys.email or keys.phone):
            contact = self._make_contact(account, subject)
        self._attach(account, contact, subject)
        if rival is not None and rival.group != account.group and keys.phone and keys.email:
            self._conflicts.append((account, rival, (keys.email, keys.phone)))
        return account

    def _rival(self, keys: Keys, contact: _Contact | None) -> _Account | None:
        """Whose number this is, where its bearer is known by another address than the new one that comes with it.

        A number is no proof: whoever writes down somebody else's beside their own address does not become them.
        """
        if contact is None or keys.email is None or keys.phone is None:
            return None
        if contact.email is not None:  # of this batch
            known = ("email", contact.email.lower()) in self._known
        else:
            known = self._connection.execute(_HAS_ADDRESS, {"id": contact.id}).first() is not None
        if not known:
            return None
        owner = self._known[keys.phone][0]
        self._shared(keys.phone, owner)
        return owner

    def _shared(self, phone: Key, owner: _Account) -> None:
        """A number of two people identifies nobody from now on."""
        self._known[phone] = (owner, None)
        if phone in self._new_keys:
            self._new_keys[phone] = (owner, None)
        else:
            self._share(phone)

    def _person(self, keys: Keys, strong: list[Key]) -> tuple[_Contact | None, _Account | None]:
        """The contact that the strong keys agree on; what they disagree on is linked, or a conflict."""
        if not strong:
            if keys.phone is not None and keys.phone in self._known:
                account, contact = self._known[keys.phone]
                return contact, account if contact is not None else None  # no contact: a shared number
            return None, None
        account, contact = self._known[strong[0]]
        for key in strong[1:]:
            other, person = self._known[key]
            if person is contact and contact is not None:
                continue
            if other.group == account.group or (keys.role and key == keys.email):
                continue
            if account.provisional or other.provisional:
                account, contact = self._link(account, contact, other, person, key)
            else:
                self._conflicts.append((account, other, (strong[0], key)))
        if keys.phone is not None and keys.phone in self._known:
            owner, person = self._known[keys.phone]
            if person is not None and person is not contact and owner.group != account.group:
                self._shared(keys.phone, owner)
        return contact, account

    def _join_account_level(self, account: _Account, keys: Keys) -> None:
        for key in (*keys.account, *keys.engagement):
            hit = self._known.get(key)
            if hit is not None and hit[0].group != account.group and (account.provisional or hit[0].provisional):
                self._link(account, None, hit[0], None, key)

    def _link(
        self, account: _Account, contact: _Contact | None, other: _Account, person: _Contact | None, key: Key
    ) -> tuple[_Account, _Contact | None]:
        keep, joined = (other, account) if account.provisional and not other.provisional else (account, other)
        self._links.append((keep, joined, key))
        group, old, provisional = keep.group, joined.group, keep.provisional and joined.provisional
        for known in self._accounts.values():
            if known.group in (group, old):
                known.group, known.provisional = group, provisional
        return (keep, contact if keep is account else person)

    def _make_account(self, subject: Subject) -> _Account:
        keys = subject.keys
        # A number that is known and found nobody is one of several people.
        phone = keys.phone is not None and keys.phone not in self._known
        account = _Account(
            -len(self._fresh_accounts) - 1,
            0,
            provisional=keys.email is None and not phone and not keys.account,
            name=subject.company or subject.name or subject.email,
            new=True,
        )
        account.group = account.id
        self._accounts[account.id] = account
        self._fresh_accounts.append(account)
        return account

    def _make_contact(self, account: _Account, subject: Subject) -> _Contact:
        contact = _Contact(0, account, subject.name, subject.email, subject.phone, new=True)
        self._fresh_contacts.append(contact)
        return contact

    def _attach(self, account: _Account, contact: _Contact | None, subject: Subject) -> None:
        keys = subject.keys
        for key in (*keys.person, keys.email, keys.phone):
            if key is not None and key not in self._known:
                self._known[key] = self._new_keys[key] = (account, contact)
                if contact is not None and not contact.new:
                    contact.name, contact.email, contact.phone = subject.name, subject.email, subject.phone
                    contact.learnt = True
        for key in (*keys.account, *keys.engagement, keys.domain):
            if key is not None and key not in self._known:
                self._known[key] = self._new_keys[key] = (account, None)
        own = keys.phone is not None and self._known[keys.phone][1] is contact
        if account.provisional and contact is not None and (keys.email is not None or own):
            account.settled = not account.new
            for known in self._accounts.values():
                if known.group == account.group:
                    known.provisional = False

    # --- writing ----------------------------------------------------------------------------------------------------

    def _ids(self, table: str, n: int) -> list[int]:
        if self._postgres:
            return [row[0] for row in self._connection.execute(text(_PG_IDS.format(table=table, n=n))).all()]
        last = raw(self._connection).execute(_LITE_IDS.format(table=table)).fetchone()[0]
        return list(range(last + 1, last + 1 + n))

    def _many(self, statement: str, rows: list[tuple[object, ...]], types: tuple[str, ...]) -> int:
        """Insert rows in one statement; returns how many were new."""
        if not self._postgres:
            cursor = raw(self._connection).cursor()
            cursor.executemany(statement.format(", ".join("?" * len(types))), rows)
            return int(cursor.rowcount)
        arrays = ", ".join(f"CAST(:c{n} AS {kind}[])" for n, kind in enumerate(types))
        source = statement.format("@").replace("VALUES (@)", f"SELECT * FROM unnest({arrays})")
        binds = {f"c{n}": array(column) for n, column in enumerate(zip(*rows, strict=True))}
        return self._connection.execute(text(source), binds).rowcount

    def _write(self) -> None:
        if self._fresh_accounts:
            for account, account_id in zip(
                self._fresh_accounts, self._ids("accounts", len(self._fresh_accounts)), strict=True
            ):
                account.id = account_id
            self._many(
                _NEW_ACCOUNTS,
                [(a.id, a.name, int(a.provisional), self._now) for a in self._fresh_accounts],
                ("bigint", "text", "smallint", "bigint"),
            )
        if self._fresh_contacts:
            for contact, contact_id in zip(
                self._fresh_contacts, self._ids("contacts", len(self._fresh_contacts)), strict=True
            ):
                contact.id = contact_id
            self._many(
                _NEW_CONTACTS,
                [(c.id, c.account.id, c.name, c.email, c.phone, self._now) for c in self._fresh_contacts],
                ("bigint", "bigint", "text", "text", "text", "bigint"),
            )
        self._write_keys()
        for known in self._contacts.values():
            if known.learnt:
                binds = {"id": known.id, "name": known.name, "email": known.email, "phone": known.phone}
                self._connection.execute(_LEARN, binds)

    def _write_keys(self) -> None:
        if not self._new_keys:
            return
        rows: list[tuple[object, ...]] = [
            (kind, value, account.id, contact.id if contact is not None else None)
            for (kind, value), (account, contact) in sorted(self._new_keys.items())
        ]
        if self._many(_NEW_KEYS, rows, ("text", "text", "bigint", "bigint")) != len(rows):
            raise LostRace

    def _share(self, key: Key) -> None:
        binds = {"kind": key[0], "value": key[1]}
        self._connection.execute(
            text("UPDATE identities SET contact_id = NULL WHERE kind = :kind AND value = :value"), binds
        )


# An address that found nobody, such as one of our own beside a customer's number, is not theirs.
_HAS_ADDRESS = text("""
SELECT 1 FROM contacts c JOIN identities i ON i.kind = 'email' AND i.value = lower(c.email) WHERE c.id = :id
""")
_NEW_KEYS = """
INSERT INTO identities (kind, value, account_id, contact_id) VALUES ({}) ON CONFLICT (kind, value) DO NOTHING
"""
_SETTLE = text("UPDATE accounts SET provisional = 0 WHERE id = :id")


def settle(connection: Connection, account_ids: Iterable[int]) -> None:
    """Make accounts provisional no more; the caller holds their locks, which all take in one order."""
    for account_id in account_ids:
        connection.execute(_SETTLE, {"id": account_id})


_LEARN = text("""
UPDATE contacts SET name = coalesce(name, :name), email = coalesce(email, :email), phone = coalesce(phone, :phone)
WHERE id = :id
""")
