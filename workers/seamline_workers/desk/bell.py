"""Telling the workers that there is work."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from seamline_workers.wake import CHANNEL


def ring(connection: Connection) -> None:
    """Wake the workers when this transaction commits. On SQLite they see the file change by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))
