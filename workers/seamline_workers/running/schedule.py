"""The schedule: which work a free thread does next, and the upkeep that somebody must do.

It runs in one thread of each worker process. That thread also beats: should it die, the process loses its leases.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection

from sqlalchemy import Connection

from seamline_workers.handoff.run import Run, Work
from seamline_workers.log import Seldom, log
from seamline_workers.running.engine import Engine
from seamline_workers.running.wake import Wake, open_wake
from seamline_workers.running.watch import Watch
from seamline_workers.store import lanes, ledger, processes, source_lanes, suspects
from seamline_workers.store.store import fault, now_us

#: Seconds after which a silent process is declared dead and its lanes are taken over.
LEASE_S = float(os.environ.get("SEAMLINE_LEASE_SECONDS", "10"))
#: Seconds between beats, between looks at due rows, between looks at running handlers.
BEAT_S, DUE_S, WATCH_S = LEASE_S / 5, 0.25, 0.05
#: Seconds between looks for work that nobody told us of.
SLOW_POLL_S = 1.0
#: Seconds between looks at all lanes for leases of processes that are no more.
SWEEP_S = 6 * LEASE_S
#: Seconds between checkpoints of an SQLite store.
CHECKPOINT_S = 2.0
#: A handler that runs longer than so many seconds makes its run a slow one.
SLOW_RUN_S = 0.5

#: Exit status of a process whose threads are all lost to handlers that do not return.
THREADS_LOST = 70


def admit(work: Work, runs: Collection[Run], threads: int, slow: Callable[[Work], bool]) -> bool:
    """Whether a piece of work may have a thread now.

    One run a source, and one a seat unless all of its runs are in slow handlers; at most threads - 2 for one seat and
    for all that is no seat's, threads - 1 for all slow ones together.
    """
    if len(runs) >= threads:
        return False
    mine = [run for run in runs if run.work == work]
    if work.kind != "seat":
        # However many sources have much to tell, what they told is handed on beside them.
        return not mine and sum(run.work.kind != "seat" for run in runs) < max(1, threads - 2)
    now = time.monotonic()
    if any(run.slow_for(now) < WATCH_S for run in mine):
        return False
    if len(mine) >= max(1, threads - 2):
        return False
    return not (slow(work) and sum(slow(run.work) for run in runs) >= threads - 1)


class Schedule:
    """Finds work for the threads of one process."""

    def __init__(self, engine: Engine, *, threads: int, seats: Collection[str] | None = None, linger: float) -> None:
        self.engine = engine
        self.threads = threads
        self.linger = linger
        self.seats = [name for name in sorted(engine.seats) if not seats or name in seats]
        self.alone = seats is None  # serves sources, polls and fetches too
        self.stopping = threading.Event()
        self._wake: Wake = open_wake(engine.store)
        self._runs: list[Run] = []
        self._lock = threading.Lock()
        self._not_before: dict[Work, float] = {}
        self._served: dict[Work, float] = {}
        self._found: list[Work] = []
        self._more: set[Work] = set()  # jobs that ended with more to do: nobody need look whether there is
        self._dirty = True
        self._next: dict[str, float] = {}
        self._lonely: subprocess.Popen[bytes] | None = None
        self._watch = Watch(engine, self.runs)
        self._ring_lost = Seldom("ring_lost")
        self._store_lost = Seldom("store_unreachable")
        self._beaten = time.monotonic()
        self._told: int | None = None  # the last beat by the store's clock
        self._bury_from = 0.0

    # --- threads' side ----------------------------------------------------------------------------------------------

    def start(self, work: Work) -> Run:
        """Enter a run; the schedule did so for the work that it found itself."""
        with self._lock:
            return self._enter(work)

    def _enter(self, work: Work) -> Run:
        run = Run(work)
        self._runs.append(run)
        self._served[work] = run.started
        return run

    def claim(self, work: Work) -> Run | None:
        """Enter a run for work that somebody rang for; None: it may have no thread here now."""
        with self._lock:  # of several threads that are rung at once each counts those before it
            if self.stopping.is_set() or not admit(work, self._runs, self.threads, self._is_slow):
                return None
            return self._enter(work)

    def end(self, run: Run, more: bool) -> None:
        """A run is over; ``more``: there is likely more of it."""
        with self._lock:
            self._runs.remove(run)
            if not more and self.linger:
                self._not_before[run.work] = time.monotonic() + self.linger
            if more and run.work.kind in self.engine.jobs:
                self._more.add(run.work)
            self._dirty = True
        self._wake.ring()

    def runs(self) -> list[Run]:
        with self._lock:
            return list(self._runs)

    def ring(self) -> None:
        """Say that there is work."""
        self._dirty = True
        self._wake.ring()

    # --- the schedule's own thread ----------------------------------------------------------------------------------

    def next(self, timeout: float) -> Run | None:
        """Wait for work that may have a thread now, at most ``timeout`` seconds; do the upkeep meanwhile."""
        until = time.monotonic() + timeout
        while not self.stopping.is_set():
            try:
                self.upkeep()
                work = self._find()
                if work is not None:
                    return self.start(work)
                left = until - time.monotonic()
                if left <= 0:
                    return None
                if self._wake.wait(min(left, self._pause())):
                    self._dirty = True
            except Exception as error:  # the store's, or the driver's own where it waits for a ring
                self._store_lost.warning(**fault(error))
                time.sleep(0.5)
                self._listen_again()
        time.sleep(0.02)
        return None

    def rounds(self, ring: Callable[[Work], None]) -> None:
        """Until the process stops: do the upkeep, and ring for what is ready, each work a few times a second."""
        rung: dict[Work, float] = {}
        while not self.stopping.is_set():
            try:
                self.upkeep()
                work = self._find()
                now = time.monotonic()
                if work is None:
                    if self._wake.wait(self._pause()):
                        self._dirty = True
                elif now - rung.get(work, 0.0) > DUE_S:
                    rung[work] = now
                    self._ring_or_do(ring, work)
            except Exception as error:
                log.warning("ring_failed", **fault(error))
                self.stopping.wait(0.5)
                self._listen_again()

    def _ring_or_do(self, ring: Callable[[Work], None], work: Work) -> None:
        """Ring; where nobody carries rings now, do the work here: the rows are the truth, not the broker."""
        try:
            ring(work)
        except Exception as error:
            self._ring_lost.warning(error=type(error).__name__)
            run = self.claim(work)
            if run is not None:
                threading.Thread(target=self._do, args=(run,), name="unrung", daemon=True).start()

    def _do(self, run: Run) -> None:
        self.end(run, self.engine.do(run))

    def _listen_again(self) -> None:
        """Listen over a new connection. Where none is to be had, the next round fails too and comes here again."""
        self._wake.close()
        with contextlib.suppress(Exception):
            self._wake = open_wake(self.engine.store)
        self._dirty = True

    def _pause(self) -> float:
        now = time.monotonic()
        with self._lock:  # a run that ends adds to them
            waits = [at - now for at in self._not_before.values() if at > now]
        return max(0.001, min([WATCH_S, *waits]))

    def _find(self) -> Work | None:
        runs = self.runs()
        if len(runs) >= self.threads:
            return None
        if self._dirty and self._could_start(runs):
            self._dirty = False
            self._found = self._look()
        now = time.monotonic()
        for n, work in enumerate(self._found):
            if self._not_before.get(work, 0.0) <= now and admit(work, runs, self.threads, self._is_slow):
                del self._found[n]
                self._not_before.pop(work, None)
                return work
        return None

    def _could_start(self, runs: Collection[Run]) -> bool:
        """Whether a look could find anything: not while all that is known runs already. It is made up for later."""
        known = [Work("seat", seat) for seat in self.seats]
        if self.alone:
            known += [Work("source", str(key)) for key in self.engine.sources]
        return any(admit(work, runs, self.threads, self._is_slow) for work in known)

    def _look(self) -> list[Work]:
        """What is ready, as the store says, least recently served first; sources before seats: work is born there."""
        found: list[Work] = []
        with self.engine.store.read() as connection:
            if self.alone:
                known = self.engine.sources
                found += [Work("source", str(key)) for key in source_lanes.ready_sources(connection) if key in known]
            found += [Work("seat", seat) for seat in lanes.ready_seats(connection, self.seats)]
        with self._lock:
            found += self._more - set(found)
            self._more.clear()
        found.sort(key=lambda work: (work.kind != "source", self._served.get(work, 0.0)))
        return found

    def _is_slow(self, work: Work) -> bool:
        return work.kind == "seat" and self.engine.pace.average(work.key) > SLOW_RUN_S

    # --- upkeep -----------------------------------------------------------------------------------------------------

    def _time_for(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + every
        return True

    def upkeep(self) -> None:
        """Beat, bury the dead, wake what is due, have the handlers watched."""
        if self._time_for("beat", BEAT_S):
            self._beat()
        if self._time_for("watch", WATCH_S):
            self._watch.look()
            if self.engine.stuck() >= self.threads:
                log.error("threads_lost", threads=self.threads)
                os._exit(THREADS_LOST)
        if self._time_for("due", DUE_S):
            self._due()
        if self._time_for("slow", SLOW_POLL_S):
            self._dirty = True
        if not self.engine.store.postgres and self._time_for("checkpoint", CHECKPOINT_S):
            with self.engine.store.engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # type: ignore[union-attr]

    def _beat(self) -> None:
        with self.engine.store.begin() as connection:
            told = processes.beat(connection, self.engine.worker_id)
            alive, now = told is not None, time.monotonic()
            if now - self._beaten > LEASE_S / 2 or self._clock_was_set(told, now - self._beaten):
                # What held us up (a store that hung, say) held up the others too: they have a lease's time to beat.
                self._bury_from = now + LEASE_S
            self._told = told
            bury = alive and now >= self._bury_from
            if bury and processes.bury(connection, int(LEASE_S * 1_000_000), self.engine.worker_id):
                self._dirty = True
            if alive and self._time_for("sweep", SWEEP_S):
                processes.sweep(connection)
        self._beaten = time.monotonic()
        if not alive:
            # We were silent for too long and others took over. What runs here is fenced; go on under a new name.
            log.warning("declared_dead", worker=self.engine.worker_id)
            self.engine.enter(process_name(os.getpid()))

    def _clock_was_set(self, told: int | None, seconds: float) -> bool:
        """Whether the store's clock went another way than so many seconds forward since the last beat."""
        if told is None or self._told is None:
            return False
        return abs((told - self._told) / 1_000_000 - seconds) > LEASE_S / 2

    def outlast(self, ended: threading.Event) -> None:
        """Beat and watch while the last handlers run to their end, after the schedule's own thread has stopped."""
        while not ended.wait(WATCH_S):
            with contextlib.suppress(Exception):
                if self._time_for("beat", BEAT_S):
                    self._beat()
                self._watch.look()

    def _due(self) -> None:
        now = now_us()
        with self.engine.store.read() as connection:
            due = lanes.anything_due(connection, now)
            any_suspect = suspects.has_suspects(connection)
            jobs = self._jobs(connection) if self.alone else []
        self.engine.orphans.give_back()
        if due:
            with self.engine.store.begin() as connection:
                # The accounts' locks first, as everybody: who holds one waits for lanes.
                ledger.wake_parked(connection, now)
                lanes.wake_due(connection, now)
            self._dirty = True
        self._look_after_suspects(any_suspect)
        for work in jobs:
            if work not in self._found:
                self._found.append(work)

    def _look_after_suspects(self, any_left: bool) -> None:
        """Keep one process for suspects while there are any; if one of them killed it, say so at once."""
        if self._lonely is not None and (status := self._lonely.poll()) is not None:
            if status != 0:
                with self.engine.store.begin() as connection:
                    processes.bury_named(connection, process_name(self._lonely.pid))
            self._lonely = None
        if any_left and self._lonely is None and not self.stopping.is_set():
            self._lonely = _start_lonely(self.engine)

    def _jobs(self, connection: Connection) -> list[Work]:
        return [Work(kind, "") for kind, job in self.engine.jobs.items() if job.due(connection)]

    def close(self) -> None:
        self._wake.close()
        self._watch.close()
        if self._lonely is not None and self._lonely.poll() is None:
            self._lonely.terminate()
            self._lonely.wait()


def _start_lonely(engine: Engine) -> subprocess.Popen[bytes]:
    """Run suspects in a process of their own: if one kills it, nobody else is in it."""
    command = [sys.executable, "-m", "seamline_workers", "--suspects", "--config", str(engine.config.path)]
    # Where a test kills this process is not where it kills that one.
    return subprocess.Popen(command, env={**os.environ, "SEAMLINE_CRASH_AT": ""})


def process_name(pid: int) -> str:
    """The name of a process among the workers."""
    return f"{os.uname().nodename}:{pid}"
