"""Notices: rows of what approvers are to be shown. One for each draft and recipient, however often it is owed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, text

#: Microseconds for which a notice is left to whoever posts it; after them another process does.
HOLD_US = 120_000_000
#: Longest reason that is kept, in characters.
LONGEST_REASON = 300

_OWE = text("""
INSERT INTO notices (draft_id, channel, recipient, text, due)
VALUES (:draft, :channel, :recipient, :text, :now)
ON CONFLICT (draft_id, channel, recipient) DO UPDATE SET text = excluded.text, times = notices.times + 1,
    state = 'owed', attempts = CASE WHEN notices.due IS NULL THEN 0 ELSE notices.attempts END,
    doubts = CASE WHEN notices.due IS NULL THEN 0 ELSE notices.doubts END, due = coalesce(notices.due, excluded.due)
""")
_DUE = text("SELECT id FROM notices WHERE due <= :now ORDER BY due LIMIT 1")
_TAKE = text("""
UPDATE notices SET lease = :token, due = :until, attempts = attempts + 1 WHERE id = :id AND due <= :now
RETURNING id, draft_id, channel, recipient, text, times, attempts, doubts
""")
_END = text("""
UPDATE notices SET state = CASE WHEN times = :times THEN :state ELSE 'owed' END, lease = NULL, attempts = 0, doubts = 0,
    due = CASE WHEN times = :times THEN NULL ELSE :now END, ref = coalesce(:ref, ref), reason = :reason
WHERE id = :id AND lease = :token
""")
_LATER = text("""
UPDATE notices SET due = :due, doubts = :doubts, reason = :reason, lease = NULL WHERE id = :id AND lease = :token
""")


class Notice(NamedTuple):
    """A notice that somebody posts at this moment. ``times`` tells whether it was owed once more meanwhile."""

    id: int
    draft_id: int
    channel: str
    recipient: str
    text: str
    times: int
    attempts: int
    doubts: int


def owe(connection: Connection, draft_id: int, channel: str, recipients: Iterable[str], why: str, now: int) -> None:
    """Owe each recipient a look at a draft; what is owed already is owed once. ``now`` is the wall clock's."""
    for recipient in sorted(recipients):
        binds = {"draft": draft_id, "channel": channel, "recipient": recipient, "text": why, "now": now}
        connection.execute(_OWE, binds)


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
    binds = {"id": notice.id, "token": token, "times": notice.times, "state": state, "ref": ref}
    connection.execute(_END, binds | {"now": now, "reason": _kept(reason)})


def postpone(connection: Connection, notice: Notice, token: int, due: int, doubts: int, reason: str) -> None:
    """Leave a notice for a later time."""
    binds = {"id": notice.id, "token": token, "due": due, "doubts": doubts, "reason": _kept(reason)}
    connection.execute(_LATER, binds)


def _kept(reason: str | None) -> str | None:
    return None if reason is None else reason.replace("\x00", "")[:LONGEST_REASON]
