"""The timeline of a customer: everything about an account and those linked with it, oldest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from heapq import merge
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from seamline_workers.store.desk_schema import LOG, deadlines, drafts, effects, flags, messages, tasks
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.handoffs import handoff_id, log_id, shown_state
from seamline_workers.store.reading.masking import shown
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.shapes import Page, TimelineItem
from seamline_workers.store.schema import SEAT_LANE, events, handoffs, lanes
from seamline_workers.store.store import Store

FILTERS = ("type", "seat", "since", "until")

#: A line's place: its time, its kind's rank, its row's number, and what tells rows of one number apart.
_Place = tuple[int, int, int, str]
_Line = tuple[_Place, TimelineItem]


@dataclass(frozen=True)
class _Wanted:
    """What of which accounts is wanted, and the place after which to go on."""

    members: tuple[int, ...]
    query: Query
    place: _Place | None
    unmasked: bool

    def window(
        self, rank: int, at: ColumnElement[Any], number: ColumnElement[Any], name: ColumnElement[Any] | None = None
    ) -> list[ColumnElement[bool]]:
        """The conditions that leave what comes after the place, and of that what the query's times allow."""
        found = self.query.within(at)
        if self.place is None:
            return found
        when, last_rank, last_number, last_name = self.place
        if rank != last_rank:
            found.append(at >= when if rank > last_rank else at > when)
            return found
        same = number > last_number
        if name is not None:
            same = or_(same, and_(number == last_number, name > last_name))
        found.append(or_(at > when, and_(at == when, same)))
        return found

    def typed(self) -> list[ColumnElement[bool]]:
        """The conditions on the events."""
        found: list[ColumnElement[bool]] = [events.c.account_id.in_(self.members)]
        if self.query.type is not None:
            found.append(self.query.type.fits(events.c.type, events.c.version))
        return found

    def at_seat(self, *columns: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """The condition that one of these columns names the seat."""
        seat = self.query.seat
        return [] if seat is None else [or_(*(column == seat for column in columns))]

    def text(self, value: str | None) -> str:
        """Free text, masked where it must be."""
        return shown(value, self.unmasked) or ""


def timeline(store: Store, key: str, query: Query, *, unmasked: bool) -> Page[TimelineItem] | None:
    """Oldest first, by when things happened; None: no account has this id or key.

    ``type`` is about the events, and about the handoffs and lines that they led to.
    """
    place: _Place | None = query.after("timeline", int, int, int, str)
    with store.read() as connection:
        members = group.members(connection, key)
        if not members:
            return None
        wanted = _Wanted(members, query, place, unmasked)
        readers = _OF_EVENTS if query.type is not None else _OF_EVENTS + _OF_ACCOUNTS
        read = [
            [line(row) for row in connection.execute(chosen.limit(query.limit + 1))]
            for chosen, line in (reader(wanted) for reader in readers)
        ]
    lines = list(merge(*read, key=lambda line: line[0]))[: query.limit + 1]
    return page("timeline", lines, query.limit, lambda line: line[0], lambda kept: [item for _, item in kept])


def _events(wanted: _Wanted) -> _Reading:
    columns = (events.c.seq, events.c.id, events.c.type, events.c.source, events.c.occurred_at, events.c.cause)
    conditions = wanted.typed() + wanted.window(0, events.c.occurred_at, events.c.seq)
    if wanted.query.seat is not None:
        conditions.append(events.c.source == f"/seats/{wanted.query.seat}")
    chosen = select(*columns).where(*conditions).order_by(events.c.occurred_at, events.c.seq)

    def line(row: Any) -> _Line:
        seat = row.source.removeprefix("/seats/") if row.source.startswith("/seats/") else None
        cause = None if row.cause is None else str(UUID(bytes=row.cause))
        item = _item(row.occurred_at, "event", str(UUID(bytes=row.id)), seat, f"{row.type} from {row.source}", cause)
        return (row.occurred_at, 0, row.seq, ""), item

    return chosen, line


def _handoffs(wanted: _Wanted) -> _Reading:
    on_lane = and_(lanes.c.kind == SEAT_LANE, lanes.c.key == handoffs.c.account_id, lanes.c.seat == handoffs.c.seat)
    joined = handoffs.join(events, events.c.seq == handoffs.c.event_seq).outerjoin(lanes, on_lane)
    place = (handoffs.c.created_at, handoffs.c.event_seq, handoffs.c.seat)
    chosen = (
        select(*handoffs.c, events.c.id.label("event_id"), events.c.type, shown_state())
        .select_from(joined)
        .where(*wanted.typed(), *wanted.window(1, *place), *wanted.at_seat(handoffs.c.seat))
        .order_by(*place)
    )

    def line(row: Any) -> _Line:
        text = f"{row.type} to {row.seat}: {row.shown}" + (f" ({row.reason})" if row.reason else "")
        number, cause = handoff_id(row.event_seq, row.seat), str(UUID(bytes=row.event_id))
        return (row.created_at, 1, row.event_seq, row.seat), _item(
            row.created_at, "handoff", number, row.seat, text, cause
        )

    return chosen, line


def _logs(wanted: _Wanted) -> _Reading:
    name = effects.c.seat + "." + effects.c.key
    place = (effects.c.at, effects.c.event_seq, name)
    chosen = (
        select(*effects.c, events.c.id.label("event_id"), name.label("name"))
        .join(events, events.c.seq == effects.c.event_seq)
        .where(effects.c.kind == LOG, *wanted.typed(), *wanted.window(2, *place), *wanted.at_seat(effects.c.seat))
        .order_by(*place)
    )

    def line(row: Any) -> _Line:
        number, cause = log_id(row.event_seq, row.seat, row.key), str(UUID(bytes=row.event_id))
        item = _item(row.at, "log", number, row.seat, wanted.text(row.data), cause)
        return (row.at, 2, row.event_seq, row.name), item

    return chosen, line


def _flags(wanted: _Wanted) -> _Reading:
    place = (flags.c.raised_at, flags.c.id)
    conditions = [flags.c.account_id.in_(wanted.members), *wanted.window(3, *place), *wanted.at_seat(flags.c.seat)]
    chosen = select(*flags.c, flags.c.count.label("times")).where(*conditions).order_by(*place)

    def line(row: Any) -> _Line:
        times = f" ({row.times} times)" if row.times > 1 else ""
        cleared = f", cleared by {row.cleared_by}" if row.state == "cleared" else ""
        evidence = json.loads(row.evidence)
        text = f"{row.name}{times}{cleared}: {wanted.text(row.text)}"
        cause = evidence[0] if evidence else None
        return (row.raised_at, 3, row.id, ""), _item(row.raised_at, "flag", str(row.id), row.seat, text, cause)

    return chosen, line


def _tasks(wanted: _Wanted) -> _Reading:
    place = (tasks.c.created_at, tasks.c.id)
    conditions = [tasks.c.account_id.in_(wanted.members), *wanted.window(4, *place), *wanted.at_seat(tasks.c.seat)]
    chosen = select(tasks).where(*conditions).order_by(*place)

    def line(row: Any) -> _Line:
        text = f"{wanted.text(row.title)} ({row.state})"
        return (row.created_at, 4, row.id, ""), _item(row.created_at, "task", str(row.id), row.seat, text, row.cause)

    return chosen, line


def _messages(wanted: _Wanted) -> _Reading:
    place = (messages.c.created_at, messages.c.id)
    seats = wanted.at_seat(messages.c.from_seat, messages.c.to_seat)
    conditions = [messages.c.account_id.in_(wanted.members), *wanted.window(5, *place), *seats]
    chosen = select(messages).where(*conditions).order_by(*place)

    def line(row: Any) -> _Line:
        text = f"{row.kind} to {row.to_seat}, {row.topic}: {wanted.text(row.body)}"
        item = _item(row.created_at, "message", str(row.id), row.from_seat, text, row.cause)
        return (row.created_at, 5, row.id, ""), item

    return chosen, line


def _drafts(wanted: _Wanted) -> _Reading:
    place = (drafts.c.created_at, drafts.c.id)
    conditions = [drafts.c.account_id.in_(wanted.members), *wanted.window(6, *place), *wanted.at_seat(drafts.c.seat)]
    chosen = select(drafts).where(*conditions).order_by(*place)

    def line(row: Any) -> _Line:
        text = (
            f"{row.channel or 'no channel'} to a {row.audience} ({row.state}): {wanted.text(row.subject or row.body)}"
        )
        return (row.created_at, 6, row.id, ""), _item(row.created_at, "draft", str(row.id), row.seat, text, row.cause)

    return chosen, line


def _decisions(wanted: _Wanted) -> _Reading:
    """What humans decided about drafts, as it stands."""
    at = func.coalesce(drafts.c.decided_at, 0)
    place = (at, drafts.c.id)
    decided = [drafts.c.decided_at.is_not(None), drafts.c.account_id.in_(wanted.members)]
    conditions = [*decided, *wanted.window(7, *place), *wanted.at_seat(drafts.c.seat)]
    chosen = select(drafts).where(*conditions).order_by(*place)

    def line(row: Any) -> _Line:
        verdict = "rejected" if row.state == "rejected" else "approved"
        why = f": {wanted.text(row.reason)}" if row.reason and row.state == "rejected" else ""
        text = f"draft {row.id} {verdict} by {row.decided_by}{why}"
        item = _item(row.decided_at, "decision", str(row.id), row.seat, text, row.cause)
        return (row.decided_at, 7, row.id, ""), item

    return chosen, line


def _deadlines(wanted: _Wanted) -> _Reading:
    """What is expected by when, by when that was begun; not what is asked every day."""
    place = (deadlines.c.created_at, deadlines.c.id)
    mine = (deadlines.c.account_id.in_(wanted.members), deadlines.c.kind != "daily")
    conditions = [*mine, *wanted.window(8, *place), *wanted.at_seat(deadlines.c.seat)]
    chosen = select(deadlines).where(*conditions).order_by(*place)

    def line(row: Any) -> _Line:
        rule = f", {row.rule}" if row.rule else ""
        text = f"{row.name} by {moment.written(row.due_at)} ({row.state}{rule})"
        cause = str(UUID(bytes=row.cause)) if row.cause else None
        return (row.created_at, 8, row.id, ""), _item(row.created_at, "deadline", str(row.id), row.seat, text, cause)

    return chosen, line


_Reading = tuple[Select[Any], Callable[[Any], _Line]]
_Reader = Callable[[_Wanted], _Reading]
_OF_EVENTS: tuple[_Reader, ...] = (_events, _handoffs, _logs)
_OF_ACCOUNTS: tuple[_Reader, ...] = (_flags, _tasks, _messages, _drafts, _decisions, _deadlines)


def _item(at: int, kind: str, id: str, seat: str | None, text: str, cause: str | None) -> TimelineItem:
    return {"at": moment.written(at), "kind": kind, "id": id, "seat": seat, "text": text, "cause": cause}
