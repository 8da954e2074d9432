"""The timeline of a customer: everything about an account and those linked with it, oldest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from heapq import merge
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.handoffs import handoff_id, log_id, shown_state
from seamline_workers.store.reading.masking import shown
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.shapes import Page, TimelineItem
from seamline_workers.store.schema import LOG, SEAT_LANE, effects, events, flags, handoffs, lanes, messages, tasks
from seamline_workers.store.store import Store

FILTERS = ("type", "seat", "since", "until")

#: A line's place: its time, its kind's rank, its row's number, and what tells rows of one number apart.
_Place = tuple[int, int, int, str]
_Line = tuple[_Place, TimelineItem]
_Reader = Callable[[Connection, tuple[int, ...], Query, "_Place | None", bool], list[_Line]]


def timeline(store: Store, key: str, query: Query, *, unmasked: bool) -> Page[TimelineItem] | None:
    """Oldest first, by when things happened; None: no account has this id or key.

    ``type`` and ``seat`` are about the events, and about the handoffs and lines of their seats.
    """
    place: _Place | None = query.after("timeline", int, int, int, str)
    with store.read() as connection:
        members = group.members(connection, key)
        if not members:
            return None
        read = [reader(connection, members, query, place, unmasked) for reader in _READERS]
    lines = list(merge(*read, key=lambda line: line[0]))[: query.limit + 1]
    return page("timeline", lines, query.limit, lambda line: line[0], lambda kept: [item for _, item in kept])


def _window(
    query: Query,
    place: _Place | None,
    rank: int,
    at: ColumnElement[Any],
    number: ColumnElement[Any],
    name: ColumnElement[Any] | None = None,
) -> list[ColumnElement[bool]]:
    """The conditions that leave what comes after a place, and of that what the query's times allow."""
    found = query.within(at)
    if place is None:
        return found
    when, last_rank, last_number, last_name = place
    if rank != last_rank:
        found.append(at >= when if rank > last_rank else at > when)
        return found
    same = number > last_number
    if name is not None:
        same = or_(same, and_(number == last_number, name > last_name))
    found.append(or_(at > when, and_(at == when, same)))
    return found


def _events(
    connection: Connection, members: tuple[int, ...], query: Query, place: _Place | None, unmasked: bool
) -> list[_Line]:
    conditions = [events.c.account_id.in_(members), *_window(query, place, 0, events.c.occurred_at, events.c.seq)]
    if query.type is not None:
        conditions.append(query.type.fits(events.c.type, events.c.version))
    if query.seat is not None:
        conditions.append(events.c.source == f"/seats/{query.seat}")
    columns = (events.c.seq, events.c.id, events.c.type, events.c.source, events.c.occurred_at, events.c.cause)
    chosen = select(*columns).where(*conditions).order_by(events.c.occurred_at, events.c.seq)

    def line(row: Row[Any]) -> _Line:
        made_by = row.source.removeprefix("/seats/") if row.source.startswith("/seats/") else None
        cause = None if row.cause is None else str(UUID(bytes=row.cause))
        return (row.occurred_at, 0, row.seq, ""), _item(
            row.occurred_at, "event", str(UUID(bytes=row.id)), made_by, f"{row.type} from {row.source}", cause
        )

    return _lines(connection, chosen, query, line)


def _handoffs(
    connection: Connection, members: tuple[int, ...], query: Query, place: _Place | None, unmasked: bool
) -> list[_Line]:
    on_lane = and_(lanes.c.kind == SEAT_LANE, lanes.c.key == handoffs.c.account_id, lanes.c.seat == handoffs.c.seat)
    joined = handoffs.join(events, events.c.seq == handoffs.c.event_seq).outerjoin(lanes, on_lane)
    conditions = [
        events.c.account_id.in_(members),
        *_window(query, place, 1, handoffs.c.created_at, handoffs.c.event_seq, handoffs.c.seat),
        *_of(query, handoffs.c.seat),
    ]
    chosen = (
        select(*handoffs.c, events.c.id.label("event_id"), events.c.type, shown_state())
        .select_from(joined)
        .where(*conditions)
        .order_by(handoffs.c.created_at, handoffs.c.event_seq, handoffs.c.seat)
    )

    def line(row: Row[Any]) -> _Line:
        text = f"{row.type} to {row.seat}: {row.shown}" + (f" ({row.reason})" if row.reason else "")
        id = handoff_id(row.event_seq, row.seat)
        return (row.created_at, 1, row.event_seq, row.seat), _item(
            row.created_at, "handoff", id, row.seat, text, str(UUID(bytes=row.event_id))
        )

    return _lines(connection, chosen, query, line)


def _logs(
    connection: Connection, members: tuple[int, ...], query: Query, place: _Place | None, unmasked: bool
) -> list[_Line]:
    name = effects.c.seat + "." + effects.c.key
    conditions = [
        events.c.account_id.in_(members),
        effects.c.kind == LOG,
        *_window(query, place, 2, effects.c.at, effects.c.event_seq, name),
        *_of(query, effects.c.seat),
    ]
    chosen = (
        select(*effects.c, events.c.id.label("event_id"), name.label("name"))
        .join(events, events.c.seq == effects.c.event_seq)
        .where(*conditions)
        .order_by(effects.c.at, effects.c.event_seq, name)
    )

    def line(row: Row[Any]) -> _Line:
        text = shown(row.data, unmasked) or ""
        id = log_id(row.event_seq, row.seat, row.key)
        return (row.at, 2, row.event_seq, row.name), _item(
            row.at, "log", id, row.seat, text, str(UUID(bytes=row.event_id))
        )

    return _lines(connection, chosen, query, line)


def _flags(
    connection: Connection, members: tuple[int, ...], query: Query, place: _Place | None, unmasked: bool
) -> list[_Line]:
    if query.type is not None:
        return []
    conditions = [flags.c.account_id.in_(members), *_window(query, place, 3, flags.c.raised_at, flags.c.id)]
    conditions += [] if query.seat is None else [flags.c.seat == query.seat]
    chosen = select(flags).where(*conditions).order_by(flags.c.raised_at, flags.c.id)

    def line(row: Row[Any]) -> _Line:
        times = f" ({row.count} times)" if row.count > 1 else ""
        cleared = f", cleared by {row.cleared_by}" if row.state == "cleared" else ""
        text = f"{row.name}{times}{cleared}: {shown(row.text, unmasked)}"
        evidence = json.loads(row.evidence)
        cause = evidence[0] if evidence else None
        return (row.raised_at, 3, row.id, ""), _item(row.raised_at, "flag", str(row.id), row.seat, text, cause)

    return _lines(connection, chosen, query, line)


def _tasks(
    connection: Connection, members: tuple[int, ...], query: Query, place: _Place | None, unmasked: bool
) -> list[_Line]:
    if query.type is not None:
        return []
    conditions = [tasks.c.account_id.in_(members), *_window(query, place, 4, tasks.c.created_at, tasks.c.id)]
    conditions += [] if query.seat is None else [tasks.c.seat == query.seat]
    chosen = select(tasks).where(*conditions).order_by(tasks.c.created_at, tasks.c.id)

    def line(row: Row[Any]) -> _Line:
        text = f"{shown(row.title, unmasked)} ({row.state})"
        return (row.created_at, 4, row.id, ""), _item(row.created_at, "task", str(row.id), row.seat, text, row.cause)

    return _lines(connection, chosen, query, line)


def _messages(
    connection: Connection, members: tuple[int, ...], query: Query, place: _Place | None, unmasked: bool
) -> list[_Line]:
    if query.type is not None:
        return []
    conditions = [messages.c.account_id.in_(members), *_window(query, place, 5, messages.c.created_at, messages.c.id)]
    if query.seat is not None:
        conditions.append(or_(messages.c.from_seat == query.seat, messages.c.to_seat == query.seat))
    chosen = select(messages).where(*conditions).order_by(messages.c.created_at, messages.c.id)

    def line(row: Row[Any]) -> _Line:
        text = f"{row.kind} to {row.to_seat}, {row.topic}: {shown(row.body, unmasked)}"
        return (row.created_at, 5, row.id, ""), _item(
            row.created_at, "message", str(row.id), row.from_seat, text, row.cause
        )

    return _lines(connection, chosen, query, line)


_READERS: tuple[_Reader, ...] = (_events, _handoffs, _logs, _flags, _tasks, _messages)


def _of(query: Query, seat: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.type is not None:
        found.append(query.type.fits(events.c.type, events.c.version))
    if query.seat is not None:
        found.append(seat == query.seat)
    return found


def _lines(connection: Connection, chosen: Select[Any], query: Query, line: Callable[[Row[Any]], _Line]) -> list[_Line]:
    return [line(row) for row in connection.execute(chosen.limit(query.limit + 1))]


def _item(at: int, kind: str, id: str, seat: str | None, text: str, cause: str | None) -> TimelineItem:
    return {"at": moment.written(at), "kind": kind, "id": id, "seat": seat, "text": text, "cause": cause}
