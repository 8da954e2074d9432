"""Planning replays, and calling them off. A worker runs what is planned."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, insert, select, update

from seamline_workers.bell import ring
from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.store.desk_schema import replays
from seamline_workers.store.reading.query import row_id
from seamline_workers.store.reading.replays import Selector, counted, upto_now

#: Most handoffs or deliveries a second that a replay may be asked to run.
MOST_PER_SECOND = 1_000


def plan_replay(connection: Connection, selector: Selector, *, by: str, now: int, per_second: int = 50) -> str:
    """Enter a replay of what the selector finds at this moment."""
    fixed = replace(selector, upto=upto_now(connection, selector.what))
    row = {
        "what": fixed.what,
        "selector": fixed.dumps(),
        "total": counted(connection, fixed)["total"],
        "per_second": per_second,
        "by": by,
        "created_at": now,
    }
    number = connection.execute(insert(replays).values(**row).returning(replays.c.id)).scalar_one()
    ring(connection)
    return f"replays/{number}"


def cancel_replay(connection: Connection, id: str) -> str:
    """Stop a replay; what it has run stays."""
    number = row_id(id)
    state = connection.execute(select(replays.c.state).where(replays.c.id == number)).scalar()
    if number is None or state is None:
        raise NoSuch(f"there is no replay {id}")
    ended = connection.execute(
        update(replays)
        .where(replays.c.id == number, replays.c.state.in_(("planned", "running")))
        .values(state="cancelled", lease=None)
    )
    if not ended.rowcount:
        raise Conflict(f"replay {id} is {state} already")
    return f"replays/{number}"
