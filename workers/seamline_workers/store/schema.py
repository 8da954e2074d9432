"""The tables of what comes in, of whom it is about, of the ledger and of work; ``desk_schema`` has what comes of it.

One module of truth for both stores: the first migration creates exactly these. Times are integers, microseconds since
1970 in UTC. Ids are 16 bytes or integers; to the outside they are opaque strings. No table has more than one random
unique index. ``due``, ``lease`` and ``attempts`` stand in no index of the hot path.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)

from seamline_workers.store.columns import col, row_id, table

# --- the ledger's number, drawn last by whoever appends -------------------------------------------------------------

ledger_head = table(
    "ledger_head",
    Column("id", SmallInteger, primary_key=True),
    col("seq", BigInteger),
    # The end of the record's chain: whoever appends to it holds this row. A record that is shorter was cut.
    col("recorded", BigInteger, 0),
    col("record_hash", LargeBinary, null=True),
    busy=True,
)

# --- what comes in --------------------------------------------------------------------------------------------------

sources = table(
    "sources",
    row_id(),
    Column("stable", Text, nullable=False, unique=True),  # its id for ever; event ids are made of it
    Column("name", Text, nullable=False, unique=True),
    col("adapter", Text),
    col("state", Text, "active"),  # active, paused
    col("live_from", BigInteger),  # older facts are history
    col("created_at", BigInteger),
)

#: Counts by hour: outcome is accepted, duplicate, conflict (same key, other bytes), refused:<status>, quarantined or
#: ignored.
tallies = table(
    "tallies",
    col("source", Text),
    col("outcome", Text),
    col("hour", BigInteger),  # microseconds, start of the hour
    col("n", BigInteger),
    PrimaryKeyConstraint("source", "outcome", "hour"),
    keyed=True,
)

#: A sample of what was refused; nothing of its body.
refusals = table(
    "refusals",
    row_id(),
    col("at", BigInteger),
    col("source", Text),
    col("status", SmallInteger),
    col("reason", Text),
    col("headers", Text),  # JSON; values of proof left out
)

RECEIVED, FETCHING, TRANSLATED, IGNORED, QUARANTINED = range(5)
#: Names of a delivery's and an item's state, by number.
DELIVERY_STATES = ("received", "fetching", "translated", "ignored", "quarantined", "needs_human")
NEEDS_PERSON = 5

deliveries = table(
    "deliveries",
    row_id(),
    col("source_id", BigInteger),
    col("key", Text, ""),  # the provider's; of a page its poll and scope; empty: the digest alone
    col("digest", LargeBinary),  # sha256 of the body as received
    col("method", Text, "POST"),
    col("target", Text, ""),  # path and query as received
    col("headers", Text),  # JSON of the headers that are kept
    col("body", LargeBinary, null=True),  # null once retention has taken it
    col("size", Integer),
    col("received_at", BigInteger),
    col("state", SmallInteger, 0),
    col("reason", Text, null=True),
    col("trust", Text),
    col("scheme", Text, ""),
    col("secret", SmallInteger, 0),
    col("duplicates", Integer, 0),
    col("attempts", SmallInteger, 0),
    col("poll", Text, null=True),
    col("scope", Text, null=True),
    col("baseline", SmallInteger, 0),
    UniqueConstraint("source_id", "key", "digest"),
    Index("deliveries_todo", "source_id", "id", postgresql_where=text("state = 0"), sqlite_where=text("state = 0")),
    busy=True,
)

#: One row a thing told, unique by the provider's key of it.
items = table(
    "items",
    col("delivery_id", BigInteger),
    col("n", Integer),
    col("source_id", BigInteger),
    col("key", Text),
    col("kind", Text, ""),
    col("entity", Text, null=True),
    col("state", SmallInteger),  # as DELIVERY_STATES
    col("reason", Text, null=True),
    col("attempts", SmallInteger, 0),
    col("due", BigInteger, 0),
    col("lease", BigInteger, null=True),
    col("answers", Text, null=True),  # JSON {call name: [status, headers, body in base64]}
    col("before", Text, null=True),  # JSON of the entity's previous item
    col("adapter_version", SmallInteger),
    PrimaryKeyConstraint("delivery_id", "n"),
    UniqueConstraint("source_id", "key"),
    Index("items_fetching", "due", postgresql_where=text("state = 1"), sqlite_where=text("state = 1")),
    keyed=True,
)

#: The newest item of whose state a provider tells; outlives the bodies.
entities = table(
    "entities",
    col("source_id", BigInteger),
    col("entity", Text),
    col("data", Text),
    PrimaryKeyConstraint("source_id", "entity"),
    keyed=True,
)

polls = table(
    "polls",
    col("source_id", BigInteger),
    col("poll", Text),
    col("scope", Text, ""),
    col("cursor", Text, null=True),
    col("baseline", SmallInteger, 1),  # 1 until the first full pull is in
    col("due", BigInteger, 0),
    col("lease", BigInteger, null=True),
    col("attempts", SmallInteger, 0),
    col("reason", Text, null=True),
    col("done_at", BigInteger, null=True),
    PrimaryKeyConstraint("source_id", "poll", "scope"),
    keyed=True,
)

# --- whom it is about -----------------------------------------------------------------------------------------------

accounts = table(
    "accounts",
    row_id(),
    col("group_id", BigInteger, null=True),  # the account that stands for all that are linked; null: itself
    col("name", Text, null=True),
    col("provisional", SmallInteger, 0),
    col("manager", Text, null=True),
    col("stage", Text, null=True),
    col("projection", Text, null=True),  # JSON, a pure fold over the facts
    col("base", Text, null=True),  # JSON, the fold some facts back, from which late facts are folded in
    col("base_start", BigInteger, 0),  # every fact before this ledger number is in the base
    col("created_at", BigInteger),
    col("last_event_at", BigInteger, null=True),
    Index(
        "accounts_group",
        "group_id",
        postgresql_where=text("group_id IS NOT NULL"),
        sqlite_where=text("group_id IS NOT NULL"),
    ),
    busy=True,
)

contacts = table(
    "contacts",
    row_id(),
    col("account_id", BigInteger),
    col("name", Text, null=True),
    col("email", Text, null=True),
    col("phone", Text, null=True),
    col("created_at", BigInteger),
    Index("contacts_account", "account_id"),
)

#: kind is ref, email, phone or domain; value of a ref is provider, realm, kind and id joined by newlines.
identities = table(
    "identities",
    col("kind", Text),
    col("value", Text),
    col("account_id", BigInteger),
    col("contact_id", BigInteger, null=True),
    PrimaryKeyConstraint("kind", "value"),
    Index("identities_account", "account_id"),
    keyed=True,
)

#: Reversible edges between accounts.
links = table(
    "links",
    row_id(),
    col("account_id", BigInteger),
    col("other_id", BigInteger),
    col("evidence", Text),
    col("made_at", BigInteger),
    col("undone_at", BigInteger, null=True),
    Index("links_account", "account_id"),
    Index("links_other", "other_id"),
)

# --- the ledger -----------------------------------------------------------------------------------------------------

events = table(
    "events",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", LargeBinary, nullable=False, unique=True),
    col("type", Text),
    col("version", SmallInteger),
    col("account_id", BigInteger),  # the first subject; linking does not change it
    col("source", Text),  # /sources/<name> or /seats/<seat> or /engine
    col("source_id", BigInteger, null=True),
    col("delivery_id", BigInteger, null=True),
    col("item", Integer, null=True),
    col("occurred_at", BigInteger),
    col("timebasis", Text),  # provider, received
    col("received_at", BigInteger),
    col("trust", Text),
    col("stage", Text, null=True),  # the account's, after the event
    col("history", SmallInteger, 0),  # 1: older than live_from, woke nobody
    col("data", Text),  # JSON of the typed model
    col("cause", LargeBinary, null=True),
    col("correlation", LargeBinary, null=True),
    col("hops", SmallInteger, 0),
    col("adapter_version", SmallInteger, null=True),
    # With the type: who looks for one kind of event in a long history reads no rows of others.
    Index("events_account", "account_id", "seq", "type"),
    Index(
        "events_delivery",
        "delivery_id",
        postgresql_where=text("delivery_id IS NOT NULL"),
        sqlite_where=text("delivery_id IS NOT NULL"),
    ),
)

# --- work -----------------------------------------------------------------------------------------------------------

PENDING, RETRYING, DONE, PARKED, NEEDS_HUMAN, DEAD, CANCELLED = range(7)
#: Names of a handoff's state, by number. A pending one is shown as waiting, ready or running, by its lane.
HANDOFF_STATES = ("ready", "retrying", "done", "parked", "needs_human", "dead", "cancelled")

handoffs = table(
    "handoffs",
    col("event_seq", BigInteger),
    col("seat", Text),
    col("account_id", BigInteger),  # the group at planning: its lane
    col("owner", SmallInteger),  # 1: as owner, 0: informed
    col("state", SmallInteger, 0),
    col("attempts", SmallInteger, 0),
    col("due", BigInteger, 0),
    col("reason", Text, null=True),
    col("awaits", Text, null=True),  # the event type that makes a parked one ready
    col("again", SmallInteger, 0),  # 1: it has ended or been put aside before; run again, its effects may exist
    col("as_of", BigInteger, 0),  # the ledger number of the fact that released it: it reads up to there
    col("created_at", BigInteger),
    col("done_at", BigInteger, null=True),
    col("reads", Text, null=True),  # the ledger numbers of what its last run read, by commas
    PrimaryKeyConstraint("event_seq", "seat"),
    Index(
        "handoffs_lane",
        "account_id",
        "seat",
        "event_seq",
        postgresql_where=text("state < 2"),
        sqlite_where=text("state < 2"),
    ),
    Index(
        "handoffs_parked",
        "account_id",
        "awaits",
        postgresql_where=text("state = 3"),
        sqlite_where=text("state = 3"),
    ),
    Index(
        "handoffs_due",
        "due",
        postgresql_where=text("state = 3 AND due > 0"),
        sqlite_where=text("state = 3 AND due > 0"),
    ),
    Index(
        "handoffs_dead",
        "account_id",
        "seat",
        postgresql_where=text("state = 5"),
        sqlite_where=text("state = 5"),
    ),
    Index(
        "handoffs_waiting",
        "state",
        "event_seq",
        postgresql_where=text("state IN (1, 3, 4, 5)"),
        sqlite_where=text("state IN (1, 3, 4, 5)"),
    ),
    keyed=True,
    busy=True,
)

#: The newest event that each seat was handed.
seats = table(
    "seats",
    col("name", Text),
    col("last", BigInteger),
    PrimaryKeyConstraint("name"),
    keyed=True,
    busy=True,
)

#: The leased unit: what must run one after another. kind 1: a source's deliveries (key = source), kind 2: the handoffs
#: of one account group at one seat (key = account), a row as long as there is work. last > done is readiness.
SOURCE_LANE, SEAT_LANE = 1, 2
#: held: 0 open, 1 until due (a retry), 2 suspect (its process died; runs alone), 3 until the lanes that joined it by
#: a link are drained
OPEN, HELD, SUSPECT, JOINING = range(4)

lanes = table(
    "lanes",
    col("kind", SmallInteger),
    col("key", BigInteger),
    col("seat", Text, ""),
    col("done", BigInteger, 0),
    col("last", BigInteger, 0),
    col("lease", BigInteger, null=True),
    col("due", BigInteger, 0),
    col("held", SmallInteger, 0),
    col("crashes", SmallInteger, 0),
    col("joins", BigInteger, null=True),  # the lane's key that waits until this one is drained
    PrimaryKeyConstraint("kind", "key", "seat"),
    Index(
        "lanes_todo",
        "kind",
        "seat",
        "done",
        postgresql_where=text("last > done AND held = 0"),
        sqlite_where=text("last > done AND held = 0"),
    ),
    Index("lanes_held", "held", "due", postgresql_where=text("held > 0"), sqlite_where=text("held > 0")),
    Index("lanes_joins", "joins", postgresql_where=text("joins IS NOT NULL"), sqlite_where=text("joins IS NOT NULL")),
    keyed=True,
    busy=True,
)

#: The worker processes that are alive. Their leases are numbered id * 2**32 + n, so that one heartbeat keeps all of
#: them, and a process that is declared dead loses all of them at once. An id that came again would unfence the dead.
workers = table(
    "workers",
    row_id(),
    col("name", Text),
    col("started_at", BigInteger),  # the database's clock
    col("beat_at", BigInteger),  # the database's clock
    busy=True,
    once=True,
)
