"""What the log says of a store that fails, and of libraries that log for themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from seamline_workers.store.store import Store, connect_sqlite, fault, open_store


def test_a_full_disk_is_told_from_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "seamline.db"
    store = open_store(f"sqlite:///{path}")
    with store.begin() as connection:
        connection.execute(text("CREATE TABLE t (x TEXT)"))
        connection.execute(text("PRAGMA max_page_count = 3"))
        with pytest.raises(DBAPIError) as full:
            connection.execute(text("INSERT INTO t VALUES (:x)"), {"x": "a private word" * 5_000})
        connection.rollback()
    assert fault(full.value) == {"error": "OperationalError", "code": "SQLITE_FULL"}
    holder = connect_sqlite(path)
    holder.execute("BEGIN IMMEDIATE")
    with store.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA busy_timeout = 0")  # type: ignore[union-attr]
    with pytest.raises(DBAPIError) as locked, store.begin():
        raise AssertionError
    assert fault(locked.value) == {"error": "OperationalError", "code": "SQLITE_BUSY"}
    holder.close()
    store.close()


def test_postgresql_s_own_code_is_told(store: Store) -> None:
    with pytest.raises(DBAPIError) as missing, store.read() as connection:
        connection.execute(text("SELECT 1 FROM nowhere"))
    code = "42P01" if store.postgres else "SQLITE_ERROR"
    assert fault(missing.value)["code"] == code


def test_what_has_no_code_is_told_by_its_class() -> None:
    assert fault(ConnectionError("a private word")) == {"error": "ConnectionError"}


LIBRARY = """
import logging, seamline_workers.log
logger = logging.getLogger("dramatiq.worker.ConsumerThread")
try:
    raise ConnectionError("a private word")
except ConnectionError:
    logger.critical("Consumer of %s stopped.", "seamline", exc_info=True)
"""


def test_what_dramatiq_logs_is_json_and_shows_no_error_s_text() -> None:
    ended = subprocess.run([sys.executable, "-c", LIBRARY], capture_output=True, text=True, check=True)
    (line,) = ended.stderr.splitlines()
    told = json.loads(line)
    assert told["logger"] == "dramatiq.worker.ConsumerThread"
    assert (told["message"], told["error"]) == ("Consumer of seamline stopped.", "ConnectionError")
    assert told["level"] == "critical"
    assert "private" not in line
