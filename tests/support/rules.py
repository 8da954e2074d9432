"""The company's rules, and the tests that prove each: found by the numbers in the tests' names."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from support.house import ROOT

_NUMBER = re.compile(r"r([1-9][0-9]?)")


class Proof(NamedTuple):
    """A test and the file that it stands in."""

    file: str
    name: str


def rules() -> dict[int, dict[str, Any]]:
    """Each rule by its number."""
    told = tomllib.loads((ROOT / "docs" / "rules.toml").read_text("utf-8"))
    return {int(name.removeprefix("R")): rule for name, rule in told.items()}


def proofs() -> dict[int, list[Proof]]:
    """The tests of each rule, by its number."""
    found: dict[int, list[Proof]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in _tests(path):
            for word in name.split("_"):
                if match := _NUMBER.fullmatch(word):
                    found.setdefault(int(match[1]), []).append(Proof(str(path.relative_to(ROOT)), name))
    return found


def _tests(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name.lower().startswith("test"):
            yield node.name


def unproved() -> list[int]:
    """The rules that no test names, nor one of a rule that they refer to."""
    known = proofs()
    return [n for n, rule in rules().items() if not (known.get(n) or any(known.get(s) for s in rule.get("see", ())))]


def page() -> str:
    """docs/rules.md."""
    known = proofs()
    lines = [
        "# The rules, and what proves them",
        "",
        "Made of [rules.toml](rules.toml) and of the tests' names: `pytest tests/house --update-golden`. The tests",
        "of one rule run with `pytest -k r32_`.",
        "",
    ]
    for n, rule in rules().items():
        see = rule.get("see", ())
        carried = f"see {', '.join(f'[R{s}](#r{s})' for s in see)}" if see else rule["by"]
        lines += [f"## R{n}", "", f"{rule['title']}. *{carried}*", ""]
        lines += [f"- [`{one.name}`](../{one.file})" for one in dict.fromkeys(known.get(n, ()))]
        lines += [""] if known.get(n) else []
    return "\n".join(lines).rstrip() + "\n"
