"""The company's folder: the configuration as it is shipped, generated secrets, and an empty store."""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seamline import Adapter
from seamline_agency.demo.cast import AGENT, PEOPLE
from seamline_workers.company.config import load_config
from seamline_workers.company.registry import load_adapter
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import open_store

#: The configuration as it is shipped beside this module.
CONFIGURATION = Path(__file__).parent / "seamline.toml"
#: The file of the business clock, in the folder.
CLOCK = "clock"
#: Who looks after the machinery.
OPERATOR = "demo"
#: Secrets that are any text.
_GENERATED = (
    "proposals",
    "leads",
    "leads_verify",
    "leads_page",
    "leads_api",
    "crm",
    "crm_api",
    "calendar",
    "mail_api",
    "chat",
    "chat_api",
    "billing",
    "billing_api",
)
#: The secrets that each provider's API is shown, by its host.
_TOKENS = {
    "graph.facebook.com": ("leads_page", "leads_api"),
    "api.hubapi.com": ("crm_api",),
    "api.postmarkapp.com": ("mail_api",),
    "slack.com": ("chat_api",),
    "api.stripe.com": ("billing_api",),
}


@dataclass(frozen=True)
class Company:
    """A company's folder, ready to be served; ``secrets`` by file name, ``tokens`` for the API by who has them.

    ``begins``: what was before is history to it. ``clock``: the file of its business clock; None: the wall clock.
    """

    folder: Path
    secrets: dict[str, str] = field(repr=False)
    tokens: dict[str, str] = field(repr=False)
    begins: datetime
    clock: Path | None = None

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
        since = self.begins.isoformat()
        live = {f"SEAMLINE_SOURCES__{source.upper()}__LIVE_FROM": since for source in _tree()["sources"]}
        # No company gives an agent a token; the demo does, to show that it opens nothing.
        tokens = [*_tree()["api"]["tokens"], f"literal:{AGENT}:approver:{self.tokens[AGENT]}"]
        live["SEAMLINE_API__TOKENS"] = json.dumps(tokens)
        return kept | live | ({"SEAMLINE_CLOCK": str(self.clock)} if self.clock else {})

    def provider_tokens(self) -> dict[str, set[str]]:
        """What the company shows to each provider, by host."""
        return {host: {self.secrets[name] for name in names} for host, names in _TOKENS.items()}


def found_company(folder: Path, begins: datetime, clock: Path | None = None) -> Company:
    """Write a company's folder, and make its empty store."""
    company = write_company(folder, begins, clock)
    config = load_config(company.path, environ=company.environment())
    store = open_store(config.store.url, base=folder)
    upgrade(store)
    store.close()
    return company


def write_company(folder: Path, begins: datetime | None = None, clock: Path | None = None) -> Company:
    """Write a company's folder: its configuration and new secrets. Without ``begins`` the last month is no history."""
    made = _new_secrets()
    tokens = {name: secrets.token_urlsafe(24) for name in (OPERATOR, *PEOPLE, AGENT)}
    made["token"] = f"{OPERATOR}:operator:{tokens[OPERATOR]}"
    made |= {name: f"{name}:approver:{tokens[name]}" for name in PEOPLE}
    (folder / "secrets").mkdir(mode=0o700)
    for name, value in made.items():
        path = folder / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")
    begins = begins or datetime.now(UTC) - timedelta(days=30)
    company = Company(folder, made, tokens, begins, clock)
    company.path.write_text(CONFIGURATION.read_text(encoding="utf-8"), encoding="utf-8")
    return company


def _new_secrets() -> dict[str, str]:
    made = {name: secrets.token_urlsafe(24) for name in _GENERATED}
    made["mail"] = f"postmark:{secrets.token_urlsafe(24)}"
    made["relay"] = f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"
    return made


def _tree() -> dict[str, Any]:
    tree: dict[str, Any] = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))
    return tree
