"""What a contestant is: a value that the benchmark can start, load, watch and check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import redis

from benchmarks.cpu import Trees
from benchmarks.workload import SECRET
from support.servers import Postgres, Redis

#: The phases; report.py says what each is.
INGEST, END_TO_END, HOT, HALF_LOAD = "ingest", "end to end", "end to end, hot account", "ingest at half load"
AS_SHIPPED = "as shipped"
#: Those in which workers run, and that end when all is done.
WHOLE = (END_TO_END, HOT, AS_SHIPPED)


@dataclass(frozen=True)
class Site:
    """What a run may use: a PostgreSQL and a Redis that all runs share, and a folder of its own."""

    postgres: Postgres
    redis: Redis
    folder: Path

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, dropped afterwards."""
        name = self.postgres.create_database()
        try:
            self.postgres.run("checkpoint")
            yield self.postgres.url(name)
        finally:
            self.postgres.drop_database(name)

    def broker(self) -> str:
        """The URL of the Redis, emptied."""
        with redis.Redis.from_url(self.redis.url()) as connection:
            connection.flushall()
        return self.redis.url()


@dataclass(frozen=True)
class Running:
    """A contestant that takes webhooks.

    ``trees``: the root pids of each part (server, worker, database, broker). ``finished``: how many deliveries are
    wholly done, down to the last effect row; it is polled, so it has to be cheap. ``problems``: what is wrong with
    what it holds, for a number of accepted deliveries: lost, doubled, unfinished.
    """

    url: str
    trees: Trees
    finished: Callable[[], int] = field(default=lambda: 0)
    problems: Callable[[int], list[str]] = field(default=lambda _: [])


class Start(Protocol):
    """Starts a contestant; without ``workers`` its front door alone."""

    def __call__(self, site: Site, workers: bool, /) -> AbstractContextManager[Running]: ...


@dataclass(frozen=True)
class Contestant:
    """One line of the tables.

    ``requests`` and ``events``: how many webhooks the phases without and with workers send.
    """

    name: str
    what: str
    start: Start
    phases: tuple[str, ...] = (INGEST, END_TO_END, HOT, HALF_LOAD)
    requests: int = 10_000
    events: int = 6_000
    warm_up: int = 300
    signer: str = "standard_webhooks"
    secret: str = SECRET
