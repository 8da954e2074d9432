"""A company's folder, and the command line in this process and in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from seamline_webhooks.cli.root import app
from seamline_workers.store.store import Store, open_store
from support.seed import Seed

#: How long a command of its own process may take, in seconds.
PATIENCE_S = 60


@dataclass(frozen=True)
class Told:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Told]


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `seamline init` writes it; its seats are imported under a name of its own."""
    folder = tmp_path / "northwind"
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    package = f"company_{abs(hash(str(tmp_path)))}"
    (folder / "company").rename(folder / package)
    config = folder / "seamline.toml"
    config.write_text(config.read_text().replace("company.seats:roster", f"{package}.seats:roster"))
    monkeypatch.setenv("SEAMLINE_CONFIG", str(config))
    return folder


@pytest.fixture
def run(company: Path) -> Run:
    """Run a command in this process, on the company."""

    def run(*words: str) -> Told:
        result = CliRunner().invoke(app, list(words), prog_name="seamline")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Told(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def spawn(company: Path) -> Run:
    """Run a command in a process of its own, in the company's folder."""

    def spawn(*words: str) -> Told:
        command = [sys.executable, "-W", "error", "-c", "from seamline_webhooks.cli import main; main()", *words]
        done = subprocess.run(command, cwd=company, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return Told(done.returncode, done.stdout, done.stderr)

    return spawn


@pytest.fixture
def seed(company: Path) -> Iterator[Seed]:
    """Rows in the company's store."""
    store: Store = open_store(f"sqlite:///{company / 'seamline.db'}", pool=1)
    yield Seed(store)
    store.close()
