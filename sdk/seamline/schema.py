"""What is generated from the catalogue: the JSON Schemas of its events, the AsyncAPI document, the page of the docs.

``python -m seamline.schema --write docs/events.md`` writes the catalogue's page, ``--json DIR`` the schemas and the
AsyncAPI document; ``--check FILE`` says whether a page is up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import seamline.events  # noqa: F401  (declares the catalogue)
from seamline.asyncapi import document
from seamline.catalog import page
from seamline.cloudevents import components, schema, schema_name
from seamline.events.base import Event, versions

__all__ = ["builtin", "components", "main", "schema", "schema_name", "schemas"]


def schemas() -> dict[str, dict[str, Any]]:
    """The schemas of all declared events, by file name: ``proposal.viewed.v1.json``."""
    return {f"{schema_name(event)}.json": schema(event) for event in versions().values()}


def builtin() -> list[type[Event]]:
    """The events that come with Seamline: what the docs are about, whatever else this process declares."""
    return [event for event in versions().values() if event.__module__.startswith("seamline.events.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check what is generated from the catalogue; 1 where a checked page is out of date."""
    parser = argparse.ArgumentParser(prog="python -m seamline.schema", description="what the catalogue generates")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the catalogue's page")
    parser.add_argument("--check", metavar="FILE", type=Path, help="exit 1 unless the page is up to date")
    parser.add_argument("--json", metavar="DIR", type=Path, help="write the JSON Schemas and the AsyncAPI document")
    asked = parser.parse_args(arguments)
    if asked.json:
        _dump(asked.json)
    if asked.write:
        asked.write.write_text(page(builtin()), encoding="utf-8")
    if asked.check and (not asked.check.exists() or asked.check.read_text(encoding="utf-8") != page(builtin())):
        sys.stderr.write(f"{asked.check} is out of date; run: python -m seamline.schema --write {asked.check}\n")
        return 1
    return 0


def _dump(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {**schemas(), "asyncapi.json": document()}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
