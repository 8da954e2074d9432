"""``seamline serve``: the web server, and a worker beside it."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from litestar.types import ControllerRouterHandler

from seamline.errors import ConfigError
from seamline_webhooks.app import create_app
from seamline_webhooks.protocol import Protocol
from seamline_webhooks.worker_process import WorkerProcess, worker_command
from seamline_workers.config import Config, load_config
from seamline_workers.log import log
from seamline_workers.registry import build_adapters
from seamline_workers.store.migrate import demand_newest
from seamline_workers.store.store import open_store

#: Longest wait for requests that are under way when the server is asked to end, in seconds.
GRACE_S = 10
#: Connections that may wait to be taken.
BACKLOG = 2048
#: Seconds between two looks at whether the worker still lives.
WATCH_S = 0.5


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
    child = WorkerProcess(worker or worker_command(config.path)) if with_worker else None
    try:
        app = create_app(config, route_handlers=route_handlers, worker_alive=child.alive if child else None)
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
        _heed_signals(server)
        if child is not None:
            _watch(child, server)
        log.info("serving", host=host, port=bound, sources=sorted(config.sources), worker=child.pid if child else None)
        server.run(sockets=[listener])
        if not server.started:
            return 1
        if child is not None and child.exit_code is not None:
            log.error("worker ended", code=child.exit_code)
            return child.exit_code or 1
        return 0
    finally:
        listener.close()
        if child is not None:
            child.stop()


def _heed_signals(server: uvicorn.Server) -> None:
    """Let signals end the server and not us: uvicorn raises those that it caught again when it has ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the application reads its sources again on it
    # Whoever sends garbage would fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def _check(config: Config) -> None:
    """Refuse to start where something is wrong, before anything runs; say what is set and does nothing yet."""
    build_adapters(config)
    store = open_store(config.store.url, base=config.folder, pool=1)
    try:
        demand_newest(store)
    finally:
        store.close()
    for key in config.idle:
        log.warning("configured, but this version does nothing with it", key=key)


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


def _watch(child: WorkerProcess, server: uvicorn.Server) -> None:
    """End the server when its worker ends by itself: both are started again together, by whatever started us."""
    ended = threading.Event()

    def look() -> None:
        while child.alive():
            if ended.wait(WATCH_S):
                return
        server.should_exit = True

    threading.Thread(target=look, name="worker-watch", daemon=True).start()
