"""What is shown over MCP: everything as a viewer sees it, personal data masked, and nothing that could be changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import func, select

from seamline.chart import Chart, ChartSeat, Kind, Seam, org_chart, seam_of
from seamline.errors import SeamlineError
from seamline.events.base import STAGES, Stage
from seamline.gate import gate_for
from seamline.map import gate_of
from seamline.mapping import BoundaryMap, Facing, GateRow, RunRow
from seamline_workers.clock import business_clock
from seamline_workers.company.config import Config
from seamline_workers.company.process import Process
from seamline_workers.outbound.boundary_reading import list_versions, map_now
from seamline_workers.store.desk_schema import drafts
from seamline_workers.store.drafts import OPEN
from seamline_workers.store.reading import record, seats, timeline
from seamline_workers.store.reading.query import Query
from seamline_workers.store.store import Store


class Unknown(SeamlineError):
    """Raised where there is no such thing, or no store to look it up in; says what there is."""


class SeatView(BaseModel):
    """One seat: where it stands, where it runs, which gates it passes, and which it opens."""

    seat: ChartSeat
    runs: RunRow | None
    passes: tuple[GateRow, ...]
    opens: tuple[str, ...]
    reports: tuple[str, ...]
    waiting: int | None = None
    dead: int | None = None
    last_event_at: str | None = None


class MapView(BaseModel):
    """The boundary map: where agents run, where humans gate, and what happens at the seam."""

    version: str
    confirmed_by: str | None
    waiting: str | None
    map: BoundaryMap


class Waiting(BaseModel):
    """Drafts at one gate that wait for a human. What they say is not shown here."""

    gate: str | None
    state: str
    count: int


class Approvals(BaseModel):
    """How many drafts wait for a human. Only a human approves, and not over MCP."""

    total: int
    waiting: tuple[Waiting, ...]


class Lines(BaseModel):
    """A page of lines; ``next`` is the cursor of the page after it."""

    items: list[dict[str, Any]]
    next: str | None


@dataclass(frozen=True)
class View:
    """What there is to see of a company. ``store`` gives its store; None: there is none, only the chart is shown."""

    config: Config
    process: Process
    store: Callable[[], Store | None]

    def chart(self, facing: Facing | None = None, kind: Kind | None = None) -> Chart:
        return org_chart(self._map(), facing=facing, kind=kind)

    def seat(self, id: str) -> SeatView:
        """One seat, and what waits for it. Raises Unknown."""
        told = self._map()
        found = next((seat for seat in org_chart(told).seats if seat.id == id), None)
        if found is None:
            raise Unknown(f"there is no seat {id[:64]}; there are: {', '.join(seat.id for seat in told.seats)}")
        return SeatView(
            seat=found,
            runs=next((row for row in told.runs if row.seat == id), None),
            passes=_passes(id, told),
            opens=tuple(gate.id for gate in told.gates if id in gate.approvers),
            reports=tuple(seat.id for seat in told.seats if seat.reports_to == id),
            **self._work(id),
        )

    def seam(self) -> Seam:
        return seam_of(self._map())

    def map(self, stage: Stage | None = None) -> MapView:
        """The map that holds; without a store that of the code."""
        store, told = self.store(), self._map()
        versions = None if store is None else list_versions(store)
        holds = None if versions is None else versions["in_force"]
        waits = None if versions is None else versions["proposed"]
        return MapView(
            version=told.version if holds is None else holds["sha256"],
            confirmed_by=None if holds is None else holds["confirmed_by"],
            waiting=None if waits is None else waits["sha256"],
            map=told if stage is None else told.of_stage(stage),
        )

    def timeline(self, key: str, limit: int = 100, cursor: str | None = None) -> Lines:
        """What happened with a customer, oldest first. Raises Unknown."""
        query = self._query({"limit": str(limit)} | _given(cursor=cursor))
        found = timeline.timeline(self._store(), key, query, unmasked=False)
        if found is None:
            raise Unknown(f"nobody has the id or key {key[:64]}")
        return Lines(items=[dict(item) for item in found["items"]], next=found["next"])

    def record(self, account: str | None, since: str | None, limit: int = 100, cursor: str | None = None) -> Lines:
        """What was coordinated and decided, newest first."""
        query = self._query({"limit": str(limit)} | _given(account=account, since=since, cursor=cursor))
        found = record.list_record(self._store(), query, unmasked=False)
        return Lines(items=[dict(item) for item in found["items"]], next=found["next"])

    def approvals(self) -> Approvals:
        """What waits at the gates: counts, and nothing of what is written there."""
        counted = (
            select(drafts.c.gate, drafts.c.state, func.count())
            .where(drafts.c.state.in_(OPEN))
            .group_by(drafts.c.gate, drafts.c.state)
            .order_by(drafts.c.gate, drafts.c.state)
        )
        with self._store().read() as connection:
            rows = connection.execute(counted).all()
        waiting = tuple(Waiting(gate=gate, state=state, count=count) for gate, state, count in rows)
        return Approvals(total=sum(one.count for one in waiting), waiting=waiting)

    def otp_chart(self, slug: str) -> Chart:
        """The chart under the name that prompts for the Organization Transport Protocol ask by. Raises Unknown."""
        ours = self.slug
        if slug.strip().lower() != ours:
            raise Unknown(f"only {ours} is known here, not {slug[:64]}")
        return self.chart()

    @property
    def slug(self) -> str:
        """The company's name as OTP would write it."""
        return slug_of(self.config.company.name)

    # --- the store --------------------------------------------------------------------------------------------------

    def _map(self) -> BoundaryMap:
        return map_now(self.store(), self.process)

    def _store(self) -> Store:
        store = self.store()
        if store is None:
            raise Unknown("there is no store yet, so nothing has happened; make one with: seamline db upgrade")
        return store

    def _work(self, id: str) -> dict[str, Any]:
        store = self.store()
        if store is None:
            return {}
        found = seats.list_seats(store, [seat for seat in self.process.roster.seats if seat.name == id])
        return {name: one[name] for one in found for name in ("waiting", "dead", "last_event_at")}

    def _query(self, words: dict[str, str]) -> Query:
        return Query.read(words, prefix=self.config.company.event_prefix, now=business_clock()())


def slug_of(name: str) -> str:
    """A name in small letters, words joined by dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _given(**words: str | None) -> dict[str, str]:
    return {name: word for name, word in words.items() if word}


def _passes(id: str, told: BoundaryMap) -> tuple[GateRow, ...]:
    """The gates that a seat's drafts pass, in any stage and to anybody."""
    gates = [gate_of(row) for row in told.gates]
    asked = [
        gate_for(gates, id, channel, audience, stage)
        for channel in {row.channel for row in told.gates}
        for audience in ("customer", "team")
        for stage in STAGES
    ]
    passed = {gate.id for gate in asked if gate is not None}
    return tuple(row for row in told.gates if row.id in passed)
