"""Deadlines: the sweep. Rows whose time has come are judged once more by the ledger; then they fire, each once.

Any number of processes may sweep. A row is taken for some seconds, judged under its account's lock, and changed in
the transaction that says so; a process that was down for a week does what it missed once, and says how late it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.cloudevents import NOT_DATA
from seamline.context import Task
from seamline.events.base import event_id
from seamline.expectation import Known, too_late
from seamline_workers.bus import replying
from seamline_workers.clock import Clock
from seamline_workers.crashpoint import reach
from seamline_workers.effects.guarding import refused
from seamline_workers.log import log
from seamline_workers.rules import expecting, taking
from seamline_workers.rules.daily import key_of
from seamline_workers.rules.expecting import Judged, told_of
from seamline_workers.rules.plan import Plan
from seamline_workers.rules.question import refusal_of
from seamline_workers.store import deadlines, ledger
from seamline_workers.store.deadlines import Deadline
from seamline_workers.store.effects import give_task
from seamline_workers.store.entry import Cause, Entry, said
from seamline_workers.store.ledger import Locked
from seamline_workers.store.store import Store, fault, now_us, transient
from seamline_workers.translation.interpret import from_us, to_us
from seamline_workers.translation.translate import again

#: Rows that one step takes.
SOME = 100
#: Microseconds for which a row is left alone that this process's roster does not know: a newer one's may.
UNKNOWN_FOR = 86_400_000_000

_SET = text("""SELECT DISTINCT "unless" FROM deadlines WHERE state = 'armed' AND "unless" <> ''""")
_LAST = text("SELECT coalesce(max(id), 0) FROM deadlines")
_SET_SINCE = text("""SELECT id, "unless" FROM deadlines WHERE id > :last ORDER BY id LIMIT 1000""")


@dataclass
class Deadlines:
    """Fires what is due. One a process."""

    store: Store
    plan: Plan
    clock: Clock
    _heard: int = field(default=0, init=False)

    # --- the job ------------------------------------------------------------------------------------------------------

    def due(self, connection: Connection) -> bool:
        """Whether a time has come. Learns by the way which types end what other processes' seats have set."""
        self._learn(connection)
        return deadlines.any_due(connection, self.clock(), now_us())

    def some(self, token: int = 0) -> bool:
        """Fire some of what is due. Returns whether there is likely more."""
        now = self.clock()
        with self.store.begin() as connection:
            taken = deadlines.claim(connection, now, now_us(), SOME)
        if not taken:
            return False
        reach("deadline.claimed")
        try:
            again(lambda: self._sweep(taken, now))
        except Exception as error:
            if transient(error):
                raise
            log.warning("sweep_refused", deadlines=len(taken), **fault(error))
            for number, account in taken.items():
                self._apart(number, account, now)
        return len(taken) == SOME

    def _apart(self, number: int, account: int, now: int) -> None:
        """Look at one row alone; one that cannot be written spoils no other, and is tried again."""
        try:
            again(lambda: self._sweep({number: account}, now))
        except Exception as error:
            if transient(error):
                raise
            log.error("deadline_refused", deadline=number, **fault(error))

    def arm(self) -> None:
        """Arm what is asked about the company every day; learn what ends what seats have set."""
        with self.store.begin() as connection:
            self._heard = int(connection.execute(_LAST).scalar_one())
            self._listen(connection.execute(_SET).scalars())
            self.plan.dailies.arm(connection, self.clock())

    def _learn(self, connection: Connection) -> None:
        rows = connection.execute(_SET_SINCE, {"last": self._heard}).all()
        self._listen(row.unless for row in rows)
        self._heard = rows[-1].id if rows else self._heard

    def _listen(self, several: Iterable[str]) -> None:
        self.plan.listen(kind for unless in several for kind in unless.split(",") if kind)

    def _sweep(self, taken: dict[int, int], now: int) -> None:
        with self.store.begin() as connection:
            locked = ledger.lock(connection, taken.values())
            rows = deadlines.claimed(connection, taken, now)
            entries = []
            for kind, settle in self._by_kind.items():
                mine = [row for row in rows if row.kind == kind]
                entries += settle(connection, mine, locked, now) if mine else []
            reach("deadline.firing")
            ledger.append(connection, entries, self.plan, locked, now_us())
            reach("deadline.commit")
        reach("deadline.committed")

    @property
    def _by_kind(self) -> dict[str, Callable[[Connection, Sequence[Deadline], Locked, int], list[Entry]]]:
        return {
            "expect": self._expected,
            "due": self._set,
            "daily": self._daily,
            "handoff": self._handoff,
            replying.KIND: self._reply,
        }

    # --- what is expected ---------------------------------------------------------------------------------------------

    def _expected(self, connection: Connection, rows: Sequence[Deadline], locked: Locked, now: int) -> list[Entry]:
        wanted = {row.id for row in rows}
        found: list[Entry] = []
        for judged in self.plan.expecting.judge(connection, rows, locked):
            assert judged.row is not None
            if judged.row.id in wanted:
                wanted.remove(judged.row.id)
                found += self._settle(connection, judged, judged.row, locked, now)
        for row in rows:
            if row.id in wanted:  # its start was taken back, or it is not known here
                found += self._drop(connection, row, locked, now, known=self.plan.expecting.named(row) is not None)
        return found

    def _settle(self, connection: Connection, judged: Judged, row: Deadline, locked: Locked, now: int) -> list[Entry]:
        envelope = judged.start.envelope
        correlation = envelope.correlation or envelope.id
        cause = Cause(envelope.id.bytes, correlation.bytes, envelope.hops)
        after = expecting.standing(row, judged.verdict)
        if after.state == "armed" and after.due_at < now:
            return self._missed(connection, judged, after, cause, locked, now)
        deadlines.write(connection, [after])
        if after.state == "armed":
            return []
        return [self._said("deadline.cancelled", after, cause, locked, now)]

    def _missed(
        self, connection: Connection, judged: Judged, row: Deadline, cause: Cause, locked: Locked, now: int
    ) -> list[Entry]:
        """Say that it was too late: once for each time that was missed."""
        fired = row._replace(state="fired", fired_at=now)
        first = judged.row is not None and judged.row.fired_at is None
        event = self._said("deadline.fired", fired, cause, locked, now, late=True)
        entries = [event]
        otherwise = self._otherwise(connection, judged, row, event, first, locked, now)
        fired = fired._replace(event=otherwise.id if otherwise is not None else event.id)
        entries += [] if otherwise is None else self._asked(connection, otherwise, locked, now)
        if judged.verdict.standing != "waiting" or judged.verdict.due > from_us(row.due_at):
            # What was missed has ended since, and more may have been missed behind it.
            fired = expecting.standing(fired._replace(state="resolved"), judged.verdict)
        deadlines.write(connection, [fired])
        return entries

    def _otherwise(
        self,
        connection: Connection,
        judged: Judged,
        row: Deadline,
        fired: Entry,
        first: bool,
        locked: Locked,
        now: int,
    ) -> Entry | None:
        """What the seat says of it. None: it cannot say it, and a human is told."""
        expected, group = judged.expected, locked[row.account_id]
        known = Known(frozenset(group.projection.types))
        try:
            event = too_late(expected, judged.start, from_us(row.due_at), known)
            data = event.model_dump_json(exclude_defaults=True, exclude=NOT_DATA)
        except Exception as error:  # the seat's own code, or what it gave
            log.error("otherwise_failed", seat=row.seat, name=row.name, error=type(error).__name__)
            task = Task(f"{row.seat} could not say {expected.otherwise.event_type}", type(error).__name__)
            give_task(
                connection, task, kind="needs_human", account_id=row.account_id, seat=row.seat,
                cause=str(UUID(bytes=fired.id)), now=now,
            )  # fmt: skip
            return None
        source = f"/seats/{row.seat}"
        subject = expected.subject(judged.start)
        key = f"{row.account_id}/{row.name}/{subject}" if subject is not None else row.key
        return Entry(
            id=event_id(source, event.event_type, key if first else f"{row.key}/{row.due_at}").bytes,
            type=event.event_type,
            version=event.event_version,
            account_id=row.account_id,
            source=source,
            data=data,
            occurred_at=row.due_at if event.occurred_at is None else to_us(event.occurred_at),
            timebasis="provider",
            received_at=now,
            trust="seat",
            cause=fired.id,
            correlation=fired.correlation,
            hops=fired.hops + 1,
        )

    def _asked(self, connection: Connection, entry: Entry, locked: Locked, now: int) -> list[Entry]:
        """What a seat would say, or what the guards say to that."""
        group = locked[entry.account_id]
        refusal = refusal_of(connection, self.plan.roster, entry.type, entry.fields, group.id, group.projection, now)
        return [entry] if refusal is None else refused(connection, entry, refusal)

    # --- what seats set, and are asked every day ----------------------------------------------------------------------

    def _set(self, connection: Connection, rows: Sequence[Deadline], locked: Locked, now: int) -> list[Entry]:
        causes = deadlines.named(connection, [row.cause for row in rows])
        found: list[Entry] = []
        for row in rows:
            told = causes.get(row.cause)
            types = [kind for kind in row.unless.split(",") if kind]
            ended = told is not None and deadlines.newer(connection, locked[row.account_id].id, types, told.seq)
            if ended or not self._has(row.seat):
                found += self._drop(connection, row, locked, now, known=ended)
                continue
            cause = _cause(row, told)
            event = self._said(
                "deadline.fired", row, cause, locked, now, key=deadlines.own_key(row), to=((row.seat, 1),), late=True
            )
            deadlines.write(connection, [row._replace(state="fired", fired_at=now, event=event.id)])
            found.append(event)
        return found

    def _daily(self, connection: Connection, rows: Sequence[Deadline], locked: Locked, now: int) -> list[Entry]:
        dailies = self.plan.dailies
        groups = {locked[row.account_id].id for row in rows}
        first: dict[tuple[int, str, str], int] = {}
        for of, row in deadlines.armed_of(connection, groups, "daily"):
            place = (of, row.seat, row.name)
            first[place] = min(first.get(place, row.id), row.id)
        causes = deadlines.named(connection, [row.cause for row in rows if row.cause])
        found: list[Entry] = []
        for row in rows:
            group, daily = locked[row.account_id], dailies.named(row)
            asked_already = first.get((group.id, row.seat, row.name)) != row.id  # of accounts that became one
            if daily is None or asked_already or not dailies.wanted(daily, group.projection):
                found += self._drop(connection, row, locked, now, known=daily is not None)
                continue
            fired, day = dailies.due(daily, row, now)
            key = key_of(daily, row.account_id, day)
            event = self._said(
                "deadline.fired", fired, _cause(row, causes.get(row.cause)), locked, now,
                key=day.isoformat(), to=((row.seat, 1),), late=True,
            )  # fmt: skip
            known = deadlines.by_key(connection, [key])
            deadlines.write(connection, [fired._replace(event=event.id, key=row.key if key in known else key)])
            deadlines.add(connection, dailies.next(daily, row.account_id, row.cause, now))
            found.append(event)
        return found

    # --- stages that somebody must take over --------------------------------------------------------------------------

    def _handoff(self, connection: Connection, rows: Sequence[Deadline], locked: Locked, now: int) -> list[Entry]:
        causes = deadlines.named(connection, [row.cause for row in rows])
        found: list[Entry] = []
        for row in rows:
            if taking.is_taken(connection, row):
                found += self._drop(connection, row, locked, now, known=True)
                continue
            event = self._said("deadline.fired", row, _cause(row, causes.get(row.cause)), locked, now, late=True)
            deadlines.write(connection, [row._replace(state="fired", fired_at=now, event=event.id)])
            self.plan.taking.late(connection, row, event, now)
            found.append(event)
        return found

    # --- messages that need an answer ---------------------------------------------------------------------------------

    def _reply(self, connection: Connection, rows: Sequence[Deadline], locked: Locked, now: int) -> list[Entry]:
        causes = deadlines.named(connection, [row.cause for row in rows])
        found: list[Entry] = []
        for row in rows:
            message = replying.message_of(connection, row)
            if message is None:
                found += self._drop(connection, row, locked, now, known=True)
                continue
            event = self._said("deadline.fired", row, _cause(row, causes.get(row.cause)), locked, now, to=(), late=True)
            deadlines.write(connection, [row._replace(state="fired", fired_at=now, event=event.id)])
            found += [event, replying.late(connection, self.plan.roster, row, message, event, now)]
        return found

    # --- saying it ----------------------------------------------------------------------------------------------------

    def _has(self, name: str) -> bool:
        return any(seat.name == name for seat in self.plan.roster.seats)

    def _drop(self, connection: Connection, row: Deadline, locked: Locked, now: int, *, known: bool) -> list[Entry]:
        """End what nobody wants any more; what is not ``known`` here only when nobody else has known it for a day."""
        if not known and now - row.due_at < UNKNOWN_FOR:
            return []
        ended = row._replace(state="cancelled")
        deadlines.write(connection, [ended])
        return [self._said("deadline.cancelled", ended, _cause(row, None), locked, now)]

    def _said(
        self,
        event_type: str,
        row: Deadline,
        cause: Cause,
        locked: Locked,
        now: int,
        *,
        key: str = "",
        to: tuple[tuple[str, int], ...] | None = None,
        late: bool = False,
    ) -> Entry:
        fields: dict[str, Any] = told_of(row, key=key)
        if late:
            fields["late_by"] = (now - row.due_at) / 1_000_000
        place = f"{row.key}/{row.due_at}" if late else f"{row.key}/{row.due_at}/{now}"
        stage = locked[row.account_id].projection.stage
        return said(event_type, fields, place, account_id=row.account_id, cause=cause, now=now, stage=stage, to=to)


def _cause(row: Deadline, told: Any) -> Cause:
    """What a row was armed by; a row of the company's has no cause."""
    if told is None:
        return Cause(row.cause or None, row.cause or None)
    own = bytes(told.id)
    return Cause(own, bytes(told.correlation) if told.correlation is not None else own, told.hops)
