"""The strongest rival we could write on ready-made parts: raw Litestar, psycopg without an ORM, Dramatiq on Redis.

Everything goes in batches: the webhooks that wait at one moment are stored by one statement, their ids travel in one
message, and the worker does a message in one transaction of set-based SQL. It has no order per account, no hand-offs
with retries of their own, no leases and no ledger.
"""
