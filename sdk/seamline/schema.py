"""JSON Schemas of the catalogue: what stands in the ``data`` of a CloudEvent, by type and version.

``python -m seamline.schema --write docs/events.md`` writes the catalogue's page, ``--json DIR`` the schemas and the
AsyncAPI document; ``--check FILE`` says whether a page is up to date.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import CoreSchema

from seamline.cloudevents import NOT_DATA
from seamline.events.base import Event, versions

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Data(GenerateJsonSchema):
    """Schemas for readers: no titles that repeat a name, and open to fields that a later release adds."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        found: dict[str, Any] = _opened(super().generate(schema, mode))
        return found


def _opened(node: Any) -> Any:
    if isinstance(node, dict):
        closed = node.get("additionalProperties") is False
        return {name: _opened(value) for name, value in node.items() if not (closed and name == "additionalProperties")}
    return [_opened(value) for value in node] if isinstance(node, list) else node


def schema_name(event: type[Event]) -> str:
    """The name of an event's schema, as in ``dataschema``: ``proposal.viewed.v1``."""
    return f"{event.event_type}.v{event.event_version}"


def described(schema: dict[str, Any], event: type[Event]) -> dict[str, Any]:
    """The schema of an event's model as one of its data: without what the envelope says, with its place in the life."""
    found = {
        name: value for name, value in schema.items() if name not in ("title", "description", "additionalProperties")
    }
    found["properties"] = {name: value for name, value in schema["properties"].items() if name not in NOT_DATA}
    head: dict[str, Any] = {"title": event.event_type, "description": inspect.getdoc(event) or ""}
    return head | {"x-stage": event.event_stage, "x-nature": event.nature} | found


def schema(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event's data; personal fields carry ``x-personal``."""
    found = described(event.model_json_schema(schema_generator=_Data), event)
    return {"$schema": DIALECT, "$id": f"/catalog/{schema_name(event)}.json"} | found


def schemas() -> dict[str, dict[str, Any]]:
    """The schemas of all declared events, by file name: ``proposal.viewed.v1.json``."""
    return {f"{schema_name(event)}.json": schema(event) for event in versions().values()}


def components(events: Iterable[type[Event]]) -> dict[str, dict[str, Any]]:
    """One schema each for the data of these events and for what they share, referring to each other as components."""
    wanted = list(events)
    by_model, shared = models_json_schema(
        [(event, "validation") for event in wanted],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Data,
    )
    found: dict[str, dict[str, Any]] = _opened(shared.get("$defs", {}))
    for event in wanted:
        name = by_model[event, "validation"]["$ref"].rpartition("/")[2]
        found[schema_name(event)] = described(found.pop(name), event)
    return dict(sorted(found.items()))


def builtin() -> list[type[Event]]:
    """The events that come with Seamline: what the docs are about, whatever else this process declares."""
    return [event for event in versions().values() if event.__module__.startswith("seamline.events.")]


def _dump(folder: Path) -> None:
    from seamline.asyncapi import document

    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {**schemas(), "asyncapi.json": document()}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check what is generated from the catalogue; 1 where a checked page is out of date."""
    import seamline.events  # noqa: F401  (declares the catalogue)
    from seamline.catalog import page

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


if __name__ == "__main__":
    sys.exit(main())
