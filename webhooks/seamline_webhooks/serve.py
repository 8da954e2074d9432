"""``seamline serve``: the web server, and workers beside it."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from litestar.types import ControllerRouterHandler

from seamline.errors import ConfigError
from seamline_webhooks.app import create_app
from seamline_webhooks.protocol import Protocol
from seamline_webhooks.worker_process import MISCONFIGURED, Workers, worker_command
from seamline_workers.company.channel import build_channels
from seamline_workers.company.config import Config, load_config
from seamline_workers.company.registry import build_adapters
from seamline_workers.effects.audience import Ours
from seamline_workers.log import log
from seamline_workers.outbound.alerting import told
from seamline_workers.store.store import open_store
from seamline_workers.store.version import demand_newest

#: Longest wait for requests that are under way when the server is asked to end, in seconds.
GRACE_S = 10
#: Exit status where the store does not answer.
NOT_REACHABLE = 3
#: Connections that may wait to be taken.
BACKLOG = 2048


def serve(
    config_path: Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    with_worker: bool = True,
    route_handlers: Sequence[ControllerRouterHandler] = (),
    worker: Sequence[str] | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises ConfigError where it must not start.

    Port 0 takes any free one; the log says which. ``worker`` is the worker's command instead of the usual one.
    """
    config = load_config(config_path)
    _check(config)
    listener = _listen(host, port)
    bound = listener.getsockname()[1]
    workers = _workers(config, worker) if with_worker else None
    try:
        app = create_app(config, route_handlers=route_handlers, worker_alive=workers.alive if workers else None)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=Protocol,
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_S,
                backlog=BACKLOG,
            )
        )
        app.state.closing = lambda: server.should_exit  # streams that are followed end by themselves
        _heed_signals(server, lambda: setattr(app.state, "hung_up", True))
        if workers is not None:
            app.state.reread_workers = workers.reread
            workers.watch(lambda: setattr(server, "should_exit", True))
        pids = workers.pids if workers else []
        log.info("serving", host=host, port=bound, sources=sorted(config.sources), workers=pids)
        server.run(sockets=[listener])
        if not server.started:
            return NOT_REACHABLE if app.state.get("unreachable") else 1
        return MISCONFIGURED if workers is not None and workers.misconfigured else 0
    finally:
        listener.close()
        if workers is not None:
            workers.stop()


def _workers(config: Config, command: Sequence[str] | None) -> Workers:
    def bury(pid: int) -> None:
        from seamline_workers.running.worker import declare_dead  # with Dramatiq, which the server does without

        try:
            declare_dead(config, pid)
        except Exception as error:  # its leases run out by themselves
            log.warning("dead_worker_not_entered", pid=pid, error=type(error).__name__)

    return Workers(command or worker_command(config.path), config.worker.processes, bury)


def _heed_signals(server: uvicorn.Server, hung_up: Callable[[], None]) -> None:
    """Let signals end the server and not us: uvicorn raises those that it caught again when it has ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    signal.signal(signal.SIGHUP, lambda *_: hung_up())  # until the application heeds it; it makes up for it then
    # Whoever sends garbage would fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def _check(config: Config) -> None:
    """Refuse to start where something is wrong, before anything runs."""
    build_adapters(config)
    told(config.alerts, build_channels(config), Ours.of(config))
    store = open_store(config.store.url, base=config.folder, pool=1)
    try:
        demand_newest(store)
    finally:
        store.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)  # who calls while we start waits
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port") from error
    listener.set_inheritable(False)
    return listener
