"""A worker process: Dramatiq's threads, fed from the store. `seamline worker` starts as many as it is told."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from dramatiq import Worker

from seamline.transport import Transport
from seamline_workers.company.config import Config, load_config
from seamline_workers.log import log
from seamline_workers.running import broker as brokers
from seamline_workers.running.engine import Engine
from seamline_workers.running.schedule import LEASE_S, Schedule, process_name
from seamline_workers.running.told import Told
from seamline_workers.store import processes, version
from seamline_workers.store.store import Store, fault, open_store, transient

#: Seconds that a stopping worker waits for the handlers that run.
STOP_S = 20.0
#: Exit status of a worker whose configuration is wrong.
MISCONFIGURED = 2
#: New objects between two looks for garbage.
GARBAGE_EVERY = 50_000


def _end_with(parent: int) -> None:
    """Have the kernel end this process with its parent, even when that one is killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)


def _open(config: Config, transport: Transport | None = None) -> tuple[Store, Engine]:
    store = open_store(config.store.url, base=config.folder, pool=config.worker.threads + 4, worker=True)
    version.demand_newest(store)
    return store, Engine.open(store, config, transport)


def run_worker(
    config_path: Path | None,
    *,
    threads: int | None = None,
    seats: Sequence[str] | None = None,
    transport: Transport | None = None,
) -> int:
    """Work until SIGTERM or SIGINT. Returns the exit status. ``transport`` is the network that sources are read by."""
    told = Told()  # before the configuration is read: no hangup is missed
    config = load_config(config_path)
    store, engine = _open(config, transport)
    engine.process.tell()
    engine.enter(process_name(os.getpid()))
    engine.poller.arm()
    n = threads or config.worker.threads
    schedule = Schedule(engine, threads=n, seats=seats, linger=config.queue.linger.total_seconds())
    in_store = config.queue.url == "store:"
    made = brokers.make_store_broker(schedule) if in_store else brokers.make_ring_broker(config.queue.url, schedule)
    worker = Worker(made, worker_timeout=200, worker_threads=n)
    worker.start()
    if not in_store:
        ring = lambda work: brokers.ring(made, work)  # noqa: E731
        threading.Thread(target=schedule.rounds, args=(ring,), name="schedule", daemon=True).start()
    _collect_garbage_rarely()
    log.info("worker_started", pid=os.getpid(), threads=n)
    while not told.wait(1.0):
        if told.take_reread():
            _reread(engine, schedule)
    schedule.stopping.set()
    ended = threading.Event()
    threading.Thread(target=schedule.outlast, args=(ended,), name="beat", daemon=True).start()
    worker.stop(timeout=int(STOP_S * 1000))
    ended.set()
    schedule.close()
    engine.leave()
    store.close()
    log.info("worker_stopped", pid=os.getpid())
    # A handler that did not return in time would keep the interpreter from ending; its lease is given back.
    os._exit(0) if schedule.runs() else None
    return 0


def _collect_garbage_rarely() -> None:
    """A batch makes tens of thousands of objects that all live until its commit: looking through them frees nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_EVERY, 20, 100)


def _reread(engine: Engine, schedule: Schedule) -> None:
    """Read ``[sources.*]`` again. A configuration that is wrong changes nothing."""
    try:
        sources = engine.reread(load_config(engine.config.path))
    except Exception as error:
        log.error("sources_not_read_again", error=type(error).__name__, reason=str(error))
        return
    schedule.ring()
    log.info("sources_read_again", pid=os.getpid(), sources=sources)


def run_suspects(config_path: Path | None) -> int:
    """Run suspect lanes one at a time until there is none: whatever kills this process kills nobody else.

    Being told to end is no crash, and a store that goes away is none: what runs is given back as it was, for the next
    process like this one.
    """
    told = Told()
    _end_with(os.getppid())
    store, engine = _open(load_config(config_path))
    engine.enter(process_name(os.getpid()))
    beating = threading.Event()
    threading.Thread(target=_leave_when, args=(told, engine), name="ending", daemon=True).start()

    def beat() -> None:
        beaten = 0.0
        while not beating.wait(min(0.2, LEASE_S / 5)):
            with contextlib.suppress(Exception):  # where the store is away for long, the process is found silent
                if time.monotonic() - beaten > LEASE_S / 5:
                    with store.begin() as connection:
                        processes.beat(connection, engine.worker_id)
                    beaten = time.monotonic()
                if engine.watch_alone():
                    told.end()  # its handler may never return: only with the process it ends

    threading.Thread(target=beat, name="beat", daemon=True).start()
    try:
        while not told.to_end and engine.run_suspect():
            pass
    except Exception as error:
        if not transient(error):
            raise
        log.warning("run_failed", work="suspect", **fault(error))
    _leave_at_last(engine)
    beating.set()
    store.close()
    return 0


def _leave_at_last(engine: Engine) -> None:
    """Give the leases back, however long the store is away: who ends without a word has crashed."""
    while True:
        try:
            return engine.leave()
        except Exception as error:
            if not transient(error):
                raise
            time.sleep(0.2)


def _leave_when(told: Told, engine: Engine) -> None:
    """Give the leases back and end the process as soon as it is told to, whatever its handler is doing.

    Where the store cannot be told, it finds the process silent.
    """
    while not told.wait(60.0):
        told.take_reread()  # it is over soon: the next process like this one reads them
    with contextlib.suppress(Exception):
        engine.leave()
    os._exit(0)


def run_processes(config_path: Path | None, processes: int, arguments: Sequence[str]) -> int:
    """Run several worker processes and replace those that end; SIGTERM or SIGINT ends them all.

    They end with this process, even when it is killed. Status 2: their configuration is wrong.
    """
    config = load_config(config_path)
    command = [sys.executable, "-m", "seamline_workers", *arguments, "--config", str(config.path)]
    told = Told()
    children = [_start(command) for _ in range(processes)]
    status = 0
    while not status and not told.wait(0.2):
        if told.take_reread():
            for child in children:
                child.send_signal(signal.SIGHUP)
        for n, child in enumerate(children):
            if child.poll() == MISCONFIGURED:
                status = MISCONFIGURED  # starting it again would not help
            elif child.returncode is not None:
                log.warning("worker_ended", pid=child.pid, status=child.returncode)
                declare_dead(config, child.pid)
                time.sleep(0.2)
                children[n] = _start(command)
    for child in children:
        child.terminate()
    for child in children:
        child.wait()
    return status


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def prepare() -> None:
        # Until it listens to hangups it ignores them; the configuration is read after that.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _end_with(parent)

    return subprocess.Popen(command, preexec_fn=prepare)


def declare_dead(config: Config, pid: int) -> None:
    """Free what a worker process of this machine held, as soon as its end was seen."""
    with contextlib.suppress(Exception):
        store = open_store(config.store.url, base=config.folder, pool=1)
        with store.begin() as connection:
            processes.bury_named(connection, process_name(pid))
        store.close()
