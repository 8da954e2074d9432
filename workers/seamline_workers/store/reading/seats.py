"""Seats of the roster, with what waits for each."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from seamline.seat import Seat as Role
from seamline_workers.store.reading import moment
from seamline_workers.store.reading.partial import PUT_ASIDE, UNFINISHED
from seamline_workers.store.reading.shapes import Seat
from seamline_workers.store.schema import DEAD, events, handoffs, seats
from seamline_workers.store.store import Store


def list_seats(store: Store, roles: Iterable[Role]) -> list[Seat]:
    """Every seat, by name. ``waiting`` counts what is pending, retried, parked or left to a human."""
    with store.read() as connection:
        counted, dead = _counted(connection)
        newest = _newest(connection)
    return [_shape(role, counted, dead, newest) for role in sorted(roles, key=lambda role: role.name)]


def _counted(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
    waiting: dict[str, int] = {}
    dead: dict[str, int] = {}
    pending = select(handoffs.c.seat, func.count()).where(UNFINISHED, handoffs.c.state == 0)
    for seat, n in connection.execute(pending.group_by(handoffs.c.seat)):
        waiting[seat] = n
    aside = select(handoffs.c.seat, handoffs.c.state, func.count()).where(PUT_ASIDE)
    for seat, state, n in connection.execute(aside.group_by(handoffs.c.seat, handoffs.c.state)):
        into = dead if state == DEAD else waiting
        into[seat] = into.get(seat, 0) + n
    return waiting, dead


def _newest(connection: Connection) -> dict[str, int]:
    """When the newest event of each seat was received."""
    chosen = select(seats.c.name, events.c.received_at).join(events, events.c.seq == seats.c.last)
    return {row[0]: row[1] for row in connection.execute(chosen)}


def _shape(role: Role, waiting: dict[str, int], dead: dict[str, int], newest: dict[str, int]) -> Seat:
    return {
        "id": role.name,
        "name": role.name,
        "kind": role.kind,
        "facing": role.facing,
        "role": role.role,
        "owns": list(role.owns),
        "does_not_own": list(role.does_not_own),
        "reports_to": role.reports_to,
        "escalates_to": role.escalates_to,
        "authority": list(role.authority),
        "assignee": role.assignee,
        "waiting": waiting.get(role.name, 0),
        "dead": dead.get(role.name, 0),
        "last_event_at": moment.written_or_none(newest.get(role.name)),
    }
