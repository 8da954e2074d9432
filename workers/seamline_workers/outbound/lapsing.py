"""Lapsing: drafts whose time has come. Reminders, ends of snoozes, expiry, and sendings that lost their process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from seamline.context import Task
from seamline.gate import Gate
from seamline_workers.outbound.noticing import ask
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.outbound.sending import Sent, Settling
from seamline_workers.store import ledger
from seamline_workers.store.drafts import OPEN, Held, change, end_reminders, hold
from seamline_workers.store.effects import give_task
from seamline_workers.store.processes import TOKEN_BITS
from seamline_workers.store.store import Store, now_us
from seamline_workers.translation.interpret import from_us
from seamline_workers.translation.translate import again

#: Drafts that a job looks at.
SOME = 50
#: What a human reads of a sending whose process died.
DIED = "its process died while it was being sent"

_DUE = """
SELECT id FROM drafts WHERE wake_at <= :now AND state IN ('incomplete', 'pending', 'snoozed') ORDER BY wake_at LIMIT :n
"""
# `wake_at`: by the index of what is to be looked after.
_LOST = """
SELECT id FROM drafts WHERE wake_at > 0 AND state = 'dispatching'
AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = drafts.lease >> :bits) ORDER BY wake_at LIMIT :n
"""


@dataclass(frozen=True)
class Lapsing:
    """Looks after drafts that wait; one a process."""

    store: Store
    outbound: Outbound

    def due(self, connection: Connection) -> bool:
        return bool(self._numbers(connection, _DUE, 1) or self._numbers(connection, _LOST, 1))

    def some(self, token: int = 0) -> bool:
        """Look after a few drafts. Returns whether there may be more."""
        with self.store.read() as connection:
            due, lost = self._numbers(connection, _DUE, SOME), self._numbers(connection, _LOST, SOME)
        for number in due:
            again(lambda number=number: self._look(number))  # type: ignore[misc]
        for number in lost:
            again(lambda number=number: self._lose(number))  # type: ignore[misc]
        return max(len(due), len(lost)) == SOME

    def _numbers(self, connection: Connection, query: str, n: int) -> list[int]:
        binds: dict[str, Any] = {"n": n}
        binds |= {"bits": TOKEN_BITS} if query is _LOST else {"now": self.outbound.clock()}
        return list(connection.execute(text(query), binds).scalars())

    def _look(self, number: int) -> None:
        now = self.outbound.clock()
        with self.store.begin() as connection:
            held = hold(connection, number)
            if held is None or held.row.state not in OPEN or held.row.wake_at is None or held.row.wake_at > now:
                return
            row = held.row
            if row.expires_at is not None and row.expires_at <= now:
                self._lapse(connection, held, now)
                return
            values: dict[str, Any] = {"state": "pending"} if row.state == "snoozed" else {}
            gate = self._gate(connection, held)
            left, why = row.remind_at, "A text that was put aside waits again."
            if row.remind_at is not None and row.remind_at <= now:
                asked = [give_task(connection, *one, **_about(row, now)) for one in self._reminders(row, gate)]
                values["reminders"] = json.dumps([*json.loads(row.reminders), *asked])
                values["remind_at"] = left = None
                why = "A text still waits for a decision."
            values["wake_at"] = min((at for at in (left, row.expires_at) if at is not None), default=None)
            change(connection, row, **values)
            if row.state == "snoozed" or "reminders" in values:
                ask(connection, self.outbound, gate, row.id, why)

    def _gate(self, connection: Connection, held: Held) -> Gate | None:
        row = held.row
        return self.outbound.gate(connection, row.seat, row.channel, row.audience, held.group.projection.stage)

    def _lapse(self, connection: Connection, held: Held, now: int) -> None:
        """Nobody decided in time: it is never sent."""
        row = held.row
        end_reminders(connection, json.loads(row.reminders), "engine", now)
        change(connection, row, state="expired", wake_at=None, reason="nobody decided in time")
        lapsed = Settling(self.outbound).lapsed(connection, held, now)
        ledger.append(connection, [lapsed], self.outbound.plan, held.locked, now_us())

    def _reminders(self, row: Row[Any], gate: Gate | None) -> Iterator[tuple[Task]]:
        """Ask the approver, and whom the gate escalates to."""
        due = "" if row.due_at is None else f" It is due at {from_us(row.due_at):%Y-%m-%d %H:%M} UTC."
        title = f"Decide on a text of {row.seat} to a {row.audience} (draft {row.id})"
        for name, assignee in self._asked(gate):
            words = f"It waits in the queue of drafts for {name}.{due} Without a decision it is never sent."
            yield (Task(title, words, assignee=assignee, rule="R75"),)

    def _asked(self, gate: Gate | None) -> list[tuple[str, str]]:
        if gate is None:
            return [("the queue", "")]
        seats = {seat.name: seat for seat in self.outbound.approvers(gate)}
        first = next(iter(seats))
        names = dict.fromkeys((first, *filter(None, (gate.escalates_to,))))
        return [(name, seats[name].assignee or name) for name in names if name in seats]

    def _lose(self, number: int) -> None:
        """Nobody knows whether it was sent: a human looks, and it is never sent again by itself."""
        with self.store.begin() as connection:
            held = hold(connection, number)
            # Its process may have come to its end meanwhile, or be alive after all.
            if held is not None and number in self._numbers(connection, _LOST, SOME):
                Settling(self.outbound).settle(connection, held, Sent("unknown", reason=DIED), self.outbound.clock())


def _about(row: Row[Any], now: int) -> dict[str, Any]:
    return {"kind": "task", "account_id": row.account_id, "seat": row.seat, "cause": row.cause, "now": now}
