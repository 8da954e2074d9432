"""SQLite: the driver's own connection, and look-ups of many keys in few statements.

Many rows are written quickest by executemany; many single look-ups cost three times as much as one for all of them,
for the driver gives the interpreter's lock away and takes it back at each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection

#: Keys a statement: few sizes, so that the driver's cache of prepared statements holds all that are in use.
_SIZES = (128, 32, 8, 1)


def raw(connection: Connection) -> Any:
    """The driver's own connection, in the same transaction."""
    return connection.connection.driver_connection


def look_up(connection: Connection, statement: str, keys: Sequence[Sequence[Any]]) -> Iterator[Any]:
    """The rows of a query whose ``@keys`` stands for a list of VALUES; each key has the same number of parts."""
    if not keys:
        return
    cursor, begun, one = raw(connection).cursor(), 0, f"({', '.join('?' * len(keys[0]))})"
    for size in _SIZES:
        while len(keys) - begun >= size:
            part = keys[begun : begun + size]
            begun += size
            yield from cursor.execute(_sized(statement, one, size), tuple(chain.from_iterable(part))).fetchall()


def _sized(statement: str, one: str, size: int) -> str:
    return statement.replace("@keys", ", ".join([one] * size))
