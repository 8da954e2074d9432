"""Health: alive is that we answer, ready is that what comes in can be kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from litestar import Response, get
from litestar.datastructures import State
from sqlalchemy import text

from seamline.errors import ConfigError
from seamline_workers.config import Config
from seamline_workers.store.intake_sqlite import want_of_room
from seamline_workers.store.migrate import current, newest
from seamline_workers.store.store import PG_NOW, Store, now_us, sqlite_path

#: Longest wait for the answer of a store or a broker, in seconds.
PATIENCE_S = 2.0
#: A worker that has not said that it lives for so long is not counted.
WORKER_SILENT_S = 60

OK = "ok"
_BROKER_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


class Health:
    """Looks at everything that a delivery needs. At most one look is under way: a store that hangs holds one thread."""

    def __init__(self, config: Config, store: Store, worker_alive: Callable[[], bool] | None) -> None:
        self._store = store
        self._broker = urlsplit(config.queue.url)
        self._worker_alive = worker_alive
        self._needed = newest()
        self._path = None if store.postgres else sqlite_path(config.store.url, config.folder)
        self._look: asyncio.Task[dict[str, str]] | None = None

    async def checks(self) -> tuple[bool, dict[str, str]]:
        """Whether we are ready, and what each check says."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(asyncio.to_thread(self._check))
        try:
            found = await asyncio.wait_for(asyncio.shield(self._look), PATIENCE_S)
        except TimeoutError:
            found = dict.fromkeys(("store", "schema", "queue", "worker"), "no answer")
        mine = self._worker_alive is not None
        if mine and self._worker_alive is not None and not self._worker_alive():
            found["worker"] = "ended"
        needed = ("store", "schema", "queue", "worker") if mine else ("store", "schema", "queue")
        return all(found[name] == OK for name in needed), found

    def _check(self) -> dict[str, str]:
        found = {"store": OK, "schema": OK, "queue": OK, "worker": OK}
        try:
            have = current(self._store)
            if have != self._needed:
                found["schema"] = f"is {have or 'empty'}, must be {self._needed}; run: seamline db upgrade"
            elif self._worker_alive is None:
                found["worker"] = OK if self._beats() else "none is running"
            if self._path is not None and (full := want_of_room(self._path)) is not None:
                found["store"] = full
        except Exception as error:
            found |= {"store": f"cannot be read ({type(error).__name__})", "schema": "unknown", "worker": "unknown"}
        if self._broker.scheme != "store":
            found["queue"] = self._reach_broker()
        elif found["store"] != OK:
            found["queue"] = "is the store"
        return found

    def _beats(self) -> bool:
        """Whether any worker on this store has said of late that it lives."""
        clock = PG_NOW if self._store.postgres else str(now_us())
        query = text(f"SELECT 1 FROM workers WHERE beat_at > {clock} - :silent LIMIT 1")  # noqa: S608
        with self._store.read() as connection:
            return connection.execute(query, {"silent": WORKER_SILENT_S * 1_000_000}).first() is not None

    def _reach_broker(self) -> str:
        host = self._broker.hostname or "localhost"
        try:
            port = self._broker.port or _BROKER_PORTS[self._broker.scheme]
            with socket.create_connection((host, port), timeout=1.0):
                return OK
        except (OSError, ValueError, ConfigError):
            return "the broker cannot be reached; nothing is lost, work waits until it is back"


@get("/health/live", sync_to_thread=False)
def live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": OK}


@get("/health/ready")
async def ready(state: State) -> Response[dict[str, object]]:
    """Say whether what comes in can be kept, and what is wrong if not."""
    health: Health = state.health
    fine, checks = await health.checks()
    return Response({"status": OK if fine else "failing", "checks": checks}, status_code=200 if fine else 503)
