"""Stores for tests: the same tests run on SQLite and on a real PostgreSQL. And no test is left out silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import Store, open_store
from support.servers import Postgres, PostgresInMemory

#: A migrated database that others are copied from.
TEMPLATE = "seamline_template"
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for the whole run, started when first asked for."""
    with PostgresInMemory(max_connections=100, shared_buffers="32MB", fsync="off") as server:
        server.run(f"create database {TEMPLATE}")
        store = open_store(server.url(TEMPLATE), pool=1)
        upgrade(store)
        store.close()
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The URL of a migrated, empty database of one test's own."""
    name = f"test{next(_NUMBERS)}"
    postgres_server.run(f"create database {name} template {TEMPLATE}")
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated, empty store, once for each kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    url = f"sqlite:///{tmp_path / 'seamline.db'}"
    store = open_store(url)
    upgrade(store)
    store.close()
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A migrated, empty store, once for each kind."""
    found = open_store(store_url, pool=4, worker=True)
    yield found
    found.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms to `make check-long`."""
    if "long" in str(config.getoption("markexpr")):
        return
    for item in items:
        if item.get_closest_marker("long") is not None:
            item.add_marker(pytest.mark.skip(reason="the long form; make check-long runs it"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end of the run what it did not prove, and why."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    terminalreporter.section("not run")
    for reason, many in sorted(reasons.items()):
        terminalreporter.line(f"{many:>5}  {reason}")
    if not reasons:
        terminalreporter.line("nothing was skipped")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    told = report.longrepr
    path, reason = (told[0], told[2]) if isinstance(told, tuple) else ("", str(told))
    return f"{Path(path).name}: {reason.removeprefix('Skipped: ')}"
