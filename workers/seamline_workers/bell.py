"""Telling the workers that there is work."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

#: The channel that is notified on PostgreSQL, also by the front door.
CHANNEL = "seamline"


def ring(connection: Connection) -> None:
    """Wake the workers when this transaction commits. On SQLite they see the file change by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))
