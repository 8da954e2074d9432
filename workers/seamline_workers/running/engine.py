"""The engine: what a worker process does with work. Every kind of work is one method; leases keep them apart."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from datetime import timedelta

from seamline.boundary import Roster
from seamline.seat import Seat
from seamline.transport import Transport
from seamline_workers.bus.mirror import Mirror
from seamline_workers.clock import Clock, business_clock
from seamline_workers.company.config import Config
from seamline_workers.company.process import Process, load_process
from seamline_workers.company.registry import Source, register_sources
from seamline_workers.crashpoint import reach
from seamline_workers.desk.outside import Outside
from seamline_workers.effects.asking import Result
from seamline_workers.handoff.completion import Completer, Completion
from seamline_workers.handoff.elsewhere import Elsewhere
from seamline_workers.handoff.outbox import Outbox
from seamline_workers.handoff.run import Run, Work
from seamline_workers.handoff.runner import Runner, where
from seamline_workers.jobs import replay
from seamline_workers.jobs.deadlines import Deadlines
from seamline_workers.jobs.evidence import Examiner
from seamline_workers.jobs.job import Job
from seamline_workers.log import Seldom, log
from seamline_workers.outbound import boundary
from seamline_workers.outbound.alerting import Alerting
from seamline_workers.outbound.dispatch import Dispatcher
from seamline_workers.outbound.lapsing import Lapsing
from seamline_workers.outbound.noticing import Noticing
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.rules.plan import Plan
from seamline_workers.running.orphans import Orphans
from seamline_workers.running.pace import SLOW, Pace
from seamline_workers.store import deliveries, lanes, processes, source_lanes, suspects
from seamline_workers.store.lanes import Lane, LaneEnd
from seamline_workers.store.outcome import Outcome
from seamline_workers.store.processes import TOKEN_BITS
from seamline_workers.store.schema import DEAD, RETRYING, SOURCE_LANE
from seamline_workers.store.store import Store, fault, now_us, transient
from seamline_workers.store.suspects import Suspect
from seamline_workers.translation import fetch, poll
from seamline_workers.translation.translate import BATCH, Fenced, Translator

#: Seconds that a run goes on while there is more for it, before its thread may serve another seat or source.
SLICE = 0.5
#: Seconds after which what is done is written, although the run goes on.
FLUSH = 0.1
#: A lane whose last run has not returned yet is looked at again after so many microseconds.
STUCK_US = 5_000_000
#: Seconds that a thread rests after the store has failed it.
STORE_PAUSE_S = 0.25
#: Processes that died while one handoff or delivery ran alone in them, before it is dead or quarantined.
LONELY_CRASHES = 3
DIED_ALONE = "its process died three times while it ran alone"


class Engine:
    """One worker process's engine, shared by its threads."""

    def __init__(
        self,
        store: Store,
        config: Config,
        roster: Roster,
        sources: Mapping[str, Source],
        transport: Transport | None = None,
        clock: Clock | None = None,
        outbound: Outbound | None = None,
        process: Process | None = None,
    ) -> None:
        self.clock = clock or business_clock()
        self.store = store
        self.config = config
        self.roster = roster
        self.process = process or Process(roster)
        self.sources = self._served(sources)
        # Inside a broken process no seat runs; what is for it waits.
        self.seats = {} if self.process.broken else {seat.name: seat for seat in roster.seats}
        self.pace = Pace()
        self.orphans = Orphans(store)
        self.plan = Plan(roster, self.clock)
        self.outbound = outbound or Outbound.of(config, roster, self.clock)
        transport = transport or Transport()
        secrets = {name: seat.secret for name, seat in config.seats.items() if seat.secret is not None}
        self.elsewhere = Elsewhere(store, config.folder, secrets, transport, config.company.event_prefix)
        outside = Outside(self.outbound, transport)
        url, ours = config.company.public_url.rstrip("/"), frozenset(config.company.domains)
        self.translator = Translator(store, self.plan, url, ours, outside.decide, self.clock)
        self.runner = Runner(
            store,
            roster,
            max_attempts=config.worker.max_attempts,
            clock=self.clock,
            ours=self.outbound.ours,
            elsewhere=self.elsewhere,
        )
        self.completer = Completer(store, roster, self.plan, config.worker.max_attempts, self.clock, self.outbound)
        self.dispatcher = Dispatcher(store, self.outbound, transport)
        self.fetcher = fetch.Fetcher(self.translator, self.sources, transport)
        self.poller = poll.Poller(store, self.sources, transport, self.clock)
        self.deadlines = Deadlines(store, self.plan, self.clock)
        self.jobs: dict[str, Job] = {
            "fetch": self.fetcher,
            "poll": self.poller,
            "replay": replay.Replayer(store),
            "check": Examiner(store, self.plan, self.sources, self.clock, transport),
            "deadline": self.deadlines,
            "drafts": Lapsing(store, self.outbound),
            "outbox": Outbox(store, roster.seats, config.folder, self.clock),
            **self._mirror(),
            "answers": outside,
            "notice": Noticing(store, self.outbound, transport),
            "alert": Alerting(store, self.outbound, config.alerts, transport),
            **self.dispatcher.jobs(),
        }
        if self.process.broken:
            # A roster that cannot be trusted ends nothing and alarms nobody.
            del self.jobs["deadline"]
        self.worker_id = 0
        self._counter = itertools.count(1)
        self._stuck: set[tuple[str, int]] = set()
        self._stuck_lock = threading.Lock()
        self._store_fails = Seldom("run_failed")
        self._alone: Run | None = None

    def _mirror(self) -> dict[str, Job]:
        # A configuration that was read from no file has no folder.
        if not self.config.bus.mirror or not self.config.path.is_absolute():
            return {}
        return {"mirror": Mirror(self.store, self.roster.seats, self.config.folder / self.config.bus.folder)}

    @classmethod
    def open(
        cls, store: Store, config: Config, transport: Transport | None = None, clock: Clock | None = None
    ) -> Engine:
        """An engine of a configuration: its roster imported, its sources entered. ``transport`` is its network."""
        process = load_process(config)
        boundary.propose(store, process, clock)
        sources = register_sources(store, config, clock)
        return cls(store, config, process.roster, sources, transport, clock, process=process)

    def _served(self, sources: Mapping[str, Source]) -> dict[int, Source]:
        """The sources that are translated: none while nobody could say whom events are handed to."""
        return {source.id: source for source in sources.values()} if self.process.routed else {}

    # --- the process ------------------------------------------------------------------------------------------------

    def enter(self, name: str) -> None:
        """Enter this process among the workers; its leases stand while it beats."""
        self.elsewhere.make(self.seats)
        with self.store.begin() as connection:
            self.worker_id = processes.register(connection, name)
        if not self.process.broken:
            self.deadlines.arm()

    def leave(self) -> None:
        """Give everything back."""
        with self.store.begin() as connection:
            processes.leave(connection, self.worker_id)
        self.runner.close()

    def reread(self, config: Config) -> list[str]:
        """Take the sources of a configuration from now on; returns their names. Raises ConfigError.

        One that is not named any more is served until the process ends: what it was acknowledged is not left behind.
        """
        fresh = register_sources(self.store, config, self.clock)
        self.sources.update(self._served(fresh))
        self.poller.arm()
        return sorted(fresh)

    def token(self) -> int:
        return (self.worker_id << TOKEN_BITS) + next(self._counter)

    # --- work -------------------------------------------------------------------------------------------------------

    def do(self, run: Run) -> bool:
        """Do one piece of work. Returns whether there was as much as one lease takes (there is likely more).

        Never raises: after an error of the store the leases are given back as soon as it answers again.
        """
        try:
            return self._do(run)
        except BaseException as error:
            said = {"work": run.work.kind, "key": run.work.key} | fault(error) | {"error": where(error)}
            self.orphans.add(tokens=run.tokens)
            if transient(error):
                # A store that is away, or full, is asked again in a moment: at once would fill the log, and the disk.
                self._store_fails.warning(**said)
                time.sleep(STORE_PAUSE_S)
            else:
                log.warning("run_failed", **said)
            return False

    def _do(self, run: Run) -> bool:
        kind, key = run.work
        if kind == "seat":
            return self._drain(run, self.seats[key])
        if kind == "source":
            return self._translate(run, self.sources[int(key)])
        return self.jobs[kind].some(self.token())

    def _translate(self, run: Run, source: Source) -> bool:
        token, until, full = self.token(), time.monotonic() + SLICE, True
        run.tokens.append(token)
        with self.store.begin() as connection:
            if not source_lanes.lease_source(connection, source.id, token):
                return False
        reach("translate.leased")
        try:
            while full and time.monotonic() < until:
                full = self.translator.batch(source, token) == BATCH
        except Fenced:
            log.warning("lease_lost", source=source.name)
            return True
        with self.store.begin() as connection:
            source_lanes.end_source(connection, source.id, token)
        return full

    def _drain(self, run: Run, seat: Seat) -> bool:
        until = time.monotonic() + SLICE
        while True:
            wanted, token = self.pace.lanes(seat.name), self.token()
            run.tokens.append(token)
            with self.store.begin() as connection:
                leased = lanes.lease_lanes(connection, seat.name, token, wanted, self.pace.per_lane(seat.name))
            if not leased:
                return False
            reach("handoff.leased")
            run.load(leased)
            self._run_lanes(run, seat)
            if len(leased) < wanted or time.monotonic() > until:
                return len(leased) == wanted

    def _run_lanes(self, run: Run, seat: Seat) -> None:
        flushed = time.monotonic()
        while (lane := run.next_lane()) is not None:
            if not lane.handoffs:
                with self.store.begin() as connection:
                    lanes.settle(connection, lane)
                continue
            self._run_lane(run, seat, lane)
            if time.monotonic() - flushed > FLUSH:
                self.completer.commit(run.take_done())
                flushed = time.monotonic()
        self.completer.commit(run.take_done())

    def _run_lane(self, run: Run, seat: Seat, lane: Lane) -> None:
        for handoff in lane.handoffs:
            identity = (seat.name, handoff.event_seq)
            if identity in self._stuck:
                run.hold_lane(lane, now_us() + STUCK_US)
                return
            run.begin(handoff)
            began = time.monotonic()
            result = self.runner.run(seat, handoff, run.awaiting)
            self.pace.note(seat.name, time.monotonic() - began)
            if not run.end(result):
                with self._stuck_lock:
                    self._stuck.discard(identity)
                run.end_lane(lane)
                return
            if result.outcome.state == RETRYING:
                break
        run.end_lane(lane)

    # --- the watch --------------------------------------------------------------------------------------------------

    def watch(self, runs: list[Run]) -> None:
        """Look after the runs: give back what waits behind a slow handler, take from late ones their lease."""
        now, limit = time.monotonic(), self.config.worker.time_limit
        for run in runs:
            slow = run.slow_for(now)
            if run.work.kind != "seat" or slow < SLOW:
                continue
            waiting = run.take_waiting()
            if waiting:
                # Nobody runs them: given back now, or as orphans.
                self.orphans.add(lanes=waiting)
                self.orphans.give_back()
            self._write(run.take_done())
            self.pace.note(run.work.key, slow)
            if slow > limit.total_seconds():
                self._revoke(run, limit)

    def _write(self, completion: Completion) -> None:
        """Write what a run has done so far, beside the run."""
        try:
            self.completer.commit(completion)
        except BaseException:
            self.orphans.add(lanes=completion.ends)
            raise

    def _revoke(self, run: Run, limit: timedelta) -> None:
        handoff = run.take_handoff()
        if handoff is None:
            return
        seat = self.seats[run.work.key]
        identity = (seat.name, handoff.event_seq)
        with self._stuck_lock:
            self._stuck.add(identity)
        done = run.revoke(handoff, self.runner.timed_out(seat, handoff, limit))
        if done is None:
            with self._stuck_lock:
                self._stuck.discard(identity)
            return
        log.warning("handler_timed_out", seat=seat.name, type=handoff.type, seconds=limit.total_seconds())
        self._write(done)

    def stuck(self) -> int:
        """How many threads are lost to handlers that are out of time and have not returned."""
        return len(self._stuck)

    # --- suspects ---------------------------------------------------------------------------------------------------

    def run_suspect(self) -> bool:
        """Run one suspect lane alone: its head only. Returns whether there was one."""
        token = self.token()
        with self.store.begin() as connection:
            suspect = suspects.lease_suspect(connection, token)
        if suspect is None:
            return False
        if suspect.kind == SOURCE_LANE:
            self._suspect_source(suspect, token)
        else:
            self._suspect_lane(suspect, token)
        return True

    def _suspect_source(self, suspect: Suspect, token: int) -> None:
        source = self.sources.get(suspect.key)
        if source is not None:
            with self.store.read() as connection:
                rows = deliveries.todo(connection, source.id, 1)
            if rows and suspect.crashes >= LONELY_CRASHES:
                self.translator.quarantine(source, token, rows[0], DIED_ALONE)
            elif rows:
                self.translator.batch(source, token, limit=1)
        with self.store.begin() as connection:
            source_lanes.end_source(connection, suspect.key, token)

    def _suspect_lane(self, suspect: Suspect, token: int) -> None:
        with self.store.read() as connection:
            lane = lanes.read_lane(connection, suspect.key, suspect.seat, token, suspect.start, 1)
        seat = self.seats.get(suspect.seat)
        if seat is None:
            # Nobody here can run it, so it can kill nobody here; whoever has the seat takes it as any other.
            with self.store.begin() as connection:
                suspects.acquit(connection, lane)
            return
        if not lane.handoffs:
            with self.store.begin() as connection:
                lanes.settle(connection, lane)
            return
        handoff = lane.handoffs[0]
        if suspect.crashes >= LONELY_CRASHES:
            outcome = Outcome(lane.key, handoff.event_seq, seat.name, DEAD, handoff.attempts + 1, 0, DIED_ALONE)
            end = LaneEnd(lane.key, lane.seat, token, lane.start, handoff.event_seq)
            self.completer.commit(Completion([end], [Result(outcome)]))
            return
        run = self._alone = Run(Work("seat", seat.name))
        run.load([lane])
        try:
            self._run_lanes(run, seat)
        finally:
            self._alone = None

    def watch_alone(self) -> bool:
        """Look after the suspect that runs. Returns whether its handler is out of time and has not returned."""
        run = self._alone
        if run is not None:
            self.watch([run])
        return self.stuck() > 0
