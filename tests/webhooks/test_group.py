"""Group commit: who waits together is committed together, and nobody pays for another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from seamline_webhooks import group as groups
from seamline_webhooks.group import InlineGroup, ThreadGroup
from seamline_workers.store.arrival import Accepted, Arrival, StoreBusy, StoreLocked, Verdicts


def arrival(number: int, size: int = 1) -> Arrival:
    return Arrival(1, str(number), b"", "POST", "/", "{}", b"", size, 0, "signed")


class Kept:
    """A store in memory. ``trouble`` is what its next commits raise."""

    def __init__(self, *trouble: Exception) -> None:
        self.trouble = list(trouble)
        self.groups: list[list[str]] = []
        self.gate: threading.Event | None = None
        self.interrupted = 0
        self.closed = False

    def accept(self, arrivals: Sequence[Arrival]) -> Verdicts:
        if self.gate is not None:
            self.gate.wait(10)
        if self.trouble:
            raise self.trouble.pop(0)
        self.groups.append([one.key for one in arrivals])
        return [Accepted(int(one.key)) for one in arrivals]

    def interrupt(self) -> None:
        self.interrupted += 1
        if self.gate is not None:
            self.trouble.append(StoreBusy("interrupted"))
            self.gate.set()

    def close(self) -> None:
        self.closed = True


Make = Callable[[Any], InlineGroup | ThreadGroup]
both = pytest.mark.parametrize("make", [InlineGroup, ThreadGroup])


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20))


@both
def test_who_waits_at_the_same_moment_is_one_group_and_gets_its_own_verdict(make: Make) -> None:
    async def play() -> None:
        kept = Kept()
        group = make(kept)
        verdicts = await asyncio.gather(*(group.submit(arrival(number)) for number in range(100)))
        assert [verdict and verdict.id for verdict in verdicts] == list(range(100))
        assert kept.groups == [[str(number) for number in range(100)]]
        await group.close()
        assert kept.closed

    run(play())


@both
def test_a_group_is_bounded_in_rows_and_bytes(make: Make) -> None:
    async def play() -> None:
        kept = Kept()
        group = make(kept)
        await asyncio.gather(*(group.submit(arrival(number)) for number in range(groups.MOST_ROWS + 10)))
        assert [len(one) for one in kept.groups] == [groups.MOST_ROWS, 10]
        kept.groups.clear()
        big = groups.MOST_BYTES // 2
        await asyncio.gather(*(group.submit(arrival(number, big)) for number in range(5)))
        assert [len(one) for one in kept.groups] == [2, 2, 1]
        await group.close()

    run(play())


@both
def test_who_goes_away_while_it_waits_cancels_nobody_else(make: Make) -> None:
    async def play() -> None:
        kept = Kept()
        group = make(kept)
        waiting = [group.submit(arrival(number)) for number in range(3)]
        waiting[1].cancel()
        assert await waiting[0] == Accepted(0)
        assert await waiting[2] == Accepted(2)
        await group.close()

    run(play())


@both
def test_r86_a_store_that_fails_gives_no_acknowledgement_and_the_next_group_is_tried_again(make: Make) -> None:
    async def play() -> None:
        group = make(Kept(StoreBusy("full"), RuntimeError("a fault")))
        assert await group.submit(arrival(1)) is None
        assert await group.submit(arrival(2)) is None
        assert await group.submit(arrival(3)) == Accepted(3)
        await group.close()

    run(play())


def test_while_another_process_writes_the_loop_goes_on_and_the_group_grows() -> None:
    async def play() -> None:
        kept = Kept(*[StoreLocked("writing")] * 5)
        group = InlineGroup(kept)
        first = group.submit(arrival(1))
        while len(kept.trouble) > 3:
            await asyncio.sleep(0)  # the loop is free between two tries
        second = group.submit(arrival(2))
        assert list(await asyncio.gather(first, second)) == [Accepted(1), Accepted(2)]
        assert kept.groups == [["1", "2"]]
        await group.close()

    run(play())


def test_a_store_that_stays_locked_is_503_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "LOCKED_LONGEST_S", 0.05)

    async def play() -> None:
        group = InlineGroup(Kept(*[StoreLocked("writing")] * 100_000))
        assert await group.submit(arrival(1)) is None

    run(play())


def test_a_store_that_hangs_is_left_at_the_deadline_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "DEADLINE_S", 0.2)
    monkeypatch.setattr(groups, "SWEEP_S", 0.01)

    async def play() -> None:
        kept = Kept()
        kept.gate = threading.Event()
        group = ThreadGroup(kept)
        held = group.submit(arrival(1))
        await asyncio.sleep(0)
        behind = group.submit(arrival(2))
        assert await held is None
        assert kept.interrupted == 1
        assert await behind in (None, Accepted(2))
        kept.gate = None
        assert await group.submit(arrival(3)) == Accepted(3)
        await group.close()

    run(play())


def test_closing_finishes_what_waits() -> None:
    async def play() -> None:
        kept = Kept()
        group = ThreadGroup(kept)
        waiting = [group.submit(arrival(number)) for number in range(10)]
        await group.close()
        assert [verdict.result() for verdict in waiting] == [Accepted(number) for number in range(10)]

    run(play())
