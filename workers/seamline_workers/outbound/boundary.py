"""Versions of the boundary map. A changed one waits until the COO confirms it; until then the last one holds.

The first map of a company is in force at once. A map that was in force before and comes back waits like any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from seamline.boundary import Roster
from seamline.events import BoundaryChanged
from seamline.events.base import event_id
from seamline.gate import Gate, gate_for
from seamline.map import BoundaryMap, boundary_map, gate_of
from seamline_workers.clock import Clock, business_clock
from seamline_workers.company.process import Process
from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.rules.plan import Plan
from seamline_workers.store import ledger
from seamline_workers.store.company import company_account
from seamline_workers.store.desk_schema import boundary_maps
from seamline_workers.store.entry import ENGINE, Entry
from seamline_workers.store.store import Store, now_us

#: Who confirmed the first map: nobody was asked.
FIRST = "first start"


@dataclass(frozen=True)
class Gates:
    """The gates of a map, asked as those of a roster are."""

    gates: Sequence[Gate] = ()

    def gate(self, seat: str, channel: str, audience: str, stage: str | None) -> Gate | None:
        """The gate of such a draft: the most specific row; None: this way out is closed."""
        return gate_for(self.gates, seat, channel, audience, stage)


class InForce(NamedTuple):
    """The map that holds now: its version (None: there is none yet, every way out is closed), and its gates."""

    version: str | None
    gates: Gates


class Version(NamedTuple):
    """A stored map, and who confirmed it when."""

    map: BoundaryMap
    proposed_at: int
    confirmed_at: int | None
    confirmed_by: str | None


_IN_FORCE = text("""
SELECT sha256 FROM boundary_maps WHERE confirmed_at IS NOT NULL ORDER BY confirmed_at DESC, id DESC LIMIT 1
""")
_PROPOSED = text("SELECT sha256 FROM boundary_maps ORDER BY proposed_at DESC, id DESC LIMIT 1")
_ADD = text("""
INSERT INTO boundary_maps (sha256, map, proposed_at) VALUES (:sha256, :map, :now) ON CONFLICT (sha256) DO NOTHING
""")
_AGAIN = text("UPDATE boundary_maps SET proposed_at = :now WHERE sha256 = :sha256")
_FIRST = text("""
UPDATE boundary_maps SET confirmed_at = :now, confirmed_by = :by
WHERE id = (SELECT min(id) FROM boundary_maps) AND NOT EXISTS (SELECT 1 FROM boundary_maps WHERE confirmed_at > 0)
""")
_CONFIRM = text("UPDATE boundary_maps SET confirmed_at = :now, confirmed_by = :by WHERE sha256 = :sha256")


def propose(store: Store, process: Process, clock: Clock | None = None) -> str | None:
    """Propose the map of the process that starts; None: it is broken, and nobody could confirm that.

    ``clock``: the one of business time, as confirming has it; else the process's.
    """
    if process.broken:
        return None
    proposed, now = boundary_map(process.roster), (clock or business_clock())()
    with store.begin() as connection:
        if connection.execute(_PROPOSED).scalar() != proposed.version:
            row = {"sha256": proposed.version, "map": proposed.canonical, "now": now}
            if not connection.execute(_ADD, row).rowcount:
                connection.execute(_AGAIN, {"sha256": proposed.version, "now": now})
            connection.execute(_FIRST, {"now": now, "by": FIRST})
    return proposed.version


def in_force(connection: Connection) -> InForce:
    """The gates that hold now, read from the map in force."""
    sha256 = connection.execute(_IN_FORCE).scalar()
    if sha256 is None:
        return InForce(None, Gates())
    if sha256 not in _READ:
        found = _stored(connection, sha256).map
        _READ[sha256] = Gates(tuple(gate_of(row) for row in found.gates))
    return InForce(sha256, _READ[sha256])


#: Gates by their map's version: what a version says never changes.
_READ: dict[str, Gates] = {}


def standing(connection: Connection) -> tuple[Version | None, Version | None]:
    """The map in force, and the one that was proposed last; the same where nothing waits."""
    holds, proposed = (connection.execute(one).scalar() for one in (_IN_FORCE, _PROPOSED))
    return (
        None if holds is None else _stored(connection, holds),
        None if proposed is None else _stored(connection, proposed),
    )


def _stored(connection: Connection, sha256: str) -> Version:
    row = connection.execute(select(boundary_maps).where(boundary_maps.c.sha256 == sha256)).one()
    return Version(BoundaryMap.model_validate_json(row.map), row.proposed_at, row.confirmed_at, row.confirmed_by)


def confirm(connection: Connection, sha256: str, plan: Plan, *, by: str, now: int) -> str:
    """Put the proposed map in force, and say so on the company's account. Confirmed twice it is said once.

    Raises NoSuch, and Conflict where another map was proposed since: nobody confirms what they have not seen.
    """
    locked = ledger.lock(connection, [account := company_account(connection, now)])
    if connection.execute(select(boundary_maps.c.id).where(boundary_maps.c.sha256 == sha256)).first() is None:
        raise NoSuch(f"no boundary map has the version {sha256[:64]}")
    if connection.execute(_PROPOSED).scalar() != sha256:
        raise Conflict("another map was proposed since; look at it, and confirm that one: GET /api/v1/boundary")
    if connection.execute(_IN_FORCE).scalar() != sha256:
        connection.execute(_CONFIRM, {"sha256": sha256, "now": now, "by": by})
        ledger.append(connection, [_changed(sha256, account, by, now)], plan, locked, now_us())
    return f"boundary/{sha256}"


def _changed(sha256: str, account: int, by: str, now: int) -> Entry:
    fields = {"version": sha256[:12], "sha256": sha256, "confirmed_by": by}
    return Entry(
        id=event_id(ENGINE, BoundaryChanged.event_type, f"{sha256}/{now}").bytes,
        type=BoundaryChanged.event_type,
        version=BoundaryChanged.event_version,
        account_id=account,
        source=ENGINE,
        data=json.dumps(fields),
        occurred_at=now,
        timebasis="received",
        received_at=now,
        trust="human",
    )


def may_confirm(roster: Roster, name: str) -> bool:
    """Whether a human of this name is the COO: the seat ``coo``, or whoever reports to nobody."""
    humans = [seat for seat in roster.seats if seat.kind == "human"]
    heads = [seat for seat in humans if seat.name == "coo"] or [seat for seat in humans if seat.reports_to is None]
    return any(name in (seat.name, seat.assignee) for seat in heads)
