"""`seamline init`, and what is said where there is no company yet."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seamline_webhooks.cli.root import app
from seamline_workers.company.config import load_config
from seamline_workers.company.registry import build_adapters


def test_init_writes_a_folder_that_needs_nothing_more(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "northwind"
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    config = load_config(folder / "seamline.toml", environ={})
    assert build_adapters(config)["demo"].name == "standard_webhooks"
    assert [(token.name, token.role) for token in config.api.tokens] == [("admin", "admin")]
    for secret in (folder / "secrets").iterdir():
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    assert "/secrets/" in (folder / ".gitignore").read_text().splitlines()


def test_two_folders_have_different_secrets(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert CliRunner().invoke(app, ["init", str(tmp_path / name)]).exit_code == 0
    for secret in ("demo", "token"):
        assert (tmp_path / "one/secrets" / secret).read_text() != (tmp_path / "two/secrets" / secret).read_text()


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "company").mkdir()
    (tmp_path / "company" / "seats.py").write_text("# mine\n")
    first = CliRunner().invoke(app, ["init", str(tmp_path), "--json"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".db"}
    again = CliRunner().invoke(app, ["init", str(tmp_path), "--json"])
    assert (tmp_path / "company" / "seats.py").read_text() == "# mine\n"
    assert {path: path.read_bytes() for path in before} == before
    assert '"company/seats.py"' in first.stdout.split('"kept"')[1]
    assert '"written": []' in again.stdout


@pytest.mark.parametrize("words", [["events", "list"], ["check", "--json"], ["serve"], ["worker"], ["db", "current"]])
def test_without_a_configuration_every_command_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEAMLINE_CONFIG", raising=False)
    told = CliRunner().invoke(app, words)
    assert told.exit_code == (1 if words[0] == "check" else 2)
    assert "seamline init" in told.output


def test_help_and_lists_load_no_web_server() -> None:
    script = (
        "import sys\nfrom seamline_webhooks.cli.root import app\n"
        "sys.exit(' '.join({'litestar', 'sqlalchemy', 'httpx', 'dramatiq', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == ""
