"""A company with sources of every kind, and a server for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import Store, open_store
from support import probe
from support.calls import SECRET
from support.servers import Postgres
from support.serving import Serving

COMPANY = """
[company]
name = "Northwind Agency"
public_url = "https://hooks.example.com"
[store]
url = "{store}"
[sources.crm]
adapter = "probe"
secrets = {{ signing = ["file:signing"], verify_token = "literal:let me in" }}
max_body = "64KiB"
[sources.calendar]
adapter = "probe_token"
secrets = ["literal:{secret}"]
[sources.open]
adapter = "probe_bare"
trust = "unverified"
allow = ["lead.*"]
[sources.faulty]
adapter = "probe_faulty"
"""


@pytest.fixture(scope="module")
def probe_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the path that makes the test's adapters findable, to this module's tests and to no others."""
    folder = probe.install(tmp_path_factory.mktemp("adapters") / "installed")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def company(store_url: str, tmp_path: Path, probe_path: Path) -> Path:
    """A configuration on an empty store of each kind."""
    (tmp_path / "signing").write_text(SECRET + "\n")
    path = tmp_path / "seamline.toml"
    path.write_text(COMPANY.format(store=store_url, secret=SECRET))
    return path


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, probe_path: Path
) -> Iterator[tuple[Serving, Store]]:
    """One server and its store for the tests of a module, once for each kind."""
    folder = tmp_path_factory.mktemp("company")
    url = f"sqlite:///{folder / 'seamline.db'}"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.url(server.create_database())
    store = open_store(url, pool=2)
    upgrade(store)
    (folder / "signing").write_text(SECRET + "\n")
    (folder / "seamline.toml").write_text(COMPANY.format(store=url, secret=SECRET))
    with Serving(folder / "seamline.toml", path=[probe_path]) as running:
        yield running, store
    store.close()


@pytest.fixture
def server(shared: tuple[Serving, Store]) -> Serving:
    """The module's server, its store without deliveries."""
    running, store = shared
    with store.begin() as connection:
        for table in ("deliveries", "tallies"):
            connection.execute(text(f"DELETE FROM {table}"))
    return running


@pytest.fixture
def kept(shared: tuple[Serving, Store]) -> Store:
    """The store of the module's server."""
    return shared[1]


@pytest.fixture
def serving(company: Path, probe_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start servers of the company; they are stopped at the end."""
    with ExitStack() as stack:

        def start(**options: Any) -> Serving:
            return stack.enter_context(Serving(company, path=[probe_path], **options))

        yield start
