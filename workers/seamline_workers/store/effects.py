"""Effects of handoffs: written with their completion or not at all, each once whatever is run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, text

from seamline.context import Task
from seamline_workers.store.array import array
from seamline_workers.store.checks import write_check
from seamline_workers.store.deadlines import write_deadline
from seamline_workers.store.desk_schema import CHECK, DEADLINE, DRAFT, ENDED, FLAG, MESSAGE, TASK
from seamline_workers.store.drafts import write_draft
from seamline_workers.store.lanes import LaneEnd, finish_lanes
from seamline_workers.store.lite import raw
from seamline_workers.store.messages import write_message
from seamline_workers.store.outcome import EffectRow, Outcome
from seamline_workers.store.schema import RETRYING

#: The key of the task of a handoff that needs a human.
NEEDS_HUMAN_KEY = "needs_human"
#: The key of the task that shows what a guard holds for too long.
WAITS_KEY = "waits"
# `state + 0`: by their key, one by one. The index of all that is open anywhere looks cheaper while little is.
_PG_COMPLETE = text("""
UPDATE handoffs h SET state = x.state, attempts = x.attempts, due = x.due, reason = x.reason, awaits = x.awaits,
    reads = x.reads, done_at = CASE WHEN x.state = 1 THEN NULL ELSE CAST(:now AS bigint) END,
    again = CASE WHEN x.state = 1 THEN h.again ELSE 1 END
FROM unnest(CAST(:seqs AS bigint[]), CAST(:seats AS text[]), CAST(:states AS smallint[]), CAST(:attempts AS smallint[]),
            CAST(:dues AS bigint[]), CAST(:reasons AS text[]), CAST(:awaits AS text[]), CAST(:reads AS text[]))
     x(seq, seat, state, attempts, due, reason, awaits, reads)
WHERE h.event_seq = x.seq AND h.seat = x.seat AND h.state + 0 < 2 RETURNING h.event_seq, h.seat
""")
_LITE_COMPLETE = """
UPDATE handoffs SET state = ?, attempts = ?, due = ?, reason = ?, awaits = ?, reads = ?, done_at = ?,
    again = max(again, ?)
WHERE event_seq = ? AND seat = ? AND state < 2
"""
_PG_EFFECTS = text("""
INSERT INTO effects (event_seq, seat, kind, key, ref, data, at)
SELECT *, CAST(:now AS bigint) FROM unnest(CAST(:seqs AS bigint[]), CAST(:seats AS text[]), CAST(:kinds AS smallint[]),
    CAST(:keys AS text[]), CAST(:refs AS text[]), CAST(:datas AS text[]))
ON CONFLICT (event_seq, seat, kind, key) DO NOTHING
""")
_LITE_EFFECTS = """
INSERT INTO effects (event_seq, seat, kind, key, ref, data, at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (event_seq, seat, kind, key) DO NOTHING
"""


def complete(
    connection: Connection, ends: Sequence[LaneEnd], outcomes: Sequence[Outcome], now: int, at: int | None = None
) -> set[tuple[int, str]]:
    """Finish lanes and write their outcomes' effects, in the caller's transaction. ``at`` is business time.

    What lost its lease changes nothing. Returns the handoffs that were completed: (ledger number, seat).
    """
    kept = finish_lanes(connection, ends)
    alive = [outcome for outcome in outcomes if (outcome.lane, outcome.seat) in kept]
    if not alive:
        return set()
    done = _complete(connection, alive, now)
    ended = [o for o in alive if (o.event_seq, o.seat) in done]
    rows = [row for o in ended if not o.again for row in o.effects]
    rows += _new(connection, [row for o in ended if o.again for row in o.effects])
    if rows:
        write_effects(connection, rows, now if at is None else at)
    return done


def _complete(connection: Connection, alive: Sequence[Outcome], now: int) -> set[tuple[int, str]]:
    if connection.dialect.name == "postgresql":
        binds = {
            "now": now,
            "seqs": array([o.event_seq for o in alive]),
            "seats": array([o.seat for o in alive]),
            "states": array([o.state for o in alive]),
            "attempts": array([o.attempts for o in alive]),
            "dues": array([o.due for o in alive]),
            "reasons": array([o.reason for o in alive]),
            "awaits": array([o.awaits for o in alive]),
            "reads": array([o.reads for o in alive]),
        }
        return {(seq, seat) for seq, seat in connection.execute(_PG_COMPLETE, binds).all()}
    cursor, done = raw(connection).cursor(), set()
    for o in alive:
        at = None if o.state == RETRYING else now
        ended = 0 if at is None else 1
        told = (o.state, o.attempts, o.due, o.reason, o.awaits, o.reads)
        cursor.execute(_LITE_COMPLETE, (*told, at, ended, o.event_seq, o.seat))
        if cursor.rowcount:
            done.add((o.event_seq, o.seat))
    return done


def write_effects(connection: Connection, rows: Sequence[EffectRow], now: int) -> None:
    """Write effects that do not exist yet, with the flags, tasks and messages that they are."""
    refs = raise_flags(connection, [row for row in rows if row.kind == FLAG], now)
    written = []
    for row in rows:
        if row.kind == FLAG:
            written.append(row._replace(ref=str(refs[_flag_key(row)])))
        elif row.kind in _WRITERS:
            written.append(row._replace(ref=str(_WRITERS[row.kind](connection, row, now))))
        else:
            written.append(row)
    if connection.dialect.name == "postgresql":
        binds = {
            "now": now,
            "seqs": array([r.event_seq for r in written]),
            "seats": array([r.seat for r in written]),
            "kinds": array([r.kind for r in written]),
            "keys": array([r.key for r in written]),
            "refs": array([r.ref for r in written]),
            "datas": array([r.data for r in written]),
        }
        connection.execute(_PG_EFFECTS, binds)
    else:
        values = [(r.event_seq, r.seat, r.kind, r.key, r.ref, r.data, now) for r in written]
        raw(connection).executemany(_LITE_EFFECTS, values)


_EXISTS = text("SELECT 1 FROM effects WHERE event_seq = :seq AND seat = :seat AND kind = :kind AND key = :key")


_ASK_AGAIN = text("""
UPDATE tasks SET state = 'open', text = :text, done_at = NULL, done_by = NULL
WHERE state <> 'open' AND id = (SELECT CAST(ref AS bigint) FROM effects
    WHERE event_seq = :seq AND seat = :seat AND kind = :kind AND key = :key)
""")


def _new(connection: Connection, rows: Sequence[EffectRow]) -> list[EffectRow]:
    """Of the effects of handoffs that are run again, those that they did not have before.

    Who needed a human and needs one again has the same task, open again.
    """
    found = []
    for row in rows:
        binds = {"seq": row.event_seq, "seat": row.seat, "kind": row.kind, "key": row.key}
        if connection.execute(_EXISTS, binds).first() is None:
            found.append(row)
        elif row.kind == TASK and row.key == NEEDS_HUMAN_KEY:
            connection.execute(_ASK_AGAIN, binds | {"text": row.what.text})
    return found


# Evidence is a JSON list that is never empty: two of them are joined as text.
_PG_FLAGS = text("""
INSERT INTO flags (account_id, seat, name, key, text, severity, evidence, count, raised_at)
SELECT *, CAST(:now AS bigint) FROM unnest(CAST(:accounts AS bigint[]), CAST(:seats AS text[]), CAST(:names AS text[]),
    CAST(:keys AS text[]), CAST(:texts AS text[]), CAST(:severities AS text[]), CAST(:evidences AS text[]),
    CAST(:counts AS integer[]))
ON CONFLICT (account_id, seat, name, key) WHERE state = 'open' DO UPDATE SET count = flags.count + excluded.count,
    text = excluded.text, severity = excluded.severity,
    evidence = left(flags.evidence, -1) || ',' || substr(excluded.evidence, 2)
RETURNING account_id, seat, name, key, id
""")
_LITE_FLAG = """
INSERT INTO flags (account_id, seat, name, key, text, severity, evidence, count, raised_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account_id, seat, name, key) WHERE state = 'open' DO UPDATE SET count = count + excluded.count,
    text = excluded.text, severity = excluded.severity,
    evidence = substr(evidence, 1, length(evidence) - 1) || ',' || substr(excluded.evidence, 2)
RETURNING id
"""
_FlagKey = tuple[int, str, str, str]


def _flag_key(row: EffectRow) -> _FlagKey:
    return (row.account_id, row.seat, row.what.name, row.what.key)


def raise_flags(connection: Connection, rows: Sequence[EffectRow], now: int) -> dict[_FlagKey, int]:
    """Raise flags, or count on those that are open. Returns their ids."""
    merged: dict[_FlagKey, tuple[str, str, Sequence[str], int]] = {}
    for row in rows:
        key, flag, evidence, count = _flag_key(row), row.what, row.what.evidence or (row.cause,), 1
        if key in merged:
            _, _, found, n = merged[key]
            evidence, count = tuple(dict.fromkeys([*found, *evidence])), n + 1
        merged[key] = (flag.text, flag.severity, evidence, count)
    if not merged:
        return {}
    table = [
        (*key, told, severity, to_json(found).decode(), n) for key, (told, severity, found, n) in sorted(merged.items())
    ]
    if connection.dialect.name == "postgresql":
        names = ("accounts", "seats", "names", "keys", "texts", "severities", "evidences", "counts")
        binds: dict[str, Any] = {n: array(c) for n, c in zip(names, zip(*table, strict=True), strict=True)}
        found_ids = connection.execute(_PG_FLAGS, binds | {"now": now}).all()
        return {(account, seat, name, key): flag_id for account, seat, name, key, flag_id in found_ids}
    cursor = raw(connection).cursor()
    return {values[:4]: cursor.execute(_LITE_FLAG, (*values, now)).fetchone()[0] for values in table}


_GIVE_TASK = text("""
INSERT INTO tasks (kind, account_id, seat, assignee, key, title, text, rule, due_at, cause, created_at)
VALUES (:kind, :account, :seat, :assignee, :key, :title, :text, :rule, :due, :cause, :now) RETURNING id
""")


_OPEN_TASK = text("""
SELECT id FROM tasks WHERE kind = :kind AND title = :title AND text = :text AND state = 'open' LIMIT 1
""")


def give_task(
    connection: Connection,
    task: Task,
    *,
    kind: str,
    account_id: int | None,
    seat: str | None,
    cause: str | None,
    now: int,
    once: bool = False,
) -> int:
    """Write a task into the one human queue. Returns its id. ``once``: not where one with these words is open."""
    if once:
        found = connection.execute(_OPEN_TASK, {"kind": kind, "title": task.title, "text": task.text}).scalar()
        if found is not None:
            return int(found)
    binds = {
        "kind": kind,
        "account": account_id,
        "seat": seat,
        "assignee": task.assignee,
        "key": task.key,
        "title": task.title,
        "text": task.text,
        "rule": task.rule,
        "due": None if task.due_at is None else int(task.due_at.timestamp() * 1_000_000),
        "cause": cause,
        "now": now,
    }
    return int(connection.execute(_GIVE_TASK, binds).scalar_one())


def source_needs_human(connection: Connection, name: str, reason: str, now: int) -> None:
    """Write the task that a source cannot go on without a person; not where one for this reason is open."""
    task = Task(f"The source {name} needs a human", reason)
    give_task(connection, task, kind="needs_human", account_id=None, seat=None, cause=None, now=now, once=True)


def _write_task(connection: Connection, row: EffectRow, now: int) -> int:
    task: Task = row.what
    kind = "needs_human" if row.key == NEEDS_HUMAN_KEY else "task"
    return give_task(connection, task, kind=kind, account_id=row.account_id, seat=row.seat, cause=row.cause, now=now)


_END_TASKS = text("""
UPDATE tasks SET state = 'done', done_at = :now, done_by = :seat
WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND seat = :seat AND key = :key AND state = 'open'
""")


def _end_tasks(connection: Connection, row: EffectRow, now: int) -> int:
    """End what a seat has given humans to do under a key. Returns how many tasks there were."""
    binds = {"group": row.account_id, "seat": row.seat, "key": row.what.key, "now": now}
    return connection.execute(_END_TASKS, binds).rowcount


_WRITERS = {
    TASK: _write_task,
    ENDED: _end_tasks,
    MESSAGE: write_message,
    CHECK: write_check,
    DRAFT: write_draft,
    DEADLINE: write_deadline,
}
