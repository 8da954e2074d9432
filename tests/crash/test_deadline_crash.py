"""Deadlines fire once: whatever worker is killed (SIGKILL) at whatever step, and however many look at once."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seamline_workers.crashpoint import DEADLINE
from seamline_workers.store.store import Store
from seamline_workers.translation.interpret import to_us
from support.crash import RELAY, Company

CLOSED = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
#: A file that is written then: until it is, the clock that it shows stands still.
_NEVER = 4_000_000_000
ARMED = "SELECT count(*) FROM deadlines WHERE state = 'armed'"
OVERDUE = "SELECT count(*) FROM events WHERE type = 'kickoff.overdue'"
FLAGS = "SELECT count(*) FROM flags WHERE name = 'overdue'"


class Deals:
    """A company whose deals close at one hour, and whose business clock a file shows."""

    def __init__(self, folder: Path, store: Store, store_url: str) -> None:
        self.company = Company(folder, store, store_url, sources=RELAY.replace('"lead.*"', '"*"'))
        self._clock = folder / "clock"
        self.clock = {"SEAMLINE_CLOCK": str(self._clock)}
        self.told = 0
        self.set(CLOSED)

    def set(self, at: datetime) -> None:
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(str(to_us(at)), encoding="ascii")
        os.utime(fresh, (_NEVER, _NEVER))
        fresh.replace(self._clock)

    def win(self, n: int) -> None:
        """Tell of so many deals, each of a customer of its own."""
        for _ in range(n):
            self.told += 1
            self._tell("deal.won", f"D{self.told}", CLOSED, {"deal_id": f"D{self.told}"})

    def book(self, n: int, at: datetime) -> None:
        """Tell of the kickoff of a deal."""
        told = {"calendar_event_id": f"M{n}", "starts_at": "2026-12-01T09:00:00Z"}
        self._tell("kickoff.booked", f"D{n}", at, told)

    def _tell(self, kind: str, deal: str, at: datetime, data: dict[str, str]) -> None:
        party = {"email": f"{deal.lower()}@customer{deal.lower()}.example.com"}
        told = {"type": kind, "id": deal, "occurred_at": at.isoformat(), "party": party, "data": data}
        self.company.take_in([self.company.arrival("crm", json.dumps(told).encode())])

    def assert_each_once(self) -> None:
        company = self.company
        assert company.number(OVERDUE) == self.told
        assert company.number("SELECT count(*) FROM events WHERE type = 'deadline.fired'") == self.told
        assert company.number("SELECT count(*) FROM deadlines WHERE state = 'fired'") == self.told
        assert company.number("SELECT coalesce(sum(count), 0) FROM flags") == self.told


@pytest.fixture
def deals(tmp_path: Path, store: Store, store_url: str) -> Iterator[Deals]:
    found = Deals(tmp_path, store, store_url)
    yield found
    found.company.close()


def test_r32_a_worker_killed_at_any_step_of_a_sweep_flags_each_once(deals: Deals) -> None:
    deals.set(CLOSED + timedelta(hours=49))
    for point in DEADLINE:
        deals.win(8)
        worker = deals.company.worker(point, **deals.clock)
        assert worker.wait(120) == -signal.SIGKILL, point
    deals.company.worker(**deals.clock)
    deals.company.wait_until(FLAGS, deals.told)
    deals.assert_each_once()


def test_r32_what_was_armed_before_a_kill_fires_a_week_later_once_and_says_how_late(deals: Deals) -> None:
    deals.win(6)
    before = deals.company.worker(**deals.clock)
    deals.company.wait_until(ARMED, 6)
    before.kill()
    before.wait()
    deals.set(CLOSED + timedelta(days=9))
    for _ in range(3):
        deals.company.worker(**deals.clock)
    deals.company.wait_until(FLAGS, 6)
    deals.assert_each_once()
    late = "SELECT count(*) FROM events WHERE type = 'deadline.fired' AND data LIKE '%604800.0%'"
    assert deals.company.number(late) == 6


def test_r32_a_second_makes_the_difference_across_a_restart(deals: Deals) -> None:
    deals.win(2)
    first = deals.company.worker(**deals.clock)
    deals.company.wait_until(ARMED, 2)
    deals.set(CLOSED + timedelta(hours=48))
    deals.book(1, CLOSED + timedelta(hours=48))
    deals.company.wait_until(ARMED, 1)
    assert deals.company.number(OVERDUE) == 0
    first.kill()
    first.wait()
    deals.set(CLOSED + timedelta(hours=48, seconds=1))
    deals.company.worker(**deals.clock)
    deals.company.wait_until(FLAGS, 1)
    assert deals.company.number(OVERDUE) == 1
