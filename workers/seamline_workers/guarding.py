"""Asking the guards: a thing that is asked for, with all that they may look at, under the lock of its account."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.boundary import Roster
from seamline.context import Task
from seamline.guard import Asked, Holds, Refusal
from seamline.projection import Projection
from seamline.stages import fold
from seamline_workers import parking
from seamline_workers.asking import Result
from seamline_workers.clock import Clock
from seamline_workers.interpret import from_us
from seamline_workers.store.desk_schema import TASK
from seamline_workers.store.effects import EffectRow
from seamline_workers.store.entry import Entry, control
from seamline_workers.store.ledger import Locked
from seamline_workers.store.schema import DEAD, PARKED
from seamline_workers.store.store import now_us

#: How far a seat whose word holds things back may be behind with an account, before nobody can know what it would say.
BEHIND = timedelta(minutes=15)
#: How long what a guard holds waits before a human is shown it, where the account's stage does not say.
PATIENCE = timedelta(hours=4)
#: The key of the task that shows it.
WAITS = "waits"
#: Most grades of snapshots that are looked at, newest first.
GRADES = 500

_MEMBERS = "(SELECT id FROM accounts WHERE id = :group OR group_id = :group)"
_NEAR = text(f"""
SELECT c.account_id, c.other_id FROM conflicts c JOIN tasks t ON t.id = c.task_id
WHERE t.state = 'open' AND (c.account_id IN {_MEMBERS} OR c.other_id IN {_MEMBERS})
""")
_GROUPS_OF = text("""
SELECT g.id, g.projection FROM accounts a JOIN accounts g ON g.id = coalesce(a.group_id, a.id) WHERE a.id = :id
""")
_BEHIND = text("""
SELECT 1 FROM handoffs WHERE account_id = :group AND seat = :seat AND state < 2 AND created_at < :before LIMIT 1
""")
_DEAD = text(f"SELECT 1 FROM handoffs WHERE account_id = :group AND seat = :seat AND state = {DEAD} LIMIT 1")
_GRADES = text(f"""
SELECT data FROM events WHERE account_id IN {_MEMBERS} AND type = 'metrics.trust_assessed' ORDER BY seq DESC
LIMIT {GRADES}
""")


@dataclass(frozen=True)
class Guarding:
    """Asks a roster's guards about what a batch of handoffs wants."""

    roster: Roster
    clock: Clock

    def guarded(self, connection: Connection, result: Result, locked: Locked, ahead: dict[int, Projection]) -> Result:
        """Park a handoff that asks for what its account is not ready for; its effects wait with it.

        ``ahead`` holds what the guarded ones before it in this batch have made of their groups: of two projects that
        ask for the one contract at once, one gets it.
        """
        for want in result.wants:
            entry = want.entry
            group = locked[entry.account_id]
            known = ahead.get(group.id, group.projection)
            refusal = refusal_of(
                connection, self.roster, entry.type, entry.fields, group.id, known, self.clock(), customer=want.customer
            )
            if refusal is not None:
                return self._parked(connection, result, entry, refusal, locked)
            if want.appended:
                ahead[group.id] = fold(known, *entry.fact)
        return result

    def _parked(self, connection: Connection, result: Result, asked: Entry, refusal: Refusal, locked: Locked) -> Result:
        """The handoff as it waits, and what says that it was refused.

        A handler that could not know of the newest such fact yet was not refused: it runs again at once, with it. What
        waits for longer than the stage's patience is shown to a human, once, and goes on waiting.
        """
        waiting = result.outcome._replace(state=PARKED, due=0, reason=refusal.reason, awaits=refusal.awaits, effects=())
        if refusal.awaits and parking.newer(connection, waiting, locked) is not None:
            return Result(waiting)
        stage = self.roster.stage(locked[asked.account_id].projection.stage)
        patience = PATIENCE if stage is None else stage.patience
        shown = parking.since(connection, waiting) + int(patience.total_seconds() * 1_000_000)
        if now_us() < shown:
            waiting = waiting._replace(due=shown)
        else:
            waiting = waiting._replace(effects=(_shown(waiting.event_seq, waiting.seat, asked, refusal),))
        return Result(waiting, refused(connection, asked, refusal))


def _shown(event_seq: int, seat: str, asked: Entry, refusal: Refusal) -> EffectRow:
    """The task that shows a human what waits."""
    task = Task(f"{asked.type} waits: {refusal.reason}", f"By {refusal.rule}.", key=WAITS, rule=refusal.rule)
    cause = str(UUID(bytes=asked.cause or asked.id))
    return EffectRow(event_seq, seat, TASK, WAITS, asked.account_id, cause, task)


_HEAD = text("SELECT seq FROM ledger_head WHERE id = 1")


def refused(connection: Connection, asked: Entry, refusal: Refusal, map_row: str | None = None) -> list[Entry]:
    """What the engine says of a refusal. Whoever asks again is refused again, and each refusal is seen."""
    fields = {
        "rule": refusal.rule,
        "code": refusal.code,
        "cause": str(UUID(bytes=asked.cause or asked.id)),
        "actor": asked.source,
        "reason": refusal.reason,
        "map_row": map_row,
        "missing": list(refusal.missing),
    }
    # What tells refusals of one thing apart is their place in the ledger.
    place = str(connection.execute(_HEAD).scalar_one())
    said = [control("guard.refused", {name: value for name, value in fields.items() if value}, asked, place)]
    if refusal.says is not None:
        told = {"flag_ids": list(refusal.evidence), "reason": refusal.reason}
        said.append(control(refusal.says, told, asked, place))
    for entry in said:
        entry.cause = asked.cause  # what was asked for is in no ledger
    return said


def refusal_of(
    connection: Connection,
    roster: Roster,
    event_type: str,
    fields: Mapping[str, Any],
    group: int,
    projection: Projection,
    now: int,
    *,
    customer: bool = False,
) -> Refusal | None:
    """Why an account may not have this now; None: nothing is against it. The caller holds the account's lock.

    ``now`` is business time in microseconds; ``customer``: it is for a customer to read.
    """
    if not roster.guarded(event_type):
        return None
    asked = Asked(
        event_type,
        fields,
        projection,
        from_us(now),
        near=near(connection, group),
        behind=frozenset(_late(connection, group, _winners(roster, event_type))),
        grades=_grades(connection, group) if fields.get("figures") else {},
        customer=customer,
    )
    return roster.refuse(asked)


def near(connection: Connection, group: int) -> tuple[Projection, ...]:
    """What is known of the accounts that may be the same customer: nobody has said yet whether they are."""
    ids = {one for row in connection.execute(_NEAR, {"group": group}) for one in row}
    found = {}
    for account in sorted(ids):
        row = connection.execute(_GROUPS_OF, {"id": account}).first()
        if row is not None and row.id != group:
            found[row.id] = Projection() if row.projection is None else Projection.from_json(row.projection)
    return tuple(found.values())


def _winners(roster: Roster, event_type: str) -> set[str]:
    return {guard.winner for guard in roster.guards if isinstance(guard, Holds) and event_type in guard.guards}


def _late(connection: Connection, group: int, seats: Iterable[str]) -> list[str]:
    """Of these seats, those that are behind with the account, or have given up on something of it."""
    before = now_us() - int(BEHIND.total_seconds() * 1_000_000)
    late = []
    for seat in seats:
        binds = {"group": group, "seat": seat}
        waiting = connection.execute(_BEHIND, binds | {"before": before}).first()
        if waiting is not None or connection.execute(_DEAD, binds).first() is not None:
            late.append(seat)
    return late


def _grades(connection: Connection, group: int) -> dict[str, str]:
    """The last grade of each snapshot, by its id."""
    grades: dict[str, str] = {}
    for (data,) in connection.execute(_GRADES, {"group": group}):
        told = json.loads(data)
        grades.setdefault(told["snapshot_id"], told["grade"])
    return grades
