"""Stored events as their typed models, with their place in the ledger."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic_core import from_json

from seamline.events.base import Envelope, Event
from seamline_workers.translation.interpret import from_us


def event_of(row: Any) -> Event:
    """A stored event as its typed model, with its envelope. ``row`` has the columns of ``events``."""
    fields = from_json(row.data)  # of our own writing
    if row.timebasis == "provider":
        fields["occurred_at"] = from_us(row.occurred_at)
    event = Event.load(row.type, row.version, fields)
    event._envelope = lambda: _envelope(row)  # nobody else has this event: it needs no copy
    return event


def _envelope(row: Any) -> Envelope:
    return Envelope.model_construct(
        id=UUID(bytes=bytes(row.id)),
        source=row.source,
        sequence=getattr(row, "seq", 0) or getattr(row, "event_seq", 0),
        account=str(getattr(row, "subject", None) or row.account_id),
        stage=row.stage,
        time=from_us(row.occurred_at),
        timebasis=row.timebasis,
        received_at=from_us(row.received_at),
        trust=row.trust,
        delivery=None if row.delivery_id is None else str(row.delivery_id),
        causation=None if row.cause is None else UUID(bytes=bytes(row.cause)),
        correlation=None if row.correlation is None else UUID(bytes=bytes(row.correlation)),
        hops=row.hops,
        adapter_version=row.adapter_version,
        supersedes=None,
    )
