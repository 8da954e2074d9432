"""Taking in: once, durable, counted, on both stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from seamline_workers.store import intake_sqlite
from seamline_workers.store.intake import (
    Accepted,
    Arrival,
    Intake,
    StoreBusy,
    StoreLocked,
    open_intake,
    storable_key,
)
from seamline_workers.store.intake_sqlite import SqliteIntake
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.sources import register_source
from seamline_workers.store.store import Store, open_store, sqlite_path
from support.calls import rows, tallied

#: The id of the first source.
CRM = 1


@pytest.fixture
def sources(store: Store) -> tuple[int, int]:
    with store.begin() as connection:
        crm, mail = (
            register_source(connection, name, "x", live_from=0, formerly=None, now=0).id for name in ("crm", "mail")
        )
    return crm, mail


@pytest.fixture
def intake(store: Store, sources: tuple[int, int]) -> Iterator[Intake]:
    found = open_intake(store)
    yield found
    found.close()


def arrival(source: int, body: bytes, key: str = "", **more: Any) -> Arrival:
    digest = sha256(body).digest()
    return Arrival(source, key, digest, "POST", "/", "{}", body, len(body), 1, "signed")._replace(**more)


def test_a_group_of_several_sources_is_kept_in_its_order(
    store: Store, intake: Intake, sources: tuple[int, int]
) -> None:
    crm, mail = sources
    verdicts = intake.accept([arrival(crm, b"1"), arrival(mail, b"1"), arrival(crm, b"2", poll="deals", baseline=1)])
    ids = [verdict.id for verdict in verdicts if verdict is not None]
    assert ids == sorted(ids)
    assert len(ids) == 3
    found = rows(store, "SELECT source_id, body, poll, baseline, state FROM deliveries ORDER BY id")
    assert found == [(crm, b"1", None, 0, 0), (mail, b"1", None, 0, 0), (crm, b"2", "deals", 1, 0)]


def test_repetitions_are_found_inside_a_group_and_across_groups(
    store: Store, intake: Intake, sources: tuple[int, int]
) -> None:
    crm, mail = sources
    first = intake.accept([arrival(crm, b"1", "k"), arrival(crm, b"1", "k"), arrival(mail, b"1", "k")])
    again = intake.accept([arrival(crm, b"1", "k"), arrival(crm, b"new"), arrival(crm, b"1", "k")])
    assert [verdict and verdict.duplicate for verdict in first] == [False, True, False]
    assert [verdict and verdict.duplicate for verdict in again] == [True, False, True]
    assert again[0] == again[2] == Accepted(first[0].id if first[0] else 0, duplicate=True)
    assert rows(store, "SELECT duplicates FROM deliveries ORDER BY id") == [(3,), (0,), (0,)]
    assert tallied(store) == {"crm accepted": 2, "crm duplicate": 3, "mail accepted": 1}


def test_other_bytes_under_a_key_are_kept_and_counted_and_a_key_that_is_none_conflicts_with_nothing(
    store: Store, intake: Intake, sources: tuple[int, int]
) -> None:
    crm, mail = sources
    together = intake.accept([arrival(crm, b"1", "k"), arrival(crm, b"2", "k"), arrival(mail, b"3", "k")])
    later = intake.accept([arrival(crm, b"3", "k"), arrival(crm, b"2", "k"), arrival(crm, b"4"), arrival(crm, b"5")])
    assert [verdict and verdict.conflict for verdict in together] == [False, True, False]
    assert [verdict and verdict.conflict for verdict in later] == [True, False, False, False]
    assert tallied(store) == {"crm accepted": 5, "crm conflict": 2, "crm duplicate": 1, "mail accepted": 1}


def test_a_row_that_cannot_be_kept_does_not_spoil_its_neighbours(
    store: Store, intake: Intake, sources: tuple[int, int]
) -> None:
    crm, mail = sources
    broken: Any = None
    verdicts = intake.accept([arrival(crm, b"1"), arrival(crm, b"2", method=broken), arrival(mail, b"3")])
    assert [verdict is None for verdict in verdicts] == [False, True, False]
    assert rows(store, "SELECT body FROM deliveries ORDER BY id") == [(b"1",), (b"3",)]
    assert tallied(store) == {"crm accepted": 1, "mail accepted": 1}


def test_any_key_that_an_adapter_gives_can_be_kept(store: Store, intake: Intake, sources: tuple[int, int]) -> None:
    odd = ["a\0b", "\ud800", "k" * 513, "k" * 3_000_000, "", "ü" * 512, "\U0001f600"]
    kept = [storable_key(key) for key in odd]
    verdicts = intake.accept([arrival(sources[0], b"%d" % n, key) for n, key in enumerate(kept)])
    assert None not in verdicts
    assert len(set(kept)) == len(odd)
    assert [row[0] for row in rows(store, "SELECT key FROM deliveries ORDER BY id")] == kept


def test_several_processes_that_take_in_the_same_make_one_row(store: Store, sources: tuple[int, int]) -> None:
    intakes = [open_intake(store) for _ in range(4)]

    def take(intake: Intake) -> list[bool]:
        fresh = []
        for number in range(50):
            while True:
                try:
                    [verdict] = intake.accept([arrival(sources[0], b"%d" % number, str(number))])
                except StoreLocked:
                    continue
                assert verdict is not None
                fresh.append(not verdict.duplicate)
                break
        return fresh

    with ThreadPoolExecutor(4) as pool:
        fresh = list(pool.map(take, intakes))
    for intake in intakes:
        intake.close()
    assert [sum(column) for column in zip(*fresh, strict=True)] == [1] * 50
    assert tallied(store) == {"crm accepted": 50, "crm duplicate": 150}


@pytest.fixture
def lite_store(tmp_path: Path) -> Iterator[Store]:
    """A store whose file a test may tamper with."""
    found = open_store(f"sqlite:///{tmp_path / 'seamline.db'}")
    upgrade(found)
    with found.begin() as connection:
        assert register_source(connection, "crm", "x", live_from=0, formerly=None, now=0).id == CRM
    yield found
    found.close()


@pytest.fixture
def lite(lite_store: Store) -> Iterator[SqliteIntake]:
    found = SqliteIntake(sqlite_path(lite_store.url))
    yield found
    found.close()


def test_sqlite_says_at_once_that_another_process_writes(lite_store: Store, lite: SqliteIntake) -> None:
    other = sqlite3.connect(sqlite_path(lite_store.url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked):
        lite.accept([arrival(CRM, b"1")])
    other.execute("ROLLBACK")
    other.close()
    assert lite.accept([arrival(CRM, b"1")]) == [Accepted(1)]


def test_sqlite_acknowledges_only_what_is_synchronous(lite: SqliteIntake) -> None:
    connection = lite._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_a_full_disk_is_busy_and_nothing_of_the_group_is_kept(lite_store: Store, lite: SqliteIntake) -> None:
    pages = lite._connection.execute("PRAGMA page_count").fetchone()[0]
    lite._connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StoreBusy, match="full"):
        lite.accept([arrival(CRM, b"%d" % n + b"x" * 5000) for n in range(10)])
    lite._connection.execute("PRAGMA max_page_count=1000000")
    assert rows(lite_store, "SELECT count(*) FROM deliveries") == [(0,)]
    assert lite.accept([arrival(CRM, b"1")]) == [Accepted(1)]


def test_too_little_free_space_is_busy_before_it_is_full(lite: SqliteIntake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_sqlite, "MIN_FREE", 1 << 62)
    with pytest.raises(StoreBusy, match="free where the store is"):
        lite.accept([arrival(CRM, b"1")])


def test_a_front_door_that_runs_alone_keeps_its_log_bounded(
    lite_store: Store, lite: SqliteIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_sqlite, "WAL_BOUND", 400_000)
    monkeypatch.setattr(intake_sqlite, "LOOK_S", 0.0)
    for number in range(60):
        assert lite.accept([arrival(CRM, b"%d" % number + b"x" * 100_000)]) != [None]
        if lite._checkpoint is not None:
            lite._checkpoint.join()
    assert sqlite_path(lite_store.url).with_name("seamline.db-wal").stat().st_size < 1_000_000


def test_ids_are_never_given_twice_though_the_newest_rows_are_pruned(
    store: Store, intake: Intake, sources: tuple[int, int]
) -> None:
    [first] = intake.accept([arrival(sources[0], b"1")])
    assert first is not None
    item = "INSERT INTO items (delivery_id, n, source_id, key, state, adapter_version) VALUES (:d, 0, :s, 'k', 2, 1)"
    with store.begin() as connection:
        connection.execute(text(item), {"d": first.id, "s": sources[0]})
        connection.execute(text("DELETE FROM deliveries"))
    [second] = intake.accept([arrival(sources[0], b"2")])
    assert second is not None
    assert second.id > first.id
