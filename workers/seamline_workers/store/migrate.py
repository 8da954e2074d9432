"""Migrations: bring a store to the newest version."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text

from seamline.errors import ConfigError
from seamline_workers.store.store import Store
from seamline_workers.store.version import NEWEST, TABLE, advice, ahead

#: Key of the advisory lock under which one process migrates (any constant; "seam" in ASCII).
_LOCK = 0x7365616D


def scripts() -> Config:
    """Where the migrations are."""
    config = Config()
    config.set_main_option("script_location", "seamline_workers.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def upgrade(store: Store) -> tuple[str | None, str]:
    """Bring the store to the newest version; one process at a time. Returns (before, after).

    Raises ConfigError where it is newer than this program.
    """
    config = scripts()
    with store.begin() as connection:
        if store.postgres:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        context = MigrationContext.configure(connection, opts={"version_table": TABLE})
        before = context.get_current_revision()
        if ahead(before):
            raise ConfigError(f"the store's schema is {before}, this version needs {NEWEST}; {advice(before)}")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, NEWEST
