"""Waking, when the store goes away."""

from __future__ import annotations

import os
from pathlib import Path

from seamline_workers.running.wake import open_wake
from seamline_workers.store.store import open_store


def test_a_wake_that_is_closed_again_closes_and_rings_nobody_else(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'seamline.db'}", pool=2)
    wake = open_wake(store)
    wake.close()
    read, write = os.pipe2(os.O_NONBLOCK)  # takes the numbers that were just given back
    wake.ring()
    wake.close()
    os.write(write, b"mine")
    assert os.read(read, 16) == b"mine"
    os.close(read)
    os.close(write)
    store.close()
