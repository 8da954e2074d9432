"""Clearing flags."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from seamline_workers.desk.refusal import Conflict, NoSuch
from seamline_workers.store import ledger
from seamline_workers.store.desk_schema import flags
from seamline_workers.store.reading.query import row_id


def clear_flag(connection: Connection, id: str, *, by: str, reason: str, now: int) -> str:
    """Clear an open flag, under the lock that guards take, so that whoever looks sees it before or after."""
    number = row_id(id)
    account = connection.execute(select(flags.c.account_id).where(flags.c.id == number)).scalar()
    if number is None or account is None:
        raise NoSuch(f"there is no flag {id}")
    ledger.lock(connection, [account])
    cleared = connection.execute(
        update(flags)
        .where(flags.c.id == number, flags.c.state == "open")
        .values(state="cleared", cleared_at=now, cleared_by=by, reason=reason)
    )
    if not cleared.rowcount:
        raise Conflict(f"flag {id} is cleared already")
    return f"flags/{number}"
