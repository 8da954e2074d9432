"""Messages: words from seat to seat, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, text

from seamline.boundary import Roster
from seamline.effect import Message
from seamline_workers.store.outcome import EffectRow


class Known(NamedTuple):
    """A message that another one answers or follows."""

    id: int
    kind: str
    from_seat: str
    to_seat: str
    group: int
    conversation: str
    exchange: int


@dataclass
class Prepared:
    """A message that is about to be written, as its place in a conversation makes it. ``id`` is there once it is."""

    message: Message
    account_id: int
    conversation: str
    exchange: int
    state: str
    correlation: bytes
    hops: int
    answers: Known | None = None
    id: int | None = None


_KNOWN = text("""
SELECT m.id, m.kind, m.from_seat, m.to_seat, coalesce(a.group_id, a.id) AS account, m.conversation, m.exchange
FROM messages m JOIN accounts a ON a.id = m.account_id WHERE m.id = :id
""")
_SEND = text("""
INSERT INTO messages (kind, from_seat, to_seat, account_id, topic, body, conversation, exchange, in_reply_to,
    needs_response_by, state, created_at, cause)
VALUES (:kind, :seat, :to, :account, :topic, :body, :conversation, :exchange, :reply, :by, :state, :now, :cause)
RETURNING id
""")
_ANSWER = text("UPDATE messages SET state = 'answered' WHERE id = :id AND state IN ('delivered', 'dead')")


def find_message(connection: Connection, id: str) -> Known | None:
    """A message by its id; None: there is none."""
    if not (id.isascii() and id.isdigit() and len(id) <= 18):
        return None
    row = connection.execute(_KNOWN, {"id": int(id)}).first()
    return None if row is None else Known(*row)


def write_message(connection: Connection, row: EffectRow, now: int) -> int:
    """Write a message, and that it answers what it answers. Returns its id."""
    prepared: Prepared = row.what
    message, answers = prepared.message, prepared.answers
    by = message.needs_response_by
    binds = {
        "kind": message.kind,
        "seat": row.seat,
        "to": message.to,
        "account": prepared.account_id,
        "topic": message.topic,
        "body": message.body,
        "conversation": prepared.conversation,
        "exchange": prepared.exchange,
        "reply": None if answers is None else str(answers.id),
        "by": None if by is None else int(by.timestamp() * 1_000_000),
        "state": prepared.state,
        "now": now,
        "cause": row.cause,
    }
    prepared.id = int(connection.execute(_SEND, binds).scalar_one())
    if answers is not None and message.kind == "RESPONSE":
        connection.execute(_ANSWER, {"id": answers.id})
    return prepared.id


def delivered(sender: str, prepared: Prepared) -> dict[str, Any]:
    """What ``message.delivered`` says of a message that was written, as it stands in JSON."""
    message, answers = prepared.message, prepared.answers
    told = {
        "message_id": str(prepared.id),
        "from_seat": sender,
        "to_seat": message.to,
        "kind": message.kind,
        "topic": message.topic,
        "body": message.body,
        "conversation": prepared.conversation,
        "exchange": prepared.exchange,
        "in_reply_to": None if answers is None else str(answers.id),
        "needs_response_by": message.needs_response_by,
    }
    return {name: to_jsonable_python(value) for name, value in told.items() if value is not None}


def readers(roster: Roster, message: Message) -> tuple[tuple[str, int], ...]:
    """Who is handed a message: its receiver, where that does something when one comes; else it finds it by looking."""
    seat = roster.seat(message.to)
    takes = seat.kind == "agent" and (seat.elsewhere or seat.answering(message.topic) is not None)
    return ((message.to, 1),) if takes else ()
