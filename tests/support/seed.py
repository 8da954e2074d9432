"""Rows as the engine writes them, for tests of what reads them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select, update

from seamline.boundary import Roster
from seamline.events.base import event_id
from seamline_workers.rules.plan import Plan
from seamline_workers.store import desk_schema, ledger, schema
from seamline_workers.store.entry import Entry
from seamline_workers.store.reading.moment import micros
from seamline_workers.store.store import Store

#: The instant at which seeded rows begin, and a minute in microseconds.
START = micros(datetime(2026, 11, 20, 9, 0, tzinfo=UTC))
MINUTE = 60_000_000


class Seed:
    """Writes rows, each a minute after the one before; every method returns what the row is known by."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.seq = 0

    def tick(self) -> int:
        self.now += MINUTE
        return self.now

    def put(self, table: Table, **values: Any) -> int:
        with self.store.begin() as connection:
            result = connection.execute(insert(table).values(**values))
            key = result.inserted_primary_key
            return int(key[0]) if key is not None and isinstance(key[0], int) else 0

    def source(self, name: str = "crm", adapter: str = "hubspot") -> int:
        now = self.tick()
        return self.put(
            schema.sources, stable=name, name=name, adapter=adapter, live_from=now, created_at=now, state="active"
        )

    def delivery(self, source: int, body: bytes = b"{}", **values: Any) -> int:
        row: dict[str, Any] = {
            "source_id": source,
            "key": f"key-{self.now}",
            "digest": sha256(body).digest(),
            "target": "/webhooks/crm",
            "headers": json.dumps({"content-type": "application/json"}),
            "body": body,
            "size": len(body),
            "received_at": self.tick(),
            "state": schema.TRANSLATED,
            "trust": "signed",
        }
        return self.put(schema.deliveries, **row | values)

    def item(self, delivery: int, source: int, n: int = 0, **values: Any) -> str:
        row = {"key": f"item-{delivery}-{n}", "state": schema.TRANSLATED, "adapter_version": 1}
        self.put(schema.items, delivery_id=delivery, n=n, source_id=source, **row | values)
        return f"{delivery}.{n}"

    def account(self, name: str | None = "Acme Ltd", **values: Any) -> int:
        row: dict[str, Any] = {"name": name, "provisional": 0, "created_at": self.tick(), "stage": "proposal"}
        return self.put(schema.accounts, **row | values)

    def identity(self, account: int, kind: str, value: str) -> None:
        self.put(schema.identities, kind=kind, value=value, account_id=account)

    def event(self, account: int, type: str = "proposal.viewed", source: str = "/sources/crm", **values: Any) -> int:
        """Append an event; returns its ledger number."""
        now, self.seq = self.tick(), self.seq + 1
        data = values.pop("data", {"party": {"name": "Dana Reyes", "email": "dana@example.com"}, "proposal_id": "P1"})
        row: dict[str, Any] = {
            "seq": self.seq,
            "id": self.event_uuid(self.seq).bytes,
            "type": type,
            "version": 1,
            "account_id": account,
            "source": source,
            "occurred_at": now,
            "timebasis": "provider",
            "received_at": now,
            "trust": "signed",
            "data": json.dumps(data),
        }
        self.put(schema.events, **row | values)
        with self.store.begin() as connection:
            connection.execute(update(schema.ledger_head).values(seq=self.seq))
        return self.seq

    @staticmethod
    def event_uuid(seq: int) -> UUID:
        return event_id("seed", "event", str(seq))

    def handoff(self, seq: int, seat: str, account: int, state: int = schema.PENDING, **values: Any) -> str:
        row = {"owner": 1, "state": state, "created_at": self.tick()}
        self.put(schema.handoffs, event_seq=seq, seat=seat, account_id=account, **row | values)
        return f"{seq}.{seat}"

    def lane(self, account: int, seat: str, **values: Any) -> None:
        row = {"done": 0, "last": self.seq}
        self.put(schema.lanes, kind=schema.SEAT_LANE, key=account, seat=seat, **row | values)

    def handed(self, seat: str) -> None:
        """Say that a seat was handed the newest event."""
        self.put(schema.seats, name=seat, last=self.seq)

    def effect(self, seq: int, seat: str, kind: int, key: str = "0", **values: Any) -> None:
        self.put(desk_schema.effects, event_seq=seq, seat=seat, kind=kind, key=key, **{"at": self.tick()} | values)

    def flag(self, account: int, seat: str = "dirk", name: str = "proposal-viewed", **values: Any) -> int:
        row = {
            "text": "Dana Reyes opened the proposal",
            "severity": "watch",
            "state": "open",
            "evidence": "[]",
            "raised_at": self.tick(),
        }
        return self.put(desk_schema.flags, account_id=account, seat=seat, name=name, **row | values)

    def task(self, account: int | None, title: str = "Call Dana Reyes", **values: Any) -> int:
        row = {"kind": "task", "title": title, "created_at": self.tick(), "seat": "dirk"}
        return self.put(desk_schema.tasks, account_id=account, **row | values)

    def recorded(self, account: int, **fields: Any) -> str:
        """Append a refusal to the ledger, and so to the record; returns its number there."""
        now = self.tick()
        data = {"rule": "R4", "code": "NO_CONTRACT", "reason": "Dana Reyes has no contract", "map_row": "r4"} | fields
        entry = Entry(
            self.event_uuid(now).bytes,
            "guard.refused",
            1,
            account,
            "/engine",
            json.dumps(data),
            now,
            "received",
            now,
            "seat",
        )
        with self.store.begin() as connection:
            ledger.append(connection, [entry], Plan(Roster([])), ledger.lock(connection, [account]), now)
            seq = connection.execute(select(schema.ledger_head.c.recorded)).scalar_one()
        self.seq += 1
        return str(seq)

    def deadline(self, account: int, **values: Any) -> int:
        now = self.tick()
        row = {"key": f"due/dirk/call/{now}", "kind": "due", "name": "call", "seat": "dirk", "cause": bytes(16)}
        times = {"due_at": now, "created_at": now}
        return self.put(desk_schema.deadlines, account_id=account, **row | times | values)

    def message(self, account: int | None, **values: Any) -> int:
        row = {
            "kind": "INFORM",
            "from_seat": "pepper",
            "to_seat": "dirk",
            "topic": "invoice",
            "body": "Dana Reyes complains about an invoice",
            "conversation": "c1",
            "created_at": self.tick(),
        }
        return self.put(desk_schema.messages, account_id=account, **row | values)
