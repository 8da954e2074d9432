"""Entries: events that are about to be appended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import from_json

from seamline.events.base import event_id
from seamline.stages import READS_DATA, Fact

#: Source of what the engine itself says.
ENGINE = "/engine"


@dataclass(slots=True)
class Entry:
    """An event that is about to be appended. Times are microseconds; ``data`` is its fields as JSON.

    ``to``: the seats that alone are handed it, 1 as owner or 0 as informed; None: as the roster says of its type.
    """

    id: bytes
    type: str
    version: int
    account_id: int
    source: str
    data: str
    occurred_at: int
    timebasis: str
    received_at: int
    trust: str
    source_id: int | None = None
    delivery_id: int | None = None
    item: int | None = None
    cause: bytes | None = None
    correlation: bytes | None = None
    hops: int = 0
    adapter_version: int | None = None
    history: bool = False
    seq: int = 0
    stage: str | None = None
    to: tuple[tuple[str, int], ...] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """``data`` as a dictionary."""
        found: dict[str, Any] = from_json(self.data)
        return found

    @property
    def fact(self) -> Fact:
        # Most types only count in what is known of an account; what they say is not looked at.
        fields = self.fields if self.type in READS_DATA else {}
        return Fact(self.type, fields, self.occurred_at, self.id.hex(), self.trust)


class Cause(NamedTuple):
    """What an event is said because of, as far as what follows must know it."""

    id: bytes | None = None
    correlation: bytes | None = None
    hops: int = 0


def control(type: str, fields: dict[str, Any], cause: Entry, key: str = "") -> Entry:
    """An event that the engine says because of another; its id is made of its cause."""
    return Entry(
        id=event_id(ENGINE, type, f"{cause.id.hex()}/{key}").bytes,
        type=type,
        version=1,
        account_id=cause.account_id,
        source=ENGINE,
        data=json.dumps(fields, separators=(",", ":"), ensure_ascii=False),
        occurred_at=cause.occurred_at,
        timebasis="received",
        received_at=cause.received_at,
        trust="seat",
        cause=cause.id,
        correlation=cause.correlation or cause.id,
        hops=cause.hops,
        history=cause.history,
        stage=cause.stage,
    )


def said(
    type: str,
    fields: dict[str, Any],
    key: str,
    *,
    account_id: int,
    cause: Cause,
    now: int,
    stage: str | None = None,
    to: tuple[tuple[str, int], ...] | None = None,
) -> Entry:
    """An event that the engine says because a time has come; ``key`` makes its id."""
    return Entry(
        id=event_id(ENGINE, type, key).bytes,
        type=type,
        version=1,
        account_id=account_id,
        source=ENGINE,
        data=json.dumps(fields, separators=(",", ":"), ensure_ascii=False),
        occurred_at=now,
        timebasis="received",
        received_at=now,
        trust="seat",
        cause=cause.id,
        correlation=cause.correlation or cause.id,
        hops=cause.hops,
        stage=stage,
        to=to,
    )
