"""Which accounts a word means: ids and keys, and the group of all that are linked with one."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from seamline_workers.store.reading.query import row_id
from seamline_workers.store.schema import accounts, identities

#: The account that stands for all that are linked with one.
_HEAD = func.coalesce(accounts.c.group_id, accounts.c.id)
_PHONE = re.compile(r"\+?[0-9 ()./-]{3,40}")


def groups(connection: Connection, ids: Collection[int]) -> dict[int, frozenset[int]]:
    """For each account all that are linked with it, itself among them."""
    if not ids:
        return {}
    heads = {
        int(account): int(head)
        for account, head in connection.execute(select(accounts.c.id, _HEAD).where(accounts.c.id.in_(ids)))
    }
    wanted = set(heads.values())
    together: dict[int, set[int]] = {head: {head} for head in wanted}
    joined = select(accounts.c.id, accounts.c.group_id).where(accounts.c.group_id.in_(wanted))
    for account, head in connection.execute(joined):
        together[head].add(account)
    return {account: frozenset(together[heads.get(account, account)]) for account in ids if account in heads}


def members(connection: Connection, key: str) -> tuple[int, ...]:
    """All accounts that an account's id or key means, with those linked to them; empty: nobody has it."""
    found = accounts_of(connection, key)
    return tuple(sorted(frozenset().union(*groups(connection, found).values()))) if found else ()


def accounts_of(connection: Connection, key: str) -> tuple[int, ...]:
    """The accounts that an id, e-mail address, phone number, domain or ``provider:kind:id`` names."""
    word = key.strip().removeprefix("accounts/").removeprefix("leads/")
    if not word.isprintable():  # neither store could even be asked for some of these
        return ()
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
