"""A running application on a store of each kind, and its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from seamline_webhooks.app import create_app
from seamline_workers.company.config import load_config
from seamline_workers.store.store import Store
from support.seed import Seed

#: A token's value by role.
VALUES = {role: f"{role}-0123456789abcdef" for role in ("viewer", "operator", "approver", "admin")}

SEATS = """
from seamline import Roster, Seat

roster = Roster([Seat("dirk", role="Pipeline", owns=["proposal.*"]), Seat("coo", kind="human", owns=["invoice.*"])])
"""


@pytest.fixture
def seed(store: Store) -> Seed:
    return Seed(store)


@pytest.fixture
def folder(tmp_path: Path, store_url: str) -> Path:
    """A company's folder on a migrated store."""
    package = tmp_path / "company" / f"company_{abs(hash(str(tmp_path)))}"
    package.mkdir(parents=True)
    (package / "seats.py").write_text(SEATS)
    tokens = ", ".join(f'"literal:{role}:{role}:{value}"' for role, value in VALUES.items())
    (tmp_path / "company" / "seamline.toml").write_text(
        f"""
        [company]
        seats = "{package.name}.seats:roster"
        public_url = "https://hooks.example.com"
        [store]
        url = "{store_url}"
        [sources.demo]
        adapter = "standard_webhooks"
        secrets = ["literal:whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
        allow = ["*"]
        [api]
        tokens = [{tokens}]
        """
    )
    return tmp_path / "company"


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient[Litestar]]:
    config = load_config(folder / "seamline.toml", environ={})
    with TestClient(create_app(config)) as running:
        yield running


@pytest.fixture
def bearer() -> Callable[[str], dict[str, str]]:
    """The headers of a role's token."""
    return lambda role: {"authorization": f"Bearer {VALUES[role]}"}
