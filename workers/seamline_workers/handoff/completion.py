"""Completion: outcomes, effects and emitted events of a batch of handoffs, in one transaction, or not at all.

Order of locks: account groups ascending, then lanes, then the ledger's head. Only a batch in which somebody emits or
parks needs the accounts: a parked handoff must not miss the fact that it waits for, an emitted event is a guard's
business. It needs those of all its lanes then: who appends to one of them waits for its lane with the head in hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from sqlalchemy import Connection

from seamline.boundary import Roster
from seamline.projection import Projection
from seamline_workers.bus.messaging import Messaging
from seamline_workers.clock import Clock
from seamline_workers.crashpoint import reach
from seamline_workers.effects.asking import Result
from seamline_workers.effects.guarding import Guarding
from seamline_workers.effects.parking import already_told
from seamline_workers.handoff.runner import unwritable
from seamline_workers.log import log
from seamline_workers.outbound.drafting import Drafting
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.rules.plan import Plan, was_set
from seamline_workers.rules.taking import taken
from seamline_workers.store import lanes, ledger
from seamline_workers.store.desk_schema import DEADLINE
from seamline_workers.store.effects import complete
from seamline_workers.store.entry import Entry
from seamline_workers.store.lanes import LaneEnd
from seamline_workers.store.ledger import Locked
from seamline_workers.store.outcome import Outcome
from seamline_workers.store.schema import DONE, PARKED, RETRYING
from seamline_workers.store.store import Store, deadlocked, fault, now_us, transient
from seamline_workers.translation.translate import again


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
    plan: Plan
    max_attempts: int = 12
    clock: Clock = now_us
    outbound: Outbound | None = None

    @cached_property
    def _drafting(self) -> Drafting:
        return Drafting(self.outbound or Outbound(self.roster, clock=self.clock))

    @cached_property
    def _messaging(self) -> Messaging:
        return Messaging(self.roster, self.clock)

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
            log.warning("completion_refused", handoffs=len(completion.results), **fault(error))
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
                guarding = Guarding(self.roster, self.clock)
                results = [guarding.guarded(connection, result, locked, ahead) for result in results]
                results = [self._drafting.drafted(connection, result, locked) for result in results]
                results = [self._messaging.addressed(connection, result, locked) for result in results]
            done = complete(connection, completion.ends, [r.outcome for r in results], now, self.clock())
            reach("handoff.completed")
            if locked and done:
                ended = [r for r in results if (r.outcome.event_seq, r.outcome.seat) in done]
                self._append(connection, ended, locked, now)
            reach("handoff.commit")
        reach("handoff.committed")
        return len(done)

    def _lock(self, connection: Connection, results: Sequence[Result]) -> Locked:
        """Lock the accounts of a batch in which somebody emits, drafts, speaks to another seat, or parks."""
        if not any(result.entries or result.outcome.awaits or result.asks for result in results):
            return {}
        wanted = {entry.account_id for result in results for entry in result.entries}
        wanted |= {account for r in results for account in (r.outcome.lane, r.outcome.subject or r.outcome.lane)}
        return ledger.lock(connection, wanted)

    def _append(self, connection: Connection, results: Sequence[Result], locked: Locked, now: int) -> None:
        entries = [entry for result in results for entry in result.entries]
        entries += [*self._drafting.requested(results), *self._messaging.said(connection, results)]
        entries += self._timed(connection, results, self.clock())
        ledger.append(connection, entries, self.plan, locked, now)
        waits = [r.outcome for r in results if r.outcome.state == PARKED and r.outcome.awaits]
        lanes.reopen(connection, already_told(connection, waits, locked))
        self._drafting.shown(connection, results, locked)

    def _timed(self, connection: Connection, results: Sequence[Result], now: int) -> list[Entry]:
        """What the engine says of deadlines that were set, and of stages that were taken over."""
        ended = [r.outcome for r in results if r.outcome.state == DONE]
        rows = [row for outcome in ended for row in outcome.effects if row.kind == DEADLINE]
        said = [entry for row in rows if (entry := was_set(connection, row, now)) is not None]
        self.plan.listen(event.event_type for row in rows for event in row.what.unless)
        handed = [(r.outcome.seat, str(UUID(bytes=r.took))) for r in results if r.took and r.outcome.state == DONE]
        return said + (taken(connection, handed, now) if handed else [])


def _up_to(end: LaneEnd, results: Sequence[Result], failed: Outcome) -> Completion:
    """A lane that ends with a handoff that failed."""
    upto = results[-1].outcome.event_seq if results else end.start
    if failed.state == RETRYING:
        end = end._replace(upto=upto, due=failed.due)
    else:
        end = end._replace(upto=failed.event_seq, due=0)
    return Completion([end], [*results, Result(failed)])
