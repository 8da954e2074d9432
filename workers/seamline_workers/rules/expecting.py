"""Expecting: what seats declared must come by when, judged by the ledger whenever something comes that matters.

Where a row stands follows from the facts alone, in whatever order they came. What was missed is said by the sweep
(seamline_workers.jobs.deadlines) and nowhere else, so that a fact that is a moment late in coming prevents the alarm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.boundary import Roster
from seamline.errors import SeamlineError
from seamline.events.base import Event
from seamline.expectation import Expectation, Verdict, judge
from seamline_workers.log import log
from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.store import deadlines
from seamline_workers.store.deadlines import Deadline
from seamline_workers.store.entry import Entry, control
from seamline_workers.store.folding import RETRACTED, Locked, folds
from seamline_workers.store.handoffs import cancel_handoff
from seamline_workers.store.reading.handoffs import handoff_id
from seamline_workers.store.store import now_us
from seamline_workers.translation.interpret import from_us, to_us
from seamline_workers.translation.placed import event_of

KIND = "expect"
#: What changes a verdict although no expectation names it: facts that are taken back, and accounts that become one.
_OTHERWISE = (RETRACTED, "identity.linked", "identity.unlinked")


class Judged(NamedTuple):
    """A start of a group, the row that stands for it if there is one, and how it is judged."""

    group: int
    expected: Expectation
    start: Event
    verdict: Verdict
    row: Deadline | None


@dataclass
class Expecting:
    """The expectations of a roster. One a process."""

    roster: Roster
    _by_type: dict[str, list[Expectation]] = field(default_factory=dict, init=False)
    _by_name: dict[tuple[str, str], Expectation] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for seat in self.roster.seats:
            for expected in seat.expectations:
                self._by_name[seat.name, expected.name] = expected
                for event_type in (*expected.listens, *_OTHERWISE):
                    self._by_type.setdefault(event_type, []).append(expected)

    @property
    def listens(self) -> frozenset[str]:
        """The types that change a verdict."""
        return frozenset(self._by_type)

    def named(self, row: Deadline) -> Expectation | None:
        """The expectation that a row is of; None: the roster has it no more."""
        return self._by_name.get((row.seat, row.name))

    # --- when something comes -----------------------------------------------------------------------------------------

    def hear(self, connection: Connection, new: Sequence[Entry], locked: Locked, now: int) -> list[Entry]:
        """Arm, move and end what these entries are about, which are not in the ledger yet. Returns what is said of it.

        ``now`` is business time.
        """
        touched: dict[int, dict[str, Expectation]] = {}
        last: dict[int, Entry] = {}
        for entry in new:
            for expected in self._by_type.get(entry.type, ()):
                group = locked[entry.account_id]
                # Without a start there is nothing to judge.
                if group.projection.count(expected.after.event_type) or not folds(expected.after.event_type):
                    touched.setdefault(group.id, {})[f"{expected.seat}/{expected.name}"] = expected
                    last[group.id] = entry
        if not touched:
            return []
        fresh = {entry.id: entry for entry in new}
        found: list[Entry] = []
        for judged in self._judged(connection, touched, new, locked):
            begun = fresh.get(judged.start.id.bytes)
            if judged.row is not None:
                found += _moved(connection, judged, last[judged.group], now)
            elif begun is not None and not begun.history:
                found += _begun(connection, judged, begun, now)
        return found

    def _judged(
        self, connection: Connection, touched: dict[int, dict[str, Expectation]], new: Sequence[Entry], locked: Locked
    ) -> list[Judged]:
        types = {kind for several in touched.values() for one in several.values() for kind in one.listens} | {RETRACTED}
        told: dict[int, list[Any]] = {group: [] for group in touched}
        for entry in new:
            if entry.type in types and locked[entry.account_id].id in told:
                told[locked[entry.account_id].id].append(entry)
        behind = [group for group in touched if not _is_all(group, told[group], types, locked)]
        if behind:
            for group, rows in deadlines.told(connection, behind, types).items():
                told[group] += rows
        return judge_all(connection, {group: (touched[group].values(), told[group]) for group in touched})

    def judge(self, connection: Connection, rows: Sequence[Deadline], locked: Locked) -> list[Judged]:
        """Judge rows by what is in the ledger. Those of expectations that the roster has no more are left out."""
        wanted: dict[int, dict[str, Expectation]] = {}
        for row in rows:
            if (expected := self.named(row)) is not None:
                wanted.setdefault(locked[row.account_id].id, {})[f"{row.seat}/{row.name}"] = expected
        types = {kind for several in wanted.values() for one in several.values() for kind in one.listens} | {RETRACTED}
        told = deadlines.told(connection, wanted, types) if wanted else {}
        found = judge_all(connection, {group: (wanted[group].values(), told.get(group, [])) for group in wanted})
        return [judged for judged in found if judged.row is not None]


def _is_all(group: int, told: Sequence[Entry], types: Iterable[str], locked: Locked) -> bool:
    """Whether what is about to be appended is all that there is of these types: then nothing need be read."""
    known = next(one for one in locked.values() if one.id == group)
    if known.fresh:
        return True
    return all(folds(kind) for kind in types) and sum(known.projection.count(kind) for kind in types) == len(told)


def judge_all(connection: Connection, groups: dict[int, tuple[Iterable[Expectation], Sequence[Any]]]) -> list[Judged]:
    """Judge every start of these expectations, group by group, and find the rows that stand for them."""
    found: list[tuple[int, Expectation, Event, Verdict]] = []
    for group, (several, rows) in groups.items():
        events = _standing(rows)
        for expected in several:
            try:
                starts = [event for event in events if expected.starts(event)]
                found += [(group, expected, start, judge(expected, start, events)) for start in starts]
            except Exception as error:  # the seat's own code
                log.error("expectation_failed", seat=expected.seat, name=expected.name, error=type(error).__name__)
    rows_of = deadlines.by_key(connection, [key_of(expected, start) for _, expected, start, _ in found])
    return [Judged(*one, rows_of.get(key_of(one[1], one[2]))) for one in found]


def _standing(rows: Sequence[Any]) -> list[Event]:
    """The events of these rows that were not taken back."""
    events = []
    for row in rows:
        with contextlib.suppress(SeamlineError):  # what this process does not know yet, it does not judge by
            events.append(event_of(row))
    taken = {event.event_id for event in events if event.event_type == RETRACTED}  # type: ignore[attr-defined]
    return [event for event in events if event.id not in taken]


def key_of(expected: Expectation, start: Event) -> str:
    """The key of the row that stands for a start."""
    return f"{KIND}/{expected.seat}/{expected.name}/{start.id}"


# --- where a row stands ----------------------------------------------------------------------------------------------


def standing(row: Deadline, verdict: Verdict) -> Deadline:
    """The row as these facts leave it. One that is armed for a time that has passed says that it was missed."""
    missed = [to_us(at) for at in verdict.missed]
    if row.state == "fired":
        if verdict.standing == "waiting":
            return row
        # What it said stands for all that was missed until now.
        return row._replace(state="resolved", due_at=max([row.due_at, *missed]))
    unsaid = [at for at in missed if at > _said(row)]
    if unsaid:
        return row._replace(state="armed", due_at=unsaid[0])
    if verdict.standing == "waiting":
        return row._replace(state="armed", due_at=to_us(verdict.due))
    if row.fired_at is None:
        return row._replace(state="cancelled", due_at=to_us(verdict.due))
    return row._replace(state="resolved")


def _said(row: Deadline) -> int:
    """The time up to which it has been said that it was too late."""
    if row.fired_at is None:
        return -(2**62)
    return row.due_at if row.state == "resolved" else row.due_at - 1


def _begun(connection: Connection, judged: Judged, cause: Entry, now: int) -> list[Entry]:
    """Write the row of a start. What has come already needs no waiting."""
    _, expected, start, verdict, _ = judged
    blank = Deadline(
        0,
        key_of(expected, start),
        KIND,
        expected.seat,
        expected.name,
        expected.rule,
        int(start.envelope.account),
        start.id.bytes,
        "",
        to_us(verdict.due),
        "armed",
        created_at=now,
    )
    row = deadlines.add(connection, standing(blank, verdict))
    return [] if row is None or row.state != "armed" else [control("deadline.armed", told_of(row), cause, row.key)]


def _moved(connection: Connection, judged: Judged, cause: Entry, now: int) -> list[Entry]:
    """Write what has changed of a row, and say it."""
    before = judged.row
    assert before is not None
    after = standing(before, judged.verdict)
    if after == before:
        return []
    deadlines.write(connection, [after])
    if after.state == before.state:
        return []
    if after.state == "armed":
        return [control("deadline.armed", told_of(after), cause, after.key)]
    if before.state == "fired":
        resolve(connection, after, judged.group, in_time=not judged.verdict.missed, reason=_reason(judged), now=now)
    return [control("deadline.cancelled", told_of(after), cause, after.key)]


def _reason(judged: Judged) -> str:
    if judged.verdict.standing == "met":
        when = "came too late" if judged.verdict.missed else "had come in time"
        return f"resolved: {judged.expected.fact.event_type} {when}"
    return f"resolved: {judged.expected.fact.event_type} is no longer expected"


def told_of(row: Deadline, *, key: str = "") -> dict[str, Any]:
    """What control events say of a row."""
    return {
        "deadline_id": str(row.id),
        "due_at": _iso(from_us(row.due_at)),
        "rule": row.rule,
        "cause": str(UUID(bytes=row.cause)) if row.cause else row.key,
        "actor": f"/seats/{row.seat}",
        "seat": row.seat,
        "name": row.name,
        "key": key,
    }


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


# --- what an alarm raised ---------------------------------------------------------------------------------------------

_CLEAR = text("""
UPDATE flags SET state = 'cleared', cleared_at = :now, cleared_by = 'engine', reason = :reason
WHERE state = 'open' AND account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND seat = :seat AND evidence LIKE :evidence
""")
_DISMISS = text("""
UPDATE tasks SET state = 'dismissed', done_at = :now, done_by = 'engine'
WHERE state = 'open' AND account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND seat = :seat AND cause = :said
""")
_SEQ = text("SELECT seq FROM events WHERE id = :id")


def resolve(connection: Connection, row: Deadline, group: int, *, in_time: bool, reason: str, now: int) -> None:
    """Clear the flags and tasks that rest on what was said when a row fired.

    ``in_time``: it should not have been said, and who has not heard of it need not. ``now`` is business time.
    """
    if row.event is None:
        return
    said = str(UUID(bytes=row.event))
    binds = {"now": now, "reason": reason, "seat": row.seat, "group": group, "evidence": f'%"{said}"%'}
    connection.execute(_CLEAR, binds)
    connection.execute(_DISMISS, {"now": now, "seat": row.seat, "group": group, "said": said})
    seq = connection.execute(_SEQ, {"id": row.event}).scalar()
    if in_time and seq is not None:
        with contextlib.suppress(Conflict, NoSuch):  # it has been handled
            by = "the engine, for it had come in time"
            cancel_handoff(connection, handoff_id(seq, row.seat), by=by, now=now, wall=now_us())
