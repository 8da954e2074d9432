"""Seamline itself: a company with one source and two seats, run as anybody would run it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg

from benchmarks.contestant import Running, Site
from benchmarks.service import free_port, service
from benchmarks.workload import SECRET
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import open_store

#: What the rows must hold, as multiples of the number of accepted deliveries.
RECEIVED = ("deliveries", "select count(*) from deliveries", 1)
COUNTS = (
    RECEIVED,
    ("events", "select count(*) from events where type = 'lead.received'", 1),
    ("different deliveries with an event", "select count(distinct delivery_id) from events", 1),
    ("handoffs that are done", "select count(*) from handoffs where state = 2", 2),
    ("other handoffs", "select count(*) from handoffs where state <> 2", 0),
    ("effects", "select count(*) from effects where kind = 1", 2),
    ("flags", "select count(*) from flags", 2),
    ("counts of flags", "select coalesce(sum(count), 0) from flags", 2),
    ("different flags", "select count(*) from (select distinct seat, name, key from flags) f", 2),
    ("unfinished lanes", "select count(*) from lanes where last > done", 0),
    (
        "handoffs done before an earlier one of their account and seat",
        "select count(*) from (select done_at < lag(done_at) over (partition by account_id, seat order by event_seq)"
        " as wrong from handoffs) o where wrong",
        0,
    ),
    (
        "accounts without three identities",  # reference, address, domain
        "select count(*) from accounts where 3 <> (select count(*) from identities where account_id = accounts.id)",
        0,
    ),
)
#: Events whose every handoff is done, or fewer: cheap, for it is asked while it is measured.
FINISHED = (
    "select seq - (select count(*) from lanes where kind = 2 and last > done and held = 0)"
    " - (select count(*) from lanes where held > 0) from ledger_head"
)

#: What the `seamline` command runs.
COMMAND = "from seamline_webhooks.cli import main; main()"

COMPANY = """\
[company]
name = "Benchmark"
seats = "company:roster"

[store]
url = "{store}"

[worker]
processes = 1
threads = {threads}

[sources.crm]
adapter = "standard_webhooks"
secrets = ["literal:{secret}"]
live_from = 2020-01-01T00:00:00Z
"""


@contextmanager
def start(
    site: Site, workers: bool, *, postgres: bool, shipped: bool = False, store: str | None = None
) -> Iterator[Running]:
    """The server and a worker, each a process of its own; ``shipped``: the server with the worker that it starts.

    ``store`` is one that exists already, instead of an empty one.
    """
    with ExitStack() as stack:
        if store is None:
            store = stack.enter_context(site.database()) if postgres else f"sqlite:///{site.folder / 'seamline.db'}"
        trees = {"database": [site.postgres.pid]} if postgres else {}
        config = write_company(site.folder, store)
        port = free_port()
        serve = ["-c", COMMAND, "serve", "--port", str(port), "--config", str(config)]
        log = site.folder / "server.log"
        server = stack.enter_context(service(log, serve if shipped else [*serve, "--no-worker"], {}, port))
        trees = {"server": [server], **trees}
        if workers and not shipped:
            worker = ["-m", "seamline_workers", "--config", str(config)]
            trees["worker"] = [stack.enter_context(service(site.folder / "worker.log", worker, {}))]
        count = stack.enter_context(rows(store))

        def problems(accepted: int) -> list[str]:
            wanted = COUNTS if workers else (RECEIVED,)
            found = [(what, count(query), accepted * times) for what, query, times in wanted]
            return [f"{what}: {have} instead of {should}" for what, have, should in found if have != should]

        try:
            yield Running(f"http://127.0.0.1:{port}/webhooks/crm", trees, lambda: count(FINISHED), problems)
        except RuntimeError as error:
            said = [log.read_text(errors="replace")[-500:] for log in sorted(site.folder.glob("*.log"))]
            raise RuntimeError(f"{error}; the logs end with: {' / '.join(said)}") from error


def write_company(folder: Path, store: str, *, threads: int = 4) -> Path:
    """A company folder with its store made; returns its configuration."""
    config = folder / "seamline.toml"
    config.write_text(COMPANY.format(store=store, threads=threads, secret=SECRET))
    shutil.copy(Path(__file__).with_name("company.py"), folder / "company.py")
    made = open_store(store, base=folder, pool=1)
    try:
        upgrade(made)
    finally:
        made.close()
    return config


@contextmanager
def rows(store: str) -> Iterator[Callable[[str], int]]:
    """Ask a store for one number."""
    if store.startswith("sqlite:///"):
        path = Path(store.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as file:
            yield lambda query: int(file.execute(query).fetchone()[0])
        return
    with psycopg.connect(store, autocommit=True) as connection:

        def count(query: str) -> int:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return int(row[0])

        yield count
