"""What the README shows is run: its files by their own tests, its commands word for word against a running company."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.house import ALONE, PYTEST, ROOT, blocks

README = ROOT / "README.md"
PATIENCE_S = 120


def _environment(**more: str) -> dict[str, str]:
    bins = str(Path(sys.executable).parent)
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "LANG") if name in os.environ}
    return kept | {"PATH": f"{bins}{os.pathsep}{os.environ.get('PATH', '')}"} | more


def _run(command: list[str], cwd: Path, **more: str) -> str:
    ran = subprocess.run(
        command, cwd=cwd, env=_environment(**more), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ran.returncode == 0, f"{command} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file that the README shows, as shown."""
    folder = tmp_path_factory.mktemp("readme")
    for block in blocks(README):
        if block.title is not None:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
    return folder


def test_r91_the_first_adapter_keeps_the_contract_and_the_first_seat_does_what_is_said(written: Path) -> None:
    _run([*PYTEST, "--update-golden"], written, **ALONE)
    assert "3 passed" in _run(PYTEST, written, **ALONE)


def test_what_the_first_seat_emits_is_its_own_to_make(written: Path) -> None:
    told = "from seats import roster; print(roster.maker('buying_signal.detected').name)"
    assert _run([sys.executable, "-c", told], written).strip() == "dirk"


def test_the_readme_s_code_is_formatted_as_ours(written: Path) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    _run([*ruff, "format", "--check", "--isolated", "--line-length", "120", "."], written)
    _run([*ruff, "check", "--isolated", "--line-length", "120", "."], written)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """The README's company, made and served by its own lines: its folder, its address, the text of its next lines."""
    install, start, lines, asked = (block.text for block in blocks(README, "sh", "A company in five minutes"))
    assert "pip install -e '.[all]'" in install
    make, enter, serve = start.splitlines()
    assert serve == "seamline serve"
    above = tmp_path_factory.mktemp("five-minutes")
    _run(["/bin/sh", "-ec", make], above)
    folder = above / enter.removeprefix("cd ")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    # Nothing else is changed: another port, for whoever has something at 8000.
    environment = _environment(SEAMLINE_COMPANY__PUBLIC_URL=address)
    server = subprocess.Popen(
        [*serve.split(), "--port", str(port)], cwd=folder, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        _await_health(port, server)
        yield folder, address, lines + asked
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0


def _await_health(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("seamline serve does not answer")


def test_a_company_runs_in_five_minutes_by_the_readme_s_own_lines(company: tuple[Path, str, str]) -> None:
    folder, address, lines = company
    told = {}
    for line in lines.splitlines():
        command = line.replace("http://127.0.0.1:8000", address)
        if line.startswith("curl"):
            _await_flag(command, folder, address)
        elif line == "seamline account show jordan@example.com":
            told[line] = _await(command, folder, address, "They opened the proposal")
        elif line.endswith(" list"):
            told[line] = _await(command, folder, address, "proposal.viewed")
        else:
            told[line] = _run(["/bin/sh", "-ec", command], folder, SEAMLINE_COMPANY__PUBLIC_URL=address)
    assert told["seamline send demo one"].startswith("202: delivery")
    assert "msg_" in told["seamline deliveries show 1"]
    assert "all is well" in told["seamline check"]


def _await(command: str, folder: Path, address: str, wanted: str) -> str:
    """What a command prints as soon as the worker has got so far."""
    until = time.monotonic() + PATIENCE_S
    told = ""
    while time.monotonic() < until:
        told = _run(["/bin/sh", "-ec", command], folder, SEAMLINE_COMPANY__PUBLIC_URL=address)
        if wanted in told:
            return told
        time.sleep(0.1)
    raise AssertionError(f"{command} never printed {wanted!r}\n{told}")


def _await_flag(command: str, folder: Path, address: str) -> None:
    if subprocess.run(["/bin/sh", "-c", "command -v curl"], capture_output=True, check=False).returncode:
        pytest.skip("there is no curl here")
    _await(command, folder, address, '"count":3')
