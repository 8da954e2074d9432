"""A failover with open connections: the old server answers still, and takes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from seamline_workers.store.intake import StoreBusy
from seamline_workers.store.intake_postgres import PostgresIntake
from seamline_workers.store.sources import register_source
from seamline_workers.store.store import Store, only_read, open_store, transient
from support.calls import rows
from workers.store.test_intake import arrival

STANDBY = "SET default_transaction_read_only = on"
WRITE = text("UPDATE ledger_head SET seq = seq")


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Store]:
    found = open_store(postgres_url, pool=1, worker=True)
    yield found
    found.close()


def stand_by(store: Store) -> None:
    """Have the connection that is open lead to a standby; whoever connects anew finds the primary."""
    with store.read() as connection:
        connection.execute(text(STANDBY))
        connection.commit()


def test_a_worker_leaves_the_server_that_has_become_a_standby(postgres: Store) -> None:
    stand_by(postgres)
    with pytest.raises(DBAPIError) as refused, postgres.begin() as connection:
        connection.execute(WRITE)
    assert transient(refused.value)
    with postgres.begin() as connection:
        connection.execute(WRITE)


def test_the_front_door_leaves_it_too(postgres: Store) -> None:
    with postgres.begin() as connection:
        source = register_source(connection, "crm", "x", live_from=0, formerly=None, now=0).id
    intake = PostgresIntake(postgres.url)
    assert intake.accept([arrival(source, b"1")])[0] is not None
    assert intake._connection is not None
    intake._connection.execute(STANDBY)
    with pytest.raises(StoreBusy, match="only be read"):
        intake.accept([arrival(source, b"2")])
    assert intake.accept([arrival(source, b"2")])[0] is not None
    intake.close()
    assert len(rows(postgres, "SELECT id FROM deliveries")) == 2


def test_whoever_looks_hears_of_it_and_leaves_it(postgres: Store) -> None:
    assert only_read(postgres) is None
    stand_by(postgres)
    assert "standby" in str(only_read(postgres))
    assert only_read(postgres) is None


def test_of_several_hosts_the_one_that_takes_writes_is_found(postgres_url: str) -> None:
    at = urlsplit(postgres_url)
    hosts = f"host=127.0.0.1,{at.hostname}&port=1,{at.port}&target_session_attrs=read-write"
    url = f"postgresql://{at.username}:{at.password}@{at.path}?{hosts}"
    store = open_store(url, pool=1)
    with store.begin() as connection:
        connection.execute(WRITE)
    store.close()
    intake = PostgresIntake(url)
    assert isinstance(intake._connected(), psycopg.Connection)
    intake.close()
