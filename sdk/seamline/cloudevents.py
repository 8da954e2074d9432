"""Events as CloudEvents 1.0 (structured JSON): what feeds, outside seats and other programs get, and its schemas.

``occurred_at`` stands in ``time`` (with ``timebasis`` ``provider``), so ``data`` does not repeat it; ``part`` and
``fact`` only make the id and stay inside.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import CoreSchema

from seamline.errors import PayloadError
from seamline.events.base import Envelope, Event, reasons
from seamline.times import rfc3339

#: Fields of an event that its CloudEvent says otherwise, or not at all.
NOT_DATA = {"occurred_at", "part", "fact"}

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_VERSIONED = re.compile(r"(?P<type>[a-z0-9_]+(?:\.[a-z0-9_]+)+)\.v(?P<version>[1-9][0-9]{0,3})")
_SUBJECT = re.compile(r"(?:accounts|leads)/(?P<id>.+)", re.DOTALL)

#: Extension attributes and the envelope's fields that they carry as they are.
_EXTENSIONS = {
    "deliveryid": "delivery",
    "causationid": "causation",
    "correlationid": "correlation",
    "supersedes": "supersedes",
    "adapterversion": "adapter_version",
    "traceparent": "traceparent",
}


def wire_type(event_type: str, version: int, prefix: str = "seamline") -> str:
    """The type on the wire: ``proposal.viewed`` is ``seamline.proposal.viewed.v1``."""
    return f"{prefix}.{event_type}.v{version}"


def schema_name(event: Event | type[Event]) -> str:
    """The name of an event's schema, as in ``dataschema``: ``proposal.viewed.v1``."""
    return f"{event.event_type}.v{event.event_version}"


def plain_type(wire: str, prefix: str = "seamline") -> tuple[str, int]:
    """The type and version that a type on the wire names. Raises PayloadError."""
    found = _VERSIONED.fullmatch(wire.removeprefix(f"{prefix}."))
    if not wire.startswith(f"{prefix}.") or found is None:
        raise PayloadError(f"the type is not {prefix}.<event>.v<version>")
    return found["type"], int(found["version"])


def to_cloudevent(event: Event, prefix: str = "seamline", *, provisional: bool = False) -> dict[str, Any]:
    """An event of the ledger as a CloudEvent; absent attributes are left out.

    ``provisional``: its account is a lead that nobody has identified yet. Raises LookupError for an event that is not
    in the ledger.
    """
    envelope = event.envelope
    found: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(envelope.id),
        "type": wire_type(event.event_type, event.event_version, prefix),
        "source": envelope.source,
        "subject": f"{'leads' if provisional else 'accounts'}/{envelope.account}" if envelope.account else None,
        "time": rfc3339(envelope.time),
        "datacontenttype": "application/json",
        "dataschema": f"/catalog/{schema_name(event)}.json",
        "sequence": str(envelope.sequence),
        "stage": envelope.stage,
        "trust": envelope.trust,
        "timebasis": envelope.timebasis,
        "receivedat": rfc3339(envelope.received_at),
        "hops": envelope.hops or None,
    }
    for attribute, name in _EXTENSIONS.items():
        value = getattr(envelope, name)
        found[attribute] = value if value is None or isinstance(value, int) else str(value)
    found["data"] = event.model_dump(mode="json", exclude=NOT_DATA, exclude_none=True)
    if not found["data"]["others"]:
        del found["data"]["others"]
    return {attribute: value for attribute, value in found.items() if value is not None}


def from_cloudevent(document: Mapping[str, Any], prefix: str = "seamline") -> Event:
    """Read a CloudEvent that Seamline wrote, with its envelope. Raises PayloadError, which names no value."""
    if document.get("specversion") != "1.0":
        raise PayloadError("specversion is not 1.0")
    wire, data = document.get("type"), document.get("data")
    if not isinstance(wire, str) or not isinstance(data, Mapping):
        raise PayloadError("a CloudEvent has a type and data")
    event_type, version = plain_type(wire, prefix)
    envelope = _envelope(document)
    fields = {name: value for name, value in data.items() if name not in NOT_DATA}
    if envelope.timebasis == "provider":
        fields["occurred_at"] = envelope.time
    return Event.load(event_type, version, fields).with_envelope(envelope)


def _envelope(document: Mapping[str, Any]) -> Envelope:
    subject = _SUBJECT.fullmatch(str(document.get("subject", "")))
    fields = {
        "id": document.get("id"),
        "source": document.get("source"),
        "sequence": document.get("sequence"),
        "account": subject["id"] if subject else "",
        "stage": document.get("stage"),
        "time": document.get("time"),
        "timebasis": document.get("timebasis"),
        "received_at": document.get("receivedat"),
        "trust": document.get("trust"),
        "hops": document.get("hops", 0),
    }
    fields.update({name: document.get(attribute) for attribute, name in _EXTENSIONS.items()})
    try:
        return Envelope.model_validate(fields)
    except ValueError as error:
        raise PayloadError(f"the CloudEvent's attributes do not fit: {reasons(error)}") from None


def schema(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event's data; personal fields carry ``x-personal``."""
    found = _described(event.model_json_schema(schema_generator=_Data), event)
    return {"$schema": DIALECT, "$id": f"/catalog/{schema_name(event)}.json"} | found


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
        found[schema_name(event)] = _described(found.pop(name), event)
    return dict(sorted(found.items()))


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


def _described(schema: dict[str, Any], event: type[Event]) -> dict[str, Any]:
    """The schema of an event's model as one of its data: without what the envelope says, with its place in the life."""
    found = {
        name: value for name, value in schema.items() if name not in ("title", "description", "additionalProperties")
    }
    found["properties"] = {name: value for name, value in schema["properties"].items() if name not in NOT_DATA}
    head: dict[str, Any] = {"title": event.event_type, "description": inspect.getdoc(event) or ""}
    return head | {"x-stage": event.event_stage, "x-nature": event.nature} | found
