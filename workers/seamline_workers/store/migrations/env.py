"""Run migrations on the connection that ``seamline_workers.store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from seamline_workers.store.version import TABLE

context.configure(connection=context.config.attributes["connection"], version_table=TABLE)
context.run_migrations()
