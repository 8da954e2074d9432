"""Settling an item of an exit's checklist by hand: handed over, not ours, or nobody can be asked."""

from __future__ import annotations

import json
from uuid import UUID

from sqlalchemy import Connection

from seamline.events import ExitItemVerified
from seamline.events.base import event_id
from seamline_workers.bell import ring
from seamline_workers.desk.account import one_account
from seamline_workers.refusal import Conflict
from seamline_workers.rules.plan import Plan
from seamline_workers.store import checks, ledger
from seamline_workers.store.entry import ENGINE, Entry
from seamline_workers.store.store import now_us


def settle_item(connection: Connection, plan: Plan, key: str, item: str, *, by: str, reason: str, now: int) -> str:
    """Settle an item for a human who says why. Raises NoSuch and Conflict. ``now`` is business time."""
    account = one_account(connection, key)
    locked = ledger.lock(connection, [account])
    group = locked[account]
    if group.projection.stage != "exit":
        raise Conflict("this account is not leaving: first state relationship.ended")
    if item in group.projection.settled:
        raise Conflict(f"{item} is settled already")
    ended = group.projection.last("relationship.ended")
    entry = Entry(
        id=event_id(ENGINE, ExitItemVerified.event_type, f"hand/{account}/{item}/{now}").bytes,
        type=ExitItemVerified.event_type,
        version=1,
        account_id=account,
        source=f"/people/{by}",
        data=json.dumps({"item": item, "by": by, "reason": reason}, separators=(",", ":"), ensure_ascii=False),
        occurred_at=now,
        timebasis="received",
        received_at=now,
        trust="human",
        cause=None if ended is None else bytes.fromhex(ended[1]),
    )
    checks.settle_by_hand(connection, group.id, item)
    ledger.append(connection, [entry], plan, locked, now_us())
    ring(connection)
    return f"events/{UUID(bytes=entry.id)}"
