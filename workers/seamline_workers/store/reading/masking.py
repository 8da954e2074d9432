"""Masks what is personal: fields that the typed models mark ``x-personal``. What no model knows is masked too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import seamline.events  # noqa: F401  (fills the catalogue)
from seamline.events.base import model_of

#: What stands where personal text stood.
MASK = "***"


def masked(value: Any) -> Any:
    """A value without what it says: text becomes the mask, numbers null; lists and objects keep their shape."""
    if isinstance(value, str):
        return MASK if value else value
    if isinstance(value, Mapping):
        return {name: masked(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(inner) for inner in value]
    return None


def shown(text: str | None, unmasked: bool) -> str | None:
    """Free text that may name people."""
    return text if unmasked or not text else MASK


def masked_data(type: str, version: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """An event's data with its personal fields masked; of an unknown type everything."""
    schema = _schema(type, version)
    if schema is None:
        return dict(masked(data))
    return dict(_walk(schema, schema.get("$defs", {}), data))


@cache
def _schema(type: str, version: int) -> Mapping[str, Any] | None:
    model = model_of(type, version)
    return None if model is None else model.model_json_schema()


def _walk(schema: Any, defs: Mapping[str, Any], value: Any) -> Any:
    if value is None:
        return None
    while isinstance(schema, Mapping) and "$ref" in schema and not schema.get("x-personal"):
        schema = defs.get(str(schema["$ref"]).rsplit("/", 1)[-1])
    if not isinstance(schema, Mapping) or schema.get("x-personal"):
        return masked(value)
    branches = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if branches:
        return _branch(branches, defs, value)
    if isinstance(value, Mapping):
        fields, other = schema.get("properties", {}), schema.get("additionalProperties", False)
        return {name: _walk(fields.get(name, other), defs, inner) for name, inner in value.items()}
    if isinstance(value, list):
        first = schema.get("prefixItems", ())
        return [_walk(first[n] if n < len(first) else schema.get("items"), defs, v) for n, v in enumerate(value)]
    return value


def _branch(branches: list[Any], defs: Mapping[str, Any], value: Any) -> Any:
    """Take the branch that fits the value's kind; a branch that marks it personal wins."""
    kinds = {"object"} if isinstance(value, Mapping) else {"array"} if isinstance(value, list) else _SCALARS
    fitting = [branch for branch in branches if "$ref" in branch or branch.get("type") in kinds or "type" not in branch]
    if not fitting:
        return masked(value)
    results = [_walk(branch, defs, value) for branch in fitting]
    return next((result for result in results if result != value), value)


_SCALARS = {"string", "integer", "number", "boolean"}
