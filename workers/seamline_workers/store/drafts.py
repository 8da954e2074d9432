"""Drafts: the rows of what waits for a human, and of what became of it.

Whoever changes one holds the lock of its account, and changes the version that they saw: the first one counts.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, insert, select, text, update

from seamline.dispatch import Attachment
from seamline.events.base import event_id
from seamline_workers.store import ledger
from seamline_workers.store.desk_schema import drafts, tasks
from seamline_workers.store.entry import ENGINE, Entry
from seamline_workers.store.ledger import Group, Locked
from seamline_workers.store.outcome import EffectRow

#: States in which a human may still decide.
OPEN = ("incomplete", "pending", "snoozed")
#: States in which a draft may still leave, or has just left.
LEAVING = ("approved", "dispatching", "unknown")

_MEMBERS = "(SELECT id FROM accounts WHERE id = :group OR group_id = :group)"


@dataclass
class Prepared:
    """A draft as it is about to be written; ``id`` once it is."""

    group: int
    values: dict[str, Any]
    id: int | None = None


@dataclass(frozen=True)
class Held:
    """A draft under the lock of its account."""

    row: Row[Any]
    group: Group
    locked: Locked


# --- writing --------------------------------------------------------------------------------------------------------

_SUPERSEDE = text(f"""
UPDATE drafts SET state = 'superseded', wake_at = NULL, version = version + 1
WHERE account_id IN {_MEMBERS} AND seat = :seat AND key = :key AND coalesce(sends, '') = :sends
AND state IN ('incomplete', 'pending', 'snoozed') RETURNING reminders
""")


def write_draft(connection: Connection, row: EffectRow, now: int) -> int:
    """Write what a seat drafted; its older open draft of the same kind and key gives way. Returns the id."""
    prepared: Prepared = row.what
    values = prepared.values
    binds = {
        "group": prepared.group,
        "seat": values["seat"],
        "key": values["key"],
        "sends": values["sends"] or "",
    }
    for (reminders,) in connection.execute(_SUPERSEDE, binds).all():
        end_reminders(connection, json.loads(reminders), "superseded", now)
    prepared.id = int(connection.execute(insert(drafts).values(**values).returning(drafts.c.id)).scalar_one())
    return prepared.id


def end_reminders(connection: Connection, ids: Collection[int], by: str, now: int) -> None:
    """Close the tasks that asked for a decision."""
    if ids:
        connection.execute(
            update(tasks)
            .where(tasks.c.id.in_(ids), tasks.c.state == "open")
            .values(state="done", done_at=now, done_by=by)
        )


def accounts_of(connection: Connection, numbers: Iterable[int]) -> list[int]:
    """The accounts of drafts; a number that is no draft's is left out."""
    wanted = sorted(set(numbers))
    if not wanted:
        return []
    return list(connection.execute(select(drafts.c.account_id).where(drafts.c.id.in_(wanted))).scalars())


def hold(connection: Connection, number: int) -> Held | None:
    """Lock the account of a draft and read the draft; None: there is none."""
    account = connection.execute(select(drafts.c.account_id).where(drafts.c.id == number)).scalar()
    if account is None:
        return None
    locked = ledger.lock(connection, [account])
    row = connection.execute(select(drafts).where(drafts.c.id == number).with_for_update()).one()
    return Held(row, locked[account], locked)


def change(connection: Connection, row: Row[Any], **values: Any) -> bool:
    """Change a draft that nobody has changed since it was read; False: somebody has."""
    mine = (drafts.c.id == row.id, drafts.c.version == row.version)
    return connection.execute(update(drafts).where(*mine).values(version=row.version + 1, **values)).rowcount == 1


def say(row: Row[Any], type: str, fields: dict[str, Any], now: int, part: str = "") -> Entry:
    """An event that the engine says of a draft; each version of the draft says it once."""
    return Entry(
        id=event_id(ENGINE, type, f"draft/{row.id}/{row.version}/{part}").bytes,
        type=type,
        version=1,
        account_id=row.account_id,
        source=ENGINE,
        data=json.dumps(fields, separators=(",", ":"), ensure_ascii=False),
        occurred_at=now,
        timebasis="received",
        received_at=now,
        trust="seat",
        cause=UUID(row.cause).bytes,
        correlation=None if row.correlation is None else bytes(row.correlation),
        hops=row.hops,
        stage=row.stage,
    )


# --- what a draft holds ---------------------------------------------------------------------------------------------


def packed(attachments: Sequence[Attachment]) -> str:
    """Attachments as they are stored."""
    return json.dumps(
        [
            {"name": one.name, "content_type": one.content_type, "content": b64encode(one.content).decode()}
            for one in attachments
        ]
    )


def attachments_of(row: Row[Any]) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(one["name"], one["content_type"], b64decode(one["content"])) for one in json.loads(row.attachments)
    )


# --- what stands beside a draft -------------------------------------------------------------------------------------

_CONFLICTS = text("""
SELECT d.id AS draft, o.id AS other FROM drafts d JOIN accounts a ON a.id = d.account_id
JOIN accounts m ON m.id = coalesce(a.group_id, a.id) OR m.group_id = coalesce(a.group_id, a.id)
JOIN drafts o ON o.account_id = m.id AND o.id <> d.id AND (
    (o.seat <> d.seat AND (o.state IN ('incomplete', 'pending', 'snoozed', 'approved', 'dispatching', 'unknown')
        OR (o.state = 'sent' AND o.sent_at > :since)))
    OR (o.seat = d.seat AND o.key = d.key AND coalesce(o.sends, '') = coalesce(d.sends, '')
        AND o.state IN ('approved', 'dispatching', 'unknown')))
WHERE d.id IN :ids ORDER BY d.id, o.id
""").bindparams(bindparam("ids", expanding=True))
#: Business time in which what another seat sent still stands beside a draft.
BESIDE_US = 24 * 3600 * 1_000_000


def conflicts(connection: Connection, ids: Collection[int], now: int) -> dict[int, list[int]]:
    """For each of these drafts the others of its account that the customer gets, or may get, besides.

    Those of other seats that wait or went out lately; of its own seat one of the same kind and key that is on its way.
    """
    found: dict[int, list[int]] = {number: [] for number in ids}
    if found:
        for draft, other in connection.execute(_CONFLICTS, {"ids": list(found), "since": now - BESIDE_US}):
            found[draft].append(other)
    return found


#: Messages to us: one that is newer than a draft makes it stale.
_HEARD = text(f"""
SELECT id, data FROM events WHERE account_id IN {_MEMBERS} AND seq > :as_of
AND type IN ('email.received', 'chat.received') ORDER BY seq
""")


def heard_since(connection: Connection, row: Row[Any], group: int) -> list[str]:
    """Ids of the messages that came in the draft's thread after what it knew; no bounce, no out-of-office.

    Without a thread any message of the account counts, and so does one whose thread nobody can tell.
    """
    found = []
    for identity, data in connection.execute(_HEARD, {"group": group, "as_of": row.as_of}):
        told = json.loads(data)
        if told.get("auto", "none") != "none":
            continue
        threads = {told[name] for name in ("thread_id", "in_reply_to") if told.get(name)}
        if row.thread is None or not threads or threads & {row.thread, row.in_reply_to}:
            found.append(str(UUID(bytes=bytes(identity))))
    return found


_HEAD = text("SELECT seq FROM ledger_head WHERE id = 1")


def ledger_head(connection: Connection) -> int:
    """The ledger's last number."""
    return int(connection.execute(_HEAD).scalar_one())


def approved_sha256(connection: Connection, row: Row[Any]) -> str | None:
    """The digest of the text that the ledger says was approved, by the approval that the draft rests on."""
    if row.approval is None:
        return None
    query = text("SELECT data FROM events WHERE id = :id AND type = 'approval.decided'")
    data = connection.execute(query, {"id": UUID(row.approval).bytes}).scalar()
    told = {} if data is None else json.loads(data)
    return told.get("draft_sha256") if told.get("decision") == "approve" else None
