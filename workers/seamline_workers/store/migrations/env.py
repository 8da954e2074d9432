"""Run migrations on the connection that ``seamline_workers.store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="seamline_schema")
context.run_migrations()
