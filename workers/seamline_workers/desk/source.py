"""Pausing sources: what they send is taken in, and waits."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, update

from seamline_workers.bell import ring
from seamline_workers.refusal import NoSuch
from seamline_workers.store.schema import sources


def set_source(connection: Connection, name: str, state: Literal["active", "paused"]) -> str:
    """Pause or resume a source. Said twice it stays as it is."""
    found = connection.execute(update(sources).where(sources.c.name == name).values(state=state))
    if not found.rowcount:
        raise NoSuch(f"there is no source {name}")
    ring(connection)
    return f"sources/{name}"
