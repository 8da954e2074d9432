"""What we install is pinned by version alone: no file of ours says where anything is downloaded from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from support.house import ROOT, text_files

#: Put together here, so that this file does not name them either.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("jsdelivr", "net"),
        ("unpkg", "com"),
        ("crates", "io"),
        ("golang", "org"),
        ("rubygems", "org"),
        ("anaconda", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
    )
)
LOCK_FILES = ("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "package-lock.json", "pip.conf")
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][A-Za-z0-9.!+]*)")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins() -> dict[str, str]:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        match = _PIN.fullmatch(line)
        assert match is not None, f"constraints.txt holds more than name==version: {line!r}"
        pins[_normal(match[1])] = match[2]
    return pins


def test_every_constraint_is_a_name_and_a_version_and_nothing_else() -> None:
    assert len(_pins()) > 50


def test_every_direct_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    names = {_normal(re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0]) for group in groups for line in group}
    assert names - {"seamline"} <= set(_pins())


@pytest.mark.parametrize("name", LOCK_FILES)
def test_no_lock_file_records_download_addresses(name: str) -> None:
    assert [path for path in text_files() if path.name == name] == []


def test_no_file_names_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in text_files()
        for host in REGISTRIES
        if host in path.read_text("utf-8", errors="replace").lower()
    ]
    assert found == []


def test_nothing_is_installed_from_an_address() -> None:
    pattern = re.compile(r"(--(extra-)?index-url|--find-links|\bpip3? install\b[^\n]*https?:|@\s*(git\+)?https?://\S+)")
    build = [ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "constraints.txt", *Path(ROOT / ".ci").glob("*")]
    found = [f"{path.name}: {match[0]}" for path in build for match in pattern.finditer(path.read_text("utf-8"))]
    assert found == []
