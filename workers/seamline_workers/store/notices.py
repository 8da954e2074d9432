"""Notices: rows of what people of the company are owed. One for each matter and recipient, however often it is owed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

#: Microseconds for which a notice is left to whoever posts it.
HOLD_US = 120_000_000

_OWE = text("""
INSERT INTO notices (kind, subject, channel, recipient, text, due, created_at)
VALUES (:kind, :subject, :channel, :recipient, :text, :now, :now)
ON CONFLICT (kind, subject, channel, recipient) DO UPDATE SET text = excluded.text, count = notices.count + 1,
    state = 'owed', attempts = CASE WHEN notices.due IS NULL THEN 0 ELSE notices.attempts END,
    doubts = CASE WHEN notices.due IS NULL THEN 0 ELSE notices.doubts END, due = coalesce(notices.due, excluded.due)
""")
_DUE = text("SELECT id FROM notices WHERE due <= :now ORDER BY due LIMIT 1")
_TAKE = text("""
UPDATE notices SET lease = :token, due = :until, attempts = attempts + 1 WHERE id = :id AND due <= :now
RETURNING id, kind, subject, channel, recipient, text, count, attempts, doubts
""")
_SENT = text("""
UPDATE notices SET state = CASE WHEN count = :count THEN :state ELSE 'owed' END, lease = NULL, attempts = 0,
    due = CASE WHEN count = :count THEN NULL ELSE :now END, ref = coalesce(:ref, ref), sent_at = coalesce(:at, sent_at),
    reason = :reason, doubts = 0
WHERE id = :id AND lease = :token
""")
_LATER = text("""
UPDATE notices SET due = :due, doubts = :doubts, reason = :reason, lease = NULL WHERE id = :id AND lease = :token
""")


class Notice(NamedTuple):
    """A notice that somebody posts at this moment. ``count`` tells whether it is owed once more meanwhile."""

    id: int
    kind: str
    subject: str
    channel: str
    recipient: str
    text: str
    count: int
    attempts: int
    doubts: int


def owe(
    connection: Connection, kind: str, subject: str, channel: str, recipients: Sequence[str], why: str, now: int
) -> None:
    """Owe each recipient a notice; what is owed already is owed once. ``now`` is the wall clock's."""
    about: dict[str, Any] = {"kind": kind, "subject": subject, "channel": channel, "text": why, "now": now}
    for recipient in sorted(recipients):
        connection.execute(_OWE, about | {"recipient": recipient})


def any_due(connection: Connection, now: int) -> bool:
    return connection.execute(_DUE, {"now": now}).first() is not None


def take(connection: Connection, token: int, now: int) -> Notice | None:
    """Take the notice that is due the longest; None: there is none, or another process was quicker."""
    number = connection.execute(_DUE, {"now": now}).scalar()
    if number is None:
        return None
    row = connection.execute(_TAKE, {"id": number, "token": token, "now": now, "until": now + HOLD_US}).first()
    return None if row is None else Notice(*row)


def end(
    connection: Connection,
    notice: Notice,
    token: int,
    now: int,
    *,
    state: str,
    ref: str | None = None,
    reason: str | None = None,
) -> None:
    """Write that a notice was posted, is given up, or is needed no more; what was owed meanwhile is due again."""
    at = now if state == "sent" else None
    binds = {"id": notice.id, "token": token, "count": notice.count, "state": state, "ref": ref, "reason": reason}
    connection.execute(_SENT, binds | {"now": now, "at": at})


def postpone(connection: Connection, notice: Notice, token: int, due: int, doubts: int, reason: str) -> None:
    """Leave a notice for a later time."""
    connection.execute(
        _LATER, {"id": notice.id, "token": token, "due": due, "doubts": doubts, "reason": reason[:300]}
    )
