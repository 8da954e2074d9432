"""Reviewing: what stands against a draft, when a human decides about it and once more at the instant of sending.

The caller holds the lock of the draft's account.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row

from seamline.call import Call, Submission
from seamline.dispatch import ApprovedDispatch, NotApproved, content_sha256
from seamline.errors import SeamlineError
from seamline.guard import Refusal
from seamline_workers.company.channel import Channel
from seamline_workers.effects.guarding import refused
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.outbound.stating import contradiction
from seamline_workers.rules.question import refusal_of
from seamline_workers.store.drafts import Held, approved_sha256, attachments_of, heard_since, say
from seamline_workers.store.entry import Entry
from seamline_workers.translation.interpret import from_us


def against(connection: Connection, outbound: Outbound, held: Held, now: int) -> Refusal | None:
    """The first thing that stands against sending a draft, whoever approves it; None: nothing does."""
    row = held.row
    for refusal in (
        _lapsed(row, now),
        _regraded(outbound, row),
        _closed(connection, outbound, held),
        _stale(connection, held),
        _changed(row),
    ):
        if refusal is not None:
            return refusal
    fields = {**json.loads(row.fields), "figures": json.loads(row.figures)}
    group, customer = held.group, row.audience == "customer"
    for event_type in filter(None, (row.sends, row.under, "draft.dispatched")):
        found = refusal_of(
            connection, outbound.roster, event_type, fields, group.id, group.projection, now, customer=customer
        )
        if found is not None:
            return found
    return None


def unapproved(connection: Connection, held: Held) -> Refusal | None:
    """Refuse what the ledger does not say was approved, to the letter, and numbers that a later call contradicts."""
    row = held.row
    if approved_sha256(connection, row) != row.sha256:
        return Refusal("R71", "CONFLICT", "the ledger knows no approval of exactly this text: decide about it again")
    confirmed = json.loads(row.confirmed)
    return contradiction(connection, row, held.group.id, confirmed.get("picks", {}), confirmed.get("over", {}))


def _lapsed(row: Row[Any], now: int) -> Refusal | None:
    if row.expires_at is None or now < row.expires_at:
        return None
    return Refusal(
        "R74", "EXPIRED", f"it lapsed at {from_us(row.expires_at):%Y-%m-%d %H:%M} UTC and is never sent late"
    )


def _closed(connection: Connection, outbound: Outbound, held: Held) -> Refusal | None:
    row = held.row
    if outbound.gate(connection, row.seat, row.channel, row.audience, held.group.projection.stage) is not None:
        return None
    way = f"{row.channel} to a {row.audience}"
    return Refusal("R71", "AGENT_MAY_NOT_SEND", f"no gate with a human opens {way} for {row.seat} any more")


def _regraded(outbound: Outbound, row: Row[Any]) -> Refusal | None:
    """Refuse what was for our own people, where one of them is so no more: another gate decides about it."""
    audience = outbound.ours.audience(row.channel, json.loads(row.recipients))
    if audience == row.audience:
        return None
    return Refusal("R72", "CONFLICT", f"its recipients are a {audience}'s now: edit it, and its own gate decides")


def _stale(connection: Connection, held: Held) -> Refusal | None:
    news = heard_since(connection, held.row, held.group.id)
    if not news:
        return None
    many = "a message came" if len(news) == 1 else f"{len(news)} messages came"
    reason = f"{many} after what this text knew: read what is new, and edit it or say by an edit that it stands"
    return Refusal("R2", "STALE_CONTEXT", reason, evidence=tuple(news))


def _changed(row: Row[Any]) -> Refusal | None:
    found = content_sha256(row.channel, json.loads(row.recipients), row.subject, row.body, attachments_of(row))
    if found == row.sha256:
        return None
    return Refusal("R49", "CONFLICT", "the stored text is not what its digest says: somebody changed it past the desk")


def refusals(connection: Connection, row: Row[Any], refusal: Refusal, now: int) -> list[Entry]:
    """What the engine says of a refusal about a draft."""
    asked = say(row, "draft.dispatched", {}, now, "asked")
    return refused(connection, asked, refusal, row.gate)


# --- what the channel says ------------------------------------------------------------------------------------------


def dispatch_of(row: Row[Any], outbound: Outbound, channel: Channel, approver: str) -> ApprovedDispatch:
    """The draft as its channel gets it. Raises NotApproved where it is not what its digest says."""
    return ApprovedDispatch(
        draft_id=str(row.id),
        sha256=row.sha256,
        channel=row.channel,
        recipients=tuple(json.loads(row.recipients)),
        body=row.body,
        approved_by=approver,
        subject=row.subject,
        attachments=attachments_of(row),
        expires_at=None if row.expires_at is None else from_us(row.expires_at),
        sender=outbound.sender(channel, approver),
        thread=row.thread,
        in_reply_to=row.in_reply_to,
    )


def unsendable(row: Row[Any], outbound: Outbound, approver: str) -> str | None:
    """Why a draft's channel could not send it, and what to mend; None: it could. Nothing is sent."""
    channel = outbound.channels.get(row.channel)
    if channel is None:
        known = ", ".join(sorted(outbound.channels)) or "none"
        return f"no channel is named {row.channel!r}; there are: {known}; write it under [channels.{row.channel}]"
    if not all(one.isprintable() for one in json.loads(row.recipients)):
        # A line end makes two of one, and what turns the direction of writing reads as somebody else.
        return "a recipient holds a character that cannot be seen: edit it"
    try:
        dispatch = dispatch_of(row, outbound, channel, approver)
        fault = channel.adapter.preflight(dispatch)
        return fault if fault is not None else _lacking(channel, dispatch)
    except NotApproved:
        raise
    except SeamlineError as error:
        return str(error)
    except Exception as error:  # an adapter's own fault must not approve anything
        return f"the channel {channel.name} cannot say whether it could send this: {type(error).__name__}"


def _lacking(channel: Channel, dispatch: ApprovedDispatch) -> str | None:
    """The secret that the channel's first call needs and does not have."""
    calls = channel.adapter.send(dispatch)
    try:
        first = next(calls, None)
    finally:
        calls.close()
    for name in _secrets(first):
        if not channel.secrets.get(name):
            return f"the channel has no secret {name!r}; write it under [channels.{channel.name}.secrets]"
    return None


def _secrets(call: Call | Submission | None) -> Iterator[str]:
    if isinstance(call, Submission):
        yield from filter(None, (call.secret,))
    elif call is not None:
        yield from filter(None, (call.secret, *call.json_secrets.values()))
