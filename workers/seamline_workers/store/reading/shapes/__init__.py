"""The JSON that the outside sees. Ids are opaque strings, times RFC 3339 in UTC ending in Z, what is absent is null."""

from __future__ import annotations

from seamline_workers.store.reading.shapes.account import Account, Contact, ExternalRef, TimelineItem
from seamline_workers.store.reading.shapes.draft import (
    Channel,
    Dispatch,
    Draft,
    Known,
    Left,
    Packet,
    PacketItem,
    Resolved,
)
from seamline_workers.store.reading.shapes.intake import CloudEvent, Counts, Delivery, Item, Refused, Source
from seamline_workers.store.reading.shapes.page import Page
from seamline_workers.store.reading.shapes.record import (
    Boundary,
    BoundaryItem,
    BoundaryVersion,
    RecordActor,
    RecordEntry,
    SeamPage,
)
from seamline_workers.store.reading.shapes.work import (
    Deadline,
    EffectRef,
    Flag,
    Handoff,
    Message,
    Plan,
    Replay,
    Seat,
    Task,
)

__all__ = [
    "Account",
    "Boundary",
    "BoundaryItem",
    "BoundaryVersion",
    "Channel",
    "CloudEvent",
    "Contact",
    "Counts",
    "Deadline",
    "Delivery",
    "Dispatch",
    "Draft",
    "EffectRef",
    "ExternalRef",
    "Flag",
    "Handoff",
    "Item",
    "Known",
    "Left",
    "Message",
    "Packet",
    "PacketItem",
    "Page",
    "Plan",
    "RecordActor",
    "RecordEntry",
    "Refused",
    "Replay",
    "Resolved",
    "SeamPage",
    "Seat",
    "Source",
    "Task",
    "TimelineItem",
]
