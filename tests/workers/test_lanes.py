"""Lanes alone, against a model in plain Python: whatever happens in whatever order, nothing is lost or done twice."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from seamline_workers.store import lanes, ledger, linking, processes, source_lanes, suspects
from seamline_workers.store.handoffs import again
from seamline_workers.store.lanes import Lane
from seamline_workers.store.outcome import UNTIL_DUE, Outcome
from seamline_workers.store.processes import TOKEN_BITS
from seamline_workers.store.schema import CANCELLED, DEAD, DONE, PARKED, PENDING, RETRYING, SOURCE_LANE
from seamline_workers.store.store import Store, open_store
from support import lanework
from support.lanework import add, await_a_waiting_lock, clear, done, enter, finish, lease

ACCOUNTS = (1, 2, 3, 4)
SEATS = ("pepper", "dirk")
FACT = "contract.signed"
WORKERS = ("one", "two")
FOREVER = 2**60


@dataclass
class Work:
    """One handoff as the model sees it."""

    seq: int
    seat: str
    account: int
    state: int = PENDING
    due: int = 0
    fact: bool = False
    back: bool = False  # it was put aside or ended before: it runs in its lane's order, not in its customer's

    @property
    def pending(self) -> bool:
        return self.state in (PENDING, RETRYING)


@dataclass
class Held:
    """A leased lane in somebody's hands; ``lost`` when its lease was taken away."""

    lane: Lane
    worker: str
    lost: bool = False


class LaneMachine(RuleBasedStateMachine):
    """Every move of the engine, in any order. ``store`` is set by the test."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        clear(self.store, ACCOUNTS)
        self.tokens = count(1)
        self.now = 1_000
        self.work: dict[tuple[int, str], Work] = {}
        self.held: list[Held] = []
        self.edges: list[int] = []
        self.ids = {name: enter(self.store, name) for name in WORKERS}

    # --- what the model knows ---------------------------------------------------------------------------------------

    def token(self, worker: str) -> int:
        return (self.ids[worker] << TOKEN_BITS) + next(self.tokens)

    def groups(self) -> dict[int, int]:
        with self.store.read() as connection:
            rows = connection.execute(text("SELECT id, coalesce(group_id, id) FROM accounts")).all()
        return {row[0]: row[1] for row in rows}

    def lane_of(self) -> dict[tuple[int, str], int]:
        with self.store.read() as connection:
            rows = connection.execute(text("SELECT event_seq, seat, account_id FROM handoffs")).all()
        return {(seq, seat): key for seq, seat, key in rows}

    def rows(self) -> list[tuple[object, ...]]:
        with self.store.read() as connection:
            found = [tuple(r) for r in connection.execute(text("SELECT * FROM lanes ORDER BY kind, key, seat"))]
            return found + [tuple(r) for r in connection.execute(text("SELECT * FROM handoffs ORDER BY 1, 2"))]

    def check_leased(self, lane: Lane, per_lane: int) -> None:
        """A lease is nobody else's, in order, and misses nothing."""
        key, groups = self.lane_of(), self.groups()
        expected = sorted(
            w.seq for at, w in self.work.items() if w.pending and w.seat == lane.seat and key[at] == lane.key
        )
        assert [h.event_seq for h in lane.handoffs] == expected[:per_lane]
        leased = {h.event_seq for h in lane.handoffs}
        for handoff in lane.handoffs:
            mine = self.work[handoff.event_seq, lane.seat]
            assert mine.state != RETRYING or mine.due <= self.now
            ahead = [
                w.seq
                for w in self.work.values()
                if w.pending
                and w.seat == lane.seat
                and w.account == mine.account
                and w.seq < mine.seq
                and not (w.back and key[w.seq, w.seat] != lane.key)
            ]
            assert set(ahead) <= leased
        for other in self.held:
            if other.lost or other.lane.seat != lane.seat:
                continue
            assert other.lane.key != lane.key
            customers = {h.subject for h in lane.handoffs}
            assert not customers & {h.subject for h in other.lane.handoffs}
            if groups[lane.key] == lane.key:
                # Only a lane that goes on to its end where it is may run beside the group's own.
                assert groups[other.lane.key] != lane.key

    # --- moves ------------------------------------------------------------------------------------------------------

    @rule(account=st.sampled_from(ACCOUNTS), seats=st.sampled_from([SEATS, SEATS[:1], SEATS[1:]]), n=st.integers(1, 4))
    def append(self, account: int, seats: tuple[str, ...], n: int) -> None:
        for seq in add(self.store, account, seats, n):
            for seat in seats:
                self.work[seq, seat] = Work(seq, seat, account)

    @rule(worker=st.sampled_from(WORKERS), seat=st.sampled_from(SEATS), n=st.integers(1, 3), per_lane=st.integers(1, 3))
    def take(self, worker: str, seat: str, n: int, per_lane: int) -> None:
        for lane in lease(self.store, seat, self.token(worker), n, per_lane):
            self.check_leased(lane, per_lane)
            if lane.handoffs:
                self.held.append(Held(lane, worker))
            else:
                with self.store.begin() as connection:
                    lanes.settle(connection, lane)

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(),
        last=st.sampled_from([DONE, DONE, DEAD, RETRYING, PARKED, "parked until"]),
        wait=st.integers(1, 50),
    )
    def end(self, data: st.DataObject, last: int | str, wait: int) -> None:
        held = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        lane = held.lane
        outcomes = done(lane, data.draw(st.integers(0, len(lane.handoffs))))
        if outcomes and last != DONE:
            outcomes[-1] = self.outcome(outcomes[-1], last, wait)
        before = self.rows() if held.lost else []
        ended = finish(self.store, lane, outcomes)
        if held.lost:
            assert ended == set()
            assert self.rows() == before
            return
        assert ended == {(o.event_seq, o.seat) for o in outcomes if self.work[o.event_seq, o.seat].pending}
        groups, moved = self.groups(), []
        for outcome in outcomes:
            if (outcome.event_seq, outcome.seat) not in ended:
                continue
            work = self.work[outcome.event_seq, outcome.seat]
            work.state, work.due, work.fact = outcome.state, outcome.due, bool(outcome.awaits)
            if outcome.awaits and groups[work.account] != lane.key:
                moved.append((groups[work.account], work.seq, work.seat))
        with self.store.begin() as connection:  # as a completion does, in its transaction
            for group, seq, seat in moved:
                connection.execute(
                    text("UPDATE handoffs SET account_id = :g WHERE event_seq = :q AND seat = :s"),
                    {"g": group, "q": seq, "s": seat},
                )

    def outcome(self, outcome: Outcome, last: int | str, wait: int) -> Outcome:
        if last == "parked until":
            return outcome._replace(state=PARKED, awaits=UNTIL_DUE, due=self.now + wait)
        if last == PARKED:
            return outcome._replace(state=PARKED, awaits=FACT)
        return outcome._replace(state=int(last), due=self.now + wait if last == RETRYING else 0)

    @rule(after=st.integers(0, 60))
    def time_passes(self, after: int) -> None:
        self.now += after
        with self.store.begin() as connection:
            lanes.wake_due(connection, self.now)
            ledger.wake_parked(connection, self.now)
        for work in self.work.values():
            if work.state == PARKED and not work.fact and work.due <= self.now:
                work.state, work.due, work.back = PENDING, 0, True

    @rule(account=st.sampled_from(ACCOUNTS))
    def the_fact_comes(self, account: int) -> None:
        with self.store.begin() as connection:
            group = ledger.lock(connection, [account])[account].id
            lanes.reopen(connection, ledger.release(connection, {(group, FACT): FOREVER}))
        groups = self.groups()
        for work in self.work.values():
            if work.state == PARKED and work.fact and groups[work.account] == group:
                work.state, work.fact, work.back = PENDING, False, True

    @precondition(lambda self: self.work)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from(sorted(self.work)))
        with self.store.begin() as connection:
            connection.execute(
                text(
                    "UPDATE handoffs SET state = :cancelled WHERE event_seq = :seq AND seat = :seat AND state <> :done"
                ),
                {"cancelled": CANCELLED, "done": DONE, "seq": at[0], "seat": at[1]},
            )
        if self.work[at].state != DONE:
            self.work[at].state = CANCELLED

    @precondition(lambda self: any(not work.pending for work in self.work.values()))
    @rule(data=st.data())
    def run_again(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from(sorted(at for at, work in self.work.items() if not work.pending)))
        work = self.work[at]
        with self.store.begin() as connection:
            group = ledger.lock(connection, [work.account])[work.account].id
            again(connection, work.seq, work.seat, group)
        work.state, work.fact, work.due, work.back = PENDING, False, 0, True

    @rule(worker=st.sampled_from(WORKERS))
    def die(self, worker: str) -> None:
        with self.store.begin() as connection:
            processes.bury_named(connection, worker)
        self.ids[worker] = enter(self.store, worker)
        for held in self.held:
            held.lost = held.lost or held.worker == worker

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def fail_to_write(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from([held.lane.token for held in self.held]))
        with self.store.begin() as connection:
            processes.free(connection, [token])
        for held in self.held:
            held.lost = held.lost or held.lane.token == token

    @rule(worker=st.sampled_from(WORKERS))
    def look_at_a_suspect(self, worker: str) -> None:
        token = self.token(worker)
        with self.store.begin() as connection:
            suspect = suspects.lease_suspect(connection, token)
        if suspect is None:
            return
        with self.store.read() as connection:
            lane = lanes.read_lane(connection, suspect.key, suspect.seat, token, suspect.start, 1)
        self.check_leased(lane, 1)
        if lane.handoffs:
            self.held.append(Held(lane, worker))
        else:
            with self.store.begin() as connection:
                lanes.settle(connection, lane)

    @rule(keep=st.sampled_from(ACCOUNTS), joined=st.sampled_from(ACCOUNTS))
    def link(self, keep: int, joined: int) -> None:
        with self.store.begin() as connection:
            edge = linking.join(connection, keep, joined, evidence="key", now=self.now)
        if edge is not None:
            self.edges.append(edge)

    @precondition(lambda self: self.edges)
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        edge = self.edges.pop(data.draw(st.integers(0, len(self.edges) - 1)))
        before = self.lane_of()
        with self.store.begin() as connection:
            linking.part(connection, edge, self.now)
            standing = {tuple(row) for row in connection.execute(text("SELECT key, seat, lease FROM lanes"))}
        for held in self.held:
            held.lost = held.lost or (held.lane.key, held.lane.seat, held.lane.token) not in standing
        for at, key in self.lane_of().items():
            if key != before[at] and self.work[at].state == RETRYING:
                self.work[at].state, self.work[at].due = PENDING, 0

    # --- what always holds ------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        """What is pending is pending in the store, and its lane's cursors have it before them."""
        with self.store.read() as connection:
            rows = connection.execute(
                text("""
                SELECT h.event_seq, h.seat, h.state, l.done, l.last FROM handoffs h
                LEFT JOIN lanes l ON l.kind = 2 AND l.key = h.account_id AND l.seat = h.seat
                """)
            ).all()
        for seq, seat, state, passed, last in rows:
            work = self.work[seq, seat]
            assert state == work.state, (seq, seat)
            if work.pending:
                assert passed < seq <= last, (seq, seat)

    def teardown(self) -> None:
        """Everything ends when everybody works: no lane is left that nobody would ever lease."""
        for worker in WORKERS:
            self.die(worker)
        self.held.clear()
        for account in ACCOUNTS:
            self.the_fact_comes(account)
        for _ in range(4 * len(self.work) + 20):
            self.time_passes(1_000)
            self.look_at_a_suspect("one")
            for seat in SEATS:
                self.take("two", seat, 100, 2)
            for held in self.held:
                finish(self.store, held.lane, done(held.lane))
                for handoff in held.lane.handoffs:
                    self.work[handoff.event_seq, held.lane.seat].state = DONE
            self.held.clear()
            if not any(work.pending or work.state == PARKED for work in self.work.values()):
                break
        left = [work for work in self.work.values() if work.pending or work.state == PARKED]
        assert not left, (left, self.rows())
        self.nothing_is_lost()


def test_lanes_lose_nothing_and_repeat_nothing_under_any_interleaving(store: Store) -> None:
    machine = type("Machine", (LaneMachine,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )


@pytest.mark.long
def test_lanes_lose_nothing_and_repeat_nothing_under_many_interleavings(store: Store) -> None:
    machine = type("Machine", (LaneMachine,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=2_000, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_what_is_put_back_in_the_middle_of_a_running_lane_is_not_passed_over(store: Store) -> None:
    clear(store, [1])
    one = enter(store, "one") << TOKEN_BITS
    first, second, third = add(store, 1, ["dirk"], 3)
    (lane,) = lease(store, "dirk", one + 1)
    outcomes = done(lane)
    outcomes[1] = outcomes[1]._replace(state=PARKED, awaits=FACT)
    finish(store, lane, outcomes)
    with store.begin() as connection:
        again(connection, first, "dirk", 1)
    fourth = add(store, 1, ["dirk"])[0]
    (running,) = lease(store, "dirk", one + 2)
    assert [h.event_seq for h in running.handoffs] == [first, fourth]
    with store.begin() as connection:
        lanes.reopen(connection, ledger.release(connection, {(1, FACT): fourth}))
    finish(store, running, done(running))
    (after,) = lease(store, "dirk", one + 3)
    assert [h.event_seq for h in after.handoffs] == [second]
    assert third not in [h.event_seq for h in after.handoffs]


def test_there_is_a_lane_only_while_there_is_work(store: Store) -> None:
    clear(store, [1, 2])
    one = enter(store, "one") << TOKEN_BITS
    add(store, 1, SEATS, 2), add(store, 2, ["dirk"])
    for n, seat in enumerate(SEATS):
        for lane in lease(store, seat, one + n + 1, per_lane=1):
            finish(store, lane, done(lane))
    assert keys(store) == [(1, "dirk"), (1, "pepper")]
    (parked,) = lease(store, "dirk", one + 3)
    finish(store, parked, [done(parked)[0]._replace(state=PARKED, awaits=FACT)])
    assert keys(store) == [(1, "pepper")]
    (cancelled,) = lease(store, "pepper", one + 4)
    with store.begin() as connection:
        connection.execute(text("UPDATE handoffs SET state = 6 WHERE state = 0"))
        lanes.settle(connection, cancelled)
    assert keys(store) == []


def keys(store: Store) -> list[tuple[int, str]]:
    with store.read() as connection:
        return [(key, seat) for key, seat in connection.execute(text("SELECT key, seat FROM lanes ORDER BY 1, 2"))]


def test_what_is_parked_goes_along_with_a_link_and_back_although_it_has_no_lane(store: Store) -> None:
    clear(store, [1, 2])
    one = enter(store, "one") << TOKEN_BITS
    add(store, 2, ["dirk"])
    (lane,) = lease(store, "dirk", one + 1)
    finish(store, lane, [done(lane)[0]._replace(state=PARKED, awaits=FACT)])
    whose = text("SELECT account_id FROM handoffs")
    with store.begin() as connection:
        edge = linking.join(connection, 1, 2, evidence="key", now=0)
        assert connection.execute(whose).scalars().all() == [1]
    assert edge is not None
    with store.begin() as connection:
        linking.part(connection, edge, 0)
        assert connection.execute(whose).scalars().all() == [2]
    with store.begin() as connection:
        lanes.reopen(connection, ledger.release(connection, {(2, FACT): FOREVER}))
    (lane,) = lease(store, "dirk", one + 2)
    assert (lane.key, len(lane.handoffs)) == (2, 1)


def test_a_lane_that_lost_its_process_runs_alone_until_all_that_it_may_have_had_is_over(store: Store) -> None:
    clear(store, [1])
    numbers = add(store, 1, ["dirk"], 3)
    lease(store, "dirk", (enter(store, "one") << TOKEN_BITS) + 1)
    with store.begin() as connection:
        processes.bury_named(connection, "one")
    later = add(store, 1, ["dirk"])
    two = enter(store, "two") << TOKEN_BITS
    for n, seq in enumerate(numbers, 1):
        assert lease(store, "dirk", two + 100 + n) == []
        with store.begin() as connection:
            suspect = suspects.lease_suspect(connection, two + n)
            assert suspect is not None
            lane = lanes.read_lane(connection, 1, "dirk", two + n, suspect.start, 1)
        assert [h.event_seq for h in lane.handoffs] == [seq]
        finish(store, lane, done(lane))
    (lane,) = lease(store, "dirk", two + 999)
    assert [h.event_seq for h in lane.handoffs] == later


def test_crashes_are_counted_only_while_a_lane_runs_alone(store: Store) -> None:
    clear(store, [1])
    add(store, 1, ["dirk"])
    lease(store, "dirk", (enter(store, "many") << TOKEN_BITS) + 1)
    counted: list[int] = []
    for name in ("many", "alone-1", "alone-2", "alone-3"):
        with store.begin() as connection:
            processes.bury_named(connection, name)
            token = (processes.register(connection, f"alone-{len(counted) + 1}") << TOKEN_BITS) + 1
            suspect = suspects.lease_suspect(connection, token)
        assert suspect is not None
        counted.append(suspect.crashes)
    assert counted == [0, 1, 2, 3]


def test_a_worker_that_leases_on_after_its_burial_is_swept_up(store: Store) -> None:
    clear(store, [1])
    add(store, 1, ["dirk"])
    dead = enter(store, "one") << TOKEN_BITS
    with store.begin() as connection:
        processes.bury_named(connection, "one")
    assert len(lease(store, "dirk", dead + 1)) == 1
    with store.begin() as connection:
        assert processes.sweep(connection) == 1
        assert processes.sweep(connection) == 0
        assert suspects.lease_suspect(connection, (9 << TOKEN_BITS) + 1) is not None


def test_a_worker_that_leaves_gives_everything_back_and_nothing_is_suspect(store: Store) -> None:
    clear(store, [1, 2])
    add(store, 1, SEATS), add(store, 2, SEATS)
    worker = enter(store, "one")
    assert len(lease(store, "dirk", (worker << TOKEN_BITS) + 1)) == 2
    with store.begin() as connection:
        processes.leave(connection, worker)
        assert not suspects.has_suspects(connection)
    assert len(lease(store, "dirk", (enter(store, "two") << TOKEN_BITS) + 1)) == 2


def test_the_id_of_a_worker_never_comes_again(store: Store) -> None:
    seen = []
    for _ in range(3):
        worker = enter(store, "same")
        seen.append(worker)
        with store.begin() as connection:
            processes.leave(connection, worker)
    assert len(set(seen)) == 3


def test_a_worker_that_was_silent_for_too_long_learns_that_it_is_dead(store: Store) -> None:
    clear(store, [])
    quiet, loud = enter(store, "quiet"), enter(store, "loud")
    with store.begin() as connection:
        connection.execute(text("UPDATE workers SET beat_at = beat_at - 20000000 WHERE id = :id"), {"id": quiet})
        assert processes.bury(connection, 10_000_000) == 1
        assert not processes.beat(connection, quiet)
        assert processes.beat(connection, loud)


def test_least_recently_served_lanes_come_first(store: Store) -> None:
    clear(store, ACCOUNTS)
    for account in (3, 1, 2):
        add(store, account, ["dirk"])
    token = enter(store, "one") << TOKEN_BITS
    served = []
    for n in range(3):
        (lane,) = lease(store, "dirk", token + n, n=1)
        served.append(lane.key)
    assert served == [3, 1, 2]


def test_one_source_is_leased_by_one_worker_and_fenced_when_it_is_lost(store: Store) -> None:
    with store.begin() as connection:
        source_lanes.add_source(connection, 7)
        source_lanes.add_source(connection, 7)
        one, two = processes.register(connection, "one"), processes.register(connection, "two")
        first, second = (one << TOKEN_BITS) + 1, (two << TOKEN_BITS) + 1
        assert source_lanes.lease_source(connection, 7, first)
        assert not source_lanes.lease_source(connection, 7, second)
        processes.bury_named(connection, "one")
        assert not source_lanes.fence_source(connection, 7, first)
        suspect = suspects.lease_suspect(connection, second)
        assert suspect is not None
        assert (suspect.kind, suspect.key) == (SOURCE_LANE, 7)
        source_lanes.end_source(connection, 7, second)
        assert source_lanes.lease_source(connection, 7, second + 1)


def test_who_finishes_a_lane_while_somebody_adds_to_it_waits_and_has_finished_it(postgres_url: str) -> None:
    store = open_store(postgres_url, pool=4, worker=True)
    clear(store, [1])
    token = enter(store, "one") << TOKEN_BITS
    add(store, 1, ["dirk"])
    (lane,) = lease(store, "dirk", token + 1)
    ended: list[set[tuple[int, str]]] = []
    finishing = threading.Thread(target=lambda: ended.append(finish(store, lane, done(lane))))
    with store.begin() as connection:
        lanes.add(connection, [(1, "dirk", 2)])  # moves the row under the eyes of who waits for it
        finishing.start()
        await_a_waiting_lock(store)
    finishing.join(30)
    assert ended == [{(1, "dirk")}]
    assert [lane.start for lane in lease(store, "dirk", token + 2)] == [1]
    store.close()


def test_threads_that_add_lease_and_finish_at_once_lose_nothing_and_do_nothing_twice(store: Store) -> None:
    clear(store, range(1, 6))
    rounds, workers = 25, 3
    completed: Counter[tuple[int, str]] = Counter()
    order: dict[tuple[int, str], list[int]] = {}
    guard, errors, adding = threading.Lock(), list[BaseException](), threading.Event()

    def adds(account: int) -> None:
        for _ in range(rounds):
            add(store, account, SEATS, 2)

    def works(name: str) -> None:
        token = enter(store, name) << TOKEN_BITS
        tokens, idle = count(1), 0
        while idle < 3:
            last_round = adding.is_set()
            leased = [lane for seat in SEATS for lane in lease(store, seat, token + next(tokens), 3, 4)]
            for lane in leased:
                if not lane.handoffs:
                    with store.begin() as connection:
                        lanes.settle(connection, lane)
                    continue
                with guard:
                    order.setdefault((lane.key, lane.seat), []).extend(h.event_seq for h in lane.handoffs)
                ended = finish(store, lane, done(lane))
                with guard:
                    completed.update(ended)
            idle = idle + 1 if last_round and not leased else 0

    def guarded(work: object, *args: object) -> None:
        try:
            work(*args)  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)

    adders = [threading.Thread(target=guarded, args=(adds, account)) for account in range(1, 6)]
    takers = [threading.Thread(target=guarded, args=(works, f"w{n}")) for n in range(workers)]
    for thread in (*adders, *takers):
        thread.start()
    for thread in adders:
        thread.join(60)
    adding.set()
    for thread in takers:
        thread.join(60)
    assert errors == []
    assert len(completed) == 5 * rounds * 2 * len(SEATS)
    assert set(completed.values()) == {1}
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert lanework.lease(store, "dirk", 1) == []
