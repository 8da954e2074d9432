"""The schema version of a store, and what to do where it is not the one that this code needs.

Every process asks at its start; only who migrates pays for the library that migrates.
"""

from __future__ import annotations

from sqlalchemy import inspect, text

from seamline.errors import ConfigError
from seamline_workers.store.store import Store

#: The schema version that this code needs: the newest migration. Versions are numbers of four digits.
NEWEST = "0001"
#: Where the migrations keep it.
TABLE = "seamline_schema"


def current(store: Store) -> str | None:
    """The schema version that the store has; None: it is empty."""
    with store.read() as connection:
        if not inspect(connection).has_table(TABLE):
            return None
        found = connection.execute(text(f"SELECT version_num FROM {TABLE}")).scalar_one_or_none()
    return None if found is None else str(found)


def ahead(have: str | None) -> bool:
    """Whether a store was migrated by a newer program than this one, which lives with it until it is started again."""
    return have is not None and have > NEWEST


def advice(have: str | None) -> str:
    """What to do about a store whose version is not the one that this code needs."""
    return "a newer program migrated it; start that one" if ahead(have) else "run: seamline db upgrade"


def demand_newest(store: Store) -> None:
    """Raise ConfigError where the store's version is not the one that this code needs."""
    have = current(store)
    if have != NEWEST:
        raise ConfigError(f"the store's schema is {have or 'empty'}, this version needs {NEWEST}; {advice(have)}")
