"""The one account that a human means."""

from __future__ import annotations

from sqlalchemy import Connection, select

from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.store.reading import group
from seamline_workers.store.schema import accounts


def one_account(connection: Connection, key: str) -> int:
    """The account of an id or key. Raises NoSuch, and Conflict where it names several."""
    found = group.accounts_of(connection, key)
    if not found:
        raise NoSuch("nobody has this id or key")
    if len(set(group.groups(connection, found).values())) > 1:
        raise Conflict(f"this key names several accounts: {', '.join(map(str, found))}; state it of one of these ids")
    return int(connection.execute(select(accounts.c.id).where(accounts.c.id == min(found))).scalar_one())
