"""The servers that other tests start."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psycopg
import pytest
import redis

from support.process import Process, tree
from support.servers import Postgres, Redis


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres(max_connections=12, shared_buffers="16MB") as server:
        yield server


def test_postgres_takes_its_settings_and_keeps_databases_apart(postgres: Postgres) -> None:
    first, second = postgres.create_database(), postgres.create_database()
    postgres.run("create table only_here (id int)", database=first)
    with psycopg.connect(postgres.url(first)) as connection:
        assert connection.execute("show max_connections").fetchone() == ("12",)
        assert connection.execute("select count(*) from only_here").fetchone() == (0,)
    with psycopg.connect(postgres.url(second)) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("select count(*) from only_here")


def test_postgres_refuses_a_wrong_password(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url().replace(postgres.password, "wrong"))


def test_postgres_comes_back_on_its_port_with_its_data_after_a_crash(postgres: Postgres) -> None:
    database = postgres.create_database()
    postgres.run("create table kept (id int)", "insert into kept values (7)", database=database)
    port = postgres.port
    postgres.halt(signal.SIGKILL)
    assert not postgres.running
    postgres.rerun()
    assert postgres.port == port
    with psycopg.connect(postgres.url(database)) as connection:
        assert connection.execute("select id from kept").fetchone() == (7,)


def test_a_frozen_server_is_stopped_with_all_its_processes(postgres: Postgres) -> None:
    assert len(tree(postgres.pid)) > 3
    postgres.freeze()
    try:
        assert {process.state for process in tree(postgres.pid)} == {"T"}
    finally:
        postgres.thaw()
    postgres.run("select 1")


def test_a_server_runs_as_an_ordinary_user_and_leaves_nothing_behind() -> None:
    server = Redis()
    server.start()
    folder, pid = server.folder, server.pid
    assert folder.stat().st_mode & 0o777 == 0o711
    assert os.stat(f"/proc/{pid}").st_uid != 0
    assert redis.Redis.from_url(server.url()).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(server.url().replace(server.password, "wrong")).ping()
    server.stop()
    assert not folder.exists()
    assert Process.read(pid) is None
    server.stop()


def test_a_server_that_cannot_start_says_why() -> None:
    server = Postgres(shared_buffers="nonsense")
    try:
        with pytest.raises(RuntimeError, match="shared_buffers"):
            server.start()
    finally:
        server.stop()
