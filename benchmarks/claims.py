"""What the figures have to show, as values: each claim is judged on the runs and says what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from benchmarks.contestant import AS_SHIPPED, END_TO_END, HALF_LOAD, HOT, INGEST
from benchmarks.measure import Run

SQLITE, POSTGRES = "seamline on SQLite", "seamline on PostgreSQL"


@dataclass(frozen=True)
class Spread:
    """The median of several rounds, with the lowest and the highest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def text(self, digits: int = 0) -> str:
        return f"{self.middle:,.{digits}f} [{self.low:,.{digits}f}-{self.high:,.{digits}f}]"


@dataclass(frozen=True)
class Verdict:
    """A claim beside what was measured; ``detail`` holds the absolute figures behind a ratio."""

    claim: str
    wanted: str
    measured: str
    detail: str
    reached: bool


class Claim(Protocol):
    def judge(self, runs: Sequence[Run]) -> Verdict | None:
        """Compare with the runs; None where the contestants concerned have not run."""


@dataclass(frozen=True)
class Ratio:
    """The CPU of one contestant and phase over that of another, round by round; the median counts."""

    claim: str
    over: tuple[str, str]
    under: tuple[str, str]
    at_least: float = 0.0
    at_most: float = float("inf")

    def judge(self, runs: Sequence[Run]) -> Verdict | None:
        over, under = _by_round(runs, *self.over), _by_round(runs, *self.under)
        rounds = sorted(over.keys() & under.keys())
        if not rounds:
            return None
        ratio = Spread.of([over[number].cpu / under[number].cpu for number in rounds])
        wanted = f"≥ {self.at_least:g}" if self.at_least else f"≤ {self.at_most:g}"
        detail = f"{parts(list(over.values()))} : {parts(list(under.values()))}"
        reached = self.at_least <= ratio.middle <= self.at_most
        return Verdict(self.claim, wanted, ratio.text(2), detail, reached)


@dataclass(frozen=True)
class Latency:
    """How long acknowledgements take; the medians over the rounds count."""

    claim: str
    of: tuple[str, str]
    p99_ms: float
    p50_ms: float | None = None

    def judge(self, runs: Sequence[Run]) -> Verdict | None:
        found = list(_by_round(runs, *self.of).values())
        if not found:
            return None
        p50, p99 = Spread.of([run.p50_ms for run in found]), Spread.of([run.p99_ms for run in found])
        reached = p99.middle <= self.p99_ms and (self.p50_ms is None or p50.middle <= self.p50_ms)
        wanted = f"p99 ≤ {self.p99_ms:g} ms" + (f", p50 ≤ {self.p50_ms:g} ms" if self.p50_ms else "")
        arrivals = median(run.arrivals_per_second for run in found)
        return Verdict(
            self.claim,
            wanted,
            f"p99 {p99.text(1)}, p50 {p50.text(1)}",
            f"at {arrivals:,.0f} requests/s",
            reached,
        )


def parts(runs: Sequence[Run]) -> str:
    """The medians of each part's CPU: "930 µs (server 240, worker 330, …)"."""
    names = [part for part in ("server", "worker", "database", "broker") if part in runs[0].cpu_us]
    split = ", ".join(f"{part} {median(run.cpu_us[part] for run in runs):,.0f}" for part in names)
    return f"{median(run.cpu for run in runs):,.0f} µs ({split})"


def _by_round(runs: Sequence[Run], contestant: str, phase: str) -> dict[int, Run]:
    return {run.round: run for run in runs if (run.contestant, run.phase) == (contestant, phase) and not run.problems}


def _both(make: Callable[[str], Claim]) -> tuple[Claim, Claim]:
    return make(SQLITE), make(POSTGRES)


CLAIMS: tuple[Claim, ...] = (
    *_both(lambda us: Ratio(f"durable ingest: rival over {us}", ("rival", INGEST), (us, INGEST), at_least=15)),
    Ratio(f"durable ingest: {SQLITE} over the baseline", (SQLITE, INGEST), ("baseline", INGEST), at_most=2.5),
    Ratio(f"durable ingest: {POSTGRES} over the baseline", (POSTGRES, INGEST), ("baseline", INGEST), at_most=3.5),
    Ratio(f"end to end: rival over {SQLITE}", ("rival", END_TO_END), (SQLITE, END_TO_END), at_least=25),
    Ratio(f"end to end: rival over {POSTGRES}", ("rival", END_TO_END), (POSTGRES, END_TO_END), at_least=15),
    *(
        Ratio(f"end to end: {rival} over {us}", (rival, END_TO_END), (us, END_TO_END), at_least=2)
        for rival in ("fair rival", "fair rival, a transaction a batch", "fair rival, a message an event")
        for us in (SQLITE, POSTGRES)
    ),
    *_both(lambda us: Ratio(f"{us}: hot account over uniform", (us, HOT), (us, END_TO_END), at_most=1.2)),
    *_both(lambda us: Latency(f"{us}: front door at half of the saturating load", (us, HALF_LOAD), p99_ms=30)),
    *_both(
        lambda us: Latency(f"{us}: as shipped, worker busy", (f"{us}, as shipped", AS_SHIPPED), p99_ms=100, p50_ms=10)
    ),
)
