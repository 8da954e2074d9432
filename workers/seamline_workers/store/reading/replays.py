"""Replays: what is to be run again, how much that is, and how far it has come.

A selector is JSON::

    {"what": "handoffs" | "deliveries", "filters": {…}, "upto": 1042}

``filters`` are those of the lists (``source type account seat state since until``) as text, times written out.
Without ``state`` a replay takes what did not end well: of handoffs ``dead``, of deliveries ``quarantined``.
``upto`` is the newest ledger number (of deliveries: the newest id) at planning; what came later is left alone.
Whoever runs a replay asks for the next keys after the last one it ran, oldest first; its ``cursor`` is that key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, func, select, tuple_

from seamline_workers.store.desk_schema import replays
from seamline_workers.store.reading import deliveries as of_deliveries
from seamline_workers.store.reading import handoffs as of_handoffs
from seamline_workers.store.reading import moment
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import FILTERS as WORDS
from seamline_workers.store.reading.query import InvalidQuery, Query, row_id
from seamline_workers.store.reading.shapes import Page, Plan, Replay
from seamline_workers.store.schema import deliveries, events, handoffs, ledger_head, sources
from seamline_workers.store.store import Store

What = Literal["handoffs", "deliveries"]
STATES = ("planned", "running", "done", "cancelled", "failed")
FILTERS = ("state", "since", "until")
#: What can be run again, by state; the first where nothing is said.
AGAIN: Mapping[What, tuple[str, ...]] = {
    "handoffs": ("dead", "needs_human", "parked", "cancelled", "done"),
    "deliveries": ("quarantined", "needs_human", "ignored"),
}


@dataclass(frozen=True)
class Selector:
    """What a replay runs again."""

    what: What
    filters: Mapping[str, str]
    upto: int = 2**62

    @classmethod
    def read(cls, what: str, filters: Mapping[str, str], *, prefix: str, now: int) -> Selector:
        """From words; spans become times, types lose their prefix. Raises InvalidQuery."""
        if what not in AGAIN:
            raise InvalidQuery([{"path": "what", "message": f"write one of {', '.join(AGAIN)}"}])
        kind: What = "handoffs" if what == "handoffs" else "deliveries"
        query = Query.read(filters, filters=WORDS, states=AGAIN[kind], prefix=prefix, now=now)
        words = {name: word for name, word in filters.items() if name in WORDS}
        words.setdefault("state", AGAIN[kind][0])
        for name, at in (("since", query.since), ("until", query.until)):
            if at is not None:
                words[name] = moment.written(at)
        if query.type is not None:
            words["type"] = query.type.pattern + (f".v{query.type.version}" if query.type.version else "")
        return cls(kind, words)

    @classmethod
    def loads(cls, text: str) -> Selector:
        """From the row of a replay."""
        found = json.loads(text)
        return cls(found["what"], found["filters"], found["upto"])

    def dumps(self) -> str:
        return json.dumps({"what": self.what, "filters": dict(self.filters), "upto": self.upto}, sort_keys=True)

    def query(self) -> Query:
        return Query.read(self.filters, filters=WORDS, states=AGAIN[self.what], prefix="", now=0)


def list_replays(store: Store, query: Query) -> Page[Replay]:
    """Newest first."""
    key = query.after("replay", int)
    conditions = query.within(replays.c.created_at)
    if query.state is not None:
        conditions.append(replays.c.state == query.state)
    if key is not None:
        conditions.append(replays.c.id < key[0])
    with store.read() as connection:
        chosen = select(replays).where(*conditions).order_by(replays.c.id.desc()).limit(query.limit + 1)
        rows = connection.execute(chosen).all()
    return page("replay", rows, query.limit, lambda row: (row.id,), lambda kept: [shape(row) for row in kept])


def show_replay(store: Store, id: str) -> Replay | None:
    """One replay."""
    number = row_id(id)
    if number is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(replays).where(replays.c.id == number)).first()
    return None if row is None else shape(row)


def plan(store: Store, selector: Selector) -> Plan:
    """How much a selector would run again; handoffs are counted by event type, deliveries by source."""
    with store.read() as connection:
        return counted(connection, selector)


def counted(connection: Connection, selector: Selector) -> Plan:
    """The same, in a transaction."""
    conditions = _conditions(connection, selector)
    if selector.what == "handoffs":
        joined = handoffs.join(events, events.c.seq == handoffs.c.event_seq)
        chosen = select(events.c.type, func.count()).select_from(joined).where(*conditions).group_by(events.c.type)
    else:
        met = deliveries.join(sources, sources.c.id == deliveries.c.source_id)
        chosen = select(sources.c.name, func.count()).select_from(met).where(*conditions).group_by(sources.c.name)
    by = {row[0]: row[1] for row in sorted(connection.execute(chosen), key=lambda row: str(row[0]))}
    return {"total": sum(by.values()), "by": by, "diff": []}


def upto_now(connection: Connection, what: What) -> int:
    """The newest thing that a replay planned now may take."""
    newest = select(ledger_head.c.seq) if what == "handoffs" else select(func.max(deliveries.c.id))
    return int(connection.execute(newest).scalar() or 0)


def next_handoffs(
    connection: Connection, selector: Selector, after: tuple[int, str] | None, limit: int
) -> list[tuple[int, str]]:
    """The next (ledger number, seat) to run again after the last one, oldest first."""
    conditions = _conditions(connection, selector)
    if after is not None:
        conditions.append(tuple_(handoffs.c.event_seq, handoffs.c.seat) > tuple_(*after))
    joined = handoffs.join(events, events.c.seq == handoffs.c.event_seq)
    chosen = select(handoffs.c.event_seq, handoffs.c.seat).select_from(joined).where(*conditions)
    ordered = chosen.order_by(handoffs.c.event_seq, handoffs.c.seat).limit(limit)
    return [(seq, seat) for seq, seat in connection.execute(ordered)]


def next_deliveries(connection: Connection, selector: Selector, after: int | None, limit: int) -> list[int]:
    """The next deliveries to translate again after the last one, oldest first."""
    conditions = _conditions(connection, selector)
    if after is not None:
        conditions.append(deliveries.c.id > after)
    chosen = select(deliveries.c.id).where(*conditions).order_by(deliveries.c.id).limit(limit)
    return [int(number) for number in connection.execute(chosen).scalars()]


def _conditions(connection: Connection, selector: Selector) -> list[ColumnElement[bool]]:
    query = selector.query()
    if selector.what == "handoffs":
        return [*of_handoffs.matching(connection, query), handoffs.c.event_seq <= selector.upto]
    return [*of_deliveries.matching(connection, query), deliveries.c.id <= selector.upto]


def shape(row: Row[Any]) -> Replay:
    """A row of ``replays`` as the outside sees it."""
    return {
        "id": str(row.id),
        "state": row.state,
        "selector": json.loads(row.selector),
        "total": row.total,
        "done": row.done,
        "failed": row.failed,
        "by": row.by,
        "created_at": moment.written(row.created_at),
    }
