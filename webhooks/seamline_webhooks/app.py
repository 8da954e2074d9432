"""The application: the front door, health and metrics, and whatever else is mounted beside them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from typing import Any

from litestar import Litestar, asgi
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler, Receive, Scope, Send
from sqlalchemy.exc import SQLAlchemyError

from seamline.errors import SeamlineError
from seamline.transport import Transport
from seamline_webhooks import health, metrics
from seamline_webhooks.api import EXCEPTION_HANDLERS, Api, api_routers, openapi_config, too_deep
from seamline_webhooks.door import MOUNT
from seamline_webhooks.frontdoor import FrontDoor
from seamline_webhooks.group import InlineGroup, Interruptible, ThreadGroup
from seamline_webhooks.mcp.mount import Mount
from seamline_webhooks.mcp.view import View
from seamline_webhooks.refusal import Refusals
from seamline_webhooks.remotekey import RemoteKeys
from seamline_workers.company.config import Config, load_config
from seamline_workers.company.process import Process, load_process
from seamline_workers.company.registry import register_sources
from seamline_workers.log import log
from seamline_workers.outbound import boundary
from seamline_workers.store.intake import open_intake
from seamline_workers.store.store import Store, fault, open_store
from seamline_workers.store.version import demand_newest

#: So many objects may come to be before garbage is looked for; requests that wait for their group are none.
MOST_NEW = 10_000


class App(Litestar):
    """Litestar, but that what providers send goes to the front door without passing its layers."""

    front_door: FrontDoor | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the whole of the application's life."""
        front_door = self.front_door
        if front_door is not None and scope.get("path") in front_door.addresses:
            await front_door(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    config: Config,
    *,
    route_handlers: Sequence[ControllerRouterHandler] = (),
    worker_alive: Callable[[], bool] | None = None,
    fetch_key: Callable[[str], bytes] | None = None,
) -> Litestar:
    """Make the application of one configuration.

    ``route_handlers`` are served beside the front door and the API; ``app.state`` holds ``config`` and, while it runs,
    ``store`` and ``sources``. ``app.state.closing``, where it is set, says that streams are to end;
    ``app.state.reread_workers`` has the workers read their sources again after the server did.
    ``worker_alive`` tells of the worker that this process started. ``fetch_key`` gets remote verification keys.
    """

    @asgi(MOUNT, is_mount=True, copy_scope=False)
    async def webhooks(scope: Scope, receive: Receive, send: Send) -> None:
        assert app.front_door is not None
        await app.front_door(scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with _open(app, config, process, worker_alive, fetch_key), mcp.running():
            yield

    state = State({"config": config})
    process = load_process(config)
    api = Api(state, config, process)
    mcp = Mount(View(config, process, lambda: api.store), api)
    app = App(
        [webhooks, health.live, health.ready, metrics.metrics, *api_routers(api), mcp.route, *route_handlers],
        lifespan=[lifespan],
        state=state,
        openapi_config=openapi_config(version("seamline")),
        exception_handlers=EXCEPTION_HANDLERS,
        logging_config=None,
        after_exception=[_log_fault],
    )
    return app


async def _log_fault(error: Exception, scope: Scope) -> None:
    """Log what became a 500. The error's text stays out of it: it may hold values."""
    if isinstance(error, SeamlineError) or (isinstance(error, HTTPException) and error.status_code < 500):
        return
    if too_deep(error):
        return
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    log.error("request_failed", path=scope["path"], error=type(error).__name__, where=where)


@contextlib.asynccontextmanager
async def _open(
    app: App,
    config: Config,
    process: Process,
    worker_alive: Callable[[], bool] | None,
    fetch_key: Callable[[str], bytes] | None,
) -> AsyncIterator[None]:
    """Everything that lives as long as the server does. What was acknowledged is finished before it ends."""
    transport = Transport()
    store = await asyncio.to_thread(open_store, config.store.url, base=config.folder)
    try:
        try:
            await asyncio.to_thread(demand_newest, store)
            sources = await asyncio.to_thread(register_sources, store, config)
            await asyncio.to_thread(boundary.propose, store, process)
        except SQLAlchemyError as error:
            log.error("store_unreachable", **fault(error))
            app.state.unreachable = True  # for the exit status of whoever serves
            raise
        process.tell()
        refusals = Refusals(store)
        group = _group(store, config)
        front_door = FrontDoor(group, refusals, RemoteKeys(fetch_key or transport.fetch_key))
        front_door.open(sources.values(), config.company.public_url)
        app.state.store, app.state.sources, app.front_door = store, sources, front_door
        app.state.health = health.Health(config, store, worker_alive, process.broken)
        app.state.metrics = metrics.Metrics(store, config.api.tokens, config.api.metrics_public)
        reloading = _on_hangup(lambda: _reload(app, config, store, front_door), missed=app.state.get("hung_up", False))
        flushing = asyncio.create_task(refusals.run())
        # What is there now stays: looking through it for garbage again and again would hold up requests.
        gc.collect()
        gc.freeze()
        thresholds = gc.get_threshold()
        gc.set_threshold(MOST_NEW, *thresholds[1:])
        try:
            yield
        finally:
            gc.set_threshold(*thresholds)
            gc.unfreeze()
            reloading()
            flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await flushing
            await group.close()
            await refusals.flush()
    finally:
        await asyncio.to_thread(store.close)
        transport.close()


def _group(store: Store, config: Config) -> InlineGroup | ThreadGroup:
    intake = open_intake(store, config.folder)
    return ThreadGroup(intake) if isinstance(intake, Interruptible) else InlineGroup(intake)


def _reload(app: Litestar, config: Config, store: Store, front_door: FrontDoor) -> None:
    """Read ``[sources.*]`` again. A configuration that is wrong changes nothing."""
    try:
        fresh = load_config(config.path)
        sources = register_sources(store, fresh)
    except Exception as error:
        log.error("sources_not_read_again", error=type(error).__name__, reason=str(error))
        return
    front_door.open(sources.values(), config.company.public_url)
    app.state.sources = sources
    if (reread_workers := app.state.get("reread_workers")) is not None:
        reread_workers()
    log.info("sources_read_again", sources=sorted(sources))


def _on_hangup(action: Callable[[], None], *, missed: bool) -> Callable[[], None]:
    """Run an action in a thread on each SIGHUP, one after another; returns what takes the handler away again.

    ``missed``: one came while nobody heeded it yet.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None  # embedded in somebody else's process, whose signals are not ours
    loop, turn, tasks = asyncio.get_running_loop(), asyncio.Lock(), set[asyncio.Task[None]]()

    async def act() -> None:
        async with turn:
            await asyncio.to_thread(action)

    def start() -> None:
        task = asyncio.create_task(act())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, start)
    if missed:
        start()
    return lambda: _forget(loop, tasks)


def _forget(loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
    # From here on a hangup is ignored: the default would kill a server that is ending in order.
    loop.remove_signal_handler(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for task in tasks:
        task.cancel()
