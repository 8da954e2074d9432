"""Replay: run chosen handoffs again, or translate chosen deliveries again, slowly and below live traffic.

A handoff that is run again keeps its event's id, and its effects are found again by theirs: nothing happens twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.store.handoffs import replay_handoff
from seamline_workers.store.reading.handoffs import handoff_id
from seamline_workers.store.reading.replays import Selector, counted, next_deliveries, next_handoffs
from seamline_workers.store.schema import DELIVERY_STATES, QUARANTINED
from seamline_workers.store.store import Store, now_us, unheld

#: Seconds of a replay's work that one step does, at its rate.
STEP_S = 0.25

_NEXT = """
SELECT id, selector, done, failed, total, cursor, per_second FROM replays
WHERE state IN ('planned', 'running') AND due <= :now ORDER BY id LIMIT 1
"""
_STEP = text("""
UPDATE replays SET state = :state, done = :done, failed = :failed, cursor = :cursor, due = :due
WHERE id = :id AND state IN ('planned', 'running')
""")
_FAIL = text("UPDATE replays SET state = 'failed' WHERE id = :id")

_DELIVERY = text("""
UPDATE deliveries SET state = 0, reason = NULL, attempts = attempts + 1
WHERE id = :id AND body IS NOT NULL AND state NOT IN (0, 1)
""")
_UNDER_WAY = text("SELECT 1 FROM deliveries WHERE state = 0 AND attempts > 0 AND id <= :upto LIMIT 1")


def run_again(connection: Connection, event_seq: int, seat: str) -> bool:
    """Make a handoff ready again, in its lane's order. Returns whether it was ended."""
    try:
        replay_handoff(connection, handoff_id(event_seq, seat))
    except (Conflict, NoSuch):
        return False
    return True


def translate_again(connection: Connection, delivery_id: int) -> bool:
    """Put a delivery back to be translated. Returns whether there is one with its body that is not under way."""
    return connection.execute(_DELIVERY, {"id": delivery_id}).rowcount == 1


@dataclass
class Replayer:
    """Takes replays a step further; as slowly as each says."""

    store: Store

    def due(self, connection: Connection) -> bool:
        return connection.execute(text(_NEXT), {"now": now_us()}).first() is not None

    def some(self, token: int = 0) -> bool:
        """Do one step of one replay. Returns whether there was one."""
        now = now_us()
        with self.store.begin() as connection:
            row = unheld(connection, _NEXT, {"now": now}).first()
            if row is None:
                return False
            try:
                selector = Selector.loads(row.selector)
            except (ValueError, KeyError):
                connection.execute(_FAIL, {"id": row.id})
                return True
            step = max(1, int(row.per_second * STEP_S))
            keys = self._keys(connection, selector, row.cursor, step)
            if selector.what == "handoffs":
                again = [run_again(connection, *key) for key in keys]
            else:
                again = [translate_again(connection, key) for key in keys]
            failed = row.failed + again.count(False)
            ended = len(keys) < step
            if ended and selector.what == "deliveries":
                # They are translated by their sources' lanes: it is over when they are, and what is found again failed.
                ended = not keys and connection.execute(_UNDER_WAY, {"upto": selector.upto}).first() is None
                if ended and selector.filters.get("state") == DELIVERY_STATES[QUARANTINED]:
                    failed = counted(connection, selector)["total"]
            binds = {
                "id": row.id,
                "state": "done" if ended else "running",
                "done": row.done + len(keys),
                "failed": failed,
                "cursor": json.dumps(keys[-1]) if keys else row.cursor,
                "due": now + int(STEP_S * 1_000_000),
            }
            connection.execute(_STEP, binds)
        return True

    def _keys(self, connection: Connection, selector: Selector, cursor: str | None, step: int) -> list[Any]:
        after = None if cursor is None else json.loads(cursor)
        if selector.what == "handoffs":
            return next_handoffs(connection, selector, None if after is None else (after[0], after[1]), step)
        return next_deliveries(connection, selector, after, step)
