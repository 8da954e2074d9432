"""Everything that is written down: one module a table group, SQLite and PostgreSQL behind the same functions."""
