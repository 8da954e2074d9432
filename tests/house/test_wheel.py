"""What is shipped works without the sources: the wheel of the sdist, installed where nothing else of ours is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from support.house import ROOT

#: Where a test may take long, in seconds: beyond it something is wrong.
PATIENCE_S = 240


def _run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    ran = subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ran.returncode == 0, f"{command} ended with {ran.returncode}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
    return ran


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sdist")
    _run([sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", str(out), str(ROOT)], ROOT)
    return next(out.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the unpacked sdist alone."""
    work = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(work / "unpacked", filter="data")
    source = next((work / "unpacked").iterdir())
    _run([sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(work), str(source)], work)
    return next(work.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and what it declares to need, and nothing else; its interpreter."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = next((home / "lib").glob("python*")) / "site-packages"
    for needed in _closure("seamline", {"all"}):
        _link(needed, site)
    pip = ["-m", "pip", "--python", str(python), "install", "-q", "--no-index", "--no-deps"]
    _run([sys.executable, *pip, "--disable-pip-version-check", str(wheel)], home)
    return python


def _closure(name: str, extras: set[str]) -> list[Distribution]:
    """The distributions that pip would install beside this one: by what each declares, for this machine."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    waiting = [(name, extra) for extra in ("", *extras)]
    while waiting:
        one, extra = waiting.pop()
        if (one, extra) in asked:
            continue
        asked.add((one, extra))
        held = distribution(one)
        found[one] = held
        for line in held.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                normal = re.sub(r"[-_.]+", "-", needed.name).lower()
                waiting += [(normal, also) for also in ("", *needed.extras)]
    del found[name]
    return list(found.values())


def _link(held: Distribution, site: Path) -> None:
    tops = {path.parts[0] for path in held.files or () if path.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        source = Path(str(held.locate_file(top)))
        if source.exists() and not (site / top).exists():
            (site / top).symlink_to(source)


def test_the_wheel_holds_the_packages_and_what_they_read(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for package in ("seamline", "seamline_adapters", "seamline_workers", "seamline_webhooks", "seamline_agency"):
        assert f"{package}/py.typed" in names
    assert "seamline_workers/store/migrations/versions/v0001_first.py" in names
    assert "seamline_agency/demo/seamline.toml" in names
    assert any(name.startswith("seamline_adapters/samples/hubspot/") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.startswith("seamline")} == set()


def test_the_sdist_holds_the_tests_and_no_secret_and_no_store(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "Makefile", "constraints.txt", "tests/conftest.py"} <= names
    assert [name for name in names if name.endswith((".db", ".db-wal")) or "secrets/" in name] == []


def test_the_installed_packages_are_those_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    told = "import seamline, seamline_workers, seamline_webhooks as w; print(seamline.__file__, w.__file__)"
    paths = _run([str(installed), "-c", told], tmp_path).stdout.split()
    assert [Path(path).is_relative_to(installed.parents[1]) for path in paths] == [True, True]


def test_installed_from_the_wheel_a_story_of_the_demo_plays_to_its_end(installed: Path, tmp_path: Path) -> None:
    ran = _run([str(installed.with_name("seamline")), "demo", "--once", "--story", "4"], tmp_path)
    assert "All was as expected." in ran.stdout


def test_installed_from_the_wheel_an_adapter_brings_its_samples_and_stories(installed: Path, tmp_path: Path) -> None:
    ran = _run([str(installed.with_name("seamline")), "adapters", "check", "standard_webhooks"], tmp_path)
    assert "standard_webhooks keeps its contract" in ran.stdout
