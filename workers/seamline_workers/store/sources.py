"""The sources' rows: what gives a source its id for ever."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from seamline_workers.store.source_lanes import add_source

_PLAIN_COLUMNS = "id, stable, name, adapter, state, live_from"


class SourceRow(NamedTuple):
    """One source as stored; ``live_from`` in microseconds."""

    id: int
    stable: str
    name: str
    adapter: str
    state: str
    live_from: int


def register_source(
    connection: Connection, name: str, adapter: str, *, live_from: int | None, formerly: str | None, now: int
) -> SourceRow:
    """Enter a source, or bring its row up to date; one that was renamed keeps its row and its stable id.

    Without ``live_from`` a source is live from its first start on: ``now``, in business time, as its facts are dated.
    """
    row = _by_name(connection, name)
    if row is None and formerly is not None and (row := _by_name(connection, formerly)) is not None:
        connection.execute(text("UPDATE sources SET name = :name WHERE id = :id"), {"name": name, "id": row.id})
    if row is None:
        _insert(connection, name, adapter, live_from, now)
    else:
        binds = {"id": row.id, "adapter": adapter, "live": row.live_from if live_from is None else live_from}
        connection.execute(text("UPDATE sources SET adapter = :adapter, live_from = :live WHERE id = :id"), binds)
    found = _by_name(connection, name)
    assert found is not None
    add_source(connection, found.id)
    return found


def _by_name(connection: Connection, name: str) -> SourceRow | None:
    query = text(f"SELECT {_PLAIN_COLUMNS} FROM sources WHERE name = :name")
    row = connection.execute(query, {"name": name}).first()
    return None if row is None else SourceRow._make(row)


def _insert(connection: Connection, name: str, adapter: str, live_from: int | None, now: int) -> None:
    taken = set(connection.execute(text("SELECT stable FROM sources")).scalars())
    stable, n = name, 1
    while stable in taken:  # an old source was first called so and has another name now
        n += 1
        stable = f"{name}-{n}"
    binds = {"stable": stable, "name": name, "adapter": adapter, "now": now}
    # Another process may start at the same moment: the second finds the row of the first.
    connection.execute(
        text(
            "INSERT INTO sources (stable, name, adapter, live_from, created_at) "
            "VALUES (:stable, :name, :adapter, :live, :now) ON CONFLICT DO NOTHING"
        ),
        binds | {"live": now if live_from is None else live_from},
    )
