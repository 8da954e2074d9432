"""The contestants, each as a declaration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import psycopg
from sqlalchemy import create_engine

from benchmarks import ours
from benchmarks.claims import POSTGRES, SQLITE
from benchmarks.contestant import AS_SHIPPED, END_TO_END, HALF_LOAD, HOT, INGEST, Contestant, Running, Site
from benchmarks.cpu import Trees
from benchmarks.fair_rival.schema import TABLES
from benchmarks.rival.models import Base
from benchmarks.service import service, web_server
from benchmarks.workload import SECRET

#: What the tables of both rivals must hold, as multiples of the number of accepted deliveries.
COUNTS = (
    ("deliveries", "select count(*) from deliveries", 1),
    ("events", "select count(*) from events", 1),
    ("deliveries with an event", "select count(distinct delivery_id) from events", 1),
    ("effects", "select count(*) from flags", 2),
    ("different effects", "select count(*) from (select distinct event_id, seat, kind from flags) f", 2),
    (
        "accounts without two identities",
        "select count(*) from accounts where 2 <> (select count(*) from identities where account_id = accounts.id)",
        0,
    ),
)
FINISHED = "select count(*) from deliveries where processed_at is not null"


@contextmanager
def start_baseline(site: Site, _workers: bool) -> Iterator[Running]:
    environment = {"BENCH_SECRET": SECRET}
    with web_server(site.folder / "server.log", "benchmarks.baseline:create_app", environment) as (server, url):
        yield Running(f"{url}/webhooks/crm", {"server": [server]})


@contextmanager
def start_rival(site: Site, workers: bool, *, children: int = 2) -> Iterator[Running]:
    with site.database() as database, ExitStack() as stack:
        engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
        Base.metadata.create_all(engine)
        engine.dispose()
        environment = {
            "RIVAL_DATABASE_URL": database,
            "RIVAL_BROKER_URL": site.broker(),
            "RIVAL_WEBHOOK_SECRET": SECRET,
        }
        server, url = stack.enter_context(
            web_server(site.folder / "server.log", "benchmarks.rival.app:app", environment)
        )
        trees = {"server": [server], "database": [site.postgres.pid], "broker": [site.redis.pid]}
        if workers:
            quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "warning"]
            celery = ["-m", "celery", "-A", "benchmarks.rival.tasks", "worker", "-c", str(children), *quiet]
            trees["worker"] = [stack.enter_context(service(site.folder / "worker.log", celery, environment))]
        yield stack.enter_context(_watched(database, url, trees, workers))


@contextmanager
def start_fair_rival(
    site: Site, workers: bool, *, ids_a_message: int = 128, ids_a_transaction: int = 1
) -> Iterator[Running]:
    with site.database() as database, ExitStack() as stack:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(TABLES)
        environment = {
            "FAIR_DATABASE_URL": database,
            "FAIR_BROKER_URL": site.broker(),
            "FAIR_WEBHOOK_SECRET": SECRET,
            "FAIR_IDS_A_MESSAGE": str(ids_a_message),
            "FAIR_IDS_A_TRANSACTION": str(ids_a_transaction),
        }
        app = "benchmarks.fair_rival.app:create_app"
        server, url = stack.enter_context(web_server(site.folder / "server.log", app, environment))
        trees = {"server": [server], "database": [site.postgres.pid], "broker": [site.redis.pid]}
        if workers:
            dramatiq = ["-m", "dramatiq", "benchmarks.fair_rival.tasks", "-p", "1", "-t", "4"]
            trees["worker"] = [stack.enter_context(service(site.folder / "worker.log", dramatiq, environment))]
        yield stack.enter_context(_watched(database, url, trees, workers))


@contextmanager
def _watched(database: str, url: str, trees: Trees, workers: bool) -> Iterator[Running]:
    """A rival with its rows in view."""
    with psycopg.connect(database, autocommit=True) as connection:

        def count(query: str) -> int:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return int(row[0])

        def problems(accepted: int) -> list[str]:
            wanted = COUNTS if workers else COUNTS[:1]
            found = [(what, count(query), accepted * times) for what, query, times in wanted]
            return [f"{what}: {have} instead of {should}" for what, have, should in found if have != should]

        yield Running(f"{url}/webhooks/crm", trees, lambda: count(FINISHED), problems)


BASELINE = Contestant(
    "baseline",
    "a raw Litestar handler that checks the HMAC and stores nothing",
    start_baseline,
    phases=(INGEST,),
    requests=20_000,
)
RIVAL = Contestant(
    "rival",
    "FastAPI, SQLAlchemy's ORM, asyncpg, Celery on Redis, PostgreSQL; a task and a transaction for each webhook",
    start_rival,
    phases=(INGEST, END_TO_END),
    requests=1_500,
    events=900,
    warm_up=100,
)
FAIR_RIVAL = Contestant(
    "fair rival",
    "raw Litestar, psycopg, Dramatiq on Redis, PostgreSQL; batches at the door, ids relayed in batches, "
    "a transaction for each event",
    start_fair_rival,
    phases=(INGEST, END_TO_END, HOT),
)
FAIR_RIVAL_BATCH = Contestant(
    "fair rival, a transaction a batch",
    "the same, but up to 128 events in one transaction, written by set-based statements",
    partial(start_fair_rival, ids_a_transaction=128),
    phases=(END_TO_END,),
)
FAIR_RIVAL_SINGLE = Contestant(
    "fair rival, a message an event",
    "the same, but a Dramatiq message for each event too",
    partial(start_fair_rival, ids_a_message=1),
    phases=(END_TO_END,),
    events=2_000,
)

OURS = tuple(
    Contestant(
        name,
        f"an adapter, a roster of two seats, {store}; `seamline serve --no-worker` and one worker with 4 threads",
        partial(ours.start, postgres=postgres),
        phases=(INGEST, HALF_LOAD, END_TO_END, HOT),
    )
    for name, store, postgres in ((SQLITE, "an SQLite file", False), (POSTGRES, "PostgreSQL", True))
)
SHIPPED = tuple(
    Contestant(
        f"{name}, as shipped",
        "`seamline serve`, which starts the worker itself: its processes count as one part",
        partial(ours.start, postgres=postgres, shipped=True),
        phases=(AS_SHIPPED,),
    )
    for name, postgres in ((SQLITE, False), (POSTGRES, True))
)

CONTESTANTS = (BASELINE, RIVAL, FAIR_RIVAL, FAIR_RIVAL_BATCH, FAIR_RIVAL_SINGLE, *OURS, *SHIPPED)
