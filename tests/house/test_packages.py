"""The packages as they are shipped: light to import, typed, said in a line, and honest about what they need."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from support.house import ROOT

PACKAGES = {
    "seamline": ROOT / "sdk/seamline",
    "seamline_adapters": ROOT / "adapters/seamline_adapters",
    "seamline_workers": ROOT / "workers/seamline_workers",
    "seamline_webhooks": ROOT / "webhooks/seamline_webhooks",
    "seamline_agency": ROOT / "examples/agency/seamline_agency",
}
#: What authors of adapters and seats must not wait for, or need at all.
HEAVY = (
    "cryptography",
    "joserfc",
    "httpx",
    "litestar",
    "uvicorn",
    "sqlalchemy",
    "alembic",
    "dramatiq",
    "typer",
    "rich",
)
#: The extras that a package may rest on besides the base dependencies.
EXTRAS = {
    "seamline": ("asymmetric", "oos"),
    "seamline_adapters": (),
    "seamline_workers": ("server", "postgres", "redis", "rabbitmq"),
    "seamline_webhooks": ("server", "postgres", "mcp"),
    "seamline_agency": ("server",),
}
#: What one declared dependency brings and its own users import beside it.
BROUGHT = {
    "httpx": {"httpcore"},
    "pydantic": {"pydantic-core"},
    "litestar": {"anyio"},
    "uvicorn": {"uvloop", "httptools"},
    "typer": {"click"},
}


def _modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGES[package].rglob("*.py")):
        parts = [package, *path.relative_to(PACKAGES[package]).with_suffix("").parts]
        yield ".".join(part for part in parts if part != "__init__"), path


@pytest.mark.parametrize("code", ["import seamline", "import seamline.events", "import seamline, seamline.seat"])
def test_the_sdk_imports_nothing_heavy(code: str) -> None:
    told = f"{code}; import sys; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == ""


def test_the_command_line_says_its_help_without_a_server_or_a_database() -> None:
    told = (
        "import sys, typer.testing; from seamline_webhooks.cli.root import app; "
        "assert typer.testing.CliRunner().invoke(app, ['--help']).exit_code == 0; "
        "print(*sorted({'litestar', 'uvicorn', 'sqlalchemy', 'dramatiq'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is(package: str) -> None:
    silent = [
        name
        for name, path in _modules(package)
        if not any(part.startswith("_") for part in name.split(".")) and not ast.get_docstring(_tree(path))
    ]
    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_marked_as_typed(package: str) -> None:
    assert (PACKAGES[package] / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_imports_only_what_it_declares(package: str) -> None:
    allowed = _declared(package)
    allowed |= {brought for name in allowed for brought in BROUGHT.get(name, ())}
    owners = packages_distributions()
    foreign = {
        f"{name} imports {top}"
        for name, path in _modules(package)
        for top in _tops(_tree(path))
        if top not in sys.stdlib_module_names
        and top not in PACKAGES
        and not {_normal(owner) for owner in owners.get(top, ())} & allowed
    }
    # The kit is a plugin of pytest: whoever has no pytest does not load it.
    assert foreign - {"seamline.testing.plugin imports pytest"} == set()


def _declared(package: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in EXTRAS[package]:
        lines += project["optional-dependencies"][extra]
    return {_normal(re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0]) for line in lines}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def _tops(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
