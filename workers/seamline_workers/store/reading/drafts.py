"""Drafts: the queue of what waits for a human, and the dispatches that came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, case, func, literal, select

from seamline_workers.store.desk_schema import DRAFT_STATES, drafts
from seamline_workers.store.drafts import OPEN, conflicts
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.masking import masked, shown
from seamline_workers.store.reading.packet import packet
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query, row_id
from seamline_workers.store.reading.shapes import Dispatch, Draft, Known, Page
from seamline_workers.store.schema import accounts, events
from seamline_workers.store.store import Store

STATES = DRAFT_STATES
DISPATCH_STATES = ("approved", "dispatching", "sent", "failed", "unknown")
FILTERS = ("type", "account", "seat", "state", "since", "until")

#: Drafts without a due time come last.
_DUE = func.coalesce(drafts.c.due_at, literal(2**62))


def list_drafts(store: Store, query: Query, *, unmasked: bool, now: int, seats: Collection[str] = ()) -> Page[Draft]:
    """By due time; ``type`` is the fact that a draft's dispatch makes, times are when it was written.

    ``now`` is business time; ``seats`` are the names that a customer should not read.
    """
    key = query.after("draft", int, int)
    conditions = _conditions(query)
    if key is not None:
        conditions.append((key[0] < _DUE) | ((key[0] == _DUE) & (drafts.c.id > key[1])))
    with store.read() as connection:
        if query.account is not None:
            conditions.append(drafts.c.account_id.in_(group.members(connection, query.account)))
        chosen = select(drafts).where(*conditions).order_by(_DUE, drafts.c.id).limit(query.limit + 1)
        rows = connection.execute(chosen).all()

        def shapes(kept: list[Row[Any]]) -> list[Draft]:
            times, beside = _times(connection, kept), _beside(connection, kept, now)
            return [_shape(row, times, beside, unmasked, seats) for row in kept]

        return page("draft", rows, query.limit, lambda row: (row.due_at or 2**62, row.id), shapes)


def show_draft(store: Store, id: str, *, unmasked: bool, now: int, seats: Collection[str] = ()) -> Draft | None:
    """One draft with its packet, and what stood there before each edit."""
    number = row_id(id)
    if number is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(drafts).where(drafts.c.id == number)).first()
        if row is None:
            return None
        draft = _shape(row, _times(connection, [row]), _beside(connection, [row], now), unmasked, seats)
        draft["packet"] = packet(connection, row, _group(connection, row.account_id), unmasked=unmasked)
        draft["edits"] = [_edit(before, unmasked) for before in json.loads(row.edits)]
    return draft


def _conditions(query: Query) -> list[Any]:
    conditions = query.within(drafts.c.created_at)
    if query.type is not None:
        conditions.append(query.type.fits(drafts.c.sends))
    if query.seat is not None:
        conditions.append(drafts.c.seat == query.seat)
    if query.state is not None:
        conditions.append(drafts.c.state == query.state)
    return conditions


def _group(connection: Connection, account: int) -> int:
    head = select(func.coalesce(accounts.c.group_id, accounts.c.id)).where(accounts.c.id == account)
    return int(connection.execute(head).scalar_one())


def _times(connection: Connection, rows: Iterable[Row[Any]]) -> dict[str, int]:
    """When the events happened that these drafts rest on."""
    wanted = [identity for row in rows for one in json.loads(row.sources) if (identity := _uuid(one)) is not None]
    if not wanted:
        return {}
    found = connection.execute(select(events.c.id, events.c.occurred_at).where(events.c.id.in_(wanted)))
    return {str(UUID(bytes=bytes(identity))): at for identity, at in found}


def _uuid(text: str) -> bytes | None:
    try:
        return UUID(text).bytes
    except ValueError:
        return None


def _beside(connection: Connection, rows: Iterable[Row[Any]], now: int) -> dict[int, list[int]]:
    """What stands beside those of these drafts that may still leave."""
    return conflicts(connection, [row.id for row in rows if row.state in (*OPEN, "approved")], now)


def _shape(
    row: Row[Any], times: dict[str, int], beside: dict[int, list[int]], unmasked: bool, seats: Collection[str]
) -> Draft:
    sources: list[Known] = [
        {"id": one, "at": moment.written_or_none(times.get(one))} for one in json.loads(row.sources)
    ]
    recipients = json.loads(row.recipients)
    return {
        "id": str(row.id),
        "account": str(row.account_id),
        "seat": row.seat,
        "channel": row.channel,
        "audience": row.audience,
        "recipients": recipients if unmasked else masked(recipients),
        "subject": shown(row.subject, unmasked),
        "body": shown(row.body, unmasked) or "",
        "attachments": [one["name"] for one in json.loads(row.attachments)],
        "sha256": row.sha256,
        "state": row.state,
        "sends": row.sends,
        "thread": row.thread,
        "due_at": moment.written_or_none(row.due_at),
        "expires_at": moment.written_or_none(row.expires_at),
        "not_before": moment.written_or_none(row.not_before),
        "tone": row.tone,
        "stage": row.stage,
        "map_row": row.gate,
        "sources": sources,
        "missing": json.loads(row.missing),
        "conflicts": [str(one) for one in beside.get(row.id, ())],
        "warnings": _seats_in(f"{row.subject or ''}\n{row.body}", seats),
        "edited": any(before["sha256"] != row.sha256 for before in json.loads(row.edits)),
        "author": row.author,
        "decided_by": row.decided_by,
        "decided_at": moment.written_or_none(row.decided_at),
        "reason": shown(row.reason, unmasked),
        "created_at": moment.written(row.created_at),
    }


def _seats_in(text: str, seats: Collection[str]) -> list[str]:
    """Seats whose names stand in a text. They are also plain words, so it only warns."""
    words = {word.lower() for word in re.findall(r"\w+", text)}
    return [f"the text says {name!r}, which is a seat's name" for name in sorted(seats) if name in words]


def _edit(before: dict[str, Any], unmasked: bool) -> dict[str, Any]:
    told = before | {"at": moment.written(before["at"])}
    return told if unmasked else told | {name: masked(told.get(name)) for name in ("subject", "body", "recipients")}


# --- dispatches -----------------------------------------------------------------------------------------------------

#: Whoever was approved once and given back waits for a decision again, and is no dispatch.
_APPROVED = drafts.c.state.in_(DISPATCH_STATES)
_AT = case((drafts.c.decided_at.is_(None), drafts.c.created_at), else_=drafts.c.decided_at)


def list_dispatches(store: Store, query: Query, *, unmasked: bool) -> Page[Dispatch]:
    """Newest approval first; ``type`` is the fact that the dispatch makes, times are when it was approved."""
    key = query.after("dispatch", int, int)
    conditions = [_APPROVED, *query.within(_AT)]
    if query.type is not None:
        conditions.append(query.type.fits(drafts.c.sends))
    if query.seat is not None:
        conditions.append(drafts.c.seat == query.seat)
    if query.state is not None:
        conditions.append(drafts.c.state == query.state)
    if key is not None:
        conditions.append((key[0] > _AT) | ((key[0] == _AT) & (drafts.c.id < key[1])))
    with store.read() as connection:
        if query.account is not None:
            conditions.append(drafts.c.account_id.in_(group.members(connection, query.account)))
        chosen = select(drafts).where(*conditions).order_by(_AT.desc(), drafts.c.id.desc()).limit(query.limit + 1)
        rows = connection.execute(chosen).all()
    return page(
        "dispatch",
        rows,
        query.limit,
        lambda row: (row.decided_at or row.created_at, row.id),
        lambda kept: [_dispatch(row, unmasked) for row in kept],
    )


def show_dispatch(store: Store, id: str, *, unmasked: bool) -> Dispatch | None:
    """One dispatch, by its draft's id."""
    number = row_id(id)
    if number is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(drafts).where(drafts.c.id == number, _APPROVED)).first()
    return None if row is None else _dispatch(row, unmasked)


def _dispatch(row: Row[Any], unmasked: bool) -> Dispatch:
    recipients = json.loads(row.recipients)
    return {
        "id": str(row.id),
        "draft": str(row.id),
        "account": str(row.account_id),
        "seat": row.seat,
        "channel": row.channel,
        "audience": row.audience,
        "recipients": recipients if unmasked else masked(recipients),
        "sha256": row.sha256,
        "state": row.state,
        "approved_by": row.decided_by,
        "approved_at": moment.written_or_none(row.decided_at),
        "due_at": moment.written_or_none(row.again_at or row.wake_at),
        "attempts": row.attempts,
        "message_ref": row.message_ref,
        "sent_at": moment.written_or_none(row.sent_at),
        "reason": shown(row.reason, unmasked),
    }
