"""A company with sources of every kind, and a server for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support import probe
from support.serving import Serving

SECRET = "a secret of the test's own"

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


@pytest.fixture(scope="session")
def probe_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the path that makes the test's adapters findable."""
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


@pytest.fixture
def serving(company: Path, probe_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start servers of the company; they are stopped at the end."""
    with ExitStack() as stack:

        def start(**options: Any) -> Serving:
            return stack.enter_context(Serving(company, path=[probe_path], **options))

        yield start
