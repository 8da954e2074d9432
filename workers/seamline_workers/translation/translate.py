"""Translate: stored deliveries become events in the ledger, a batch of one source in one transaction.

The source's lane keeps the order of arrival. What wants a fetch is written down as an item and goes on beside
(seamline_workers.translation.fetch), so that one failing call holds up nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from seamline.delivery import Decision, Nudge
from seamline_workers.clock import Clock, business_clock
from seamline_workers.company.registry import Source
from seamline_workers.crashpoint import reach
from seamline_workers.store import deliveries, ledger, source_lanes
from seamline_workers.store.accounts import LostRace, Resolver, Subject, settle
from seamline_workers.store.deliveries import DeliveryRow, ItemRow
from seamline_workers.store.drafts import accounts_of
from seamline_workers.store.ledger import Entry, Plan
from seamline_workers.store.linking import settle_identities
from seamline_workers.store.processes import PER_SOURCE
from seamline_workers.store.reading.query import row_id
from seamline_workers.store.schema import FETCHING, IGNORED, QUARANTINED, TRANSLATED
from seamline_workers.store.store import Store, deadlocked, now_us, transient
from seamline_workers.store.tally import tally
from seamline_workers.translation import interpret
from seamline_workers.translation.interpret import Reading, Told

T = TypeVar("T")

#: Acts on a human's decision that came from outside, in the transaction that writes its item; ``now`` is business time.
#: Returns why nothing came of it, as shown on the item; None: it counts. A press told again must change nothing.
Decide = Callable[[Connection, Source, Decision, int], str | None]

#: Deliveries a transaction: larger ones save a little and hold SQLite's write lock for longer.
BATCH = PER_SOURCE
#: How often a transaction that met a lock, a deadlock or a race is done again as a whole, before in halves.
TRIES = 3


class Fenced(Exception):
    """Raised when the lease was lost; nothing was written."""


@dataclass(frozen=True)
class Translator:
    """Translates the deliveries of sources; one a process, shared by its threads."""

    store: Store
    plan: Plan
    public_url: str
    own_domains: Collection[str] = field(default_factory=frozenset)
    decide: Decide | None = None
    clock: Clock = field(default_factory=business_clock)

    def batch(self, source: Source, token: int, limit: int = BATCH) -> int:
        """Translate the next deliveries of a leased source. Returns how many; raises Fenced."""
        with self.store.read() as connection:
            rows = deliveries.todo(connection, source.id, limit)
        if rows:
            reach("translate.read")
            self._translate(source, token, rows)
        return len(rows)

    def _translate(self, source: Source, token: int, rows: Sequence[DeliveryRow]) -> None:
        readings = [self._understand(source, row) for row in rows]
        if len(rows) > 1 and any(told.decisions for reading in readings for told in reading.items):
            # Each is judged by what was told before it, and by nothing that came after.
            for alone in _apart(readings):
                self._translate(source, token, alone)
            return
        try:
            again(lambda: self._record(source, token, readings))
        except Fenced:
            raise
        except Exception as error:
            lost = isinstance(error, LostRace) or deadlocked(error)
            if (lost and len(rows) == 1) or (transient(error) and not lost):
                raise
            if len(rows) == 1:
                self.quarantine(source, token, rows[0], f"it cannot be stored: {type(error).__name__}")
                return
            middle = len(rows) // 2
            for half in (rows[:middle], rows[middle:]):
                self._translate(source, token, half)

    def _understand(self, source: Source, row: DeliveryRow) -> Reading:
        """Cut and normalize a delivery, before the transaction; items that need the past wait for it."""
        reading = interpret.split(source, row, self.public_url)
        for told in reading.items:
            if told.item.entity is None and not row.attempts:
                self._normalize(source, row, told)
        return reading

    def _normalize(self, source: Source, row: DeliveryRow, told: Told) -> None:
        if interpret.wants_fetch(source, told):
            told.state = FETCHING
        self.read(source, row, told)

    def read(self, source: Source, row: DeliveryRow, told: Told) -> None:
        """Normalize one item, with its answers if it had a fetch."""
        interpret.read(source, row, told, self.own_domains)
        if told.decisions and self.decide is None:
            interpret.put_aside(told, "approvals are not connected")

    def judge(self, connection: Connection, source: Source, row: DeliveryRow, told: Told, now: int) -> None:
        """Act on the decisions of an item that was just written, and write what came of them."""
        if not told.decisions:
            return
        assert self.decide is not None
        if row.baseline:
            refused = ["decided before this source counted"] * len(told.decisions)
        elif told.judged:
            refused = ["it was not counted when it was pressed: press again"] * len(told.decisions)
        else:
            said = [self.decide(connection, source, one, now) for one in told.decisions]
            refused = [reason for reason in said if reason]
        counts = told.entries or len(refused) < len(told.decisions)
        told.state, told.reason = TRANSLATED if counts else IGNORED, "; ".join(refused) or None
        deliveries.judge(connection, row.id, told.n, told.state, told.reason)

    def quarantine(self, source: Source, token: int, row: DeliveryRow, reason: str) -> None:
        """Put a delivery aside that cannot be stored, or kills its process: it must not hold up those behind it."""
        with self.store.begin() as connection:
            if not source_lanes.fence_source(connection, source.id, token):
                raise Fenced
            deliveries.finish(connection, [(row.id, QUARANTINED, reason)])
            tally(connection, {(source.name, "quarantined"): 1}, now_us())

    def _record(self, source: Source, token: int, readings: Sequence[Reading]) -> None:
        now, wall = self.clock(), now_us()
        with self.store.begin() as connection:
            if not source_lanes.fence_source(connection, source.id, token):
                raise Fenced
            again_told = self._with_past(connection, source, readings)
            rows = [_item_row(source, reading, told) for reading in readings for told in reading.items]
            new = deliveries.add_items(connection, rows)
            for told_again in again_told:
                if told_again[:2] in new:
                    deliveries.keep_answers(connection, *told_again)
            fresh = [(r.row, told) for r in readings for told in r.items if (r.row.id, told.n) in new]
            append_told(connection, self.plan, [told for _, told in fresh], now)
            for row, told in fresh:
                self.judge(connection, source, row, told, now)
            reach("translate.appended")
            deliveries.finish(connection, [_end(connection, reading, new) for reading in readings])
            for reading in readings:
                for nudge in reading.nudges:
                    nudge_poll(connection, source.id, nudge, wall)
            _count(connection, source, readings, new, wall)
            reach("translate.commit")
        reach("translate.committed")

    def _with_past(
        self, connection: Connection, source: Source, readings: Sequence[Reading]
    ) -> list[tuple[int, int, str]]:
        """Normalize the items that belong to an entity, in order, each with the item before it, and those again.

        What is translated again has the past that it had, and the answers: (delivery, n, answers) are returned.
        """
        keys = [told.item.key for reading in readings for told in reading.items if told.item.entity is not None]
        answers = []
        seen = deliveries.known(connection, source.id, keys) if keys else set()
        for reading in readings:
            formerly = deliveries.take_back(connection, reading.row.id) if reading.row.attempts else {}
            for n, told in enumerate(reading.items):
                item, former = told.item, formerly.get(told.n)
                if former is not None and former.key == item.key:
                    answers += [(reading.row.id, told.n, former.answers)] if former.answers else []
                    before = None if former.before is None else json.loads(former.before)
                    item = replace(item, before=before, answers=interpret.unpack_answers(former.answers))
                elif item.entity is not None:
                    if item.key in seen:
                        continue  # told before: it is nothing new, and not what its entity is now
                    seen.add(item.key)
                    item = replace(item, before=deliveries.entity(connection, source.id, item.entity))
                    deliveries.set_entity(connection, source.id, item.entity or "", item.data)
                elif not reading.row.attempts:
                    continue
                # Made anew: a transaction that is done again must not see what the first try left.
                told = reading.items[n] = Told(told.n, item)
                # A press that was refused is over: whoever translates it again is not the human who pressed.
                told.judged = former is not None and former.key == item.key and former.state == IGNORED
                self._normalize(source, reading.row, told)
        return answers


def _apart(readings: Sequence[Reading]) -> list[list[DeliveryRow]]:
    """Deliveries in order: each that decides something alone, those between them together."""
    runs: list[list[DeliveryRow]] = []
    together = False
    for reading in readings:
        decides = any(told.decisions for told in reading.items)
        if decides or not together:
            runs.append([])
        runs[-1].append(reading.row)
        together = not decides
    return runs


def again(work: Callable[[], T]) -> T:
    """Do a transaction; do it again when it met a lock, a deadlock or a race, at most ``TRIES`` times in all."""
    for left in range(TRIES - 1, -1, -1):
        try:
            return work()
        except LostRace:
            if not left:
                raise
        except IntegrityError:
            # Two transactions wrote the same new row: the second finds the first's when it is done again.
            if not left:
                raise
        except DBAPIError as error:
            if not left or not transient(error) or error.connection_invalidated:
                raise
    raise AssertionError("unreachable")


def append_told(connection: Connection, plan: Plan, told: Sequence[Told], now: int) -> list[Entry]:
    """Find whom the entries are about, and append them.

    All accounts that the rest of the transaction changes are locked at once, in one order: whoever holds the ledger's
    head locks no other. Those of the drafts that are decided about are among them. ``now`` is business time.
    """
    pairs: list[tuple[Entry, Subject]] = [pair for one in told for pair in one.entries]
    decided = accounts_of(connection, filter(None, (row_id(one.request_id) for item in told for one in item.decisions)))
    if not pairs:
        ledger.lock(connection, decided)
        return []
    resolved = Resolver(connection, now).resolve([subject for _, subject in pairs])
    entries = []
    for (entry, _), account_id in zip(pairs, resolved.accounts, strict=True):
        entry.account_id = account_id
        entries.append(entry)
    about = {entry.account_id for entry in entries}
    about |= {account for one in resolved.links for account in (one.account_id, one.other_id)}
    about |= {one.account_id for one in resolved.conflicts}
    locked = ledger.lock(connection, about | set(decided), resolved.fresh)
    settle(connection, resolved.settled)
    if resolved.links or resolved.conflicts:
        entries += settle_identities(connection, resolved, entries, now)
        locked = ledger.lock(connection, [d.account_id for d in entries])
    return ledger.append(connection, entries, plan, locked, now_us())


def _item_row(source: Source, reading: Reading, told: Told) -> ItemRow:
    item = told.item
    before = None if item.before is None else json.dumps(item.before, separators=(",", ":"))
    return ItemRow(
        reading.row.id,
        told.n,
        source.id,
        item.key,
        item.kind,
        item.entity,
        told.state,
        told.reason,
        0,
        before,
        source.adapter.version,
    )


def _end(connection: Connection, reading: Reading, new: set[tuple[int, int]]) -> tuple[int, int, str | None]:
    """The state of a delivery, from its items'."""
    row = reading.row
    if reading.error is not None:
        return row.id, QUARANTINED, reading.error
    mine = [told for told in reading.items if (row.id, told.n) in new]
    states = deliveries.states(connection, row.id) if row.attempts else {told.state for told in mine}
    if reading.nudges:
        states.add(TRANSLATED)
    state = deliveries.leading(states)
    if state in (FETCHING, TRANSLATED):
        return row.id, state, None
    if reading.items and not states:
        return row.id, IGNORED, "every item of it was told before"
    reason = next((told.reason for told in mine if told.state == state and told.reason), None)
    return row.id, state, reason or "nothing of it is an event here"


def _count(
    connection: Connection, source: Source, readings: Sequence[Reading], new: set[tuple[int, int]], wall: int
) -> None:
    counts = {(source.name, "quarantined"): 0, (source.name, "ignored"): 0}
    for reading in readings:
        counts[source.name, "quarantined"] += reading.error is not None
        counts[source.name, "ignored"] += not (reading.error or reading.items or reading.nudges)
        for told in reading.items:
            if (reading.row.id, told.n) in new:
                counts[source.name, "quarantined"] += told.state == QUARANTINED
                counts[source.name, "ignored"] += told.state == IGNORED
    tally(connection, counts, wall)


_NUDGE = text("""
INSERT INTO polls (source_id, poll, scope, due) VALUES (:source, :poll, :scope, :now)
ON CONFLICT (source_id, poll, scope) DO UPDATE SET due = CASE WHEN polls.due < :now THEN polls.due ELSE :now END
""")


def nudge_poll(connection: Connection, source_id: int, nudge: Nudge, wall: int) -> None:
    """Make a poll due now, by the wall clock; many nudges are one poll."""
    connection.execute(_NUDGE, {"source": source_id, "poll": nudge.poll, "scope": nudge.scope, "now": wall})
