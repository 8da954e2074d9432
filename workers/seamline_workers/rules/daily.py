"""Dailies: seats that are asked at a time of day, about the company or about each account from a fact on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Connection

from seamline.boundary import Roster
from seamline.expectation import Daily
from seamline.projection import Projection
from seamline_workers.rules.expecting import told_of
from seamline_workers.store import deadlines
from seamline_workers.store.company import company_account
from seamline_workers.store.deadlines import Deadline
from seamline_workers.store.entry import Entry, control
from seamline_workers.store.folding import Locked
from seamline_workers.translation.interpret import from_us, to_us

KIND = "daily"


@dataclass
class Dailies:
    """The dailies of a roster. One a process."""

    roster: Roster
    _by_type: dict[str, list[Daily]] = field(default_factory=dict, init=False)
    _by_name: dict[tuple[str, str], Daily] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for daily in self._all():
            self._by_name[daily.seat, daily.name] = daily
            about = () if daily.after is None else (daily.after, *daily.until)
            for event in about:
                self._by_type.setdefault(event.event_type, []).append(daily)

    def _all(self) -> Iterator[Daily]:
        for seat in self.roster.seats:
            yield from seat.dailies

    @property
    def listens(self) -> frozenset[str]:
        """The types from which on, and until which, somebody is asked about an account."""
        return frozenset(self._by_type)

    def named(self, row: Deadline) -> Daily | None:
        """The daily that a row is of; None: the roster has it no more."""
        return self._by_name.get((row.seat, row.name))

    def wanted(self, daily: Daily, known: Projection) -> bool:
        """Whether somebody is to be asked about an account of which this is known."""
        if daily.after is None:
            return True
        began = known.last(daily.after.event_type)
        ended = [known.last(event.event_type) for event in daily.until]
        return began is not None and all(end is None or end < began for end in ended)

    def hear(self, connection: Connection, new: Sequence[Entry], locked: Locked, now: int) -> list[Entry]:
        """Begin and end what these entries are about. Returns what is said of it. ``now`` is business time."""
        touched: dict[tuple[int, str, str], tuple[Daily, Entry]] = {}
        for entry in new:
            for daily in self._by_type.get(entry.type, ()):
                touched[locked[entry.account_id].id, daily.seat, daily.name] = (daily, entry)
        if not touched:
            return []
        rows: dict[tuple[int, str, str], list[Deadline]] = {}
        for group, row in deadlines.armed_of(connection, {group for group, _, _ in touched}, KIND):
            rows.setdefault((group, row.seat, row.name), []).append(row)
        said = []
        for place, (daily, entry) in touched.items():
            known, armed = locked[entry.account_id].projection, rows.get(place, [])
            if self.wanted(daily, known):
                if not armed and not entry.history:
                    deadlines.add(connection, self.next(daily, entry.account_id, entry.id, now))
            else:
                ended = [row._replace(state="cancelled") for row in armed]
                deadlines.write(connection, ended)
                said += [control("deadline.cancelled", told_of(row), entry, row.key) for row in ended]
        return said

    def next(self, daily: Daily, account: int, cause: bytes, now: int) -> Deadline:
        """The row of the next day."""
        day, at = daily.next(from_us(now), self.roster.timezone)
        return Deadline(
            0, key_of(daily, account, day), KIND, daily.seat, daily.name, "", account, cause, "", to_us(at), "armed",
            created_at=now,
        )  # fmt: skip

    def due(self, daily: Daily, row: Deadline, now: int) -> tuple[Deadline, date]:
        """The row as it fires now, about the newest day whose time has come. Days before that are not asked about."""
        day, at = daily.last(from_us(now), self.roster.timezone)
        return row._replace(due_at=max(row.due_at, to_us(at)), state="fired", fired_at=now), day

    def arm(self, connection: Connection, now: int) -> None:
        """Arm what is about the company, and follow times of day that were changed. Run again, it changes nothing."""
        about_all = [daily for daily in self._all() if daily.after is None]
        if not about_all:
            return
        account = company_account(connection, now)
        armed = {(row.seat, row.name): row for _, row in deadlines.armed_of(connection, [account], KIND)}
        for daily in about_all:
            wanted, row = self.next(daily, account, b"", now), armed.get((daily.seat, daily.name))
            if row is None:
                deadlines.add(connection, wanted)
            elif row.due_at > now and row.due_at != wanted.due_at:
                deadlines.write(connection, [row._replace(due_at=wanted.due_at)])


def key_of(daily: Daily, account: int, day: date) -> str:
    """The key of a day's row."""
    return f"{KIND}/{daily.seat}/{daily.name}/{account}/{day.isoformat()}"
