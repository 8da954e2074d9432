"""A new adapter keeps its contract from the first minute, and its author sees what a change does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seamline import ConfigError
from seamline.testing import new_adapter
from seamline.testing.scaffold import Proving
from support.house import ALONE, PYTEST


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PYTEST, *arguments, str(folder)]
    environment = {**os.environ, **ALONE}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("proving", ["hmac", "standard_webhooks", "token"])
def test_a_new_adapter_keeps_its_contract(proving: Proving, tmp_path: Path) -> None:
    made = new_adapter("acme_quotes", tmp_path, proving)
    assert made.checks > 50
    assert {path.name for path in made.paths} >= {"acme_quotes_adapter.py", "test_acme_quotes_adapter.py"}
    assert sum(path.name.endswith(".expected.json") for path in made.paths) == 3
    assert 'acme_quotes = "acme_quotes_adapter:AcmeQuotes"' in made.entry_points
    assert "acme_quotes_adapter" not in sys.modules
    assert str(tmp_path) not in sys.path


def test_its_test_shows_a_changed_event_until_the_golden_files_are_written_anew(tmp_path: Path) -> None:
    new_adapter("acme_quotes", tmp_path)
    assert run_pytest(tmp_path).returncode == 0
    adapter = tmp_path / "acme_quotes_adapter.py"
    adapter.write_text(adapter.read_text().replace('body["proposal"]', '"p-" + body["proposal"]'))
    failed = run_pytest(tmp_path)
    assert failed.returncode == 1
    assert "matches its golden file [A proposal is viewed]" in failed.stdout
    assert '"proposal_id": "p-prop_1"' in failed.stdout
    assert run_pytest(tmp_path, "--update-golden").returncode == 0
    assert run_pytest(tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["Acme", "acme-quotes", "", "a" * 33, "hubspot"])
def test_a_name_that_cannot_be_one_or_is_taken_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name"):
        new_adapter(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "test_acme_adapter.py"
    mine.write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        new_adapter("acme", tmp_path)
    assert mine.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [mine]
