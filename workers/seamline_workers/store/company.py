"""The company's own account: what concerns no customer is told of it. No list shows it as one."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, text

from seamline_workers.store.schema import accounts, identities

#: Its identity: a reference that no provider's can be, and by which the store keeps it one.
KEY = ("ref", "seamline\n\ncompany\n1")

#: The id of its account, where there is one.
COMPANY = select(identities.c.account_id).where(identities.c.kind == KEY[0], identities.c.value == KEY[1])
_CLAIM = text("""
INSERT INTO identities (kind, value, account_id) VALUES (:kind, :value, :id) ON CONFLICT (kind, value) DO NOTHING
""")

#: To be asked of accounts in lists of customers.
IS_CUSTOMER = accounts.c.id.not_in(COMPANY)


def company_account(connection: Connection, now: int) -> int:
    """The id of the company's account, made where there is none yet; in the caller's transaction.

    ``now`` is business time.
    """
    known = connection.execute(COMPANY).scalar()
    if known is not None:
        return int(known)
    made = connection.execute(insert(accounts).values(created_at=now).returning(accounts.c.id)).scalar_one()
    if connection.execute(_CLAIM, {"kind": KEY[0], "value": KEY[1], "id": made}).rowcount:
        return int(made)
    # Another transaction made it a moment earlier, and has committed: ours is taken back.
    connection.execute(delete(accounts).where(accounts.c.id == made))
    return int(connection.execute(COMPANY).scalar_one())


__all__ = ["COMPANY", "IS_CUSTOMER", "KEY", "company_account"]
