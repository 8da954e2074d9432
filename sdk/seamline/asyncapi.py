"""The AsyncAPI 3 document of what Seamline sends: the live feed, and the inboxes of seats that live elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, get_args

from seamline.cloudevents import components, schema_name, wire_type
from seamline.events.base import STAGES, Event, Trust, versions

_CONTENT_TYPE = "application/cloudevents+json"
_TIME = {"type": "string", "format": "date-time"}

#: The attributes that every event may carry; an absent one is left out.
ENVELOPE: dict[str, dict[str, Any]] = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "format": "uuid", "description": "the same fact has the same id for ever"},
    "type": {"type": "string"},
    "source": {"type": "string", "format": "uri-reference"},
    "subject": {"type": "string", "description": "accounts/<id>, or leads/<id> while nobody is identified yet"},
    "time": _TIME | {"description": "when it happened; see timebasis"},
    "datacontenttype": {"const": "application/json"},
    "dataschema": {"type": "string", "format": "uri-reference"},
    "sequence": {"type": "string", "pattern": "^[0-9]+$", "description": "its place in the ledger"},
    "stage": {"enum": list(STAGES), "description": "the account's, after the event"},
    "trust": {"enum": list(get_args(Trust))},
    "timebasis": {"enum": ["provider", "received"], "description": "received: the provider told no time"},
    "receivedat": _TIME,
    "hops": {"type": "integer", "minimum": 1, "description": "how many events of seats led to this one"},
    "deliveryid": {"type": "string"},
    "causationid": {"type": "string", "format": "uuid"},
    "correlationid": {"type": "string", "format": "uuid"},
    "supersedes": {"type": "string", "format": "uuid", "description": "the event that this one corrects"},
    "adapterversion": {"type": "integer"},
    "traceparent": {"type": "string"},
}
_REQUIRED = ["specversion", "id", "type", "source", "time", "sequence", "trust", "timebasis", "receivedat", "data"]


def _ref(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(path)}


def _message(event: type[Event], prefix: str) -> dict[str, Any]:
    attributes = {
        "type": {"const": wire_type(event.event_type, event.event_version, prefix)},
        "data": _ref("components", "schemas", schema_name(event)),
    }
    return {
        "name": wire_type(event.event_type, event.event_version, prefix),
        "title": event.event_type,
        "summary": (event.__doc__ or "").strip().splitlines()[0] if event.__doc__ else event.event_type,
        "contentType": _CONTENT_TYPE,
        "tags": [{"name": event.event_stage or "every stage"}, {"name": event.nature}],
        "payload": {"allOf": [_ref("components", "schemas", "Envelope"), {"properties": attributes}]},
    }


def _channel(address: str | None, description: str, names: Iterable[str]) -> dict[str, Any]:
    messages = {name: _ref("components", "messages", name) for name in names}
    return {"address": address, "description": description, "messages": messages}


def _operation(channel: str, summary: str) -> dict[str, Any]:
    return {"action": "send", "channel": _ref("channels", channel), "summary": summary}


def _release() -> str:
    try:
        return version("seamline")
    except PackageNotFoundError:
        return "0"


def document(prefix: str = "seamline", events: Iterable[type[Event]] | None = None) -> dict[str, Any]:
    """The document for these events (default: all that are declared), with types under ``prefix``."""
    told = list(versions().values() if events is None else events)
    names = [schema_name(event) for event in told]
    envelope = {"type": "object", "required": _REQUIRED, "properties": ENVELOPE}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Seamline lifecycle events",
            "version": _release(),
            "description": "Canonical lifecycle events as CloudEvents 1.0 in structured JSON.",
        },
        "defaultContentType": _CONTENT_TYPE,
        "channels": {
            "feed": _channel("/api/v1/events.jsonl", "JSON Lines, or server-sent events to follow live.", names),
            "inbox": _channel(None, "The endpoint of a seat, signed by Standard Webhooks.", names),
        },
        "operations": {
            "tell": _operation("feed", "Every event of the ledger, in its order."),
            "handOff": _operation("inbox", "An event that a seat owns or is informed of."),
        },
        "components": {
            "messages": {name: _message(event, prefix) for name, event in zip(names, told, strict=True)},
            "schemas": {"Envelope": envelope} | components(told),
        },
    }
