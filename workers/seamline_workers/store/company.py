"""The company itself, as an account: what seats are asked about it, and say of it, needs a place in the ledger."""

from __future__ import annotations

from sqlalchemy import Connection, text

#: Its identity: a reference of our own.
_VALUE = "\n\ncompany\n1"
_FIND = text("SELECT account_id FROM identities WHERE kind = 'ref' AND value = :value")
_ACCOUNT = text("INSERT INTO accounts (name, internal, created_at) VALUES ('The company', 1, :now) RETURNING id")
_IDENTITY = text("""
INSERT INTO identities (kind, value, account_id) VALUES ('ref', :value, :account) ON CONFLICT (kind, value) DO NOTHING
""")
_FORGET = text("DELETE FROM accounts WHERE id = :account")


def account(connection: Connection, now: int) -> int:
    """The company's account; made when it is first asked for. It is no customer and has no stage."""
    found = connection.execute(_FIND, {"value": _VALUE}).scalar()
    if found is not None:
        return int(found)
    made = int(connection.execute(_ACCOUNT, {"now": now}).scalar_one())
    if not connection.execute(_IDENTITY, {"value": _VALUE, "account": made}).rowcount:
        connection.execute(_FORGET, {"account": made})  # another process was quicker
        return int(connection.execute(_FIND, {"value": _VALUE}).scalar_one())
    return made
