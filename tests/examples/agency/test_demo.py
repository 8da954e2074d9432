"""The demo as a process, as people start it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from seamline_agency.demo.cast import CUSTOMERS
from seamline_agency.demo.clock import ZONE, Clock, NotYet, first_monday
from seamline_agency.demo.company import CONFIGURATION, write_company
from seamline_agency.demo.outcome import Evidence, judged
from seamline_agency.demo.stories import STORIES
from seamline_agency.demo.story import Story
from seamline_agency.demo.table import HEADINGS, Row, StoryTable
from seamline_workers.clock import business_clock
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
    assert ended.stdout.count("✓") > sum(len(story.expected) for story in STORIES)
    assert "All was as expected." in ended.stdout
    for heading in (*(name for name, _ in HEADINGS), *(story.heading for story in STORIES)):
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


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.title)
def test_where_nothing_happened_what_makes_a_story_is_not_seen(story: Story) -> None:
    assert not all(one.seen for one in judged(story.expected, Evidence()))
    assert [one for one in judged(story.expected, Evidence()) if not one.seen and not one.found] == []


def test_the_clock_goes_on_and_neither_back_nor_past_the_wall_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(tmp_path / "clock", first_monday(datetime.now(UTC)))
    monkeypatch.setenv("SEAMLINE_CLOCK", str(clock.path))
    engine = business_clock()
    began = clock.now
    assert clock.now.astimezone(ZONE).strftime("%a %H:%M") == "Mon 08:00"
    assert int(began.timestamp() * 1_000_000) - 1 <= engine() <= int(clock.now.timestamp() * 1_000_000) + 1
    clock.tick()
    assert (clock.now - began) > timedelta(0)
    clock.to(clock.next(2, 14, 30), still=True)
    assert clock.now.astimezone(ZONE).strftime("%a %H:%M:%S.%f") == "Wed 14:30:00.000000"
    assert engine() == int(clock.now.timestamp() * 1_000_000)
    for moment in (began, datetime.now(UTC) + timedelta(seconds=1)):
        with pytest.raises(NotYet):
            clock.to(moment)
    assert engine() == int(clock.now.timestamp() * 1_000_000)


def test_a_story_is_played_alone(tmp_path: Path) -> None:
    command = [*COMMAND, "--once", "--story", "5"]
    ended = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [story.number for story in STORIES if story.heading in ended.stdout] == [5]


def test_there_are_twelve_stories_each_of_a_customer_of_its_own() -> None:
    assert [story.number for story in STORIES] == list(range(1, 13))
    customers = [story.customer for story in STORIES if story.customer is not None]
    assert len({customer.email for customer in customers}) == len(customers)
    assert all(customer.domain.endswith(".example.com") for customer in CUSTOMERS)
    assert len({customer.phone for customer in CUSTOMERS}) == len(CUSTOMERS)


def test_a_story_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "--story", "99"], env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE
    )
    assert ended.returncode == 2
    assert "there is no story 99" in ended.stderr


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
    assert not any(secret in repr(company) for secret in [*company.secrets.values(), *company.tokens.values()])


def test_a_table_shows_what_was_refused_and_says_so_where_there_was_nothing() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=False)
    with StoryTable(console, "A story") as story:
        story.add(Row("Mon 09:00", ["a lead, forged", "unsigned: 401"], refused=True))
        story.add(Row("Mon 09:01", ["a [lead]", "lead.received"], ["pepper: task"], ["a mail"]))
    said = out.getvalue()
    for word in ("A story", "unsigned: 401", "a [lead]", "lead.received", "pepper: task", "a mail"):
        assert word in said
