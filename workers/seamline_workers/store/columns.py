"""What every table is made of, for both stores.

Times are integers, microseconds since 1970 in UTC. Ids are 16 bytes or integers; to the outside they are opaque
strings. No table has more than one random unique index. ``due``, ``lease`` and ``attempts`` stand in no index of the
hot path.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeEngine

metadata = MetaData()

# STRICT tables of SQLite know INTEGER, REAL, TEXT, BLOB and ANY.
for _kind in (BigInteger, SmallInteger, Integer):
    compiles(_kind, "sqlite")(lambda _type, _compiler, **_kw: "INTEGER")
compiles(LargeBinary, "sqlite")(lambda _type, _compiler, **_kw: "BLOB")

#: Rows that are updated often: room on the page, so that updates stay on it, and an eager vacuum.
_BUSY = {
    "postgresql_with": {
        "fillfactor": 70,
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_threshold": 1000,
        "autovacuum_analyze_scale_factor": 0.05,
        "autovacuum_vacuum_cost_delay": 0,
    }
}


def table(name: str, *items: Any, keyed: bool = False, busy: bool = False, once: bool = False) -> Table:
    """A table; ``keyed``: clustered by its composite key on SQLite (WITHOUT ROWID); ``once``: no id is given twice."""
    options: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": not keyed, "sqlite_autoincrement": once}
    if busy:
        options |= _BUSY
    return Table(name, metadata, *items, **options)


def row_id() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=True)


def col(name: str, kind: type[TypeEngine[Any]], default: object = None, null: bool = False) -> Column[Any]:
    server = None if default is None else text(str(default) if not isinstance(default, str) else f"'{default}'")
    return Column(name, kind, nullable=null, server_default=server)
