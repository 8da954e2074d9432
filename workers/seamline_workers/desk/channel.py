"""Pausing channels: what is approved for one waits, and is asked about by every guard again when it goes out."""

from __future__ import annotations

from collections.abc import Container

from sqlalchemy import Connection

from seamline_workers.bell import ring
from seamline_workers.refusal import NoSuch
from seamline_workers.store import channels
from seamline_workers.store.store import now_us


def pause_channel(connection: Connection, known: Container[str], name: str, by: str) -> str:
    """Let nothing go out by a channel until it is resumed. Said twice it stays as it is."""
    _demand(connection, known, name)
    channels.hold(connection, name, by, now_us())
    ring(connection)
    return f"channels/{name}"


def resume_channel(connection: Connection, known: Container[str], name: str) -> str:
    """Go on with a channel; of one that paused by itself one text is tried at once, and the rest follows."""
    _demand(connection, known, name)
    channels.resume(connection, name, now_us())
    ring(connection)
    return f"channels/{name}"


def _demand(connection: Connection, known: Container[str], name: str) -> None:
    # One that the configuration lost can still be looked after.
    if name not in known and name not in channels.standings(connection):
        raise NoSuch(f"there is no channel {name}")
