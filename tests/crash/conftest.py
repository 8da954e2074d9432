"""A company on an empty store, once for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seamline_workers.store.store import Store
from support.crash import Company


@pytest.fixture
def company(tmp_path: Path, store: Store, store_url: str) -> Iterator[Company]:
    """Its workers end with the test."""
    found = Company(tmp_path, store, store_url)
    yield found
    found.close()
