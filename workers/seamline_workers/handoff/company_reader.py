"""What a daily about the company reads: all accounts as of its place in the ledger, in a few queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from seamline.company import Exit, Open, SourceState
from seamline.events.base import Event
from seamline.projection import Projection
from seamline_workers.store.desk_schema import drafts, flags, tasks
from seamline_workers.store.reading.sources import list_sources
from seamline_workers.store.schema import accounts, polls, sources
from seamline_workers.store.store import Store, now_us
from seamline_workers.translation.interpret import from_us, to_us
from seamline_workers.translation.placed import event_of

#: Most events and open things of one kind that are read; the newest of them count.
MOST = 10_000
#: Ledger numbers follow the times at which events came, but for those that were on their way together.
ASTRAY_US = 3_600 * 10**6
#: Attempts after which a poll is said to fail, and not only to have stumbled.
FAILING = 3
#: Ids in one question.
SOME = 500

_AT = text("SELECT received_at FROM events WHERE seq = :seq")
_FIRST = text("SELECT min(seq) FROM events")
_EVENTS = text("""
SELECT seq, id, type, version, account_id, source, delivery_id, occurred_at, timebasis, received_at, trust, stage, data,
    cause, correlation, hops, adapter_version
FROM events WHERE seq > :after AND seq <= :upto AND type IN :types AND received_at >= :since AND history = 0
ORDER BY seq DESC LIMIT :most
""").bindparams(bindparam("types", expanding=True))
_OPEN_DRAFTS = ("incomplete", "pending", "snoozed")


class CompanyReader:
    """Reads for one handoff about the company; ``upto`` is its place in the ledger."""

    def __init__(self, store: Store, upto: int) -> None:
        self._store = store
        self._upto = upto

    def events(self, *types: type[Event], since: datetime) -> list[Event]:
        """Events of these types of all accounts that came since then, in the ledger's order."""
        began = to_us(since)
        with self._store.read() as connection:
            binds = {
                "after": self._before(connection, began - ASTRAY_US),
                "upto": self._upto,
                "types": [one.event_type for one in types],
                "since": began,
                "most": MOST,
            }
            rows = connection.execute(_EVENTS, binds).all()
        return [event_of(row) for row in reversed(rows)]

    def _before(self, connection: Connection, at: int) -> int:
        """A ledger number before which nothing came at this time or later; by halves, for no index has the times."""
        low, high = (connection.execute(_FIRST).scalar() or 1) - 1, self._upto
        while high - low > 1:
            middle = (low + high) // 2
            came = connection.execute(_AT, {"seq": middle}).scalar()
            low, high = (middle, high) if came is not None and came < at else (low, middle)
        return low

    def open(self) -> list[Open]:
        """Flags, tasks and drafts that wait for a human, oldest first."""
        with self._store.read() as connection:
            raised = connection.execute(select(flags).where(flags.c.state == "open").limit(MOST)).all()
            given = connection.execute(select(tasks).where(tasks.c.state == "open").limit(MOST)).all()
            chosen = select(drafts).where(drafts.c.state.in_(_OPEN_DRAFTS)).limit(MOST)
            written = connection.execute(chosen).all()
        found = [*map(_flag, raised), *map(_task, given), *map(_draft, written)]
        return sorted(found, key=lambda one: (one.since, one.kind, one.id))

    def exits(self) -> list[Exit]:
        """Accounts whose relationship has ended and whose exit is not logged, oldest first."""
        chosen = select(accounts.c.id, accounts.c.projection).where(
            accounts.c.stage == "exit", accounts.c.group_id.is_(None)
        )
        with self._store.read() as connection:
            rows = connection.execute(chosen).all()
        found = [left for row in rows if (left := _exit(row.id, row.projection)) is not None]
        return sorted(found, key=lambda one: (one.since, one.account))

    def sources(self) -> list[SourceState]:
        """Every source that was ever started, by name."""
        failing = select(sources.c.name, polls.c.reason).join(polls, polls.c.source_id == sources.c.id)
        with self._store.read() as connection:
            fails = {row.name: row.reason for row in connection.execute(failing.where(polls.c.attempts >= FAILING))}
        return [
            SourceState(
                one["name"],
                None if one["last_delivery_at"] is None else datetime.fromisoformat(one["last_delivery_at"]),
                (fails[one["name"]] or "its poll does not get through") if one["name"] in fails else None,
            )
            for one in list_sources(self._store, {}, now=now_us(), wall=now_us())
        ]

    def names(self, accounts_: Iterable[str]) -> dict[str, str]:
        """The names of accounts by id; those that have none are not there."""
        numbers = sorted({int(one) for one in accounts_ if one.isdigit()})
        found: dict[str, str] = {}
        with self._store.read() as connection:
            for few in _chunks(numbers):
                chosen = select(accounts.c.id, accounts.c.name).where(accounts.c.id.in_(few))
                found |= {str(row.id): row.name for row in connection.execute(chosen) if row.name}
        return found


def _chunks(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    return (numbers[start : start + SOME] for start in range(0, len(numbers), SOME))


def _flag(row: Row[Any]) -> Open:
    return Open(
        "flag", str(row.id), row.name, row.seat, str(row.account_id), from_us(row.raised_at), None, row.severity
    )


def _task(row: Row[Any]) -> Open:
    due = None if row.due_at is None else from_us(row.due_at)
    account = "" if row.account_id is None else str(row.account_id)
    made = from_us(row.created_at)
    return Open("task", str(row.id), row.title, row.seat or "", account, made, due, None, row.assignee, row.rule)


def _draft(row: Row[Any]) -> Open:
    due = None if row.due_at is None else from_us(row.due_at)
    return Open("draft", str(row.id), row.channel, row.seat, str(row.account_id), from_us(row.created_at), due)


def _exit(account: int, known: str | None) -> Exit | None:
    projection = Projection() if known is None else Projection.from_json(known)
    ended, logged = projection.last("relationship.ended"), projection.last("exit.logged")
    if ended is None or (logged is not None and logged[0] >= ended[0]):
        return None
    return Exit(str(account), from_us(ended[0]))
