"""The agency's organisation on a store of its own, for clients that know nothing of us but MCP."""

from __future__ import annotations

from pathlib import Path

import pytest

from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import Store, open_store

TOKEN = "viewer-0123456789abcdef"


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """The configuration of the agency; there is no store yet."""
    config = tmp_path / "seamline.toml"
    config.write_text(
        f"""
        [company]
        name = "Northwind Agency"
        seats = "seamline_agency.roster:roster"
        public_url = "https://hooks.example.com"
        [api]
        tokens = ["literal:viewer:viewer:{TOKEN}"]
        """
    )
    return config


@pytest.fixture
def company_store(company: Path) -> Store:
    """Its store, migrated and empty."""
    store = open_store("sqlite:///seamline.db", base=company.parent, pool=1)
    upgrade(store)
    store.close()
    return store
