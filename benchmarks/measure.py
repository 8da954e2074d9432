"""One run: a contestant in one phase, from its start to the check of what it holds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contestant import HALF_LOAD, HOT, WHOLE, Contestant, Running, Site
from benchmarks.cpu import spent, usage
from benchmarks.load import Load, prepared
from benchmarks.workload import Workload
from support.servers import Postgres, Redis

HOT_SHARE = 0.2
POLL_S = 0.1
#: No progress for so long means that something is lost.
STALL_S = 20.0
#: For what a contestant still does after its last row: acknowledging to its broker, say.
SETTLE_S = 0.3


@dataclass(frozen=True)
class Run:
    """What one run has shown. ``cpu_us``: microseconds per accepted webhook by part."""

    contestant: str
    phase: str
    round: int
    accepted: int
    cpu_us: Mapping[str, float]
    rss_mib: Mapping[str, float]
    arrivals_per_second: float
    done_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    statuses: Mapping[str, int]
    problems: list[str]

    @property
    def cpu(self) -> float:
        """Microseconds per accepted webhook, all parts together."""
        return sum(self.cpu_us.values())


def measure(
    contestant: Contestant, phase: str, number: int, servers: tuple[Postgres, Redis], rate: float | None = None
) -> Run:
    """Start the contestant, warm it up, load it, wait until all is done, check, and stop it."""
    workers = phase in WHOLE
    workload = Workload(
        contestant.events if workers else contestant.requests,
        run=f"m{number}",
        hot=HOT_SHARE if phase == HOT else 0.0,
        signer=contestant.signer,
        secret=contestant.secret,
    )
    with tempfile.TemporaryDirectory(prefix="seamline-bench-") as folder:
        site = Site(*servers, Path(folder))
        with contestant.start(site, workers) as running:
            warm = replace(workload, count=contestant.warm_up, run=f"w{number}", seed=2)
            warmed = _warmed_up(running, warm, workers)
            return _measured(contestant, phase, number, running, workload, warmed, rate if phase == HALF_LOAD else None)


def failed(contestant: Contestant, phase: str, number: int, reason: str) -> Run:
    """A run that came to nothing: it stands in no figure, only on the page."""
    return Run(contestant.name, phase, number, 0, {}, {}, 0.0, 0.0, 0.0, 0.0, 0.0, {}, [reason])


def _measured(
    contestant: Contestant,
    phase: str,
    number: int,
    running: Running,
    workload: Workload,
    warmed: int,
    rate: float | None,
) -> Run:
    with prepared(Load(running.url, workload, rate=rate)) as sender:
        time.sleep(SETTLE_S)
        before, begun = usage(running.trees), time.perf_counter()
        outcome = sender.run()
        if phase in WHOLE:
            _drain(running, warmed + outcome.accepted)
        done_s = time.perf_counter() - begun
        time.sleep(SETTLE_S)
        after = usage(running.trees)
    problems = running.problems(warmed + outcome.accepted)
    if outcome.accepted != workload.count:
        problems.append(f"accepted {outcome.accepted} of {workload.count}: {outcome.statuses}")
    return Run(
        contestant=contestant.name,
        phase=phase,
        round=number,
        accepted=outcome.accepted,
        cpu_us={part: seconds * 1e6 / max(1, outcome.accepted) for part, seconds in spent(before, after).items()},
        rss_mib={part: used.rss / 2**20 for part, used in after.items()},
        arrivals_per_second=outcome.per_second,
        done_per_second=outcome.accepted / done_s,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        max_ms=outcome.max_ms,
        statuses=outcome.statuses,
        problems=problems,
    )


def _warmed_up(running: Running, workload: Workload, workers: bool) -> int:
    """Have caches and plans filled; the number of deliveries that this has left behind."""
    with prepared(Load(running.url, workload)) as sender:
        accepted = sender.run().accepted
    if workers:
        _drain(running, accepted)
    return accepted


def _drain(running: Running, deliveries: int) -> None:
    """Wait until so many deliveries are finished; RuntimeError where nothing moves any more."""
    last, moved = -1, time.monotonic()
    while (now := running.finished()) < deliveries:
        if now != last:
            last, moved = now, time.monotonic()
        if time.monotonic() - moved > STALL_S:
            raise RuntimeError(f"{now} of {deliveries} deliveries are finished, and no more for {STALL_S} s")
        time.sleep(POLL_S)
