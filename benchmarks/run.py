"""Run the benchmark: ``python -m benchmarks.run`` writes RESULTS.md, and the raw figures to raw/."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks import growth, isolation, population
from benchmarks.claims import CLAIMS, Verdict
from benchmarks.contestant import AS_SHIPPED, END_TO_END, HALF_LOAD, HOT, INGEST, Contestant
from benchmarks.contestants import CONTESTANTS
from benchmarks.machine import POSTGRES_SETTINGS, describe
from benchmarks.measure import Run, failed, measure
from benchmarks.report import results
from support.servers import Postgres, Redis

T = TypeVar("T")

FOLDER = Path(__file__).parent
PHASES = (INGEST, HALF_LOAD, END_TO_END, HOT, AS_SHIPPED)
#: No round is begun that could not end within this time; what is measured beside takes some half an hour.
LIMIT_S = 13 * 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds; 1 where a run went wrong or a claim was not reached (with ``--strict``)."""
    options = _options(arguments)
    contestants = [each for each in CONTESTANTS if not options.only or each.name in options.only]
    if options.quick:
        contestants = [replace(each, requests=each.requests // 10, events=each.events // 10) for each in contestants]
    runs: list[Run] = []
    with Postgres(**POSTGRES_SETTINGS) as postgres, Redis() as redis:
        machine = describe(postgres, redis)
        for run in _rounds(contestants, options.rounds, (postgres, redis)):
            runs.append(run)
            _say(run)
        more, beside = ([], []) if options.only or options.quick else _beside((postgres, redis))
    raw = FOLDER / "raw" / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    raw.parent.mkdir(exist_ok=True)
    raw.write_text(json.dumps({"machine": machine, "runs": [asdict(run) for run in runs]}, indent=1))
    parts = [results(machine, contestants, CLAIMS, runs, beside), *more, (FOLDER / "remarks.md").read_text()]
    page = "\n\n".join(part.rstrip() for part in parts) + "\n"
    if options.only or options.quick:
        print(page)
    else:
        (FOLDER / "RESULTS.md").write_text(page)
    verdicts = [*(verdict for claim in CLAIMS if (verdict := claim.judge(runs)) is not None), *beside]
    for verdict in verdicts:
        print(f"{'reached' if verdict.reached else 'MISSED '}  {verdict.claim}: {verdict.measured} ({verdict.wanted})")
    failed = any(run.problems for run in runs) or (options.strict and not all(each.reached for each in verdicts))
    return int(failed)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", help="a contestant's name; RESULTS.md is then printed, not written")
    parser.add_argument("--quick", action="store_true", help="a tenth of the webhooks: does it work, not what it costs")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a claim is not reached")
    return parser.parse_args(arguments)


def _rounds(contestants: Sequence[Contestant], rounds: int, servers: tuple[Postgres, Redis]) -> Iterator[Run]:
    """Each round runs every phase, and in it every contestant; the order turns from round to round."""
    begun = time.monotonic()
    for number in range(rounds):
        if number and (time.monotonic() - begun) * (number + 1) / number > LIMIT_S:
            print(f"only {number} rounds: one more would take too long", file=sys.stderr)
            return
        turned = [*contestants[number % len(contestants) :], *contestants[: number % len(contestants)]]
        saturating: dict[str, float] = {}
        for phase in PHASES:
            for contestant in turned:
                if phase not in contestant.phases:
                    continue
                try:
                    run = measure(contestant, phase, number, servers, saturating.get(contestant.name, 1_000.0) / 2)
                except RuntimeError as error:
                    run = failed(contestant, phase, number, str(error))
                if phase == INGEST and not run.problems:
                    saturating[contestant.name] = run.arrivals_per_second
                yield run


def _beside(servers: tuple[Postgres, Redis]) -> tuple[list[str], list[Verdict]]:
    """Growth, population and isolation, on both stores: their pages and verdicts; what goes wrong is on the page."""
    grown: list[growth.Growth] = []
    peopled: list[population.Population] = []
    late: list[isolation.Lateness] = []
    wrong: dict[str, list[str]] = {"growth": [], "population": [], "isolation": []}

    def try_one(what: str, of: str, measured: Callable[[], T], found: list[T]) -> None:
        try:
            found.append(measured())
            print(found[-1], flush=True)
        except RuntimeError as error:
            wrong[what].append(f"{of}: {error}")

    for postgres in (False, True):
        store = "PostgreSQL" if postgres else "SQLite"
        try_one("growth", store, partial(growth.measure, servers, postgres=postgres), grown)
        try_one("population", store, partial(population.measure, servers, postgres=postgres), peopled)
        for handler in isolation.SLEEPERS:
            one = partial(isolation.measure, servers, postgres=postgres, handler=handler)
            try_one("isolation", f"{store}, {handler}", one, late)
    pages = [
        growth.page(grown, wrong["growth"]),
        population.page(peopled, wrong["population"]),
        isolation.page(late, wrong["isolation"]),
    ]
    return pages, [one.verdict for one in peopled]


def _say(run: Run) -> None:
    split = ", ".join(f"{part} {cost:,.0f}" for part, cost in run.cpu_us.items())
    print(
        f"{run.round + 1}  {run.phase:24}{run.contestant:32}{run.cpu:8,.0f} µs ({split}), "
        f"{run.done_per_second:,.0f}/s, ack p50 {run.p50_ms:.1f} p99 {run.p99_ms:.1f} ms {'; '.join(run.problems)}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
