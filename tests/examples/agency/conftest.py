"""The agency in this process: its real configuration, engine and doors on a store of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.agency import Agency


@pytest.fixture
def start(store_url: str, tmp_path: Path) -> Iterator[Callable[..., Agency]]:
    """Start the agency; keywords override its configuration (``SEATS__DIRK__KIND="human"``)."""
    with ExitStack() as stack:
        yield lambda **overrides: stack.enter_context(Agency(tmp_path, store_url, overrides))


@pytest.fixture
def agency(start: Callable[..., Agency]) -> Agency:
    return start()
