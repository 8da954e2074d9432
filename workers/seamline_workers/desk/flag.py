"""Clearing flags. A flag that stands for a risk is cleared with the risk: that alone lets expansion go on."""

from __future__ import annotations

import json
from uuid import UUID

from sqlalchemy import Connection, select, update

from seamline.events import RiskCleared, RiskFlagged
from seamline.events.base import event_id
from seamline_workers.bell import ring
from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.rules.plan import Plan
from seamline_workers.store import ledger
from seamline_workers.store.desk_schema import flags
from seamline_workers.store.entry import ENGINE, Entry
from seamline_workers.store.reading.query import row_id
from seamline_workers.store.schema import events
from seamline_workers.store.store import now_us


def clear_flag(connection: Connection, plan: Plan, id: str, *, by: str, reason: str, now: int) -> str:
    """Clear an open flag, under the lock that guards take, so that whoever looks sees it before or after.

    ``now`` is business time in microseconds.
    """
    number = row_id(id)
    row = connection.execute(
        select(flags.c.account_id, flags.c.key, flags.c.evidence).where(flags.c.id == number)
    ).first()
    if number is None or row is None:
        raise NoSuch(f"there is no flag {id}")
    account = _flagged(connection, row.key, row.evidence) or row.account_id
    locked = ledger.lock(connection, {row.account_id, account})
    cleared = connection.execute(
        update(flags)
        .where(flags.c.id == number, flags.c.state == "open")
        .values(state="cleared", cleared_at=now, cleared_by=by, reason=reason)
    )
    if not cleared.rowcount:
        raise Conflict(f"flag {id} is cleared already")
    if row.key in locked[account].projection.risks:
        ledger.append(connection, [_risk_cleared(number, account, row.key, by, reason, now)], plan, locked, now_us())
        ring(connection)
    return f"flags/{number}"


def _flagged(connection: Connection, risk: str, evidence: str) -> int | None:
    """The account in which the risk was flagged that the flag stands for: since then links may have come and gone."""
    try:
        ids = [UUID(one).bytes for one in json.loads(evidence)[:1]]
    except ValueError:
        return None  # a seat's own flag, with evidence of another kind
    told = select(events.c.account_id, events.c.data).where(
        events.c.id.in_(ids), events.c.type == RiskFlagged.event_type
    )
    for account, data in connection.execute(told):
        if json.loads(data)["flag_id"] == risk:
            return int(account)
    return None


def _risk_cleared(flag: int, account: int, risk: str, by: str, reason: str, now: int) -> Entry:
    """The engine's word that a human cleared a risk; who it was stands in it, and is its source."""
    fields = {"flag_id": risk, "by": by, "reason": reason}
    return Entry(
        id=event_id(ENGINE, RiskCleared.event_type, f"flag/{flag}").bytes,
        type=RiskCleared.event_type,
        version=1,
        account_id=account,
        source=f"/people/{by}",
        data=json.dumps(fields, separators=(",", ":"), ensure_ascii=False),
        occurred_at=now,
        timebasis="received",
        received_at=now,
        trust="human",
    )
