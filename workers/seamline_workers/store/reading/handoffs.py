"""Handoffs: one event given to one seat, and where each stands in its lane."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, literal_column, select, tuple_
from sqlalchemy.sql.expression import Label

from seamline_workers.store.desk_schema import EFFECT_KINDS, effects
from seamline_workers.store.reading import moment
from seamline_workers.store.reading.events import told
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.partial import PUT_ASIDE, UNFINISHED
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.shapes import EffectRef, Handoff, Page
from seamline_workers.store.schema import (
    DONE,
    HANDOFF_STATES,
    OPEN,
    PENDING,
    RETRYING,
    SEAT_LANE,
    SUSPECT,
    events,
    handoffs,
    lanes,
)
from seamline_workers.store.store import Store

#: What the outside sees: a pending one waits, is ready, or runs.
STATES = ("waiting", "ready", "running", *HANDOFF_STATES[1:])
_ID = re.compile(r"([0-9]{1,18})\.([a-z][a-z0-9_]{0,31})")
_Key = tuple[int, str]
#: Most of what a run read that is shown, the newest; the handoff keeps all.
MOST_READS = 1_000

# As partial.UNFINISHED, of the same table under another name.
_AHEAD: ColumnElement[bool] = literal_column("ahead.state < 2")


def list_handoffs(store: Store, query: Query) -> Page[Handoff]:
    """Newest first; times are those at which the handoffs were planned."""
    key = query.after("handoff", int, str)
    with store.read() as connection:
        conditions = matching(connection, query)
        if key is not None:
            conditions.append(tuple_(handoffs.c.event_seq, handoffs.c.seat) < tuple_(*key))
        chosen = chosen_handoffs().where(*conditions).order_by(handoffs.c.event_seq.desc(), handoffs.c.seat.desc())
        rows = connection.execute(chosen.limit(query.limit + 1)).all()
        caused = effects_of(connection, [(row.event_seq, row.seat) for row in rows[: query.limit]])
    return page(
        "handoff", rows, query.limit, lambda r: (r.event_seq, r.seat), lambda kept: [_shape(r, caused) for r in kept]
    )


def show_handoff(store: Store, id: str) -> Handoff | None:
    """One handoff by its id, with what its last run read."""
    key = key_of_id(id)
    if key is None:
        return None
    with store.read() as connection:
        where = (handoffs.c.event_seq == key[0], handoffs.c.seat == key[1])
        row = connection.execute(chosen_handoffs().where(*where)).first()
        if row is None:
            return None
        shown = _shape(row, effects_of(connection, [key]))
        shown["reads"] = _events_of(connection, row.reads)
        return shown


def _events_of(connection: Connection, reads: str | None) -> list[str]:
    """The ids of the events that a run read, newest first."""
    seqs = [int(seq) for seq in reads.split(",")][-MOST_READS:] if reads else []
    chosen = select(events.c.id).where(events.c.seq.in_(seqs)).order_by(events.c.seq.desc())
    return [str(UUID(bytes=bytes(row[0]))) for row in connection.execute(chosen)] if seqs else []


def handoffs_of(store: Store, seqs: Collection[int]) -> list[Handoff]:
    """All handoffs of some events, in ledger order."""
    if not seqs:
        return []
    with store.read() as connection:
        chosen = chosen_handoffs().where(handoffs.c.event_seq.in_(seqs)).order_by(handoffs.c.event_seq, handoffs.c.seat)
        rows = connection.execute(chosen).all()
        caused = effects_of(connection, [(row.event_seq, row.seat) for row in rows])
    return [_shape(row, caused) for row in rows]


def handoff_id(seq: int, seat: str) -> str:
    """The outside's id of a handoff."""
    return f"{seq}.{seat}"


def key_of_id(id: str) -> _Key | None:
    """The ledger number and the seat in an id; None: it is none."""
    found = _ID.fullmatch(id)
    return None if found is None else (int(found[1]), found[2])


def shown_state() -> Label[str]:
    """The state that people see, by the handoff's place in its lane.

    Only the first unfinished one of a lane can run; while the lane is leased, it does. A lane that is held until a
    retry is due, or until lanes that were linked with it are drained, lets nobody pass.
    """
    ahead = handoffs.alias("ahead")
    first = (
        select(ahead.c.event_seq)
        .where(ahead.c.account_id == handoffs.c.account_id, ahead.c.seat == handoffs.c.seat, _AHEAD)
        .order_by(ahead.c.event_seq)
        .limit(1)
        .correlate(handoffs)
        .scalar_subquery()
    )
    leads = handoffs.c.event_seq == first
    named = [(handoffs.c.state == number, name) for number, name in enumerate(HANDOFF_STATES) if number >= DONE]
    return case(
        *named,
        (and_(leads, lanes.c.lease.is_not(None)), "running"),
        (handoffs.c.state == RETRYING, "retrying"),
        (and_(leads, func.coalesce(lanes.c.held, OPEN).in_((OPEN, SUSPECT))), "ready"),
        else_="waiting",
    ).label("shown")


def effects_of(connection: Connection, keys: Sequence[_Key]) -> dict[_Key, list[EffectRef]]:
    """What handoffs caused, in one look-up."""
    if not keys:
        return {}
    wanted, found = set(keys), dict[_Key, list[EffectRef]]()
    chosen = (
        select(effects.c.event_seq, effects.c.seat, effects.c.kind, effects.c.key, effects.c.ref)
        .where(effects.c.event_seq.in_({seq for seq, _ in wanted}))
        .order_by(effects.c.event_seq, effects.c.seat, effects.c.kind, effects.c.key)
    )
    for seq, seat, kind, key, ref in connection.execute(chosen):
        if (seq, seat) in wanted:
            effect: EffectRef = {"kind": EFFECT_KINDS[kind], "id": ref or log_id(seq, seat, key)}
            found.setdefault((seq, seat), []).append(effect)
    return found


def log_id(seq: int, seat: str, key: str) -> str:
    """The outside's id of a line that a seat wrote into a timeline."""
    return f"{handoff_id(seq, seat)}.{key}"


def chosen_handoffs() -> Select[Any]:
    """Handoffs with their event's id and type, and the state that people see (``shown``)."""
    on_lane = and_(lanes.c.kind == SEAT_LANE, lanes.c.key == handoffs.c.account_id, lanes.c.seat == handoffs.c.seat)
    joined = handoffs.join(events, events.c.seq == handoffs.c.event_seq).outerjoin(lanes, on_lane)
    return select(*handoffs.c, events.c.id.label("event_id"), events.c.type, shown_state()).select_from(joined)


def matching(connection: Connection, query: Query) -> list[ColumnElement[bool]]:
    """The conditions of a query."""
    about = Query(source=query.source, type=query.type, account=query.account)
    found = [*query.within(handoffs.c.created_at), *told(connection, about)]
    if query.seat is not None:
        found.append(handoffs.c.seat == query.seat)
    if query.state is not None:
        found += in_state(query.state)
    return found


def in_state(state: str) -> list[ColumnElement[bool]]:
    """The conditions for a state as people see it, so that the partial indexes serve it."""
    if state in ("waiting", "ready"):
        return [handoffs.c.state == PENDING, shown_state() == state]
    if state == "running":
        return [UNFINISHED, shown_state() == state]
    stored = handoffs.c.state == HANDOFF_STATES.index(state)
    if state == "retrying":
        return [stored, PUT_ASIDE, shown_state() == state]
    return [stored, PUT_ASIDE] if state in ("parked", "needs_human", "dead") else [stored]


def _shape(row: Row[Any], caused: dict[_Key, list[EffectRef]]) -> Handoff:
    return {
        "id": handoff_id(row.event_seq, row.seat),
        "event": str(UUID(bytes=row.event_id)),
        "type": row.type,
        "account": str(row.account_id),
        "seat": row.seat,
        "as": "owner" if row.owner else "informed",
        "state": row.shown,
        "attempts": row.attempts,
        "due_at": moment.written_or_none(row.due),
        "reason": row.reason,
        "awaits": row.awaits or None,
        "created_at": moment.written(row.created_at),
        "done_at": moment.written_or_none(row.done_at),
        "effects": caused.get((row.event_seq, row.seat), []),
        "reads": [],
    }
