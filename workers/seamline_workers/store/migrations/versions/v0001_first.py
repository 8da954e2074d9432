"""The first schema."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from seamline_workers.store import desk_schema, schema
from seamline_workers.store.columns import metadata

revision = "0001"
down_revision = None

#: Whoever declares tables.
DECLARED = (schema, desk_schema)


def upgrade() -> None:
    """Create every table. Until the first release the schema modules themselves are the first version."""
    connection = op.get_bind()
    metadata.create_all(connection)
    connection.execute(text("INSERT INTO ledger_head (id, seq) VALUES (1, 0)"))
