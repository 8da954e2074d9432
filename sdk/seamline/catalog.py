"""The catalogue as a page for people, generated from its models."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from seamline.cloudevents import NOT_DATA, schema
from seamline.events.base import STAGES, Event

_HEAD = """\
# Events

Generated from the models in `seamline.events`; regenerate with `python -m seamline.schema --write docs/events.md`.

Money is in minor units, durations are seconds, rates are fractions of one, times are RFC 3339 in UTC.
A *fact* comes from a source or a human, a *judgement* from the seat that owns the type, *control* from the engine only.
Every event may have a `party` (whom it is about) and `others`.
A field in bold is always there; 🔒 marks personal data, which is masked for viewers and erased field by field.
"""

_SHARED = {"party", "others"}


def page(events: Iterable[type[Event]]) -> str:
    """The page, one heading a stage, one table an event."""
    told = list(events)
    lines = [_HEAD]
    for stage in (*STAGES, None):
        lines.append(f"## {(stage or 'every stage').capitalize()}\n")
        for event in sorted((e for e in told if e.event_stage == stage), key=_order):
            lines.append(_section(event))
    lines.append("## Shared values\n")
    for name, definition in sorted(_definitions(told).items()):
        lines.append(f"### {name}\n\n{definition.get('description', '')}\n\n{_table(definition, set())}")
    return "\n".join(lines)


def _order(event: type[Event]) -> tuple[str, int]:
    # The order of the sources: that of a customer's life, not of the alphabet.
    return event.__module__, inspect.getsourcelines(event)[1]


def _section(event: type[Event]) -> str:
    text = inspect.getdoc(event) or ""
    shape = schema(event)
    version = f", version {event.event_version}" if event.event_version > 1 else ""
    return f"### `{event.event_type}`\n\n*{event.nature}{version}*. {text}\n\n{_table(shape, _SHARED)}"


def _table(shape: dict[str, Any], left_out: set[str]) -> str:
    required = shape.get("required", [])
    rows = [
        f"| {f'**`{name}`**' if name in required else f'`{name}`'} | {_kind(field)} | {_note(field)} |"
        for name, field in shape.get("properties", {}).items()
        if name not in left_out | NOT_DATA
    ]
    return "\n".join(["| field | type | |", "|---|---|---|", *rows]) + "\n" if rows else ""


def _note(field: dict[str, Any]) -> str:
    default = field.get("default")
    notes = ["🔒"] if field.get("x-personal") else []
    if default is not None and default not in ([], {}, ""):
        notes.append(f"default {str(default).lower() if isinstance(default, bool) else default}")
    return " ".join(notes)


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return "any JSON" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("description") and ("anyOf" in field or field.get("type") in ("integer", "number")):
        return str(field["description"])
    if "anyOf" in field:
        kinds = [_kind(option) for option in field["anyOf"] if option.get("type") != "null"]
        return "number" if set(kinds) >= {"integer", "number"} else " or ".join(dict.fromkeys(kinds))
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"map to {_kind(field['additionalProperties'])}"
    return _plain(field)


def _plain(field: dict[str, Any]) -> str:
    told = field.get("format") or field.get("description") or field.get("type", "any JSON")
    if "minimum" in field:
        limit = f"{field['minimum']:g} to {field['maximum']:g}" if "maximum" in field else f"from {field['minimum']:g}"
        return f"{told}, {limit}"
    return str(told)


def _definitions(events: Iterable[type[Event]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        found.update(schema(event).get("$defs", {}))
    found.pop("JsonValue", None)
    return found
