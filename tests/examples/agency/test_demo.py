"""The demo as a process, as people start it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from seamline_agency.demo.api import View
from seamline_agency.demo.company import CONFIGURATION, write_company
from seamline_agency.demo.outcome import read_outcomes
from seamline_agency.demo.scene import Noted
from seamline_agency.demo.table import Row, Story
from support.process import tree

ROOT = Path(__file__).parent.parent.parent.parent
COMMAND = [sys.executable, "-c", "from seamline_webhooks.cli import main; main()", "demo"]
#: Longest wait for the demo, in seconds: many times what it takes.
PATIENCE = 150.0


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}


def test_the_demo_played_once_sees_every_expected_outcome(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "--once"], env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "✗" not in ended.stdout
    assert ended.stdout.count("✓") == 20
    assert "All was as expected." in ended.stdout
    for heading in ("came in", "became", "what the seats did", "what the customer saw"):
        assert heading in ended.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_ended_leaves_neither_processes_nor_files(tmp_path: Path, number: signal.Signals) -> None:
    running = subprocess.Popen(COMMAND, env=environment(tmp_path), stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    with running.stdout as said:
        assert next(line for line in said if "http://127.0.0.1:" in line)
        started = [process.pid for process in tree(running.pid)]
        assert len(started) >= 3  # the demo, its server, and the server's worker
        running.send_signal(number)
        said.read()
    assert running.wait(PATIENCE) == 130
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
    assert list(tmp_path.iterdir()) == []


class NothingHappened:
    """An API that lists nothing."""

    def view(self) -> View:
        return View()

    def list(self, what: str) -> list[dict[str, object]]:
        return []


def test_where_nothing_happened_nothing_that_should_have_is_seen() -> None:
    seen = [one.text for one in read_outcomes(NothingHappened(), Noted()) if one.seen]
    assert seen == ["Nothing is left over: no handoff is parked, dead or waiting"]


def test_the_demo_serves_the_configuration_of_the_example() -> None:
    assert CONFIGURATION.read_bytes() == (ROOT / "examples" / "agency" / "seamline.toml").read_bytes()


def test_the_readme_says_how_to_make_every_secret_that_the_configuration_names(tmp_path: Path) -> None:
    readme = (ROOT / "examples" / "agency" / "README.md").read_text()
    text = CONFIGURATION.read_text()
    assert tomllib.loads(text)["sources"].keys() >= {"proposals", "leads", "crm", "calendar", "mail", "relay"}
    company = write_company(tmp_path)
    for name in company.secrets:
        assert f"file:secrets/{name}" in text
        assert name in readme
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "secrets").iterdir())
    assert not any(secret in repr(company) for secret in [*company.secrets.values(), company.token])


def test_a_table_shows_what_was_refused_and_says_so_where_there_was_nothing() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=False)
    with Story(console, "A story") as story:
        story.add(Row(["a lead, forged", "unsigned: 401"], refused=True))
        story.add(Row(["a [lead]"], ["lead.received"], ["pepper: task"], ["a mail"]))
    said = out.getvalue()
    for word in ("A story", "unsigned: 401", "a [lead]", "lead.received", "pepper: task", "a mail"):
        assert word in said
