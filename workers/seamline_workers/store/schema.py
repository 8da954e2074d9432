"""The tables. One module of truth for both stores: the first migration creates exactly these.

Times are integers, microseconds since 1970 in UTC. Ids are 16 bytes or integers; to the outside they are opaque
strings. No table has more than one random unique index. ``due``, ``lease`` and ``attempts`` stand in no index of the
hot path.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeEngine

metadata = MetaData()

# STRICT tables of SQLite know INTEGER, REAL, TEXT, BLOB and ANY.
for _kind in (BigInteger, SmallInteger, Integer):
    compiles(_kind, "sqlite")(lambda _type, _compiler, **_kw: "INTEGER")
compiles(LargeBinary, "sqlite")(lambda _type, _compiler, **_kw: "BLOB")

#: Rows that are updated often: room on the page, so that updates stay on it, and an eager vacuum.
_BUSY = {
    "postgresql_with": {
        "fillfactor": 70,
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_threshold": 1000,
        "autovacuum_analyze_scale_factor": 0.05,
        "autovacuum_vacuum_cost_delay": 0,
    }
}


def _table(name: str, *items: Any, keyed: bool = False, busy: bool = False, once: bool = False) -> Table:
    """A table; ``keyed``: clustered by its composite key on SQLite (WITHOUT ROWID); ``once``: no id is given twice."""
    options: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": not keyed, "sqlite_autoincrement": once}
    if busy:
        options |= _BUSY
    return Table(name, metadata, *items, **options)


def _id() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=True)


def _col(name: str, kind: type[TypeEngine[Any]], default: object = None, null: bool = False) -> Column[Any]:
    server = None if default is None else text(str(default) if not isinstance(default, str) else f"'{default}'")
    return Column(name, kind, nullable=null, server_default=server)


# --- the ledger's number, drawn last by whoever appends -------------------------------------------------------------

ledger_head = _table("ledger_head", Column("id", SmallInteger, primary_key=True), _col("seq", BigInteger), busy=True)

# --- what comes in --------------------------------------------------------------------------------------------------

sources = _table(
    "sources",
    _id(),
    Column("stable", Text, nullable=False, unique=True),  # its id for ever; event ids are made of it
    Column("name", Text, nullable=False, unique=True),
    _col("adapter", Text),
    _col("state", Text, "active"),  # active, paused
    _col("live_from", BigInteger),  # older facts are history
    _col("created_at", BigInteger),
)

#: Counts by hour: outcome is accepted, duplicate, conflict (same key, other bytes), refused:<status>, quarantined or
#: ignored.
tallies = _table(
    "tallies",
    _col("source", Text),
    _col("outcome", Text),
    _col("hour", BigInteger),  # microseconds, start of the hour
    _col("n", BigInteger),
    PrimaryKeyConstraint("source", "outcome", "hour"),
    keyed=True,
)

#: A sample of what was refused; nothing of its body.
refusals = _table(
    "refusals",
    _id(),
    _col("at", BigInteger),
    _col("source", Text),
    _col("status", SmallInteger),
    _col("reason", Text),
    _col("headers", Text),  # JSON; values of proof left out
)

RECEIVED, FETCHING, TRANSLATED, IGNORED, QUARANTINED = range(5)
#: Names of a delivery's and an item's state, by number.
DELIVERY_STATES = ("received", "fetching", "translated", "ignored", "quarantined", "needs_human")
NEEDS_PERSON = 5

deliveries = _table(
    "deliveries",
    _id(),
    _col("source_id", BigInteger),
    _col("key", Text, ""),  # the provider's; of a page its poll and scope; empty: the digest alone
    _col("digest", LargeBinary),  # sha256 of the body as received
    _col("method", Text, "POST"),
    _col("target", Text, ""),  # path and query as received
    _col("headers", Text),  # JSON of the headers that are kept
    _col("body", LargeBinary, null=True),  # null once retention has taken it
    _col("size", Integer),
    _col("received_at", BigInteger),
    _col("state", SmallInteger, 0),
    _col("reason", Text, null=True),
    _col("trust", Text),
    _col("scheme", Text, ""),
    _col("secret", SmallInteger, 0),
    _col("duplicates", Integer, 0),
    _col("attempts", SmallInteger, 0),
    _col("poll", Text, null=True),
    _col("scope", Text, null=True),
    _col("baseline", SmallInteger, 0),
    UniqueConstraint("source_id", "key", "digest"),
    Index("deliveries_todo", "source_id", "id", postgresql_where=text("state = 0"), sqlite_where=text("state = 0")),
    busy=True,
)

#: One row a thing told, unique by the provider's key of it.
items = _table(
    "items",
    _col("delivery_id", BigInteger),
    _col("n", Integer),
    _col("source_id", BigInteger),
    _col("key", Text),
    _col("kind", Text, ""),
    _col("entity", Text, null=True),
    _col("state", SmallInteger),  # as DELIVERY_STATES
    _col("reason", Text, null=True),
    _col("attempts", SmallInteger, 0),
    _col("due", BigInteger, 0),
    _col("lease", BigInteger, null=True),
    _col("answers", Text, null=True),  # JSON {call name: [status, headers, body in base64]}
    _col("before", Text, null=True),  # JSON of the entity's previous item
    _col("adapter_version", SmallInteger),
    PrimaryKeyConstraint("delivery_id", "n"),
    UniqueConstraint("source_id", "key"),
    Index("items_fetching", "due", postgresql_where=text("state = 1"), sqlite_where=text("state = 1")),
    keyed=True,
)

#: The newest item of whose state a provider tells; outlives the bodies.
entities = _table(
    "entities",
    _col("source_id", BigInteger),
    _col("entity", Text),
    _col("data", Text),
    PrimaryKeyConstraint("source_id", "entity"),
    keyed=True,
)

polls = _table(
    "polls",
    _col("source_id", BigInteger),
    _col("poll", Text),
    _col("scope", Text, ""),
    _col("cursor", Text, null=True),
    _col("baseline", SmallInteger, 1),  # 1 until the first full pull is in
    _col("due", BigInteger, 0),
    _col("lease", BigInteger, null=True),
    _col("attempts", SmallInteger, 0),
    _col("reason", Text, null=True),
    _col("done_at", BigInteger, null=True),
    PrimaryKeyConstraint("source_id", "poll", "scope"),
    keyed=True,
)

# --- whom it is about -----------------------------------------------------------------------------------------------

accounts = _table(
    "accounts",
    _id(),
    _col("group_id", BigInteger, null=True),  # the account that stands for all that are linked; null: itself
    _col("name", Text, null=True),
    _col("provisional", SmallInteger, 0),
    _col("manager", Text, null=True),
    _col("stage", Text, null=True),
    _col("projection", Text, null=True),  # JSON, a pure fold over the facts
    _col("base", Text, null=True),  # JSON, the fold some facts back, from which late facts are folded in
    _col("base_start", BigInteger, 0),  # every fact before this ledger number is in the base
    _col("created_at", BigInteger),
    _col("last_event_at", BigInteger, null=True),
    Index(
        "accounts_group",
        "group_id",
        postgresql_where=text("group_id IS NOT NULL"),
        sqlite_where=text("group_id IS NOT NULL"),
    ),
    busy=True,
)

contacts = _table(
    "contacts",
    _id(),
    _col("account_id", BigInteger),
    _col("name", Text, null=True),
    _col("email", Text, null=True),
    _col("phone", Text, null=True),
    _col("created_at", BigInteger),
    Index("contacts_account", "account_id"),
)

#: kind is ref, email, phone or domain; value of a ref is provider, realm, kind and id joined by newlines.
identities = _table(
    "identities",
    _col("kind", Text),
    _col("value", Text),
    _col("account_id", BigInteger),
    _col("contact_id", BigInteger, null=True),
    PrimaryKeyConstraint("kind", "value"),
    Index("identities_account", "account_id"),
    keyed=True,
)

#: Reversible edges between accounts.
links = _table(
    "links",
    _id(),
    _col("account_id", BigInteger),
    _col("other_id", BigInteger),
    _col("evidence", Text),
    _col("made_at", BigInteger),
    _col("undone_at", BigInteger, null=True),
    Index("links_account", "account_id"),
    Index("links_other", "other_id"),
)

# --- the ledger -----------------------------------------------------------------------------------------------------

events = _table(
    "events",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", LargeBinary, nullable=False, unique=True),
    _col("type", Text),
    _col("version", SmallInteger),
    _col("account_id", BigInteger),  # the first subject; linking does not change it
    _col("source", Text),  # /sources/<name> or /seats/<seat> or /engine
    _col("source_id", BigInteger, null=True),
    _col("delivery_id", BigInteger, null=True),
    _col("item", Integer, null=True),
    _col("occurred_at", BigInteger),
    _col("timebasis", Text),  # provider, received
    _col("received_at", BigInteger),
    _col("trust", Text),
    _col("stage", Text, null=True),  # the account's, after the event
    _col("history", SmallInteger, 0),  # 1: older than live_from, woke nobody
    _col("data", Text),  # JSON of the typed model
    _col("cause", LargeBinary, null=True),
    _col("correlation", LargeBinary, null=True),
    _col("hops", SmallInteger, 0),
    _col("adapter_version", SmallInteger, null=True),
    Index("events_account", "account_id", "seq"),
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

handoffs = _table(
    "handoffs",
    _col("event_seq", BigInteger),
    _col("seat", Text),
    _col("account_id", BigInteger),  # the group at planning: its lane
    _col("owner", SmallInteger),  # 1: as owner, 0: informed
    _col("state", SmallInteger, 0),
    _col("attempts", SmallInteger, 0),
    _col("due", BigInteger, 0),
    _col("reason", Text, null=True),
    _col("awaits", Text, null=True),  # the event type that makes a parked one ready
    _col("again", SmallInteger, 0),  # 1: it has ended or been put aside before; run again, its effects may exist
    _col("as_of", BigInteger, 0),  # the ledger number of the fact that released it: it reads up to there
    _col("created_at", BigInteger),
    _col("done_at", BigInteger, null=True),
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
        "handoffs_waiting",
        "state",
        "event_seq",
        postgresql_where=text("state IN (1, 3, 4, 5)"),
        sqlite_where=text("state IN (1, 3, 4, 5)"),
    ),
    keyed=True,
    busy=True,
)

#: The leased unit: what must run one after another. kind 1: a source's deliveries (key = source), kind 2: the handoffs
#: of one account group at one seat (key = account). last > done is readiness.
SOURCE_LANE, SEAT_LANE = 1, 2
#: held: 0 open, 1 until due (a retry), 2 suspect (its process died; runs alone), 3 until the lanes that joined it by
#: a link are drained
OPEN, HELD, SUSPECT, JOINING = range(4)

lanes = _table(
    "lanes",
    _col("kind", SmallInteger),
    _col("key", BigInteger),
    _col("seat", Text, ""),
    _col("done", BigInteger, 0),
    _col("last", BigInteger, 0),
    _col("lease", BigInteger, null=True),
    _col("due", BigInteger, 0),
    _col("held", SmallInteger, 0),
    _col("crashes", SmallInteger, 0),
    _col("joins", BigInteger, null=True),  # the lane's key that waits until this one is drained
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
workers = _table(
    "workers",
    _id(),
    _col("name", Text),
    _col("started_at", BigInteger),  # the database's clock
    _col("beat_at", BigInteger),  # the database's clock
    busy=True,
    once=True,
)

# --- what seats asked for -------------------------------------------------------------------------------------------

FLAG, TASK, MESSAGE, EMIT, LOG = range(1, 6)
#: Names of an effect's kind, by number.
EFFECT_KINDS = ("", "flag", "task", "message", "event", "log")

#: Each effect once: the identity by which a replay finds what it did before.
effects = _table(
    "effects",
    _col("event_seq", BigInteger),
    _col("seat", Text),
    _col("kind", SmallInteger),
    _col("key", Text),
    _col("ref", Text, null=True),  # id of the flag, task, message or event
    _col("data", Text, null=True),  # the line of a log
    _col("at", BigInteger),
    PrimaryKeyConstraint("event_seq", "seat", "kind", "key"),
    keyed=True,
)

flags = _table(
    "flags",
    _id(),
    _col("account_id", BigInteger),
    _col("seat", Text),
    _col("name", Text),
    _col("key", Text, ""),
    _col("text", Text),
    _col("count", Integer, 1),
    _col("severity", Text),
    _col("state", Text, "open"),  # open, cleared
    _col("evidence", Text),  # JSON list of event ids
    _col("raised_at", BigInteger),
    _col("cleared_at", BigInteger, null=True),
    _col("cleared_by", Text, null=True),
    _col("reason", Text, null=True),
    Index(
        "flags_open",
        "account_id",
        "seat",
        "name",
        "key",
        unique=True,
        postgresql_where=text("state = 'open'"),
        sqlite_where=text("state = 'open'"),
    ),
)

tasks = _table(
    "tasks",
    _id(),
    _col("kind", Text),  # task, needs_human, incomplete, conflict, identity, unknown_send, incident
    _col("account_id", BigInteger, null=True),
    _col("seat", Text, null=True),
    _col("assignee", Text, null=True),
    _col("title", Text),
    _col("text", Text, ""),
    _col("rule", Text, null=True),
    _col("state", Text, "open"),  # open, done, dismissed
    _col("due_at", BigInteger, null=True),
    _col("cause", Text, null=True),  # the event's id
    _col("created_at", BigInteger),
    _col("done_at", BigInteger, null=True),
    _col("done_by", Text, null=True),
    Index("tasks_account", "account_id"),
)

messages = _table(
    "messages",
    _id(),
    _col("kind", Text),
    _col("from_seat", Text),
    _col("to_seat", Text),
    _col("account_id", BigInteger, null=True),
    _col("topic", Text),
    _col("body", Text),
    _col("conversation", Text),
    _col("exchange", SmallInteger, 1),
    _col("in_reply_to", Text, null=True),
    _col("needs_response_by", BigInteger, null=True),
    _col("state", Text, "delivered"),
    _col("created_at", BigInteger),
    _col("cause", Text, null=True),
    Index("messages_account", "account_id"),
    Index("messages_to", "to_seat", "id"),
)

#: A slow lane below live traffic that runs chosen handoffs or items again.
replays = _table(
    "replays",
    _id(),
    _col("state", Text, "planned"),  # planned, running, done, cancelled, failed
    _col("what", Text),  # handoffs, deliveries
    _col("selector", Text),  # JSON
    _col("total", Integer, 0),
    _col("done", Integer, 0),
    _col("failed", Integer, 0),
    _col("cursor", Text, null=True),
    _col("per_second", Integer, 50),
    _col("by", Text),
    _col("created_at", BigInteger),
    _col("lease", BigInteger, null=True),
    _col("due", BigInteger, 0),
)

#: What people asked for with an Idempotency-Key: asked again, it is not done again.
commands = _table(
    "commands",
    _col("actor", Text),
    _col("key", Text),
    _col("digest", Text),  # of what was asked; the same key for something else is a conflict
    _col("ref", Text),  # what came of it: <list>/<id>
    _col("at", BigInteger),
    PrimaryKeyConstraint("actor", "key"),
    keyed=True,
)
