"""Whom an event is about."""

from __future__ import annotations

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from benchmarks.rival.models import Account, AccountIdentity


def find_or_create_account(session: Session, identities: list[tuple[str, str]], name: str | None) -> int:
    """Return the id of the account that one of the identities belongs to; make it, or its missing identities.

    Raises IntegrityError where somebody else makes the same identity at the same moment: run the transaction again.
    """
    known = session.execute(
        select(AccountIdentity.kind, AccountIdentity.value, AccountIdentity.account_id).where(
            tuple_(AccountIdentity.kind, AccountIdentity.value).in_(identities)
        )
    ).all()
    if known:
        account_id: int = known[0].account_id
    else:
        account = Account(name=name)
        session.add(account)
        session.flush()
        account_id = account.id
    there = {(row.kind, row.value) for row in known}
    session.add_all(
        AccountIdentity(kind=kind, value=value, account_id=account_id)
        for kind, value in sorted(set(identities) - there)
    )
    return account_id
