"""What comes in: sources, their deliveries, the items and the events that these tell."""

from __future__ import annotations

from typing import Any, TypedDict

#: One event as CloudEvents 1.0 in structured JSON; attributes that are absent are left out.
CloudEvent = dict[str, Any]


class _Received(TypedDict):
    id: str
    source: str
    adapter: str
    key: str
    state: str
    reason: str | None
    trust: str
    secret: int
    size: int
    sha256: str
    received_at: str
    duplicates: int
    attempts: int
    events: list[str]


class Delivery(_Received, total=False):
    """One authentic request as received. ``headers`` and ``body`` (base64) only alone and from operator upwards."""

    headers: dict[str, str]
    body: str | None


class Item(TypedDict):
    """One thing that a delivery tells."""

    id: str
    delivery: str
    source: str
    key: str
    kind: str
    entity: str | None
    state: str
    reason: str | None
    attempts: int
    due_at: str | None
    adapter_version: int
    events: list[str]


class Refused(TypedDict):
    """The newest request that was not accepted."""

    at: str
    reason: str


class Counts(TypedDict):
    """Requests of the last 24 hours."""

    accepted: int
    duplicate: int
    refused: int
    quarantined: int
    ignored: int


class Source(TypedDict):
    """A way in."""

    name: str
    adapter: str
    url: str | None
    trust: str | None
    state: str
    last_delivery_at: str | None
    last_refused: Refused | None
    counts_24h: Counts
