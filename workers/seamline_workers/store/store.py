"""The store: where rows live. SQLite and PostgreSQL behind the same functions."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, CursorResult, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from seamline.errors import ConfigError

#: Longest wait for a lock, in milliseconds (SQLite's write lock, PostgreSQL's row locks).
LOCK_TIMEOUT_MS = 5_000
#: Pages of SQLite's log after which whoever commits writes them back, if no worker has done so before.
CHECKPOINT_PAGES = 8_192
#: Most of an SQLite file that a worker reads as memory: what it looks up of many accounts stands far apart, and a call
#: and a copy for each page cost more than finding the row on it.
MAPPED_BYTES = 2**31 - 2**16
#: Longest statement on PostgreSQL, in milliseconds.
STATEMENT_TIMEOUT_MS = 30_000


def now_us() -> int:
    """The wall clock in microseconds since 1970."""
    return time.time_ns() // 1_000


def unheld(connection: Connection, query: str, binds: Mapping[str, Any]) -> CursorResult[*tuple[Any, ...]]:
    """Run a query for the rows that no other transaction holds, and hold them until this one ends.

    On SQLite there is one writer at a time, so nobody else holds any.
    """
    skip = " FOR UPDATE SKIP LOCKED" if connection.dialect.name == "postgresql" else ""
    return connection.execute(text(query + skip), binds)


class Store:
    """One database. ``begin`` writes, ``read`` reads; both are short."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.engine = engine
        self.url = url
        self.postgres = engine.dialect.name == "postgresql"
        # SQLite has one writer. Threads that wait for it here wake at once; SQLite's own waiting sleeps and asks.
        self._writer: AbstractContextManager[object] = nullcontext() if self.postgres else threading.Lock()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes; commits at the end, rolls back on an error."""
        with self._writer, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading, in one snapshot a statement."""
        with self.engine.connect() as connection:
            if not self.postgres:
                connection = connection.execution_options(seamline_read=True)
            yield connection

    def database_time(self) -> int:
        """The database's clock in microseconds: the clock of leases."""
        if not self.postgres:
            return now_us()
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"SELECT {PG_NOW}")).scalar_one())

    def close(self) -> None:
        self.engine.dispose()


#: PostgreSQL's clock in microseconds.
PG_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def open_store(url: str, *, base: Path | None = None, pool: int = 10, worker: bool = False) -> Store:
    """Open a store by its URL: ``sqlite:///file.db`` (relative to ``base``) or ``postgresql://…``.

    ``worker``: for a worker process. On SQLite its last commits may be undone by a power failure, together and in
    order, and are then done again from the deliveries, which are durable before they are acknowledged. On PostgreSQL
    its sets of keys are looked up by index, however few rows the planner believes a young table to have.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return Store(_sqlite(url, base, durable=not worker), url)
    if scheme in ("postgresql", "postgres"):
        return Store(_postgres(url, pool, by_key=worker), url)
    raise ConfigError(f"store.url: {scheme!r} is not known; write sqlite:///seamline.db or postgresql://user@host/db")


def sqlite_path(url: str, base: Path | None = None) -> Path:
    """The file of an SQLite URL."""
    name = url.removeprefix("sqlite:///")
    if not name or name == url or name == ":memory:":
        raise ConfigError("store.url: an SQLite store is a file; write sqlite:///seamline.db")
    path = Path(name)
    return path if path.is_absolute() else (base or Path.cwd()) / path


def connect_sqlite(path: Path, *, timeout_ms: int = LOCK_TIMEOUT_MS, durable: bool = True) -> sqlite3.Connection:
    """A connection to an SQLite store: WAL, and synchronous=FULL where an acknowledgement rests on it.

    One that is not ``durable``, a worker's, reads the file as memory.
    """
    connection = sqlite3.connect(path, timeout=timeout_ms / 1000, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute("PRAGMA temp_store=MEMORY")
    if not durable:
        connection.execute(f"PRAGMA mmap_size={MAPPED_BYTES}")
    # A page that many transactions change is written back once for all of them.
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    return connection


def _sqlite(url: str, base: Path | None, *, durable: bool) -> Engine:
    if sqlite3.sqlite_version_info < (3, 37):
        raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed")
    path = sqlite_path(url, base)
    if not path.parent.is_dir():
        raise ConfigError(f"store.url: the folder {path.parent} does not exist")
    engine = create_engine(
        f"sqlite:///{path}",
        creator=lambda: connect_sqlite(path, durable=durable),
        poolclass=QueuePool,
        pool_size=10,
        hide_parameters=True,  # the text of an error shows no value
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that turns from reading to writing fails at once; a writer says so from the start.
        reading = connection.get_execution_options().get("seamline_read")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgres(url: str, pool: int, *, by_key: bool) -> Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise ConfigError("store.url names PostgreSQL; install it with: pip install 'seamline[postgres]'") from None
    address = "postgresql+psycopg://" + url.split("://", 1)[1]
    options = (
        f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS} "
        "-c idle_in_transaction_session_timeout=60000 -c jit=off -c synchronous_commit=on -c timezone=UTC"
    )
    if by_key:
        options += " -c enable_hashjoin=off -c enable_mergejoin=off"
    engine = create_engine(
        address,
        pool_size=pool,
        max_overflow=4,
        pool_pre_ping=False,
        pool_use_lifo=True,  # a connection that has just served knows the statements
        pool_recycle=1800,
        hide_parameters=True,  # the text of an error shows no value
        connect_args={"options": options, "connect_timeout": 3, "application_name": "seamline"},
    )

    @event.listens_for(engine, "handle_error")
    def _leave_standby(context: ExceptionContext) -> None:
        # After a failover the old server may keep our connections open, and take nothing: ask the address anew.
        if getattr(context.original_exception, "sqlstate", None) == "25006":
            context.is_disconnect = True

    return engine


def only_read(store: Store) -> str | None:
    """Why nothing can be written to a store that answers; None: it takes what is written. Raises the store's errors.

    A connection that leads to a standby is dropped: the next look goes to whoever has the address by then.
    """
    if not store.postgres:
        return None
    with store.read() as connection:
        if connection.execute(text("SHOW transaction_read_only")).scalar_one() == "off":
            return None
        connection.invalidate()
    return "it can only be read: a standby, or default_transaction_read_only is set"


def fault(error: BaseException) -> dict[str, str]:
    """What a log line says of an error: its class, and the store's own word for it. Its text may hold values."""
    driver = getattr(error, "orig", None) or error
    code = getattr(driver, "sqlite_errorname", None) or getattr(driver, "sqlstate", None)
    return {"error": type(error).__name__} | ({"code": str(code)} if code else {})


def deadlocked(error: BaseException) -> bool:
    """Whether a transaction lost against another that it may pass when it is done again."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in ("40001", "40P01")


def transient(error: BaseException) -> bool:
    """Whether a database error is none of what was written: a lock, a deadlock, a lost connection, a full disk."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        return transient_driver(error.orig)
    return False


def transient_driver(error: Any) -> bool:
    """The same for a driver's own error."""
    if isinstance(error, sqlite3.Error):
        return isinstance(error, sqlite3.OperationalError)
    state = getattr(error, "sqlstate", None)
    if state is None:
        # The driver's own word: of a connection, or of a value that it does not take, which it never will.
        return type(error).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout", "PoolTimeout")
    # 25006 a standby, 40001 serialization, 40P01 deadlock, 55P03 lock timeout, 57014 statement timeout, 57P0x shutdown,
    # 08xxx connection, 53xxx resources (a full disk), 58xxx the system's own
    passing = ("25006", "40001", "40P01", "55P03", "57014")
    return state in passing or state[:3] == "57P" or state[:2] in ("08", "53", "58")


__all__ = [
    "LOCK_TIMEOUT_MS",
    "PG_NOW",
    "Store",
    "connect_sqlite",
    "deadlocked",
    "fault",
    "now_us",
    "only_read",
    "open_store",
    "sqlite_path",
    "transient",
]
