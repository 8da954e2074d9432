"""An engine in the test's own process, on a store of each kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from seamline import Seat
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import Store, open_store
from support.works import Works


@pytest.fixture
def lite_store(tmp_path: Path) -> Callable[[], Store]:
    """Makes fresh SQLite stores, copies of one that is migrated."""
    first, numbers = tmp_path / "first.db", count(1)
    store = open_store(f"sqlite:///{first}")
    upgrade(store)
    with store.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    store.close()

    def make() -> Store:
        path = tmp_path / f"copy{next(numbers)}.db"
        shutil.copy(first, path)
        return open_store(f"sqlite:///{path}", pool=2, worker=True)

    return make


MakeWorks = Callable[..., Works]


@pytest.fixture
def works(store: Store) -> Iterator[MakeWorks]:
    """Makes the engine of a company with these seats; it is closed with the test."""
    made: list[Works] = []

    def make(*seats: Seat, **settings: Any) -> Works:
        made.append(Works(store, *seats, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
