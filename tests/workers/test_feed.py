"""The feed while transactions are held open: what is committed is seen at once, in order, and nothing is seen late.

Writers begin, append and end when the test says so, in any order; after each step readers look for what is new.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event

from seamline_workers.store import ledger
from seamline_workers.store.ledger import Entry
from seamline_workers.store.reading.events import Wire, feed
from seamline_workers.store.reading.query import Query, TypeGlob
from seamline_workers.store.store import Store, sqlite_path
from support.lanework import clear


class ToDirk:
    """A plan by which everything is Dirk's."""

    def routes(self, entry: Entry) -> list[tuple[str, int]]:
        return [("dirk", 1)]

    def mover(self, entry: Entry) -> str:
        return entry.source

    def follow(self, connection: Connection, new: object, locked: object) -> list[Entry]:
        return []


WRITERS = 5
#: Longest wait for a writer to do what it was told, in seconds.
LONG_S = 30.0


class Undone(Exception):
    """Raised in a writer's transaction that is to be rolled back."""


class Writer:
    """Appends events of its own account in transactions of its own, step by step, in its own thread."""

    def __init__(self, store: Store, account: int) -> None:
        self._store = store
        self._account = account
        self._told: SimpleQueue[Callable[[Connection], None] | None] = SimpleQueue()
        self._done = threading.Semaphore(0)
        self.step = "idle"
        self.ids: list[UUID] = []
        self._commit = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Open a transaction and take the account's lock, as whoever appends does."""
        self.ids = []
        self._told.put(lambda _: None)
        assert self._done.acquire(timeout=LONG_S)
        self.step = "begun"

    def append(self, n: int) -> None:
        """Append so many events; not waited for: another's may be in the way."""
        entries = [self._entry() for _ in range(n)]
        self.ids = [UUID(bytes=entry.id) for entry in entries]
        self.step = "appending"

        def work(connection: Connection) -> None:
            locked = ledger.lock(connection, [self._account])
            ledger.append(connection, entries, ToDirk(), locked, 0)

        self._told.put(work)

    def appended(self, seconds: float) -> bool:
        """Whether the append is through by then."""
        if self.step == "appending" and self._done.acquire(timeout=seconds):
            self.step = "appended"
        return self.step == "appended"

    def end(self, commit: bool) -> list[UUID]:
        """Commit, or roll back. Returns what is in the ledger since."""
        self._commit = commit
        self._told.put(None)
        assert self._done.acquire(timeout=LONG_S)
        self.step = "idle"
        return self.ids if commit else []

    def close(self) -> None:
        self._told.put(None)
        self._told.put(None)
        self._thread.join(LONG_S)

    def _entry(self) -> Entry:
        return Entry(
            id=uuid4().bytes,
            type="ad.clicked",
            version=1,
            account_id=self._account,
            source="/sources/crm",
            data='{"click_id":"K1"}',
            occurred_at=1_795_000_000_000_000,
            timebasis="provider",
            received_at=1_795_000_000_000_000,
            trust="signed",
        )

    def _run(self) -> None:
        while (work := self._told.get()) is not None:
            try:
                with self._store.begin() as connection:
                    ledger.lock(connection, [self._account])
                    while work is not None:
                        work(connection)
                        self._done.release()
                        work = self._told.get()
                    if not self._commit:
                        raise Undone
            except Undone:
                pass
            self._done.release()


@dataclass
class Reader:
    """Reads the feed on from where it was, in pages of its own size."""

    store: Store
    query: Query
    after: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)

    def look(self) -> list[tuple[str, str]]:
        """Sequence and id of everything that it has seen."""
        full = True
        while full:
            page, self.after = feed(self.store, self.after, self.query, Wire())
            self.seen += [(told["sequence"], told["id"]) for told in page]
            full = len(page) == self.query.limit
        return self.seen


@dataclass
class Books:
    """Writers and readers of one store, and what is committed."""

    store: Store
    writers: list[Writer]
    readers: list[Reader]
    committed: list[UUID] = field(default_factory=list)

    def move(self, writer: Writer, n: int, commit: bool, between: bool) -> None:
        """Have a writer take its next step, if it can take one; ``between``: it ends while a reader looks."""
        match writer.step:
            case "idle" if self.store.postgres or self.all_idle():
                writer.begin()
            case "begun":
                writer.append(n)
                if not self.holder():
                    assert writer.appended(LONG_S)
            case "appended" if between:
                with self.after_a_statement(lambda: self.end(writer, commit)):
                    self.readers[0].look()
            case "appended":
                self.end(writer, commit)
        self.look()

    def end(self, writer: Writer, commit: bool) -> None:
        self.committed += writer.end(commit)
        self.let_one_through()

    @contextmanager
    def after_a_statement(self, act: Callable[[], None]) -> Iterator[None]:
        """Do something when this thread has executed its next statement, before it executes another."""
        here, left = threading.get_ident(), [act]

        def executed(*_: object) -> None:
            if threading.get_ident() == here and left:
                left.pop()()

        event.listen(self.store.engine, "after_cursor_execute", executed)
        try:
            yield
        finally:
            event.remove(self.store.engine, "after_cursor_execute", executed)

    def all_idle(self) -> bool:
        return all(writer.step == "idle" for writer in self.writers)

    def holder(self) -> bool:
        """Whether somebody has numbers that are not committed yet."""
        return any(writer.step == "appended" for writer in self.writers)

    def let_one_through(self) -> None:
        """One of those whose append waited for the numbers gets them."""
        until = time.monotonic() + LONG_S
        waiting = [writer for writer in self.writers if writer.step == "appending"]
        while waiting and not any(writer.appended(0.002) for writer in waiting):
            assert time.monotonic() < until

    def look(self) -> None:
        expected = [(str(n), str(one)) for n, one in enumerate(self.committed, 1)]
        for reader in self.readers:
            assert reader.look() == expected

    def finish(self) -> None:
        while not self.all_idle():
            for writer in self.writers:
                if writer.step == "begun":
                    writer.end(commit=False)
                elif writer.step == "appended":
                    self.end(writer, commit=True)
                self.look()


@contextmanager
def opened(store: Store) -> Iterator[Books]:
    accounts = range(1, WRITERS + 1)
    clear(store, accounts)
    kinds = TypeGlob.read("ad.*", "")
    queries = (Query(limit=2), Query(limit=100), Query(limit=3, type=kinds))
    writers = [Writer(store, account) for account in accounts]
    try:
        yield Books(store, writers, [Reader(store, query) for query in queries])
    finally:
        for writer in writers:
            writer.close()


@pytest.fixture
def held(store: Store) -> Iterator[None]:
    """Transactions of others that are open all the time: they have written, or read, and do not end."""
    with ExitStack() as stack:
        if store.postgres:
            for url in (store.url, store.url.rsplit("/", 1)[0] + "/postgres"):
                for begin in ("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ"):
                    connection = stack.enter_context(closing(psycopg.connect(url, autocommit=True)))
                    connection.execute(begin)
                    connection.execute("SELECT pg_current_xact_id()")
        else:
            reading = stack.enter_context(closing(sqlite3.connect(sqlite_path(store.url), isolation_level=None)))
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM events").fetchone()
        yield


#: Whose turn it is, how many events it appends, and whether it commits, and that while the first reader looks.
Move = tuple[int, int, bool, bool]
moves = st.lists(
    st.tuples(st.integers(0, WRITERS - 1), st.integers(1, 3), st.sampled_from([True, True, False]), st.booleans()),
    min_size=10,
    max_size=60,
)


def play(store: Store, moves: list[Move]) -> None:
    with opened(store) as books:
        for number, n, commit, between in moves:
            books.move(books.writers[number], n, commit, between)
        books.finish()


@pytest.mark.usefixtures("held")
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(moves)
def test_no_reader_of_the_feed_misses_an_event_or_waits_for_one_while_transactions_are_held_open(
    store: Store, moves: list[Move]
) -> None:
    play(store, moves)


@pytest.mark.long
@pytest.mark.usefixtures("held")
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(moves)
def test_no_reader_of_the_feed_misses_an_event_however_transactions_are_held_open(
    store: Store, moves: list[Move]
) -> None:
    play(store, moves)
