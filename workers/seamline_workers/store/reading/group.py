"""Which accounts a word means: ids and keys, and the group of all that are linked with one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from seamline_workers.store.reading.query import row_id
from seamline_workers.store.schema import accounts, identities, links

_PHONE = re.compile(r"\+?[0-9 ()./-]{3,40}")


def groups(connection: Connection, ids: Collection[int]) -> dict[int, frozenset[int]]:
    """For each account all that are linked with it, itself among them."""
    members: dict[int, int] = {account: account for account in ids}

    def root(account: int) -> int:
        while members[account] != account:
            members[account] = account = members[members[account]]
        return account

    fresh = set(ids)
    while fresh:
        edges = _edges(connection, fresh)
        fresh = {end for edge in edges for end in edge} - members.keys()
        members.update((account, account) for account in fresh)
        for one, other in edges:
            members[root(one)] = root(other)
    together: dict[int, set[int]] = {}
    for account in list(members):
        together.setdefault(root(account), set()).add(account)
    return {account: frozenset(together[root(account)]) for account in ids}


def _edges(connection: Connection, ids: Iterable[int]) -> list[tuple[int, int]]:
    chosen = list(ids)
    linked = select(links.c.account_id, links.c.other_id).where(
        links.c.undone_at.is_(None), or_(links.c.account_id.in_(chosen), links.c.other_id.in_(chosen))
    )
    grouped = select(accounts.c.id, accounts.c.group_id).where(
        accounts.c.id.in_(chosen), accounts.c.group_id.is_not(None)
    )
    return [(int(one), int(other)) for query in (linked, grouped) for one, other in connection.execute(query)]


def members(connection: Connection, key: str) -> tuple[int, ...]:
    """All accounts that an account's id or key means, with those linked to them; empty: nobody has it."""
    found = accounts_of(connection, key)
    return tuple(sorted(frozenset().union(*groups(connection, found).values()))) if found else ()


def accounts_of(connection: Connection, key: str) -> tuple[int, ...]:
    """The accounts that an id, e-mail address, phone number, domain or ``provider:kind:id`` names."""
    word = key.strip().removeprefix("accounts/").removeprefix("leads/")
    number = row_id(word)
    if number is not None:
        found = connection.execute(select(accounts.c.id).where(accounts.c.id == number)).scalar()
        if found is not None:
            return (int(found),)
    named = [_named(kind, values) for kind, values in _readings(word)] + _references(word)
    if not named:
        return ()
    rows = connection.execute(select(identities.c.account_id).where(or_(*named)).distinct())
    return tuple(sorted(int(row[0]) for row in rows))


def _named(kind: str, values: list[str]) -> ColumnElement[bool]:
    return and_(identities.c.kind == kind, identities.c.value.in_(values))


def _readings(word: str) -> list[tuple[str, list[str]]]:
    """What kinds of identity a word could be, each with the ways it may be stored."""
    if "@" in word:
        return [("email", [word, word.lower()])]
    if _PHONE.fullmatch(word):
        digits = re.sub(r"[^0-9]", "", word)
        return [("phone", [f"+{digits}", "+" + digits.removeprefix("00")])]
    if ":" not in word and "." in word:
        return [("domain", [word.lower()])]
    return []


def _references(word: str) -> list[ColumnElement[bool]]:
    """``provider:kind:id`` in any tenant of the provider. Its id may hold colons."""
    parts = word.split(":", 2)
    if len(parts) != 3 or not all(parts) or "\n" in word:
        return []
    provider, kind, ref = parts
    tail = re.sub(r"([\\%_])", r"\\\1", f"\n{kind}\n{ref}")
    value = identities.c.value
    # The bounds let the key's index find the provider's rows; "\x0b" is the character after the newline.
    bounds = and_(value >= f"{provider}\n", value < f"{provider}\x0b")
    return [and_(identities.c.kind == "ref", bounds, value.like(f"%{tail}", escape="\\"))]
