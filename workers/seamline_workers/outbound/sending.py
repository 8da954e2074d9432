"""Sending: what became of a dispatch, as rows and events: sent, refused, to be tried later, or nobody knows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Connection, Row, text

from seamline.context import Task
from seamline.events.base import catalogue, event_id
from seamline.sendable import DISPATCHED
from seamline_workers.outbound.noticing import ask
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.store import ledger
from seamline_workers.store.drafts import Held, change, end_reminders, say
from seamline_workers.store.effects import give_task
from seamline_workers.store.entry import Entry
from seamline_workers.store.store import now_us
from seamline_workers.translation.interpret import from_us

_LEAD = text("""
SELECT data, occurred_at FROM events
WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group) AND type = 'lead.received'
ORDER BY seq DESC LIMIT 200
""")


@dataclass(frozen=True)
class Sent:
    """What became of one sending.

    ``later``: the provider has done nothing and says when to come again. ``held``: it has done nothing, and only a
    human can mend why. ``unknown``: it may have acted.
    """

    result: Literal["sent", "failed", "unknown", "later", "held"]
    reference: str | None = None
    reason: str | None = None
    wait: int = 0


def kept(reason: str | None) -> str | None:
    """A reason as it is stored."""
    return None if reason is None else reason.replace("\x00", "")[:500]


@dataclass(frozen=True)
class Settling:
    """Writes what became of dispatches. The caller holds the lock of the draft's account."""

    outbound: Outbound

    def settle(self, connection: Connection, held: Held, sent: Sent, now: int, by: str | None = None) -> None:
        """Write it. ``by``: the human who found it out, else the engine knows it."""
        row = held.row
        reason = kept(sent.reason)
        entries, values = list[Entry](), dict[str, Any]()
        if sent.result == "sent":
            values = {
                "state": "sent",
                "sent_at": now,
                "wake_at": None,
                "message_ref": sent.reference,
                # After a second try it says why the first had to wait; the approver's note is in approval.decided.
                "reason": reason or (row.reason if row.attempts < 2 else None),
            }
            entries = [self._dispatched(row, sent, reason, now, by), *self._fact(connection, held, sent, now, by)]
        elif sent.result == "later":
            values = {"state": "approved", "lease": None, "again_at": now_us() + sent.wait, "reason": reason}
        elif sent.result == "held":
            values = {"state": "pending", "lease": None, "wake_at": row.expires_at, "reason": reason}
            values |= {"decided_by": None, "decided_at": None, "approval": None, "confirmed": "{}"}
            self._task(connection, row, "task", f"The channel {row.channel} needs a human", reason, now)
        else:
            values = {"state": sent.result, "reason": reason, "wake_at": None}
            entries = [self._dispatched(row, sent, reason, now, by)]
            title, kind = "A text was not sent", "task"
            if sent.result == "unknown":
                title, kind = "Was this text sent? Look there, and say so: seamline drafts resolve", "unknown_send"
            if by is None:
                asked = self._task(connection, row, kind, f"{title} (draft {row.id})", reason, now)
                values["reminders"] = json.dumps([*json.loads(row.reminders), asked])
        if sent.result == "sent" or by is not None:
            end_reminders(connection, json.loads(row.reminders), by or "engine", now)
        change(connection, row, **values)
        ledger.append(connection, entries, self.outbound.plan, held.locked, now_us())
        if sent.result == "held":
            self.shown(connection, held, f"It was approved and not sent: {reason}")

    def shown(self, connection: Connection, held: Held, why: str) -> None:
        """Show a draft that was given back to those who decide about it; last in its transaction."""
        row, stage = held.row, held.group.projection.stage
        gate = self.outbound.gate(connection, row.seat, row.channel, row.audience, stage)
        ask(connection, self.outbound, gate, row.id, why)

    def lapsed(self, connection: Connection, held: Held, now: int) -> Entry:
        """What says that nobody decided in time. Where no seat owns that event, a task says it, too."""
        row = held.row
        if not any(owns for _, owns in self.outbound.plan.by_type("approval.expired")):
            self._unheard(connection, held, now)
        fields = {
            "draft_id": str(row.id),
            "draft_sha256": row.sha256,
            "audience": row.audience,
            "channel": row.channel or None,
            "due_at": None if row.due_at is None else from_us(row.due_at).isoformat(),
        }
        return say(row, "approval.expired", {name: value for name, value in fields.items() if value}, now)

    def _unheard(self, connection: Connection, held: Held, now: int) -> None:
        """Tell whom the gate escalates to, else its first approver, that a text lapsed; any human where it is gone."""
        row, stage = held.row, held.group.projection.stage
        gate = self.outbound.gate(connection, row.seat, row.channel, row.audience, stage)
        seats = () if gate is None else self.outbound.approvers(gate)
        to = next((one for one in seats if gate is not None and one.name == gate.escalates_to), next(iter(seats), None))
        words = f"It is never sent, and whoever waits for it hears nothing. Read it: seamline drafts show {row.id}"
        title = f"A text of {row.seat} to a {row.audience} lapsed: nobody decided in time (draft {row.id})"
        task = Task(title, words, assignee=None if to is None else to.assignee or to.name, rule="R75")
        about: dict[str, Any] = {"account_id": row.account_id, "seat": row.seat, "cause": row.cause}
        give_task(connection, task, kind="task", now=now, **about)

    def _dispatched(self, row: Row[Any], sent: Sent, reason: str | None, now: int, by: str | None) -> Entry:
        fields = {
            "draft_id": str(row.id),
            "draft_sha256": row.sha256,
            "channel": row.channel,
            "result": sent.result,
            "message_ref": sent.reference,
            "reason": reason,
            "by": by,
        }
        return say(row, "draft.dispatched", {name: value for name, value in fields.items() if value}, now)

    def _fact(self, connection: Connection, held: Held, sent: Sent, now: int, by: str | None) -> list[Entry]:
        """The fact that the dispatch made, by whoever approved it; none where the draft names none."""
        row = held.row
        model = None if row.sends is None else catalogue().get(row.sends)
        if model is None:
            return []
        fields = json.loads(row.fields)
        reference = sent.reference or f"draft-{row.id}"
        told = {
            "message_id": reference,
            "message_ref": reference,
            "approval_id": row.approval,
            "by": row.decided_by,
            "latency": self._latency(connection, held, fields, now),
        }
        # What the seat said itself stands, but for what only the dispatch can know.
        known = {name: value for name, value in told.items() if name in model.model_fields and value is not None}
        fields = {name: value for name, value in fields.items() if name in model.model_fields}
        fields |= {name: value for name, value in known.items() if name in DISPATCHED or name not in fields}
        source = f"/people/{row.decided_by or by}"
        return [
            Entry(
                id=event_id(source, row.sends, f"draft/{row.id}").bytes,
                type=row.sends,
                version=model.event_version,
                account_id=row.account_id,
                source=source,
                data=to_json(fields).decode(),
                occurred_at=now,
                timebasis="received",
                received_at=now,
                trust="human",
                cause=UUID(row.cause).bytes,
                correlation=None if row.correlation is None else bytes(row.correlation),
                hops=row.hops,
                stage=row.stage,
            )
        ]

    def _latency(self, connection: Connection, held: Held, fields: dict[str, Any], now: int) -> int | None:
        """Seconds since the lead that is answered came in."""
        lead = fields.get("lead_id")
        if lead is None:
            return None
        for data, at in connection.execute(_LEAD, {"group": held.group.id}):
            if json.loads(data).get("lead_id") == lead:
                return int(max(0, now - at) // 1_000_000)
        return None

    def _task(self, connection: Connection, row: Row[Any], kind: str, title: str, reason: str | None, now: int) -> int:
        task = Task(title, reason or "", assignee=row.decided_by)
        about: dict[str, Any] = {"account_id": row.account_id, "seat": row.seat, "cause": row.cause}
        return give_task(connection, task, kind=kind, now=now, once=True, **about)
