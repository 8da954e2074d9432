"""An engine in the test's own process, on a store of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seamline import Seat
from seamline_workers.store.store import Store
from support.works import Works

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
