"""A company's engine in the test's own process: sources that tell what a test writes, and work done step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Any, Literal

from sqlalchemy import Connection, text

from seamline import Seat
from seamline.adapter import Adapter
from seamline.boundary import Roster
from seamline.call import Answer, Call, Calls
from seamline.delivery import Decision, Delivery, Item, Nudge
from seamline.errors import PayloadError
from seamline.events import Event, catalogue
from seamline.gate import Gate, StageRow
from seamline.guard import Guard
from seamline.ssrf import Egress
from seamline.transport import Transport
from seamline_workers.clock import Clock
from seamline_workers.company.channel import Channel
from seamline_workers.company.config import Approvals, Company, Config, Person, Worker
from seamline_workers.company.registry import Source
from seamline_workers.desk import draft
from seamline_workers.desk.draft import ordered
from seamline_workers.desk.once import Order
from seamline_workers.effects.audience import Ours
from seamline_workers.handoff.run import Run, Work
from seamline_workers.outbound.outbound import Human, Outbound
from seamline_workers.running.engine import Engine
from seamline_workers.store import lanes, ledger
from seamline_workers.store.handoffs import replay_handoff
from seamline_workers.store.reading.handoffs import handoff_id
from seamline_workers.store.schema import HANDOFF_STATES
from seamline_workers.store.sources import register_source
from seamline_workers.store.store import Store, now_us
from seamline_workers.translation.interpret import from_us

#: Everything that these tests tell happened at this hour, unless they say another.
NOON = "2026-11-20T12:00:00Z"
_BODIES = count(1)
#: The human at every gate of these tests.
COO = Human("coo", "approver")


class Teller(Adapter):
    """Tells what its bodies say: ``{"items": [{"key", "events": [{"type", "at", "party", …}], "entity"}]}``.

    ``decisions`` of an item are buttons that were pressed.
    """

    name = "teller"
    signature = None
    emits = tuple(catalogue().values())

    def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
        for told in delivery.json()["items"]:
            if "nudge" in told:
                yield Nudge(told["nudge"], told.get("scope", ""))
            else:
                yield Item(key=told["key"], data=told, kind=told.get("kind", ""), entity=told.get("entity"))

    def fetch(self, item: Item) -> Calls[None]:
        if "fetch" in item.data:
            yield Call("thing", f"https://api.example.com/{item.data['fetch']}", secret="api")

    def normalize(self, item: Item) -> Iterator[Event | Decision]:
        if item.data.get("odd"):
            raise PayloadError("this one is odd")
        for pressed in item.data.get("decisions", ()):
            yield Decision(**pressed, occurred_at=datetime.fromisoformat(NOON))
        for n, told in enumerate(item.data["events"]):
            fields = dict(told)
            kind, at = fields.pop("type"), fields.pop("at", NOON)
            if item.data.get("show_before"):
                fields["reason"] = json.dumps(item.before and item.before["key"])
            if "thing" in item.answers:
                fields["reason"] = item.answers["thing"].json()["reason"]
            yield catalogue()[kind].model_validate({"part": str(n), "occurred_at": at} | fields)


def event(type: str, email: str = "dana@acme.example", **fields: Any) -> dict[str, Any]:
    """One event as a body tells it; ``party`` may be given whole."""
    party = fields.pop("party", {"email": email})
    return {"type": type, "party": party} | fields


def viewed(n: int | str = 1, email: str = "dana@acme.example", **fields: Any) -> dict[str, Any]:
    return event("proposal.viewed", email, proposal_id=f"P{n}", **fields)


def signed(n: int | str = 1, email: str = "dana@acme.example", **fields: Any) -> dict[str, Any]:
    return event("contract.signed", email, contract_id=f"C{n}", **fields)


class Works:
    """An engine with these seats on a store; ``tell`` brings events in, ``work`` lets the seats handle them."""

    def __init__(
        self,
        store: Store,
        *seats: Seat,
        guards: Sequence[Guard] = (),
        timezone: str = "UTC",
        live_from: int = 0,
        max_attempts: int = 12,
        time_limit: str = "5m",
        domains: tuple[str, ...] = (),
        name: str = "test",
        gates: Sequence[Gate] = (),
        stages: Sequence[StageRow] = (),
        channels: Mapping[str, Channel] | None = None,
        people: Mapping[str, dict[str, Any]] | None = None,
        team: Mapping[str, frozenset[str]] | None = None,
        clock: Clock = now_us,
        approvals: Approvals | None = None,
    ) -> None:
        self.store = store
        self.sources: dict[str, Source] = {}
        self.roster = Roster(seats, guards, gates, stages, timezone=timezone)
        worker = Worker.model_validate({"max_attempts": max_attempts, "time_limit": time_limit})
        self.config = Config(company=Company(domains=domains), worker=worker)
        self.clock, self.live_from = clock, live_from
        self.source("crm")
        known = {name: Person(**person) for name, person in (people or {}).items()}
        addresses = {person.email for person in known.values() if person.email}
        ours = Ours(frozenset(domains), frozenset(addresses), team or {})
        self.outbound = Outbound(self.roster, channels or {}, ours, known, clock, approvals or Approvals())
        self._network = Transport(Egress(allow=["127.0.0.1"]))
        self.engine = Engine(store, self.config, self.roster, self.sources, self._network, clock, self.outbound)
        self.engine.enter(name)

    def source(self, name: str, trust: str = "signed", allow: tuple[str, ...] | None = None, **kind: Any) -> Source:
        """A source of this name; ``kind`` gives its adapter other class attributes."""
        adapter = type("Teller", (Teller,), kind)()
        with self.store.begin() as connection:
            row = register_source(connection, name, "teller", live_from=self.live_from, formerly=None, now=self.clock())
        found = Source(row.id, row.stable, name, adapter, {"api": ("key",)}, trust, row.live_from, allow, 1 << 20)
        self.sources[name] = found
        if hasattr(self, "engine"):
            self.engine.sources[found.id] = found
        return found

    def deliver(self, *items: dict[str, Any], source: str = "crm", body: bytes | None = None, **columns: Any) -> int:
        """Store a delivery; an item that is only events gets a key of its own. Returns its id."""
        told = [{"key": f"k{next(_BODIES)}", "events": [one]} if "type" in one else one for one in items]
        content = json.dumps({"items": told}).encode() if body is None else body
        row = {
            "source_id": self.sources[source].id,
            "key": f"d{next(_BODIES)}",
            "digest": sha256(content).digest(),
            "headers": "{}",
            "body": content,
            "size": len(content),
            "received_at": now_us(),
            "trust": self.sources[source].trust,
        } | columns
        names = ", ".join(row)
        with self.store.begin() as connection:
            statement = f"INSERT INTO deliveries ({names}) VALUES (:{', :'.join(row)}) RETURNING id"
            return int(connection.execute(text(statement), row).scalar_one())

    def translate(self) -> None:
        """Translate whatever is stored."""
        for source in self.sources.values():
            while self.engine.do(Run(Work("source", str(source.id)))):
                pass

    def tell(self, *items: dict[str, Any], source: str = "crm", **columns: Any) -> int:
        found = self.deliver(*items, source=source, **columns)
        self.translate()
        return found

    def work(self, rounds: int = 20) -> None:
        """Let every seat handle what is ready, until nothing is."""
        for _ in range(rounds):
            with self.store.read() as connection:
                ready = lanes.ready_seats(connection, sorted(self.engine.seats))
            if not ready:
                return
            for seat in ready:
                self.engine.do(Run(Work("seat", seat)))
        raise AssertionError(f"there is no end of work at {ready}")

    def sweep(self) -> None:
        """Do what is due by the business clock, and let the seats hear of it."""
        self.step()
        self.work()

    def step(self) -> None:
        """Do what is due by the business clock; nobody hears of it yet."""
        while self.due():
            self.engine.do(Run(Work("deadline", "")))

    def due(self) -> bool:
        """Whether a deadline's time has come."""
        with self.store.read() as connection:
            return self.engine.deadlines.due(connection)

    def wake_parked(self) -> None:
        """Make ready what was parked until a time that has come."""
        with self.store.begin() as connection:
            ledger.wake_parked(connection, now_us())

    def hurry(self) -> None:
        """Let what waits for its next attempt have it now."""
        self.write("UPDATE handoffs SET due = 1 WHERE state = 1")
        self.write("UPDATE lanes SET due = 1 WHERE held = 1")
        with self.store.begin() as connection:
            lanes.wake_due(connection, now_us())

    def replay(self, event_type: str, seat: str) -> None:
        """Make every handoff of a type at a seat ready again."""
        query = """
        SELECT h.event_seq FROM handoffs h JOIN events e ON e.seq = h.event_seq WHERE e.type = :type AND seat = :seat
        """
        for (seq,) in self.all(query, type=event_type, seat=seat):
            with self.store.begin() as connection:
                replay_handoff(connection, handoff_id(seq, seat))

    # --- drafts -----------------------------------------------------------------------------------------------------

    def drafts(self, state: str | None = None) -> list[Any]:
        """The drafts as they stand, in the order in which they were written."""
        rows = self.all("SELECT * FROM drafts ORDER BY id")
        return [row for row in rows if state in (None, row.state)]

    def order(self, work: Callable[[Connection], str], key: str | None = None) -> str:
        """Carry out a human's order as the API does."""
        return ordered(self.store, self.outbound, Order("test", "", key), work)

    def approve(self, id: int, by: Human = COO, sha256: str | None = None, **more: Any) -> str:
        """Approve a draft as it is stored, or as the text of this digest."""
        seen = sha256 or self.one("SELECT sha256 FROM drafts WHERE id = :id", id=id)
        return self.order(lambda c: draft.approve(c, self.outbound, str(id), draft.Approval(seen, **more), by))

    def edit(self, id: int, by: Human = COO, **more: Any) -> str:
        return self.order(lambda c: draft.edit(c, self.outbound, str(id), draft.Edit(**more), by))

    def reject(self, id: int, by: Human = COO, reason: str = "no") -> str:
        return self.order(lambda c: draft.reject(c, self.outbound, str(id), reason, by))

    def snooze(self, id: int, until: int, by: Human = COO) -> str:
        """Put a draft aside until a time in microseconds."""
        return self.order(lambda c: draft.snooze(c, self.outbound, str(id), from_us(until), by))

    def resolve(self, id: int, result: Literal["sent", "failed"], by: Human = COO) -> str:
        return self.order(lambda c: draft.resolve(c, self.outbound, str(id), result, "looked at the outbox", by))

    def dispatch_some(self) -> None:
        """Look after the drafts whose time has come, and send what is approved."""
        for kind in self.engine.jobs:
            if kind.startswith(("drafts", "dispatch")):
                while self.engine.do(Run(Work(kind, ""))):
                    pass

    def all(self, query: str, **binds: Any) -> list[Any]:
        with self.store.read() as connection:
            return list(connection.execute(text(query), binds).all())

    def one(self, query: str, **binds: Any) -> Any:
        """The only value of the only row."""
        rows = self.all(query, **binds)
        assert len(rows) == 1, rows
        return rows[0][0]

    def write(self, statement: str, **binds: Any) -> int:
        with self.store.begin() as connection:
            return int(connection.execute(text(statement), binds).rowcount)

    def states(self) -> list[tuple[str, str, str]]:
        """(event type, seat, state) of every handoff, in the ledger's order."""
        query = """
        SELECT e.type, h.seat, h.state FROM handoffs h JOIN events e ON e.seq = h.event_seq ORDER BY h.event_seq, h.seat
        """
        return [(kind, seat, HANDOFF_STATES[state]) for kind, seat, state in self.all(query)]

    def types(self) -> list[str]:
        return [row[0] for row in self.all("SELECT type FROM events ORDER BY seq")]

    def close(self) -> None:
        self.engine.leave()
        self._network.close()


def answering(reason: str = "fetched") -> Answer:
    return Answer(200, json.dumps({"reason": reason}).encode(), {})
