"""The documents say what is so: their links lead somewhere, their commands exist, their examples run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from seamline import Delivery, Item, Request
from seamline.envelope import Envelope
from seamline.inbox import Inbox
from seamline.testing import update
from seamline_webhooks.cli.root import app
from seamline_workers.company.config import Config
from support.features import adapters, table
from support.house import ALONE, PYTEST, ROOT, Block, blocks, pages

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`(seamline [^`\n]+)`")


def _id(value: Path | Block) -> str:
    return value.name if isinstance(value, Block) else str(value.relative_to(ROOT))


def _every(language: str) -> list[Block]:
    return [block for page in pages() for block in blocks(page, language)]


@pytest.mark.parametrize("page", pages(), ids=_id)
def test_every_link_leads_to_a_file_that_is_there(page: Path) -> None:
    targets = [link.split("#")[0] for link in _LINK.findall(page.read_text("utf-8"))]
    ours = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    assert [target for target in ours if not (page.parent / target).exists()] == []


# --- commands -------------------------------------------------------------------------------------------------------


def _said() -> Iterator[tuple[str, str]]:
    """Every `seamline …` of the documents, with its page."""
    for page in pages():
        for found in _CODE.findall(page.read_text("utf-8")):
            yield str(page.relative_to(ROOT)), found
    for block in _every("sh"):
        for line in block.text.splitlines():
            command = line.split("#")[0].strip()
            if command.startswith("seamline "):
                yield block.name, command


def _wrong(command: str) -> str | None:
    """What the command line does not know of a command; None: it knows it all."""
    found: Any = get_command(app)
    known: set[str] = set()
    words = command.replace("…", "").split()[1:]
    for word in words:
        if word.startswith("--"):
            if word.split("=")[0] not in known | _options(found):
                return f"{word} is no option of it"
        elif hasattr(found, "commands") and word in found.commands:
            known |= _options(found)
            found = found.commands[word]
        elif hasattr(found, "commands"):
            return f"{word} is no command of it"
    return None


def _options(command: Any) -> set[str]:
    return {"--help", *(name for one in command.params for name in (*one.opts, *one.secondary_opts))}


def test_every_command_that_a_document_names_is_there() -> None:
    said = list(_said())
    assert len(said) > 40
    wrong = [f"{page}: {command}: {why}" for page, command in said if (why := _wrong(command))]
    assert wrong == []


def test_a_command_that_is_not_there_would_be_found() -> None:
    assert _wrong("seamline foresee") == "foresee is no command of it"
    assert _wrong("seamline serve --fast") == "--fast is no option of it"


# --- configurations -------------------------------------------------------------------------------------------------


class _Everything(dict[str, str]):
    """An environment in which every secret is set."""

    def get(self, key: str, default: Any = None) -> str:
        return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("block", [b for b in _every("toml") if b.title in (None, "seamline.toml")], ids=_id)
def test_every_configuration_of_a_document_is_one(block: Block, tmp_path: Path) -> None:
    context: Mapping[str, Any] = {"folder": tmp_path, "environ": _Everything()}
    (tmp_path / "secrets").mkdir()
    for name in re.findall(r"file:(secrets/\w+)", block.text):
        (tmp_path / name).write_text("me:admin:a-value-that-is-long-enough", "utf-8")
    config = Config.model_validate(tomllib.loads(block.text), context=context)
    by_name = {adapter.name: adapter for adapter in adapters()}
    for section in config.sources.values():
        by_name[section.adapter](section.settings)


@pytest.mark.parametrize("adapter", [adapter.name for adapter in adapters()])
def test_every_adapter_has_a_page_whose_configuration_names_it(adapter: str) -> None:
    shown = blocks(ROOT / "docs" / "adapters" / f"{adapter}.md", "toml")
    configured = [tomllib.loads(block.text) for block in shown]
    named = {
        section["adapter"]
        for config in configured
        for section in (*config.get("sources", {}).values(), *config.get("channels", {}).values())
    }
    assert named == {adapter}


def test_the_table_of_adapters_is_what_they_declare() -> None:
    page = ROOT / "docs" / "adapters" / "README.md"
    head = page.read_text("utf-8").split("\n|", 1)[0].rstrip("\n") + "\n\n"
    if update.wanted():
        page.write_text(head + table(), "utf-8")
    assert page.read_text("utf-8") == head + table()


# --- code -----------------------------------------------------------------------------------------------------------


def _with_code(folder: str) -> list[Path]:
    return [page for page in pages() if page.is_relative_to(ROOT / folder) and blocks(page, "python")]


@pytest.mark.parametrize("page", _with_code("docs"), ids=_id)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """Every block is a file, and the files of a page are a whole: modules that are imported, or tests that pass."""
    _write(page, tmp_path)
    modules = [_module(block) for block in blocks(page, "python")]
    _python(tmp_path, "-c", "; ".join(f"import {module}" for module in modules))
    if any(module.startswith("test_") for module in modules):
        _python(tmp_path, *PYTEST[1:])


@pytest.mark.parametrize("page", _with_code("docs"), ids=_id)
def test_the_code_of_a_page_is_formatted_as_ours(page: Path, tmp_path: Path) -> None:
    _write(page, tmp_path)
    _python(tmp_path, "-m", "ruff", "format", "--check", "--isolated", "--line-length", "120", ".")


def test_the_pages_that_show_code_are_found() -> None:
    shown = {page.name for page in _with_code("docs")}
    assert shown >= {"adapter.md", "bus.md", "process.md", "relay.md", "seat.md"}


def test_what_reads_an_inbox_on_its_page_reads_what_is_there_and_is_done_with_it(tmp_path: Path) -> None:
    _write(ROOT / "docs" / "bus.md", tmp_path)
    told = {
        "id": "7",
        "created_at": NOW.isoformat(),
        "type": "INFORM",
        "from": "dirk",
        "to": "pulse",
        "topic": "price",
        "conversation": "c1",
        "body": {"schema": "message.v1", "text": "Be careful"},
    }
    inbox = Inbox(tmp_path / "bus", "pulse")
    inbox.make()
    inbox.put(Envelope.model_validate(told))
    assert "Be careful" in _python(tmp_path, "read_inbox.py")
    assert [path.parent.name for path in (tmp_path / "bus").rglob("*.json")] == ["done"]


def test_the_roster_of_a_chart_from_elsewhere_is_whole(tmp_path: Path) -> None:
    """Wherever it is started from: a client starts the MCP program in a folder of its own."""
    _write(ROOT / "docs" / "process.md", tmp_path / "here")
    (tmp_path / "away").mkdir()
    asked = (
        "from company.chart import roster; from seamline.lint import lint; "
        "print([seat.name for seat in roster.seats], [one.code for one in lint(roster) if one.level == 'error'])"
    )
    assert _python(tmp_path / "away", "-c", asked, PYTHONPATH=str(tmp_path / "here")) == "['sales', 'coo'] []\n"


def _write(page: Path, folder: Path) -> None:
    for block in blocks(page):
        assert block.title or block.language != "python", f"a block of {page.name} does not say which file it is"
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")


def _module(block: Block) -> str:
    return str(block.title).removesuffix(".py").replace("/", ".")


def _python(folder: Path, *said: str, **more: str) -> str:
    """What a run of Python says, begun in a folder."""
    command, environ = [sys.executable, *said], {**os.environ, **ALONE, **more}
    ran = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", ["relay", "standard_webhooks"])
def test_what_a_generic_source_is_sent_by_its_page_becomes_an_event(name: str) -> None:
    """Signed by the code that relay.md shows."""
    shown = {str(block.title): block.text for block in blocks(ROOT / "docs/adapters/relay.md", "python")}
    space: dict[str, Any] = {}
    exec(compile(shown["send_fact.py"], "send_fact.py", "exec"), space)
    page = ROOT / "docs" / "adapters" / f"{name}.md"
    (body,) = (json.loads(block.text) for block in blocks(page, "json"))
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    raw, headers = space["signed"](body, secret, "msg_1", int(NOW.timestamp()))
    adapter = next(one for one in adapters() if one.name == name)()
    request = Request.build("POST", f"https://hooks.example.com/webhooks/{name}", raw, headers)
    assert adapter.scheme is not None
    assert adapter.scheme.verify(request, {"signing": [secret]}, NOW, {}).secret == 0
    (event,) = _told(adapter, raw, headers)
    assert event.event_type == "proposal.viewed"
    assert event.party.email == "jordan@example.com"


def _told(adapter: Any, raw: bytes, headers: Mapping[str, str]) -> list[Any]:
    url = "https://hooks.example.com/webhooks/x"
    delivery = Delivery("POST", url, raw, dict(headers), key=headers["webhook-id"], received_at=NOW)
    return [event for item in adapter.split(delivery) if isinstance(item, Item) for event in adapter.normalize(item)]


# --- decisions ------------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_without_gaps_and_all_are_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    numbered = sorted(path.name for path in folder.glob("0*.md"))
    assert [int(name[:4]) for name in numbered] == list(range(1, len(numbered) + 1))
    listed = _LINK.findall((folder / "README.md").read_text("utf-8"))
    assert [link for link in listed if link[0] == "0"] == numbered


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("0*.md")), ids=_id)
def test_every_decision_says_its_context_its_choice_and_what_was_not_taken(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.match(rf"# {int(page.name[:4])}\. \S", text)
    if page.name != "0015-libraries.md":
        assert "**Context.**" in text
        assert "**Choice.**" in text
        assert re.search(r"\*\*(Measured|Found|Why|Why that is safe|Not taken|Price|Limits)\.?\*\*", text)


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        waiting += [(page.parent / link.split("#")[0]).resolve() for link in _LINK.findall(page.read_text("utf-8"))]
    docs = {page for page in pages() if page.is_relative_to(ROOT / "docs")}
    assert {str(page.relative_to(ROOT)) for page in docs - seen} == set()
