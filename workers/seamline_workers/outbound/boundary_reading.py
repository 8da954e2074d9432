"""The boundary map's versions, and the seam, as the outside sees them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from seamline.chart import seam_of
from seamline.errors import ConfigError
from seamline.map import BoundaryMap, boundary_map, difference
from seamline_workers.company.process import Process
from seamline_workers.outbound.boundary import Version, standing
from seamline_workers.store.desk_schema import boundary_maps
from seamline_workers.store.reading import moment, shapes
from seamline_workers.store.store import Store


def list_versions(store: Store) -> shapes.Boundary:
    """Every version, newest first, with the map in force, the one that waits, and what that would change."""
    with store.read() as connection:
        holds, proposed = standing(connection)
        rows = connection.execute(select(boundary_maps.c.sha256).order_by(boundary_maps.c.id.desc())).scalars().all()
        items = [_version(connection, sha256, holds, proposed) for sha256 in rows]
    waits = proposed if holds is None or proposed is None or proposed.map != holds.map else None
    old = None if holds is None else holds.map
    return {
        "items": [_bare(item) for item in items],
        "next": None,
        "in_force": next((item for item in items if item["state"] == "in_force"), None),
        "proposed": next((item for item in items if item["state"] == "proposed"), None),
        "diff": [] if waits is None else difference(old, waits.map),
    }


def show_version(store: Store, sha256: str) -> shapes.BoundaryVersion | None:
    """One version with its map; ``current`` is the one in force."""
    with store.read() as connection:
        holds, proposed = standing(connection)
        if sha256 == "current":
            return None if holds is None else _version(connection, holds.map.version, holds, proposed)
        known = select(boundary_maps.c.id).where(boundary_maps.c.sha256 == sha256)
        if connection.execute(known).first() is None:
            return None
        return _version(connection, sha256, holds, proposed)


def _version(
    connection: Connection, sha256: str, holds: Version | None, proposed: Version | None
) -> shapes.BoundaryVersion:
    row = connection.execute(select(boundary_maps).where(boundary_maps.c.sha256 == sha256)).one()
    state = "superseded"
    if holds is not None and holds.map.version == sha256:
        state = "in_force"
    elif proposed is not None and proposed.map.version == sha256:
        state = "proposed"
    return {
        "sha256": sha256,
        "state": state,
        "proposed_at": moment.written(row.proposed_at),
        "confirmed_at": moment.written_or_none(row.confirmed_at),
        "confirmed_by": row.confirmed_by,
        "map": BoundaryMap.model_validate_json(row.map).model_dump(mode="json"),
    }


def _bare(version: shapes.BoundaryVersion) -> shapes.BoundaryItem:
    return {
        "sha256": version["sha256"],
        "state": version["state"],
        "proposed_at": version["proposed_at"],
        "confirmed_at": version["confirmed_at"],
        "confirmed_by": version["confirmed_by"],
    }


def map_now(store: Store | None, process: Process) -> BoundaryMap:
    """The map as it is now: the seats of the company as it runs, the gates and the seam of the map in force."""
    holds = None
    if store is not None:
        with store.read() as connection:
            holds, _ = standing(connection)
    try:
        ours = boundary_map(process.roster)
    except ConfigError:  # the process is broken; the start says how
        return BoundaryMap() if holds is None else holds.map
    return ours if holds is None else ours.model_copy(update={"gates": holds.map.gates, "seams": holds.map.seams})


def show_seam(store: Store, process: Process) -> shapes.SeamPage:
    """The ways across the seam, each with its gate and its approver, and the seats on either side."""
    told = seam_of(map_now(store, process)).model_dump(mode="json")
    return {"items": told["edges"], "next": None, "sides": told["sides"], "handoffs": told["handoffs"]}


def show_edge(store: Store, process: Process, key: str) -> dict[str, Any] | None:
    """One way across the seam."""
    return next((edge for edge in show_seam(store, process)["items"] if edge["id"] == key), None)
