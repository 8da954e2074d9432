"""Population: what an event costs among a hundred accounts, and among a hundred thousand, each with fifty events.

Both stores are filled in bulk (benchmarks.bulk); what is measured is live, spread over all the accounts. By itself:
``python -m benchmarks.population`` prints the section; ``--write`` puts it into RESULTS.md.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bulk, ours
from benchmarks.claims import Verdict
from benchmarks.contestant import Site
from benchmarks.growth import WARM_UP, cost, place
from benchmarks.machine import POSTGRES_SETTINGS
from benchmarks.workload import Workload
from seamline_workers.store.store import open_store
from support.servers import Postgres, Redis

FEW, MANY, EACH, LIVE = 100, 100_000, 50, 20_000
MOST_CPU = 1.3
RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Population:
    """One store: microseconds of CPU an event among few accounts, and among many.

    ``narrow_us``: in the store of many too, but about as few of them as there are in the other; it tells what the size
    of a store costs from what it costs that each event is about somebody else. ``filled_s``: seconds to fill it.
    """

    store: str
    accounts: int
    few_us: float
    narrow_us: float
    many_us: float
    filled_s: float

    @property
    def verdict(self) -> Verdict:
        ratio = self.many_us / self.few_us
        return Verdict(
            f"population: seamline on {self.store}, {self.accounts:,} accounts over {FEW}",
            f"≤ {MOST_CPU}",
            f"{ratio:.2f}",
            f"{self.many_us:,.0f} µs : {self.few_us:,.0f} µs; {self.narrow_us:,.0f} µs where only {FEW} are active",
            ratio <= MOST_CPU,
        )


def measure(servers: tuple[Postgres, Redis], *, postgres: bool, accounts: int = MANY, live: int = LIVE) -> Population:
    """Fill and measure a store of few accounts, and one of many."""
    few, _ = _measured(servers, postgres, FEW, (FEW,), live)
    many, filled_s = _measured(servers, postgres, accounts, (FEW, accounts), live)
    store = "PostgreSQL" if postgres else "SQLite"
    return Population(store, accounts, few_us=few[0], narrow_us=many[0], many_us=many[1], filled_s=filled_s)


def _measured(
    servers: tuple[Postgres, Redis], postgres: bool, accounts: int, active: Sequence[int], live: int
) -> tuple[list[float], float]:
    """Microseconds an event, for each number of accounts that are active; and the seconds that the filling took."""
    with place(servers, postgres) as (site, url):
        begun = time.monotonic()
        stored = _fill(site, url, accounts)
        filled_s = time.monotonic() - begun
        costs = []
        with ours.start(site, True, postgres=postgres, store=url) as running:
            for among in active:
                costs.append(cost(running, Workload(live, run=f"live-{among}", among=among, seed=2), stored))
                stored += live + WARM_UP
        return costs, filled_s


def _fill(site: Site, url: str, accounts: int) -> int:
    config, count = ours.write_company(site.folder, url), accounts * EACH
    begun_ms = time.time_ns() // 1_000_000 - count - 60_000
    store = open_store(url, pool=1)
    try:
        return bulk.load(store, config, Workload(count, run="old", among=accounts, in_turn=True, begun_ms=begun_ms))
    finally:
        store.close()


def page(found: Sequence[Population], wrong: Sequence[str]) -> str:
    """The section of the results."""
    return "\n".join(
        [
            "## Population",
            "",
            f"CPU of all parts per event, end to end, over {LIVE:,} live events spread over all the accounts of a "
            f"store, each of which has {EACH} events already, handed on and done. The stores are filled in bulk with "
            "the rows that the engine would have written. Between: in the large store, but only "
            f"{FEW} accounts are active.",
            "",
            f"| store | {FEW} accounts: CPU µs | {FEW} of many: CPU µs | many: CPU µs | accounts "
            f"| many ÷ {FEW} | wanted | reached |",
            "|---" * 8 + "|",
            *(
                f"| {one.store} | {one.few_us:,.0f} | {one.narrow_us:,.0f} | {one.many_us:,.0f} | {one.accounts:,} | "
                f"{one.verdict.measured} | "
                f"{one.verdict.wanted} | {_said(one)} |"
                for one in found
            ),
            *(f"\nWent wrong: {each}" for each in wrong),
        ]
    )


def _said(one: Population) -> str:
    if not one.verdict.reached:
        return "**no**"
    return "yes" if one.accounts >= MANY else f"yes, among {one.accounts / MANY:.0%} of the accounts wanted"


def put(results: str, section: str) -> str:
    """The results with this section in the place of the one that stood there, or before the section on isolation."""
    old = re.compile(r"^## Population\n.*?(?=^## |\Z)", re.M | re.S)
    if old.search(results):
        return old.sub(lambda _: section.rstrip() + "\n\n", results).rstrip() + "\n"
    head, found, tail = results.partition("## Isolation")
    return f"{head.rstrip()}\n\n{section.rstrip()}\n\n{found}{tail}".rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the population alone; 1 where the claim is not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=MANY)
    parser.add_argument("--live", type=int, default=LIVE, help="live events that are measured")
    parser.add_argument("--store", choices=["sqlite", "postgres"], action="append", help="both where it is left out")
    parser.add_argument("--write", action="store_true", help="put the section into RESULTS.md")
    asked = parser.parse_args(arguments)
    found = []
    with Postgres(**POSTGRES_SETTINGS) as postgres, Redis() as redis:
        for kind in asked.store or ["sqlite", "postgres"]:
            servers = (postgres, redis)
            found.append(measure(servers, postgres=kind == "postgres", accounts=asked.accounts, live=asked.live))
            print(found[-1], flush=True)
    section = page(found, ())
    print(section)
    if asked.write:
        RESULTS.write_text(put(RESULTS.read_text(), section))
    return int(not all(one.verdict.reached for one in found))


if __name__ == "__main__":
    sys.exit(main())
