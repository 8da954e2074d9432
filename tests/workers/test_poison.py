"""Genuine deliveries that nobody expected: each is set aside alone, and what comes behind it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seamline_adapters.relay import Relay
from seamline_workers.company.registry import Source
from seamline_workers.store.deliveries import DeliveryRow
from seamline_workers.store.schema import QUARANTINED, TRANSLATED
from seamline_workers.translation.interpret import read, split


def source() -> Source:
    return Source(1, "zap", "zap", Relay(), {}, "relayed", 0, ("*",), 1_000_000)


def row(body: bytes) -> DeliveryRow:
    known: dict[str, Any] = {"id": 1, "body": body, "headers": "{}", "method": "POST", "target": "/webhooks/zap"}
    known |= {"received_at": 1_700_000_000_000_000, "key": "", "trust": "relayed", "source_id": 1, "digest": b""}
    fields: dict[str, Any] = {name: known.get(name) for name in DeliveryRow._fields}
    return DeliveryRow(**fields)


def lead(number: str, **more: Any) -> dict[str, Any]:
    return {"type": "lead.received", "id": number, "data": {"lead_id": "1", "channel": "form"}, **more}


@pytest.mark.parametrize(
    "odd",
    [
        lead("\ud800"),
        lead("2", party={"name": "\udfff"}),
        lead("2", data={"lead_id": "1", "channel": "form", "fields": {"\ud800": "\udfff"}}),
        lead("2", occurred_at="9999-12-31T23:59:59-14:00"),
        lead("2", version=10**30),
    ],
)
def test_an_item_that_cannot_be_told_is_quarantined_alone(odd: dict[str, Any]) -> None:
    kept = row(json.dumps([lead("1"), odd, lead("3")]).encode())
    reading = split(source(), kept, "https://hooks.example.com")
    for told in reading.items:
        read(source(), kept, told, ())
    assert [told.state for told in reading.items] == [TRANSLATED, QUARANTINED, TRANSLATED]
    assert [len(told.entries) for told in reading.items] == [1, 0, 1]
    json.dumps(reading.items[1].reason).encode("ascii")
    assert reading.items[1].reason
    assert "\ud800" not in reading.items[1].reason
