"""Stories that every teller of facts shares: each fact of the catalogue once."""

from __future__ import annotations

import json
from pathlib import Path

from seamline.events import catalogue
from seamline.testing import Story, story

#: Samples that hold every fact of a part of a customer's life.
_FILES = ("inquiries.json", "proposals.json", "deliveries.json")


def facts(root: Path) -> tuple[Story, ...]:
    """A story a file, whose every item makes the event that it names."""
    known = catalogue()
    return tuple(
        story(
            f"every fact of {file.removesuffix('.json')}", file, *(known[item["type"]] for item in _items(root / file))
        )
        for file in _FILES
    )


def _items(path: Path) -> list[dict[str, str]]:
    items: list[dict[str, str]] = json.loads(path.read_bytes())
    return items
