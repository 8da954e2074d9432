"""Completion: outcomes, effects and emitted events of a batch of handoffs, in one transaction, or not at all.

Order of locks: account groups ascending, then lanes, then the ledger's head. Only what emits or parks needs the
accounts: a parked handoff must not miss the fact that it waits for, an emitted event is a guard's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.boundary import Requires, Roster
from seamline_workers.crashpoint import reach
from seamline_workers.handoff import Result
from seamline_workers.store import lanes, ledger
from seamline_workers.store.effects import Outcome, complete
from seamline_workers.store.lanes import LaneEnd
from seamline_workers.store.ledger import Draft, Locked, Routes, control
from seamline_workers.store.schema import DONE, PARKED
from seamline_workers.store.store import Store, now_us
from seamline_workers.translate import again


@dataclass
class Completion:
    """What a run of lanes hands over: how the lanes ended, and the results of their handoffs."""

    ends: list[LaneEnd] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


@dataclass(frozen=True)
class Completer:
    """Writes completions; one a process."""

    store: Store
    roster: Roster
    routes: Routes

    def commit(self, completion: Completion) -> int:
        """Write a completion. Returns how many handoffs were completed; what lost its lease is not among them."""
        if not completion.ends:
            return 0
        return again(lambda: self._commit(completion))

    def _commit(self, completion: Completion) -> int:
        now = now_us()
        reach("handoff.finishing")
        with self.store.begin() as connection:
            locked = self._lock(connection, completion.results)
            results = completion.results
            if locked:
                results = [self._guarded(connection, result, locked) for result in results]
            done = complete(connection, completion.ends, [r.outcome for r in results], now)
            reach("handoff.completed")
            if locked and done:
                self._append(connection, results, locked, now)
            reach("handoff.commit")
        reach("handoff.committed")
        return done

    def _lock(self, connection: Connection, results: Sequence[Result]) -> Locked:
        """Lock the accounts of what emits or parks."""
        wanted = {draft.account_id for result in results for draft in result.drafts}
        wanted |= {result.outcome.lane for result in results if result.outcome.awaits}
        return ledger.lock(connection, wanted) if wanted else {}

    def _guarded(self, connection: Connection, result: Result, locked: Locked) -> Result:
        """Park a handoff that asks for what its account is not ready for; its effects wait with it."""
        for draft in result.drafts:
            guard = self.roster.guard(draft.type)
            if guard is None:
                continue
            projection = locked[draft.account_id].projection
            voided_by = None if guard.voided_by is None else guard.voided_by.event_type
            if not projection.permits(draft.fields, guard.fact.event_type, voided_by):
                return _parked(connection, result, draft, guard)
        return result

    def _append(self, connection: Connection, results: Sequence[Result], locked: Locked, now: int) -> None:
        finished = _finished(connection, [r.outcome for r in results if r.drafts])
        drafts = [d for r in results if (r.outcome.event_seq, r.outcome.seat) in finished for d in r.drafts]
        ledger.append(connection, drafts, self.routes, locked, now)
        waits = [r.outcome for r in results if r.outcome.state == PARKED and r.outcome.awaits]
        lanes.reopen(connection, _already_told(connection, waits))


_HEAD = text("SELECT seq FROM ledger_head WHERE id = 1")


def _parked(connection: Connection, result: Result, asked: Draft, guard: Requires) -> Result:
    """The handoff as it waits, and what says that it was refused.

    A handler that could not know of the newest such fact yet was not refused: it runs again at once, with it.
    """
    waiting = result.outcome._replace(
        state=PARKED, due=0, reason=guard.reason, awaits=guard.fact.event_type, effects=()
    )
    if _newer(connection, waiting) is not None:
        return Result(waiting)
    fields = {
        "rule": guard.rule,
        "code": guard.code,
        "cause": str(UUID(bytes=asked.cause or asked.id)),
        "actor": asked.source,
        "reason": guard.reason,
        "missing": [guard.fact.event_type],
    }
    # Whoever asks again is refused again, and each refusal is seen: what tells them apart is their place in the ledger.
    refused = control("guard.refused", fields, asked, str(connection.execute(_HEAD).scalar_one()))
    refused.cause = asked.cause  # what was asked for is in no ledger
    return Result(waiting, [refused])


_STATE = text("SELECT state, attempts FROM handoffs WHERE event_seq = :seq AND seat = :seat")


def _finished(connection: Connection, outcomes: Sequence[Outcome]) -> set[tuple[int, str]]:
    """The handoffs whose outcome this transaction wrote: a fenced one has another state, or had it before."""
    found = set()
    for o in outcomes:
        row = connection.execute(_STATE, {"seq": o.event_seq, "seat": o.seat}).first()
        if row is not None and row.state == o.state and row.state in (DONE, PARKED):
            found.add((o.event_seq, o.seat))
    return found


_NEWER = text("""
SELECT max(seq) FROM events WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND type = :type AND seq > (SELECT CASE WHEN as_of > event_seq THEN as_of ELSE event_seq END
                            FROM handoffs WHERE event_seq = :seq AND seat = :seat)
""")


def _already_told(connection: Connection, waits: Sequence[Outcome]) -> list[tuple[int, str, int]]:
    """What was parked for a fact that came while the handler ran: it is ready again at once."""
    told = {}
    for o in waits:
        seq = _newer(connection, o)
        if seq is not None:
            told[o.lane, o.awaits or ""] = seq
    return ledger.release(connection, told)


def _newer(connection: Connection, o: Outcome) -> int | None:
    """The newest fact of the kind that a handoff waits for, if it is newer than what its handler could read."""
    binds = {"group": o.lane, "type": o.awaits, "seq": o.event_seq, "seat": o.seat}
    seq = connection.execute(_NEWER, binds).scalar()
    return None if seq is None else int(seq)
