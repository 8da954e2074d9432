"""The agency without processes: requests come through its doors, and its engine works when it is told to."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy import text

from seamline.delivery import Request
from seamline.events.base import Event
from seamline.testing import Sample, Signer, load_suite
from seamline_agency.demo.books import Books
from seamline_agency.demo.cast import DANA
from seamline_agency.demo.company import write_company
from seamline_agency.demo.detour import Detour
from seamline_agency.demo.provider_api import ProviderApi
from seamline_webhooks.door import Door
from seamline_workers.company.config import load_config
from seamline_workers.handoff.run import Run, Work
from seamline_workers.running.engine import Engine
from seamline_workers.store import lanes, source_lanes
from seamline_workers.store.handoffs import replay_handoff
from seamline_workers.store.intake import open_intake
from seamline_workers.store.reading.handoffs import handoff_id
from seamline_workers.store.schema import HANDOFF_STATES
from seamline_workers.store.store import now_us, open_store
from seamline_workers.translation.placed import event_of
from support.clocks import HandClock

#: When the customer's story begins: late enough to be no history, early enough for whatever follows.
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)
#: A source that may tell any fact, signed, besides those of the agency's own configuration.
FACTS = {
    "SEAMLINE_SOURCES__FACTS__ADAPTER": "standard_webhooks",
    "SEAMLINE_SOURCES__FACTS__SECRETS": '["literal:whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]',
    "SEAMLINE_SOURCES__FACTS__ALLOW": '["*"]',
    "SEAMLINE_SOURCES__FACTS__LIVE_FROM": (BEGAN - timedelta(days=20)).isoformat(),
}
#: Rounds of work after which something is taken to go in circles.
MOST_ROUNDS = 500


class Handed(NamedTuple):
    """A handoff as it stands."""

    seq: int
    type: str
    seat: str
    state: str
    reason: str | None


class Agency:
    """The agency on one store; a context manager. ``overrides`` are variables of the environment, without prefix."""

    def __init__(self, folder: Path, store_url: str, overrides: dict[str, str]) -> None:
        self.company = write_company(folder)
        books = Books()
        books.fill_in(DANA, BEGAN, "More patients for our second practice, urgent")
        self._api = ProviderApi(self.company.provider_tokens(), books)
        given = {f"SEAMLINE_{name}": value for name, value in overrides.items()}
        environ = self.company.environment() | FACTS | {"SEAMLINE_STORE__URL": store_url} | given
        self.config = load_config(self.company.path, environ=environ)
        self.clock = HandClock()
        self.store = open_store(self.config.store.url, pool=6)
        self._network = Detour(self._api.url)
        self.engine = Engine.open(self.store, self.config, self._network, self.clock)
        self._sources = {source.name: source for source in self.engine.sources.values()}
        self._doors = {name: Door(one, self.config.company.public_url) for name, one in self._sources.items()}
        self._intake = open_intake(self.store)

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._stack.enter_context(self._api)
        self._stack.callback(self._network.close)
        self._stack.callback(self.store.close)
        self._stack.callback(self._intake.close)
        self.engine.enter("test")
        self._stack.callback(self.engine.leave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- what comes in ----------------------------------------------------------------------------------------------

    def send(self, source: str, sample: Sample) -> bool:
        """Take in a signed sample; returns whether it was a duplicate. Raises SignatureError, if it is not genuine."""
        adapter = self._sources[source].adapter
        return self._take(source, sample.request(load_suite(adapter.name).root, self._url(source)))

    def tell(self, *facts: Event) -> None:
        """Take in facts, in one request; an event's ``fact`` is the id by which its source knows it."""
        items = [
            {
                "type": fact.event_type,
                "id": fact.fact,
                "occurred_at": None if fact.occurred_at is None else fact.occurred_at.isoformat(),
                "party": fact.party.model_dump(mode="json", exclude_defaults=True),
                "data": fact.model_dump(
                    mode="json", exclude_defaults=True, exclude={"fact", "occurred_at", "party", "part"}
                ),
            }
            for fact in facts
        ]
        body = json.dumps(items).encode()
        self._take("facts", Request.build("POST", self._url("facts"), body, {"Content-Type": "application/json"}))

    def _take(self, source: str, bare: Request) -> bool:
        now, door = datetime.now(UTC), self._doors[source]
        request = Signer(door.source.adapter, dict(door.secrets))(bare, now)
        proof = door.verify(request, now, {})
        [verdict] = self._intake.accept([door.arrival(request, proof, now_us())])
        assert verdict is not None
        return verdict.duplicate

    def _url(self, source: str) -> str:
        return f"{self.config.company.public_url}/webhooks/{source}"

    # --- work -------------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Work until nothing is ready."""
        for _ in range(MOST_ROUNDS):
            ready = self._ready()
            if not ready:
                return
            for work in ready:
                self.engine.do(Run(work))
        raise AssertionError(f"there is always more to do: {ready}")

    def _ready(self) -> list[Work]:
        with self.store.read() as connection:
            found = [Work("source", str(key)) for key in source_lanes.ready_sources(connection)]
            found += [Work("fetch", "")] if lanes.fetches_due(connection, now_us()) else []
            found += [Work("seat", seat) for seat in lanes.ready_seats(connection, sorted(self.engine.seats))]
        return found

    def sweep(self, at: datetime) -> None:
        """Let it be this time: do what is due by then, and what comes of it."""
        self.clock.set(at)
        while self._due():
            self.engine.do(Run(Work("deadline", "")))
        self.work()

    def _due(self) -> bool:
        with self.store.read() as connection:
            return self.engine.deadlines.due(connection)

    def replay(self, event_type: str, seat: str) -> None:
        """Run every handoff of a type at a seat again."""
        for handed in self.handed(event_type):
            if handed.seat == seat and handed.state in ("done", "parked"):
                with self.store.begin() as connection:
                    replay_handoff(connection, handoff_id(handed.seq, seat))

    # --- what came of it --------------------------------------------------------------------------------------------

    def ledger(self, event_type: str | None = None, email: str | None = None) -> list[Event]:
        """The events in their order; of one type, or of the account with this address."""
        query = "SELECT * FROM events"
        if email is not None:
            query += " WHERE account_id IN (SELECT account_id FROM identities WHERE kind = 'email' AND value = :email)"
        with self.store.read() as connection:
            rows = connection.execute(text(f"{query} ORDER BY seq"), {"email": email} if email else {}).all()
        return [event_of(row) for row in rows if event_type in (None, row.type)]

    def types(self, email: str | None = None) -> list[str]:
        """The types of the ledger's events, in their order."""
        return [event.event_type for event in self.ledger(email=email)]

    def handed(self, event_type: str) -> list[Handed]:
        """The handoffs of a type, in the order of the ledger."""
        query = """
        SELECT h.event_seq, e.type, h.seat, h.state, h.reason FROM handoffs h JOIN events e ON e.seq = h.event_seq
        WHERE e.type = :type ORDER BY h.event_seq, h.seat
        """
        with self.store.read() as connection:
            rows = connection.execute(text(query), {"type": event_type}).all()
        return [Handed(row.event_seq, row.type, row.seat, HANDOFF_STATES[row.state], row.reason) for row in rows]

    def rows(self, table: str) -> list[Any]:
        """A table's rows in the order in which they were made (flags, tasks, messages)."""
        with self.store.read() as connection:
            return list(connection.execute(text(f"SELECT * FROM {table} ORDER BY id")).all())
