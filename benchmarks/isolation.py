"""Isolation: a thousand handoffs wait at a seat whose handler sleeps for half a minute; how late are the others?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ours
from benchmarks.contestant import Site
from benchmarks.load import Load, prepared
from benchmarks.service import free_port, service
from benchmarks.workload import Workload
from support.servers import Postgres, Redis

THREADS = 8
WAITING = 1_000
PER_SECOND = 50.0
EVENTS = 500
P95_MS = 500.0
#: The load has come to rest when its last effect is there; no longer than this.
PATIENCE_S = 30.0

SLEEPERS = {
    "def": (
        "@sloth.on(LeadReceived)\ndef sleep_long(event: LeadReceived, ctx: SyncContext) -> None:\n    time.sleep(30)\n"
    ),
    "async def": (
        "@sloth.on(LeadReceived)\n"
        "async def sleep_long(event: LeadReceived, ctx: Context) -> None:\n    await asyncio.sleep(30)\n"
    ),
}
COMPANY = """
import asyncio
import time

from company import dash, pepper
from seamline import Context, Roster, Seat, SyncContext
from seamline.events import LeadReceived

sloth = Seat("sloth", informed=["lead.received"])


{sleeper}

roster = Roster([pepper, dash, sloth])
"""

WAITS = "select count(*) from handoffs where seat = 'sloth' and state < 2"
DONE = "select count(*) from handoffs where seat <> 'sloth' and state = 2"
#: Milliseconds from the event's arrival to its effects, of the seats that do not sleep, by rank.
LATENESS = (
    "select (h.done_at - e.received_at) / 1000 from handoffs h join events e on e.seq = h.event_seq"
    " where h.seat <> 'sloth' and h.state = 2 and e.seq > {after} order by 1 limit 1 offset {rank}"
)


@dataclass(frozen=True)
class Lateness:
    """What one run has shown; milliseconds from the arrival of an event to the effect of a seat that does not sleep."""

    store: str
    handler: str
    waiting: int
    p50_ms: float
    p95_ms: float
    max_ms: float

    @property
    def reached(self) -> bool:
        return self.p95_ms < P95_MS and self.waiting >= WAITING


def measure(servers: tuple[Postgres, Redis], *, postgres: bool, handler: str) -> Lateness:
    """Pile up work at the sleeping seat, then send fifty events a second. RuntimeError where they do not get done."""
    with tempfile.TemporaryDirectory(prefix="seamline-bench-") as folder, ExitStack() as stack:
        site = Site(*servers, Path(folder))
        store = stack.enter_context(site.database()) if postgres else f"sqlite:///{site.folder / 'seamline.db'}"
        url = stack.enter_context(_company(site.folder, store, SLEEPERS[handler]))
        count = stack.enter_context(ours.rows(store))
        _send(Load(url, Workload(WAITING, run="pile")))
        _wait(lambda: count(DONE), WAITING * 2)
        waiting, before = count(WAITS), count("select seq from ledger_head")
        _send(Load(url, Workload(EVENTS, run="live", seed=2), rate=PER_SECOND))
        _wait(lambda: count(DONE), (WAITING + EVENTS) * 2)
        p50, p95, last = (count(LATENESS.format(after=before, rank=int(EVENTS * 2 * q) - 1)) for q in (0.5, 0.95, 1))
    return Lateness("PostgreSQL" if postgres else "SQLite", handler, waiting, float(p50), float(p95), float(last))


@contextmanager
def _company(folder: Path, store: str, sleeper: str) -> Iterator[str]:
    """The server and a worker with one seat more, which sleeps."""
    config = ours.write_company(folder, store, threads=THREADS)
    (folder / "sleepy.py").write_text(COMPANY.format(sleeper=sleeper))
    config.write_text(config.read_text().replace("company:roster", "sleepy:roster"))
    port = free_port()
    command = ["-c", ours.COMMAND, "serve", "--no-worker", "--port", str(port), "--config", str(config)]
    with (
        service(folder / "server.log", command, {}, port),
        service(folder / "worker.log", ["-m", "seamline_workers", "--config", str(config)], {}),
    ):
        yield f"http://127.0.0.1:{port}/webhooks/crm"


def _send(load: Load) -> None:
    with prepared(load) as sender:
        outcome = sender.run()
    if outcome.accepted != load.workload.count:
        raise RuntimeError(f"accepted {outcome.accepted} of {load.workload.count}: {outcome.statuses}")


def _wait(count: Callable[[], int], wanted: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while count() < wanted:
        if time.monotonic() > end:
            raise RuntimeError(f"{count()} of {wanted} handoffs are done after {PATIENCE_S:g} s")
        time.sleep(0.1)


def page(found: Sequence[Lateness], wrong: Sequence[str]) -> str:
    """The section of the results."""
    rows = [
        f"| {one.store}, `{one.handler}` | {one.waiting:,} | {one.p50_ms:,.0f} | {one.p95_ms:,.0f} | {one.max_ms:,.0f} "
        f"| < {P95_MS:g} | {'yes' if one.reached else '**no**'} |"
        for one in found
    ]
    about = (
        f"{WAITING:,} handoffs wait at a seat that sleeps 30 s in every handler; {PER_SECOND:g} events a second come "
        f"in for two other seats; one worker with {THREADS} threads. From an event's arrival to the effect, over "
        f"{EVENTS} events."
    )
    head = ["| store, handler | waiting | p50 ms | p95 ms | max ms | wanted p95 ms | reached |", "|---" * 7 + "|"]
    return "\n".join(["## Isolation", "", about, "", *head, *rows, *(f"\nWent wrong: {each}" for each in wrong)])


__all__ = ["SLEEPERS", "Lateness", "measure", "page"]
