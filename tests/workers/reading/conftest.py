from __future__ import annotations

import pytest

from seamline_workers.store.store import Store
from support.seed import Seed


@pytest.fixture
def seed(store: Store) -> Seed:
    return Seed(store)
