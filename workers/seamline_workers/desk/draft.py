"""Deciding about drafts: what a human approves is what is sent, to the letter, or nothing is.

Every order is judged under the lock of the draft's account and of two that come at once the first counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NoReturn
from uuid import UUID

from sqlalchemy import Connection, Row

from seamline.dispatch import content_sha256
from seamline.figure import amount
from seamline.gate import Gate
from seamline.guard import Refusal
from seamline_workers.bell import ring
from seamline_workers.desk.once import Order, carry_out
from seamline_workers.outbound.drafting import request_fields
from seamline_workers.outbound.noticing import WAITING, ask
from seamline_workers.outbound.outbound import Human, Outbound
from seamline_workers.outbound.reviewing import against, refusals, unsendable
from seamline_workers.outbound.sending import Sent, Settling
from seamline_workers.outbound.stating import contradiction, contradictions
from seamline_workers.refusal import AgentDecides, Conflict, Forbidden, NoSuch, Refused, Stale
from seamline_workers.store import ledger
from seamline_workers.store.drafts import (
    OPEN,
    Held,
    attachments_of,
    change,
    conflicts,
    end_reminders,
    hold,
    ledger_head,
    say,
)
from seamline_workers.store.reading.query import row_id
from seamline_workers.store.store import Store, now_us
from seamline_workers.translation.interpret import to_us

#: Questions that a human answers with yes, besides approving the text.
Confirm = Literal["conflicts", "missing"]


@dataclass(frozen=True)
class Approval:
    """What is approved: the text of this digest. ``now``: do not wait for the time that the seat named."""

    sha256: str
    confirm: Sequence[str] = ()
    picks: Mapping[str, float] = field(default_factory=dict)
    now: bool = False
    note: str | None = None


@dataclass(frozen=True)
class Edit:
    """What to write instead; without any of them the text stands, having been seen.

    ``seen``: the ledger number up to which the editor had read; None: all that is there now.
    """

    subject: str | None = None
    body: str | None = None
    recipients: Sequence[str] | None = None
    seen: int | None = None


def ordered(store: Store, outbound: Outbound, order: Order, work: Callable[[Connection], str]) -> str:
    """Carry out an order about a draft. What a guard refuses is written down, whatever else is undone."""
    try:
        return carry_out(store, order, work)
    except (Refused, AgentDecides) as error:
        refused = error.refused if isinstance(error, AgentDecides) else error
        with store.begin() as connection:
            note_refusal(connection, outbound, refused)
        raise


def note_refusal(connection: Connection, outbound: Outbound, refused: Refused) -> None:
    """Append what says that an order was refused."""
    held = hold(connection, refused.draft) if refused.told else None
    if held is not None:
        now = outbound.clock()
        entries = refusals(connection, held.row, refused.refusal, now)
        ledger.append(connection, entries, outbound.plan, held.locked, now_us())


# --- the orders -----------------------------------------------------------------------------------------------------


def approve(connection: Connection, outbound: Outbound, id: str, approval: Approval, by: Human) -> str:
    """Approve a draft for sending. Raises NoSuch, Forbidden, Conflict, Stale and Refused, and then wrote nothing."""
    held, now = _held(connection, id), outbound.clock()
    row = held.row
    _demand_open(row)
    gate = _gate(connection, outbound, held, by)
    _demand_seen(row, approval.sha256)
    if row.state == "incomplete":
        _refuse(row, Refusal("R1", "INCOMPLETE", "without recipient, channel and text it cannot be sent: edit it"))
    if gate.four_eyes and any(outbound.names(by.name) & outbound.names(edit["by"]) for edit in json.loads(row.edits)):
        raise Forbidden(f"gate {gate.id} wants four eyes: whoever edited a text does not approve it")
    refusal = against(connection, outbound, held, now)
    if refusal is not None:
        _refuse(row, refusal)
    confirmed = _confirmed(connection, held, approval, now)
    fault = unsendable(row, outbound, by.name)
    if fault is not None:
        raise Conflict(f"it could not be sent: {fault}")
    decided = _decided(row, "approve", by, now, approval.note)
    waits = now if approval.now or row.not_before is None else max(now, row.not_before)
    values = {
        "state": "approved",
        "decided_by": by.name,
        "decided_at": now,
        "reason": approval.note,
        "approval": str(UUID(bytes=decided.id)),
        "confirmed": json.dumps(confirmed),
        "wake_at": waits if row.expires_at is None else min(waits, row.expires_at),
        "attempts": 0,
        "again_at": None,
    }
    return _done(connection, outbound, held, values, [decided], now)


def edit(connection: Connection, outbound: Outbound, id: str, wanted: Edit, by: Human) -> str:
    """Write a draft anew, or say that it stands although something came. What stood there before is kept."""
    held, now = _held(connection, id), outbound.clock()
    row = held.row
    if row.state not in (*OPEN, "failed"):  # what a provider refused went to nobody
        raise Conflict(f"draft {row.id} is {row.state}; only one that waits can be edited")
    recipients = json.loads(row.recipients) if wanted.recipients is None else _clean(wanted.recipients)
    subject = row.subject if wanted.subject is None else (wanted.subject or None)
    body = row.body if wanted.body is None else wanted.body
    audience = outbound.ours.audience(row.channel, recipients)
    gate = _gate(connection, outbound, held, by, audience)
    digest = content_sha256(row.channel, recipients, subject, body, attachments_of(row))
    before = {"by": by.name, "at": now, "sha256": row.sha256, "subject": row.subject, "body": row.body}
    before["recipients"] = json.loads(row.recipients)
    seen = ledger_head(connection) if wanted.seen is None else min(wanted.seen, ledger_head(connection))
    whole = bool(recipients and row.channel and body.strip())
    values: dict[str, Any] = {
        "recipients": json.dumps(recipients),
        "subject": subject,
        "body": body,
        "audience": audience,
        "gate": gate.id,
        "sha256": digest,
        "edits": json.dumps([*json.loads(row.edits), before]),
        "as_of": max(row.as_of, seen),
        "state": "pending" if whole else "incomplete",
        "wake_at": _next_look(row),
        "reason": None,
        "decided_by": None,
        "decided_at": None,
        "approval": None,
        "lease": None,
    }
    entries = []
    if digest != row.sha256:
        told = {**row._mapping, **values}
        entries.append(say(row, "approval.requested", request_fields(str(row.id), told), now))
    done = _done(connection, outbound, held, values, entries, now, asked=True)
    if digest != row.sha256 or row.state not in WAITING:
        ask(connection, outbound, gate, row.id, f"{by.name} edited a text; it waits for a decision.")
    return done


def reject(connection: Connection, outbound: Outbound, id: str, reason: str, by: Human) -> str:
    """Decide that a draft is never sent."""
    held, now = _held(connection, id), outbound.clock()
    _demand_open(held.row)
    _gate(connection, outbound, held, by)
    values = {"state": "rejected", "decided_by": by.name, "decided_at": now, "reason": reason, "wake_at": None}
    return _done(connection, outbound, held, values, [_decided(held.row, "reject", by, now, reason)], now)


def snooze(connection: Connection, outbound: Outbound, id: str, until: datetime, by: Human) -> str:
    """Put a draft aside until a time before it lapses."""
    held, now = _held(connection, id), outbound.clock()
    row, at = held.row, to_us(until)
    _demand_open(row)
    _gate(connection, outbound, held, by)
    if at <= now:
        raise Conflict("the time is past; name one that is to come")
    if row.expires_at is not None and at >= row.expires_at:
        raise Conflict("the draft lapses before that; name an earlier time, or reject it")
    values = {"state": "snoozed", "wake_at": at}
    return _done(connection, outbound, held, values, [_decided(row, "snooze", by, now, None)], now, asked=True)


def resolve(
    connection: Connection, outbound: Outbound, id: str, result: Literal["sent", "failed"], reason: str, by: Human
) -> str:
    """Say what became of a sending that nobody knows the end of, or of what is approved and is not to go from here.

    ``sent``: it went out, as when this store is a copy made before that. ``failed``: it did not, and does not.
    """
    held, now = _held(connection, id), outbound.clock()
    if held.row.state not in ("unknown", "approved"):
        raise Conflict(f"draft {held.row.id} is {held.row.state}; only one that is unknown or approved is resolved")
    _gate(connection, outbound, held, by)
    Settling(outbound).settle(connection, held, Sent(result, reason=reason), now, by.name)
    return f"drafts/{held.row.id}"


def demand_seen(connection: Connection, id: str, sha256: str) -> None:
    """Raise NoSuch, or Stale where the stored text is not the one of this digest."""
    _demand_seen(_held(connection, id).row, sha256)


# --- what they have in common ---------------------------------------------------------------------------------------


def _held(connection: Connection, id: str) -> Held:
    number = row_id(id)
    held = None if number is None else hold(connection, number)
    if held is None:
        raise NoSuch(f"there is no draft {id}")
    return held


def _demand_seen(row: Row[Any], sha256: str) -> None:
    if sha256 != row.sha256:
        raise Stale(f"draft {row.id} is no longer the text that you saw; read it again, and decide about its sha256")


def _demand_open(row: Row[Any]) -> None:
    """Raise where it is decided already."""
    if row.state == "expired":
        _refuse(row, Refusal("R74", "EXPIRED", f"draft {row.id} has lapsed: nobody decided in time"), told=False)
    if row.state not in OPEN:
        by = f" by {row.decided_by}" if row.decided_by else ""
        raise Conflict(f"draft {row.id} is {row.state} already{by}")


def _refuse(row: Row[Any], refusal: Refusal, *, told: bool = True) -> NoReturn:
    raise Refused(refusal, draft=row.id, map_row=row.gate, told=told)


def _gate(connection: Connection, outbound: Outbound, held: Held, by: Human, audience: str | None = None) -> Gate:
    """The gate of a draft as the map is now. Raises Refused where there is none, Forbidden where it is not theirs."""
    row = held.row
    gate = outbound.gate(connection, row.seat, row.channel, audience or row.audience, held.group.projection.stage)
    if gate is None:
        way = f"{row.channel} to a {audience or row.audience}"
        reason = f"no gate with a human opens {way} for {row.seat}: declare one in the roster's gates"
        _refuse(row, Refusal("R71", "AGENT_MAY_NOT_SEND", reason))
    why = outbound.may_not_decide(by, gate, row.author)
    if why is not None and outbound.is_agent(by.name):
        # Not only told off: that an agent tried is something that the humans see.
        raise AgentDecides(Refused(Refusal("R71", "AGENT_MAY_NOT_SEND", why), draft=row.id, map_row=row.gate))
    if why is not None:
        raise Forbidden(why)
    return gate


def _confirmed(connection: Connection, held: Held, approval: Approval, now: int) -> dict[str, Any]:
    """What the human was asked besides and said yes to. Raises Refused where one is left to answer."""
    row, said = held.row, set(approval.confirm)
    beside, missing = conflicts(connection, [row.id], now)[row.id], json.loads(row.missing)
    if beside and "conflicts" not in said:
        many = ", ".join(map(str, beside))
        reason = f'the customer gets this besides draft {many}: read both, and confirm "conflicts" if they go together'
        _refuse(row, Refusal("R63", "CONFLICT", reason, evidence=tuple(map(str, beside))), told=False)
    if missing and "missing" not in said:
        reason = f'its author did not have: {", ".join(missing)}; confirm "missing" if you know enough'
        _refuse(row, Refusal("R1", "INCOMPLETE", reason, missing=tuple(missing)), told=False)
    confirmed: dict[str, Any] = {"conflicts": [str(one) for one in beside]} if beside else {}
    if missing:
        confirmed["missing"] = missing
    return confirmed | _picked(connection, held, approval.picks)


def _picked(connection: Connection, held: Held, picks: Mapping[str, float]) -> dict[str, Any]:
    """Which numbers the human stands by, and what was said against them. Raises Refused where one is left to pick."""
    row = held.row
    refusal = contradiction(connection, row, held.group.id, picks, None)
    if refusal is not None:
        _refuse(row, refusal)
    if not picks:
        return {}
    over = {one.metric: amount(one.stated) for one in contradictions(connection, row, held.group.id)}
    return {"picks": dict(picks), "over": over}


def _decided(row: Row[Any], decision: str, by: Human, now: int, reason: str | None) -> ledger.Entry:
    edited = any(before["sha256"] != row.sha256 for before in json.loads(row.edits))
    fields = {
        "draft_id": str(row.id),
        "draft_sha256": row.sha256,
        "decision": decision,
        "by": by.name,
        "edited": edited,
        "reason": reason,
        "map_row": row.gate,
        "map_version": row.map_version,
    }
    return say(row, "approval.decided", {name: value for name, value in fields.items() if value}, now)


def _done(
    connection: Connection,
    outbound: Outbound,
    held: Held,
    values: Mapping[str, Any],
    entries: Sequence[ledger.Entry],
    now: int,
    *,
    asked: bool = False,
) -> str:
    """Write what was ordered; ``asked``: a decision is still asked for."""
    row = held.row
    if not change(connection, row, **values):
        raise Conflict(f"somebody else has just decided about draft {row.id}; read it again")
    if not asked:
        end_reminders(connection, json.loads(row.reminders), values.get("decided_by") or "", now)
    ledger.append(connection, list(entries), outbound.plan, held.locked, now_us())
    ring(connection)
    return f"drafts/{row.id}"


def _next_look(row: Row[Any]) -> int | None:
    times = [at for at in (row.remind_at, row.expires_at) if at is not None]
    return min(times, default=None)


def _clean(recipients: Sequence[str]) -> list[str]:
    return [one.strip() for one in recipients if one.strip()]
