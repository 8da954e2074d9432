"""The tables of what seats asked for, what humans decide, what is expected by when, and the record of all that.

As schema.py: times are integers, microseconds since 1970 in UTC.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, SmallInteger, Text, text

from seamline_workers.store.columns import col, row_id, table

# --- what seats asked for -------------------------------------------------------------------------------------------

FLAG, TASK, MESSAGE, EMIT, LOG, DRAFT, DEADLINE, CHECK, ENDED = range(1, 10)
#: Names of an effect's kind, by number.
EFFECT_KINDS = ("", "flag", "task", "message", "event", "log", "draft", "deadline", "check", "done")

#: Each effect once: the identity by which a replay finds what it did before.
effects = table(
    "effects",
    col("event_seq", BigInteger),
    col("seat", Text),
    col("kind", SmallInteger),
    col("key", Text),
    col("ref", Text, null=True),  # id of the flag, task, message or event
    col("data", Text, null=True),  # the line of a log
    col("at", BigInteger),
    PrimaryKeyConstraint("event_seq", "seat", "kind", "key"),
    keyed=True,
)

flags = table(
    "flags",
    row_id(),
    col("account_id", BigInteger),
    col("seat", Text),
    col("name", Text),
    col("key", Text, ""),
    col("text", Text),
    col("count", Integer, 1),
    col("severity", Text),
    col("state", Text, "open"),  # open, cleared
    col("evidence", Text),  # JSON list of event ids
    col("raised_at", BigInteger),
    col("cleared_at", BigInteger, null=True),
    col("cleared_by", Text, null=True),
    col("reason", Text, null=True),
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

tasks = table(
    "tasks",
    row_id(),
    col("kind", Text),  # task, needs_human, incomplete, conflict, identity, unknown_send, incident
    col("account_id", BigInteger, null=True),
    col("seat", Text, null=True),
    col("assignee", Text, null=True),
    col("key", Text, ""),  # by which its seat ends it
    col("title", Text),
    col("text", Text, ""),
    col("rule", Text, null=True),
    col("state", Text, "open"),  # open, done, dismissed
    col("due_at", BigInteger, null=True),
    col("cause", Text, null=True),  # the event's id
    col("created_at", BigInteger),
    col("done_at", BigInteger, null=True),
    col("done_by", Text, null=True),
    Index("tasks_account", "account_id"),
)

messages = table(
    "messages",
    row_id(),
    col("kind", Text),
    col("from_seat", Text),
    col("to_seat", Text),
    col("account_id", BigInteger, null=True),
    col("topic", Text),
    col("body", Text),
    col("conversation", Text),
    col("exchange", SmallInteger, 1),
    col("in_reply_to", Text, null=True),
    col("needs_response_by", BigInteger, null=True),
    col("state", Text, "delivered"),
    col("created_at", BigInteger),
    col("cause", Text, null=True),
    Index("messages_account", "account_id"),
    Index("messages_to", "to_seat", "id"),
)

#: What seats that live elsewhere replied to handoffs, by file; a handoff that is run again finds it here.
replies = table(
    "replies",
    row_id(),
    col("event_seq", BigInteger),
    col("seat", Text),
    col("envelope", Text),  # its id: replied again, it is one reply
    col("body", Text),  # JSON: effects
    col("at", BigInteger),
    Index("replies_envelope", "seat", "envelope", unique=True),
    Index("replies_handoff", "event_seq", "seat", "id"),
)

#: A slow lane below live traffic that runs chosen handoffs or items again.
replays = table(
    "replays",
    row_id(),
    col("state", Text, "planned"),  # planned, running, done, cancelled, failed
    col("what", Text),  # handoffs, deliveries
    col("selector", Text),  # JSON
    col("total", Integer, 0),
    col("done", Integer, 0),
    col("failed", Integer, 0),
    col("cursor", Text, null=True),
    col("per_second", Integer, 50),
    col("by", Text),
    col("created_at", BigInteger),
    col("lease", BigInteger, null=True),
    col("due", BigInteger, 0),
)

#: What people asked for with an Idempotency-Key: asked again, it is not done again.
commands = table(
    "commands",
    col("actor", Text),
    col("key", Text),
    col("digest", Text),  # of what was asked; the same key for something else is a conflict
    col("ref", Text),  # what came of it: <list>/<id>
    col("at", BigInteger),
    PrimaryKeyConstraint("actor", "key"),
    keyed=True,
)

# --- what leaves only when a human has approved it -------------------------------------------------------------------

#: States of a draft, as the outside sees them. "dispatching": its sending has begun, and nobody knows yet.
DRAFT_STATES = (
    "incomplete", "pending", "snoozed", "approved", "rejected", "expired", "superseded", "dispatching", "sent",
    "failed", "unknown",
)  # fmt: skip

#: Drafts that are not over, as the index says it.
UNSETTLED = "state IN ('incomplete', 'pending', 'snoozed', 'approved', 'dispatching', 'unknown')"

drafts = table(
    "drafts",
    row_id(),
    col("account_id", BigInteger),
    col("seat", Text),
    col("key", Text),  # the seat's own: written again under it, the older open draft is superseded
    col("channel", Text),
    col("audience", Text),  # customer, team: by who gets it
    col("recipients", Text),  # JSON list
    col("subject", Text, null=True),
    col("body", Text),
    col("attachments", Text, "[]"),  # JSON [{name, content_type, content in base64}]
    col("sha256", Text),  # of what the five above say: what an approval is bound to
    col("state", Text),
    col("sends", Text, null=True),  # the fact that its dispatch makes
    col("fields", Text, "{}"),  # JSON, of that fact
    col("under", Text, null=True),  # the step that it belongs to; guards of the step guard it
    col("thread", Text, null=True),
    col("in_reply_to", Text, null=True),
    col("figures", Text, "[]"),  # JSON list of figures
    col("sources", Text, "[]"),  # JSON list of ids
    col("missing", Text, "[]"),  # JSON list of names
    col("confirmed", Text, "{}"),  # JSON: what the human was asked besides, and said yes to
    col("edits", Text, "[]"),  # JSON [{by, at, sha256, subject, body}]: what stood there before each edit
    col("tone", Text, null=True),
    col("stage", Text, null=True),
    col("gate", Text, null=True),  # the boundary map's row
    col("map_version", Text, null=True),
    col("as_of", BigInteger),  # the ledger number up to which its author, or its last editor, had read
    col("author", Text),
    col("cause", Text),  # the event's id
    col("correlation", LargeBinary, null=True),
    col("hops", SmallInteger, 0),
    col("created_at", BigInteger),  # business time, as all below but again_at
    col("due_at", BigInteger, null=True),
    col("expires_at", BigInteger, null=True),
    col("not_before", BigInteger, null=True),
    col("wake_at", BigInteger, null=True),  # when somebody must look next: remind, expire, end of a snooze, send
    col("again_at", BigInteger, null=True),  # wall clock: a sending that was put off is not tried before
    col("remind_at", BigInteger, null=True),  # null: was done
    col("reminders", Text, "[]"),  # JSON list of the tasks that ask for a decision
    col("decided_by", Text, null=True),
    col("decided_at", BigInteger, null=True),
    col("reason", Text, null=True),
    col("approval", Text, null=True),  # id of the approval.decided that it rests on; used up by one dispatch
    col("attempts", SmallInteger, 0),
    col("lease", BigInteger, null=True),  # of whoever is sending it
    col("message_ref", Text, null=True),  # the provider's id
    col("sent_at", BigInteger, null=True),
    col("version", Integer, 1),  # the first decision counts: each change counts it up
    Index("drafts_account", "account_id", "id"),
    Index(
        "drafts_wake",
        "wake_at",
        postgresql_where=text("wake_at IS NOT NULL"),
        sqlite_where=text("wake_at IS NOT NULL"),
    ),
    Index(
        "drafts_open",
        "due_at",
        "id",
        postgresql_where=text(UNSETTLED),
        sqlite_where=text(UNSETTLED),
    ),
    busy=True,
)

#: How sending by each channel goes; without a row: well. Times are the wall clock's.
channels = table(
    "channels",
    Column("name", Text, primary_key=True),
    col("failures", SmallInteger, 0),  # counted up by each sending that went wrong, down by each that went well
    col("paused_at", BigInteger, null=True),  # null: it is open
    col("paused_by", Text, null=True),  # the human who paused it; null: it paused by itself
    col("due", BigInteger, null=True),  # of a paused one: when one text is tried; null: not before a human says so
    col("tries", SmallInteger, 0),  # texts that were tried since it worked: each pause is longer than the last
    col("pauses", Integer, 0),  # how often it paused, ever
    col("reason", Text, null=True),  # of the last sending that went wrong
    col("task_id", BigInteger, null=True),  # the task that tells humans of the pause
)

#: What approvers are to be shown: a row for each draft and recipient, which is owed again when there is more.
#: States: owed, sent, failed (given up), void (nothing waits any more).
notices = table(
    "notices",
    row_id(),
    col("draft_id", BigInteger),
    col("channel", Text),
    col("recipient", Text),
    col("text", Text),  # why it is owed
    col("times", Integer, 1),  # how often it was owed
    col("state", Text, "owed"),
    col("due", BigInteger, null=True),  # wall clock; null: nothing is owed
    col("lease", BigInteger, null=True),  # of whoever is posting it
    col("attempts", SmallInteger, 0),
    col("doubts", SmallInteger, 0),  # posts of which nobody knows whether they arrived
    col("ref", Text, null=True),  # the provider's id of the newest post
    col("reason", Text, null=True),
    Index("notices_draft", "draft_id", "channel", "recipient", unique=True),
    Index("notices_due", "due", postgresql_where=text("due IS NOT NULL"), sqlite_where=text("due IS NOT NULL")),
)

#: What colleagues are told of the company's own troubles: a row for each kind. Times are the wall clock's.
alerts = table(
    "alerts",
    Column("kind", Text, primary_key=True),
    col("told", BigInteger, 0),  # how many there were when they were last told of
    col("due", BigInteger, 0),  # when to look next
    col("lease", BigInteger, null=True),  # of whoever looks
    col("attempts", SmallInteger, 0),
)

# --- what is expected by when ----------------------------------------------------------------------------------------

#: kind: expect (a declared expectation), due (a seat asked for it), daily, handoff (a stage that somebody must take).
#: armed: it waits; fired: its time came; cancelled: no longer wanted; resolved: fired, and what was missing came after.
DEADLINE_STATES = ("armed", "fired", "cancelled", "resolved")

deadlines = table(
    "deadlines",
    row_id(),
    Column("key", Text, nullable=False, unique=True),  # kind/seat/name/cause/key: once, whatever is run again
    col("kind", Text),
    col("seat", Text),
    col("name", Text),
    col("rule", Text, ""),
    col("account_id", BigInteger),
    col("cause", LargeBinary),  # the event that armed it
    col("unless", Text, ""),  # event types that end it, each between commas
    col("due_at", BigInteger),  # business time, as all below
    col("state", Text, "armed"),
    col("event", LargeBinary, null=True),  # what was said when it fired
    col("created_at", BigInteger),
    col("fired_at", BigInteger, null=True),
    col("lease", BigInteger, null=True),  # of whoever looks whether it is too late
    Index("deadlines_due", "due_at", postgresql_where=text("state = 'armed'"), sqlite_where=text("state = 'armed'")),
    Index("deadlines_account", "account_id", "state"),
)

# --- an exit's checklist ---------------------------------------------------------------------------------------------

checks = table(
    "checks",
    row_id(),
    col("account_id", BigInteger),
    col("exit", Text),  # the event that ended the relationship
    col("item", Text),  # pixel, campaign, invoice, …
    col("key", Text, ""),  # tells several of one item apart
    col("source", Text, null=True),  # the name of the source that can be asked; null: a human settles it
    col("ref", Text, null=True),  # JSON of what is asked about
    col("state", Text, "open"),  # open, settled, reopened
    col("round", SmallInteger, 0),  # 0 until it is settled, then 1 and 2: the looks after 24 hours and 30 days
    col("due_at", BigInteger, null=True),  # business time
    col("again_at", BigInteger, null=True),  # wall clock: after a look that failed none is had before
    col("lease", BigInteger, null=True),
    col("attempts", SmallInteger, 0),
    col("evidence", Text, null=True),  # JSON: what was last seen
    col("reason", Text, null=True),
    Index("checks_account", "account_id"),
    Index("checks_due", "due_at", postgresql_where=text("due_at IS NOT NULL"), sqlite_where=text("due_at IS NOT NULL")),
)

# --- who may be whom -------------------------------------------------------------------------------------------------

#: Accounts whose strong keys contradict each other. The question is open while its task is.
conflicts = table(
    "conflicts",
    col("account_id", BigInteger),
    col("other_id", BigInteger),
    col("task_id", BigInteger),
    PrimaryKeyConstraint("account_id", "other_id"),
    Index("conflicts_other", "other_id"),
    keyed=True,
)

# --- the boundary map and the record ---------------------------------------------------------------------------------

#: Versions of the boundary map. The newest that is confirmed is in force.
boundary_maps = table(
    "boundary_maps",
    row_id(),
    Column("sha256", Text, nullable=False, unique=True),
    col("map", Text),  # JSON
    col("proposed_at", BigInteger),
    col("confirmed_at", BigInteger, null=True),
    col("confirmed_by", Text, null=True),
)

#: Who coordinated what with whom, and every decision: a row for each control event and each human's word, chained by
#: hashes. ``content`` and ``salt`` go when a person is erased; the chain covers the salted digest, and still verifies.
record = table(
    "record",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    col("at", BigInteger),
    col("actor_kind", Text),  # seat, human, engine, source
    col("actor_id", Text),
    col("action", Text),  # the event's type
    col("subject", BigInteger),  # the account
    col("event_seq", BigInteger),
    col("cause", LargeBinary, null=True),
    col("decision", Text, null=True),
    col("map_version", Text, null=True),
    col("map_row", Text, null=True),
    col("content", Text, null=True),  # JSON
    col("salt", LargeBinary, null=True),
    col("digest", LargeBinary),
    col("prev", LargeBinary),
    col("hash", LargeBinary),
    Index("record_subject", "subject", "seq"),
)
