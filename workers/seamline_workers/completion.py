"""Completion: outcomes, effects and emitted events of a batch of handoffs, in one transaction, or not at all.

Order of locks: account groups ascending, then lanes, then the ledger's head. Only a batch in which somebody emits or
parks needs the accounts: a parked handoff must not miss the fact that it waits for, an emitted event is a guard's
business. It needs those of all its lanes then: who appends to one of them waits for its lane with the head in hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.boundary import Requires, Roster
from seamline.projection import Projection
from seamline.stages import fold
from seamline_workers.crashpoint import reach
from seamline_workers.handoff import Result, unwritable
from seamline_workers.log import log
from seamline_workers.store import lanes, ledger
from seamline_workers.store.effects import Outcome, complete
from seamline_workers.store.lanes import LaneEnd
from seamline_workers.store.ledger import Entry, Locked, Routes, control
from seamline_workers.store.schema import PARKED, RETRYING
from seamline_workers.store.store import Store, deadlocked, now_us, transient
from seamline_workers.translate import again


@dataclass
class Completion:
    """What a run of lanes hands over: how the lanes ended, and the results of their handoffs."""

    ends: list[LaneEnd] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    def of(self, ends: Sequence[LaneEnd]) -> Completion:
        """The part of it that is about these lanes."""
        lanes = {(end.key, end.seat) for end in ends}
        return Completion(list(ends), [r for r in self.results if (r.outcome.lane, r.outcome.seat) in lanes])


@dataclass(frozen=True)
class Completer:
    """Writes completions; one a process."""

    store: Store
    roster: Roster
    routes: Routes
    max_attempts: int = 12

    def commit(self, completion: Completion) -> int:
        """Write a completion. Returns how many handoffs were completed; what lost its lease is not among them.

        What cannot be written spoils nothing else: then each lane is written alone, and in it the handoffs before it.
        """
        ends = completion.ends
        if not ends:
            return 0
        try:
            return again(lambda: self._commit(completion))
        except Exception as error:
            if deadlocked(error) and len(ends) > 1:
                middle = len(ends) // 2
                return sum(self.commit(completion.of(half)) for half in (ends[:middle], ends[middle:]))
            if transient(error):
                raise
            log.warning("completion_refused", handoffs=len(completion.results), error=type(error).__name__)
        return sum(self._apart(end, completion.of([end]).results) for end in ends)

    def _apart(self, end: LaneEnd, results: Sequence[Result]) -> int:
        """Write one lane; the first handoff whose effects no store takes has failed, what comes after it runs again."""
        refused: Exception | None = None
        for n in range(len(results), -1, -1):
            written = Completion([end], list(results))
            if n < len(results):
                assert refused is not None
                written = _up_to(end, results[:n], unwritable(results[n].outcome, refused, self.max_attempts))
            try:
                return again(lambda written=written: self._commit(written))  # type: ignore[misc]
            except Exception as error:
                if transient(error):
                    raise
                refused = error
        assert refused is not None
        raise refused

    def _commit(self, completion: Completion) -> int:
        reach("handoff.finishing")
        with self.store.begin() as connection:
            # Once the write is ours: what is completed later is dated later.
            now = now_us()
            locked = self._lock(connection, completion.results)
            results = completion.results
            if locked:
                ahead: dict[int, Projection] = {}
                results = [self._guarded(connection, result, locked, ahead) for result in results]
            done = complete(connection, completion.ends, [r.outcome for r in results], now)
            reach("handoff.completed")
            if locked and done:
                ended = [r for r in results if (r.outcome.event_seq, r.outcome.seat) in done]
                self._append(connection, ended, locked, now)
            reach("handoff.commit")
        reach("handoff.committed")
        return len(done)

    def _lock(self, connection: Connection, results: Sequence[Result]) -> Locked:
        """Lock the accounts of a batch in which somebody emits or parks."""
        if not any(result.entries or result.outcome.awaits for result in results):
            return {}
        wanted = {entry.account_id for result in results for entry in result.entries}
        wanted |= {account for r in results for account in (r.outcome.lane, r.outcome.subject or r.outcome.lane)}
        return ledger.lock(connection, wanted)

    def _guarded(self, connection: Connection, result: Result, locked: Locked, ahead: dict[int, Projection]) -> Result:
        """Park a handoff that asks for what its account is not ready for; its effects wait with it.

        ``ahead`` holds what the guarded ones before it in this batch have made of their groups: of two projects that
        ask for the one contract at once, one gets it.
        """
        for entry in result.entries:
            guard = self.roster.guard(entry.type)
            if guard is None:
                continue
            group = locked[entry.account_id]
            projection = ahead.get(group.id, group.projection)
            voided_by = None if guard.voided_by is None else guard.voided_by.event_type
            if not projection.permits(entry.fields, guard.fact.event_type, voided_by):
                return _parked(connection, result, entry, guard, locked)
            ahead[group.id] = fold(projection, *entry.fact)
        return result

    def _append(self, connection: Connection, results: Sequence[Result], locked: Locked, now: int) -> None:
        entries = [entry for result in results for entry in result.entries]
        ledger.append(connection, entries, self.routes, locked, now)
        waits = [r.outcome for r in results if r.outcome.state == PARKED and r.outcome.awaits]
        lanes.reopen(connection, _already_told(connection, waits, locked))


def _up_to(end: LaneEnd, results: Sequence[Result], failed: Outcome) -> Completion:
    """A lane that ends with a handoff that failed."""
    upto = results[-1].outcome.event_seq if results else end.start
    if failed.state == RETRYING:
        end = end._replace(upto=upto, due=failed.due)
    else:
        end = end._replace(upto=failed.event_seq, due=0)
    return Completion([end], [*results, Result(failed)])


def _group(outcome: Outcome, locked: Locked) -> int:
    """The group of a handoff's account: not its lane where the account was linked or unlinked while it ran."""
    return locked[outcome.subject or outcome.lane].id


_HEAD = text("SELECT seq FROM ledger_head WHERE id = 1")


def _parked(connection: Connection, result: Result, asked: Entry, guard: Requires, locked: Locked) -> Result:
    """The handoff as it waits, and what says that it was refused.

    A handler that could not know of the newest such fact yet was not refused: it runs again at once, with it.
    """
    waiting = result.outcome._replace(
        state=PARKED, due=0, reason=guard.reason, awaits=guard.fact.event_type, effects=()
    )
    if _newer(connection, waiting, locked) is not None:
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


_MOVE = text("UPDATE handoffs SET account_id = :group WHERE event_seq = :seq AND seat = :seat")
_NEWER = text("""
SELECT max(seq) FROM events WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND type = :type AND seq > (SELECT CASE WHEN as_of > event_seq THEN as_of ELSE event_seq END
                            FROM handoffs WHERE event_seq = :seq AND seat = :seat)
""")


def _already_told(connection: Connection, waits: Sequence[Outcome], locked: Locked) -> list[tuple[int, str, int]]:
    """What was parked for a fact that came while the handler ran: it is ready again at once."""
    told = {}
    for o in waits:
        group = _group(o, locked)
        if group != o.lane:
            # It waits where the facts about its account arrive.
            connection.execute(_MOVE, {"group": group, "seq": o.event_seq, "seat": o.seat})
        seq = _newer(connection, o, locked)
        if seq is not None:
            told[group, o.awaits or ""] = seq
    return ledger.release(connection, told)


def _newer(connection: Connection, o: Outcome, locked: Locked) -> int | None:
    """The newest fact of the kind that a handoff waits for, if it is newer than what its handler could read."""
    binds = {"group": _group(o, locked), "type": o.awaits, "seq": o.event_seq, "seat": o.seat}
    seq = connection.execute(_NEWER, binds).scalar()
    return None if seq is None else int(seq)
