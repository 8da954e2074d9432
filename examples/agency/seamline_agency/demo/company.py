"""The company's folder: the configuration as it is shipped, generated secrets, and an empty store."""

from __future__ import annotations

import os
import secrets
import tomllib
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seamline import Adapter
from seamline_workers.config import load_config
from seamline_workers.registry import load_adapter
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import open_store

#: The configuration as it is shipped beside this module.
CONFIGURATION = Path(__file__).parent / "seamline.toml"
#: How far back the story's facts reach; what is older would be history and wake nobody.
LIVE = timedelta(days=30)


@dataclass(frozen=True)
class Company:
    """A company's folder, ready to be served; ``secrets`` by file name, ``token`` for the API."""

    folder: Path
    secrets: dict[str, str] = field(repr=False)
    token: str = field(repr=False)

    @property
    def path(self) -> Path:
        return self.folder / "seamline.toml"

    @property
    def public_url(self) -> str:
        return str(_tree()["company"]["public_url"])

    def source_secrets(self, source: str) -> dict[str, list[str]]:
        """The secrets of a source by name, as its configuration refers to them."""
        told = _tree()["sources"][source]["secrets"]
        by_name: dict[str, list[str]] = told if isinstance(told, dict) else {"signing": told}
        return {
            name: [self.secrets[one.removeprefix("file:secrets/")] for one in values]
            for name, values in by_name.items()
        }

    def adapter(self, source: str) -> Adapter:
        """The adapter as its source configures it: some settings say how a request is signed."""
        told = _tree()["sources"][source]
        settings = told.get("settings")
        return load_adapter(str(told["adapter"]))(settings if isinstance(settings, dict) else None)

    def environment(self) -> dict[str, str]:
        """The environment of the company's processes: nothing of ours that would override its configuration."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SEAMLINE_")}
        since = (datetime.now(UTC) - LIVE).isoformat()
        return kept | {f"SEAMLINE_SOURCES__{source.upper()}__LIVE_FROM": since for source in _tree()["sources"]}


def found_company(folder: Path) -> Company:
    """Write a company's folder, and make its empty store."""
    company = write_company(folder)
    config = load_config(company.path, environ=company.environment())
    store = open_store(config.store.url, base=folder)
    upgrade(store)
    store.close()
    return company


def write_company(folder: Path) -> Company:
    """Write a company's folder: its configuration and new secrets."""
    made = _new_secrets()
    token = secrets.token_urlsafe(24)
    made["token"] = f"demo:operator:{token}"
    (folder / "secrets").mkdir(mode=0o700)
    for name, value in made.items():
        path = folder / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")
    company = Company(folder, made, token)
    company.path.write_text(CONFIGURATION.read_text(encoding="utf-8"), encoding="utf-8")
    return company


def _new_secrets() -> dict[str, str]:
    names = ("proposals", "leads", "leads_verify", "leads_page", "crm", "crm_api", "calendar")
    made = {name: secrets.token_urlsafe(24) for name in names}
    made["mail"] = f"postmark:{secrets.token_urlsafe(24)}"
    made["relay"] = f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"
    return made


def _tree() -> dict[str, Any]:
    tree: dict[str, Any] = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))
    return tree
