"""A lane that waits for one that it joined goes on waiting, whatever ends its own run: a customer's order holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from seamline_workers.store import lanes, linking, processes, suspects
from seamline_workers.store.lanes import Lane
from seamline_workers.store.processes import TOKEN_BITS
from seamline_workers.store.schema import CANCELLED, RETRYING
from seamline_workers.store.store import Store
from support.lanework import add, clear, done, enter, finish, lease

SEAT = "dirk"
#: Two accounts that turn out to be one customer; the second becomes part of the first.
KEPT, JOINED = 1, 2
#: When the joined account's handoff is tried again, and a moment before.
DUE, BEFORE = 1_000, 999


def tokens(store: Store) -> tuple[int, int]:
    """Two accounts and nothing else, and the first tokens of the workers one and two."""
    clear(store, [KEPT, JOINED])
    return enter(store, "one") << TOKEN_BITS, enter(store, "two") << TOKEN_BITS


def retrying(store: Store, token: int) -> int:
    """Leave the joined account with a handoff that is to be tried again. Returns its number."""
    (begun,) = add(store, JOINED, [SEAT])
    (lane,) = lease(store, SEAT, token)
    finish(store, lane, [done(lane)[0]._replace(state=RETRYING, due=DUE)])
    return begun


def link(store: Store) -> None:
    with store.begin() as connection:
        assert linking.join(connection, KEPT, JOINED, evidence="key", now=1) is not None


def wake(store: Store, now: int) -> None:
    with store.begin() as connection:
        lanes.wake_due(connection, now)


def take(store: Store, token: int) -> list[int]:
    """Lease whatever can be leased and end it. Returns what it was."""
    taken = lease(store, SEAT, token)
    for lane in taken:
        finish(store, lane, done(lane))
    return [handoff.event_seq for lane in taken for handoff in lane.handoffs]


def take_suspect(store: Store, token: int) -> Lane | None:
    with store.begin() as connection:
        suspect = suspects.lease_suspect(connection, token)
        return suspect and lanes.read_lane(connection, suspect.key, suspect.seat, token, suspect.start, 1)


def assert_the_joined_lane_comes_first(store: Store, token: int, begun: int, later: list[int]) -> None:
    """What was begun before the link ends before anything of the same customer that came after it."""
    wake(store, BEFORE)
    assert take(store, token + 1) == []
    assert take_suspect(store, token + 2) is None
    wake(store, DUE)
    assert take(store, token + 3) == [begun]
    wake(store, DUE)
    assert take(store, token + 4) == later


def test_a_lane_that_had_nothing_left_to_do_still_waits_for_the_one_that_it_joined(store: Store) -> None:
    one, two = tokens(store)
    begun = retrying(store, one + 1)
    (cancelled,) = add(store, KEPT, [SEAT])
    (running,) = lease(store, SEAT, one + 2)
    assert [handoff.event_seq for handoff in running.handoffs] == [cancelled]
    link(store)
    with store.begin() as connection:
        connection.execute(
            text("UPDATE handoffs SET state = :state WHERE event_seq = :seq"), {"state": CANCELLED, "seq": cancelled}
        )
        lanes.settle(connection, running)
    later = add(store, JOINED, [SEAT], 2)
    assert_the_joined_lane_comes_first(store, two, begun, later)


def test_a_lane_whose_process_died_still_waits_for_the_one_that_it_joined(store: Store) -> None:
    one, two = tokens(store)
    begun = retrying(store, two + 1)
    (running,) = add(store, KEPT, [SEAT])
    assert len(lease(store, SEAT, one + 1)) == 1
    link(store)
    later = add(store, JOINED, [SEAT], 2)
    with store.begin() as connection:
        processes.bury_named(connection, "one")
    assert_the_joined_lane_comes_first(store, two, begun, [running, *later])


def test_a_lane_whose_lease_nobody_stands_for_still_waits_for_the_one_that_it_joined(store: Store) -> None:
    one, two = tokens(store)
    begun = retrying(store, two + 1)
    with store.begin() as connection:
        processes.bury_named(connection, "one")
    (running,) = add(store, KEPT, [SEAT])
    assert len(lease(store, SEAT, one + 1)) == 1
    link(store)
    later = add(store, JOINED, [SEAT], 2)
    with store.begin() as connection:
        assert processes.sweep(connection) == 1
    assert_the_joined_lane_comes_first(store, two, begun, [running, *later])


def finish_one(store: Store, lane: Lane) -> int:
    finish(store, lane, done(lane, 1))
    return 1


def give_back(store: Store, lane: Lane) -> int:
    with store.begin() as connection:
        processes.free(connection, [lane.token])
    return 0


def leave(store: Store, lane: Lane) -> int:
    with store.begin() as connection:
        processes.leave(connection, lane.token >> TOKEN_BITS)
    return 0


@pytest.mark.parametrize("end", [finish_one, give_back, leave])
def test_a_lane_that_ended_its_run_in_order_still_waits_for_the_one_that_it_joined(
    store: Store, end: Callable[[Store, Lane], int]
) -> None:
    """``end`` returns how many of the lane's handoffs it has done."""
    one, two = tokens(store)
    begun = retrying(store, two + 1)
    running = add(store, KEPT, [SEAT], 2)
    (lane,) = lease(store, SEAT, one + 1)
    link(store)
    later = add(store, JOINED, [SEAT], 2)
    ended = end(store, lane)
    assert_the_joined_lane_comes_first(store, two, begun, [*running[ended:], *later])
