"""Migrations: upgrade a store, and tell whether it is behind."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from seamline.errors import ConfigError
from seamline_workers.store.store import Store

#: Key of the advisory lock under which one process migrates (any constant; "seam" in ASCII).
_LOCK = 0x7365616D


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "seamline_workers.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def newest() -> str:
    """The schema version that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(store: Store) -> str | None:
    """The schema version that the store has; None: it is empty."""
    with store.read() as connection:
        return MigrationContext.configure(connection, opts={"version_table": "seamline_schema"}).get_current_revision()


def ahead(have: str | None) -> bool:
    """Whether a store was migrated by a newer program than this one, which lives with it until it is started again."""
    return have is not None and have > newest()  # versions are numbers of four digits


def advice(have: str | None) -> str:
    """What to do about a store whose version is not the one that this code needs."""
    return "a newer program migrated it; start that one" if ahead(have) else "run: seamline db upgrade"


def upgrade(store: Store) -> tuple[str | None, str]:
    """Bring the store to the newest version; one process at a time. Returns (before, after).

    Raises ConfigError where it is newer than this program.
    """
    config = _config()
    with store.begin() as connection:
        if store.postgres:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        context = MigrationContext.configure(connection, opts={"version_table": "seamline_schema"})
        before = context.get_current_revision()
        if ahead(before):
            raise ConfigError(f"the store's schema is {before}, this version needs {newest()}; {advice(before)}")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, newest()


def demand_newest(store: Store) -> None:
    """Raise ConfigError where the store's version is not the one that this code needs."""
    have, need = current(store), newest()
    if have != need:
        raise ConfigError(f"the store's schema is {have or 'empty'}, this version needs {need}; {advice(have)}")
