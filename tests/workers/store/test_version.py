"""The schema version that processes ask for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic.script import ScriptDirectory

from seamline_workers.store.migrate import scripts, upgrade
from seamline_workers.store.store import open_store
from seamline_workers.store.version import NEWEST, current


def test_the_newest_version_is_that_of_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(scripts()).get_current_head() == NEWEST


def test_an_empty_store_has_no_version_and_a_migrated_one_the_newest(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'seamline.db'}")
    before = current(store)
    upgrade(store)
    assert (before, current(store)) == (None, NEWEST)
    store.close()


def test_a_worker_does_not_load_the_library_that_migrates() -> None:
    code = "import sys, seamline_workers.running.worker; print('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
