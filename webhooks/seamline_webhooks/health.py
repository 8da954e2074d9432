"""Health: alive is that we answer, ready is that what comes in can be kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from litestar import Response, get
from litestar.datastructures import State

from seamline_webhooks.brokerlook import AWAY, broker_fault
from seamline_workers.company.config import Config
from seamline_workers.store import processes
from seamline_workers.store.channels import standings
from seamline_workers.store.intake_sqlite import want_of_room
from seamline_workers.store.store import Store, only_read, sqlite_path
from seamline_workers.store.version import NEWEST, advice, ahead, current

#: Longest wait for the answer of a store or a broker, in seconds.
PATIENCE_S = 2.0
#: For so long after a start our own worker need not have said that it lives, in seconds.
START_S = 60.0

OK = "ok"
#: How the check of a schema begins that is newer than we are: until we are started again we live with it.
_AHEAD = "newer: "


class _Look:
    """A look from a thread at what may hang: at most one is under way, so it holds one thread."""

    def __init__(self, look: Callable[[], dict[str, str]], otherwise: dict[str, str]) -> None:
        self._look = look
        self._otherwise = otherwise
        self._task: asyncio.Task[dict[str, str]] | None = None

    async def __call__(self) -> dict[str, str]:
        """What was found; ``otherwise`` where it takes too long."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(asyncio.to_thread(self._look))
        try:
            return await asyncio.wait_for(asyncio.shield(self._task), PATIENCE_S)
        except TimeoutError:
            return self._otherwise


class Health:
    """Looks at everything that a delivery needs, and at the broker, which only rings: it is named and not needed."""

    def __init__(
        self, config: Config, store: Store, worker_alive: Callable[[], bool] | None, broken: str | None = None
    ) -> None:
        self._store = store
        self._process = OK if broken is None else f"broken: {broken}"
        self._queue = config.queue.url
        self._worker_alive = worker_alive
        self._needed = NEWEST
        self._since = time.monotonic()
        self._path = None if store.postgres else sqlite_path(config.store.url, config.folder)
        self._look_at_store = _Look(self._check, dict.fromkeys(("store", "schema", "worker", "channels"), "no answer"))
        self._look_at_broker = _Look(lambda: {"queue": broker_fault(self._queue) or OK}, {"queue": AWAY})

    async def checks(self) -> tuple[bool, dict[str, str]]:
        """Whether we are ready, and what each check says."""
        told, rings = await asyncio.gather(self._look_at_store(), self._look_at_broker())
        found = {"store": told["store"], "schema": told["schema"], "queue": rings["queue"], "worker": told["worker"]}
        found |= {"process": self._process, "channels": told["channels"]}
        if self._queue.startswith("store:") and found["store"] != OK:
            found["queue"] = "is the store"
        ended = self._worker_alive is not None and not self._worker_alive()
        if ended:
            found["worker"] = "ended"
        kept = found["schema"] == OK or found["schema"].startswith(_AHEAD)
        return found["store"] == OK and kept and not ended, found

    def _check(self) -> dict[str, str]:
        found = {"store": OK, "schema": OK, "worker": OK, "channels": OK}
        try:
            have = current(self._store)
            if have != self._needed:
                words = f"is {have or 'empty'}, must be {self._needed}; {advice(have)}"
                found["schema"] = _AHEAD + words if ahead(have) else words
            if have == self._needed or ahead(have):
                found["worker"] = self._works()
                found["channels"] = self._paused()
            if (closed := only_read(self._store)) is not None:
                found["store"] = closed
            if self._path is not None and (full := want_of_room(self._path)) is not None:
                found["store"] = full
        except Exception as error:
            unknown = dict.fromkeys(("schema", "worker", "channels"), "unknown")
            found |= {"store": f"cannot be read ({type(error).__name__})", **unknown}
        return found

    def _works(self) -> str:
        if processes.beating(self._store):
            return OK
        if self._worker_alive is None:
            return "none is running"
        return OK if time.monotonic() < self._since + START_S else "has not said of late that it lives; restart it"

    def _paused(self) -> str:
        """Which ways out are paused; what comes in is kept all the same."""
        with self._store.read() as connection:
            paused = [name for name, one in standings(connection).items() if one.paused_at is not None]
        return f"paused: {', '.join(paused)}" if paused else OK


@get("/health/live", sync_to_thread=False)
def live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": OK}


@get("/health/ready")
async def ready(state: State) -> Response[dict[str, object]]:
    """Say whether what comes in can be kept and worked on, and what is wrong."""
    health: Health = state.health
    fine, checks = await health.checks()
    # What comes in is kept without a broker, while no seat runs, while nothing goes out, and in a newer schema.
    whole = all(checks[name] == OK for name in ("schema", "queue", "process", "worker", "channels"))
    status = "failing" if not fine else OK if whole else "degraded"
    return Response({"status": status, "checks": checks}, status_code=200 if fine else 503)
