"""The first schema."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from seamline_workers.store.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table. Until the first release the schema module itself is the first version."""
    connection = op.get_bind()
    metadata.create_all(connection)
    connection.execute(text("INSERT INTO ledger_head (id, seq) VALUES (1, 0)"))
