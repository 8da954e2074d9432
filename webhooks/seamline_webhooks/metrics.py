"""Metrics in Prometheus' format, read from the store: the same figures whichever process is asked."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from hmac import compare_digest

from litestar import MediaType, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import NotAuthorizedException, ServiceUnavailableException
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from seamline_workers.clock import business_clock
from seamline_workers.company.config import Token
from seamline_workers.store.channels import standings
from seamline_workers.store.reading.backlog import WALL, backlog, by_seat, outcomes, unsent
from seamline_workers.store.reading.deadlines import lateness_s
from seamline_workers.store.store import Store, now_us

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Ledger numbers that one statement counts, so that none takes long.
_STEP = 50_000


class Figures(Collector):
    """Reads the figures at each scrape. What only grows is counted from where the last scrape ended."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clock = business_clock()
        self._lock = threading.Lock()
        self._seq = 0
        self._events: Counter[str] = Counter()
        self._handoffs: Counter[str] = Counter()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the contract."""
        deliveries = CounterMetricFamily(
            "seamline_deliveries", "Requests by source and outcome", labels=["source", "outcome"]
        )
        for (source, outcome), n in sorted(outcomes(self._store).items()):
            deliveries.add_metric([source, outcome], n)
        yield deliveries
        with self._lock:
            self._advance()
            told, planned = dict(self._events), Counter(self._handoffs)
        events = CounterMetricFamily("seamline_events", "Events in the ledger by type", labels=["type"])
        for event_type, n in sorted(told.items()):
            events.add_metric([event_type], n)
        yield events
        yield self._states(planned)
        yield from self._waiting()

    def _states(self, planned: Counter[str]) -> Metric:
        states = GaugeMetricFamily(
            "seamline_handoffs_total",
            "Handoffs by seat and state; done counts the cancelled too",
            labels=["seat", "state"],
        )
        unfinished = by_seat(self._store)
        for (seat, state), n in sorted(unfinished.items()):
            states.add_metric([seat, state], n)
            planned[seat] -= n
        for seat, n in sorted(planned.items()):
            states.add_metric([seat, "done"], max(0, n))
        return states

    def _waiting(self) -> Iterator[Metric]:
        count = GaugeMetricFamily("seamline_backlog", "What waits, by kind", labels=["kind"])
        oldest = GaugeMetricFamily("seamline_oldest_seconds", "Age of the oldest that waits", labels=["kind"])
        found, now = backlog(self._store), self._clock()
        for kind, waiting in sorted(found.items()):
            count.add_metric([kind], waiting.count)
            oldest.add_metric([kind], waiting.age_s(now_us() if kind in WALL else now))
        for kind, waiting in unsent(self._store).items():
            count.add_metric([kind], waiting.count)
            oldest.add_metric([kind], waiting.age_s(now))
        yield count
        yield oldest
        lag = found["handoffs"].age_s(now)
        yield GaugeMetricFamily("seamline_handoff_lag_seconds", "Age of the oldest handoff that is ready", value=lag)
        yield from self._channels()
        late = lateness_s(self._store, now)
        yield GaugeMetricFamily("seamline_deadline_lag_seconds", "How late the oldest is that waits", value=late)

    def _channels(self) -> Iterator[Metric]:
        paused = GaugeMetricFamily(
            "seamline_channel_paused", "Whether nothing goes out by a channel", labels=["channel"]
        )
        pauses = CounterMetricFamily("seamline_channel_pauses", "How often a channel paused", labels=["channel"])
        with self._store.read() as connection:
            for channel, one in standings(connection).items():
                paused.add_metric([channel], one.paused_at is not None)
                pauses.add_metric([channel], one.pauses)
        yield paused
        yield pauses

    def _advance(self) -> None:
        with self._store.read() as connection:
            head = int(connection.execute(text("SELECT seq FROM ledger_head WHERE id = 1")).scalar_one())
        while self._seq < head:
            upto = min(head, self._seq + _STEP)
            span = {"low": self._seq, "high": upto}
            with self._store.read() as connection:
                for event_type, n in connection.execute(_EVENTS, span):
                    self._events[event_type] += n
                for seat, n in connection.execute(_HANDOFFS, span):
                    self._handoffs[seat] += n
            self._seq = upto


_EVENTS = text("SELECT type, count(*) FROM events WHERE seq > :low AND seq <= :high GROUP BY type")
_HANDOFFS = text("SELECT seat, count(*) FROM handoffs WHERE event_seq > :low AND event_seq <= :high GROUP BY seat")


class Metrics:
    """The page, and who may read it."""

    def __init__(self, store: Store, tokens: tuple[Token, ...], public: bool) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Figures(store))
        self._tokens = tokens
        self._public = public

    def allows(self, authorization: str | None) -> bool:
        """Whether the page may be shown; every token is compared, whichever matches."""
        if self._public:
            return True
        kind, _, given = (authorization or "").partition(" ")
        matched = [compare_digest(given.strip().encode(), token.value.encode()) for token in self._tokens]
        return kind.lower() == "bearer" and any(matched)

    def page(self) -> bytes:
        return generate_latest(self._registry)


@get("/metrics", include_in_schema=False)
async def metrics(state: State, request: Request[object, object, State]) -> Response[bytes]:
    """Show the metrics."""
    found: Metrics = state.metrics
    if not found.allows(request.headers.get("authorization")):
        raise NotAuthorizedException(
            "send Authorization: Bearer with an API token", headers={"WWW-Authenticate": "Bearer"}
        )
    try:
        page = await asyncio.wait_for(asyncio.to_thread(found.page), 10.0)
    except Exception as error:
        raise ServiceUnavailableException("the store cannot be read") from error
    return Response(page, media_type=MediaType.TEXT, headers={"content-type": CONTENT_TYPE})
