"""Drafting: a text that a seat asked for becomes a row that waits for a human, or is refused where no gate is.

It happens in the transaction that completes the seat's handoff, under the lock of its account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json
from sqlalchemy import Connection

from seamline.context import Task
from seamline.dispatch import content_sha256
from seamline.events.base import event_id
from seamline.gate import Gate, StageRow
from seamline.guard import Refusal
from seamline_workers.effects.asking import DraftAsked, Result
from seamline_workers.effects.guarding import refused
from seamline_workers.outbound.boundary import in_force
from seamline_workers.outbound.noticing import ask
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.store.desk_schema import DRAFT, TASK
from seamline_workers.store.drafts import Prepared, packed
from seamline_workers.store.entry import ENGINE, Entry
from seamline_workers.store.ledger import Locked
from seamline_workers.store.outcome import EffectRow
from seamline_workers.translation.interpret import from_us, to_us

#: How long a draft waits before it is late, where neither it nor its account's stage says.
DUE = timedelta(hours=4)


@dataclass(frozen=True)
class Drafting:
    """Prepares drafts for writing; one a process."""

    outbound: Outbound

    def drafted(self, connection: Connection, result: Result, locked: Locked) -> Result:
        """The result with its drafts as rows; one that has no way out is a task instead, and is said to be refused."""
        if not any(row.kind == DRAFT for row in result.outcome.effects):
            return result
        rows, entries = [], list(result.entries)
        for row in result.outcome.effects:
            if row.kind != DRAFT:
                rows.append(row)
                continue
            group = locked[row.account_id]
            asked: DraftAsked = row.what
            gate = self.outbound.gate(connection, row.seat, asked.draft.channel, asked.audience, group.projection.stage)
            if gate is None:
                refusal = _closed(row.seat, asked)
                entries += refused(connection, _entry(row, asked, self.outbound.clock()), refusal)
                rows.append(_shown(row, asked, refusal))
            else:
                prepared = self._prepared(row, asked, gate, group.id, group.projection.stage)
                prepared.values["map_version"] = in_force(connection).version
                rows.append(row._replace(what=prepared))
        return replace(result, outcome=result.outcome._replace(effects=tuple(rows)), entries=entries)

    def _prepared(self, row: EffectRow, asked: DraftAsked, gate: Gate, group: int, stage: str | None) -> Prepared:
        draft, now = asked.draft, self.outbound.clock()
        told = self.outbound.roster.stage(stage)
        whole = bool(asked.recipients and draft.channel and draft.body.strip())
        values: dict[str, Any] = {
            "account_id": row.account_id,
            "seat": row.seat,
            "key": row.key,
            "channel": draft.channel,
            "audience": asked.audience,
            "recipients": _json(asked.recipients),
            "subject": draft.subject,
            "body": draft.body,
            "attachments": packed(draft.attachments),
            "sha256": content_sha256(draft.channel, asked.recipients, draft.subject, draft.body, draft.attachments),
            "state": "pending" if whole else "incomplete",
            "sends": None if draft.sends is None else draft.sends.event_type,
            "fields": _json(dict(draft.fields)),
            "under": None if draft.under is None else draft.under.event_type,
            "thread": draft.thread,
            "in_reply_to": draft.in_reply_to,
            "figures": _json([figure.model_dump(mode="json") for figure in draft.figures]),
            "sources": _json(draft.sources),
            "missing": _json(draft.missing),
            "tone": None if told is None else told.tone,
            "stage": stage,
            "gate": gate.id,
            "as_of": asked.as_of,
            "author": row.seat,
            "cause": row.cause,
            "correlation": asked.correlation,
            "hops": asked.hops,
            "created_at": now,
            "not_before": None if draft.not_before is None else to_us(draft.not_before),
        }
        return Prepared(group, values | _times(asked, gate, told, now))

    def shown(self, connection: Connection, results: Iterable[Result], locked: Locked) -> None:
        """Owe the approvers a look at the drafts that were written."""
        if self.outbound.approvals.channel is None:
            return
        for row in (row for result in results for row in result.outcome.effects):
            if isinstance(row.what, Prepared) and row.what.id is not None:
                values, stage = row.what.values, locked[row.account_id].projection.stage
                gate = self.outbound.gate(connection, row.seat, values["channel"], values["audience"], stage)
                ask(connection, self.outbound, gate, row.what.id, "A text waits for a decision.")

    def requested(self, results: Iterable[Result]) -> list[Entry]:
        """What says that the drafts which were written wait for a human."""
        found = []
        for result in results:
            for row in result.outcome.effects:
                if isinstance(row.what, Prepared) and row.what.id is not None:
                    found.append(_requested(row.what))
        return found


def _times(asked: DraftAsked, gate: Gate, told: StageRow | None, now: int) -> dict[str, int]:
    """When it is due, when it lapses, and when somebody must look next."""
    draft = asked.draft
    expires = now + us(gate.expires) if draft.expires_at is None else to_us(draft.expires_at)
    due = now + us(DUE if told is None else told.take_within) if draft.due_at is None else to_us(draft.due_at)
    due = min(due, expires)
    remind = max(due - us(gate.remind), now + (due - now) // 2)  # whoever was only just shown it is not reminded
    return {"due_at": due, "expires_at": expires, "remind_at": remind, "wake_at": min(remind, expires)}


def us(span: timedelta) -> int:
    """A span in microseconds."""
    return span // timedelta(microseconds=1)


def _json(value: Any) -> str:
    return to_json(value).decode()


def _requested(prepared: Prepared) -> Entry:
    values = prepared.values
    return Entry(
        id=event_id(ENGINE, "approval.requested", f"draft/{prepared.id}/0/").bytes,
        type="approval.requested",
        version=1,
        account_id=values["account_id"],
        source=ENGINE,
        data=_json(request_fields(str(prepared.id), values)),
        occurred_at=values["created_at"],
        timebasis="received",
        received_at=values["created_at"],
        trust="seat",
        cause=UUID(values["cause"]).bytes,
        correlation=values["correlation"],
        hops=values["hops"],
        stage=values["stage"],
    )


def request_fields(id: str, values: Any) -> dict[str, Any]:
    """The fields of approval.requested; ``values`` are a draft's columns."""
    fields = {
        "draft_id": id,
        "draft_sha256": values["sha256"],
        "audience": values["audience"],
        "channel": values["channel"] or "none",
        "due_at": None if values["due_at"] is None else from_us(values["due_at"]).isoformat(),
        "tone": values["tone"],
        "missing": from_json(values["missing"]),
    }
    return {name: value for name, value in fields.items() if value not in (None, [])}


# --- no way out -----------------------------------------------------------------------------------------------------


def _closed(seat: str, asked: DraftAsked) -> Refusal:
    way = f"{asked.draft.channel or 'no channel'} to a {asked.audience}"
    reason = f"no gate with a human opens {way} for {seat}: declare one in the roster's gates, or send it yourself"
    return Refusal("R71", "AGENT_MAY_NOT_SEND", reason)


def _entry(row: EffectRow, asked: DraftAsked, now: int) -> Entry:
    """What was asked for, as an event that was never made."""
    source = f"/seats/{row.seat}"
    return Entry(
        id=event_id(source, "draft.dispatched", f"{row.cause}/draft/{row.key}").bytes,
        type="draft.dispatched",
        version=1,
        account_id=row.account_id,
        source=source,
        data="{}",
        occurred_at=now,
        timebasis="received",
        received_at=now,
        trust="seat",
        cause=UUID(row.cause).bytes,
        correlation=asked.correlation,
        hops=asked.hops,
    )


def _shown(row: EffectRow, asked: DraftAsked, refusal: Refusal) -> EffectRow:
    """The task that shows a human what a seat wrote and may not send."""
    title = f"A text of {row.seat} has no way out"
    text = f"By {refusal.rule}: {refusal.reason}.\n\n{asked.draft.subject or ''}\n{asked.draft.body}".strip()
    key = f"closed/{row.key}"
    return row._replace(kind=TASK, key=key, what=Task(title, text, key=key, rule=refusal.rule))
