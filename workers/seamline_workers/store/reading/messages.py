"""Messages: words from seat to seat."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, or_, select

from seamline_workers.store.desk_schema import messages
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.masking import shown
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.query import Query, row_id
from seamline_workers.store.reading.shapes import Message, Page
from seamline_workers.store.store import Store

FILTERS = ("account", "seat", "state", "since", "until")
#: What becomes of a message. escalated: a human has it instead of the seat that it was for; dead: nobody answered in
#: time, which one that comes late still does.
STATES = ("delivered", "answered", "escalated", "dead")


def list_messages(store: Store, query: Query, *, unmasked: bool) -> Page[Message]:
    """Newest first; ``seat`` is who sent or got it."""
    key = query.after("message", int)
    conditions = query.within(messages.c.created_at)
    if query.seat is not None:
        conditions.append(or_(messages.c.from_seat == query.seat, messages.c.to_seat == query.seat))
    if query.state is not None:
        conditions.append(messages.c.state == query.state)
    if key is not None:
        conditions.append(messages.c.id < key[0])
    with store.read() as connection:
        if query.account is not None:
            conditions.append(messages.c.account_id.in_(group.members(connection, query.account)))
        chosen = select(messages).where(*conditions).order_by(messages.c.id.desc()).limit(query.limit + 1)
        rows = connection.execute(chosen).all()
    return page(
        "message", rows, query.limit, lambda row: (row.id,), lambda kept: [_shape(row, unmasked) for row in kept]
    )


def show_message(store: Store, id: str, *, unmasked: bool) -> Message | None:
    """One message."""
    number = row_id(id)
    if number is None:
        return None
    with store.read() as connection:
        row = connection.execute(select(messages).where(messages.c.id == number)).first()
    return None if row is None else _shape(row, unmasked)


def _shape(row: Row[Any], unmasked: bool) -> Message:
    return {
        "id": str(row.id),
        "kind": row.kind,
        "from_seat": row.from_seat,
        "to_seat": row.to_seat,
        "account": None if row.account_id is None else str(row.account_id),
        "topic": row.topic,
        "body": shown(row.body, unmasked) or "",
        "conversation": row.conversation,
        "exchange": row.exchange,
        "in_reply_to": row.in_reply_to,
        "needs_response_by": moment.written_or_none(row.needs_response_by),
        "state": row.state,
        "created_at": moment.written(row.created_at),
        "cause": row.cause,
    }
