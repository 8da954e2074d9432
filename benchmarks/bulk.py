"""Filling a store with what the engine would have written for a workload of leads, all of them handed on and done.

Bodies, ids, projections and keys come from the engine's own pure parts; what a seat's flag says is written here once
more, and a test holds all of it, row by row, beside what the engine has written. Times follow from when a lead
happened, by fixed spans.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, text

from benchmarks.workload import Workload, contact, lead, written
from seamline.events.base import event_id
from seamline.projection import Projection
from seamline.stages import fold
from seamline_workers.company.config import load_config
from seamline_workers.company.registry import Source, register_sources
from seamline_workers.store import desk_schema, schema
from seamline_workers.store.accounts import Subject
from seamline_workers.store.deliveries import DeliveryRow
from seamline_workers.store.lite import raw
from seamline_workers.store.store import Store, connect_sqlite, sqlite_path
from seamline_workers.store.tally import hour_of, tally
from seamline_workers.translation import interpret

#: Events a transaction.
CHUNK = 50_000
#: The part of the rows over which indexes are made at once.
SORTED = 0.9
#: Microseconds from a lead to its arrival, from there to the ledger, and to the end of its handoffs.
ARRIVAL, TRANSLATION, COMPLETION = 500_000, 400_000, 600_000
#: Memory for SQLite's pages while a store is filled, in KiB.
CACHE_KIB = 1024 * 1024
LEAD, SCHEME = "lead.received", "standard-webhooks"
HEADERS = '{"content-type": "application/json"}'

#: Indexes in an order of their own: made over most rows at once, which sorts them once. What is made so is packed to
#: the last byte, and nearly every row after it would split a page, as it never is with an index that grew: the last
#: rows are written one by one.
_LATER = [
    index
    for table in (schema.events, desk_schema.flags)
    for index in table.indexes
    if index.name in ("events_account", "flags_open")
]

#: What the company's seats make of each lead: seat, whether it owns it, the flag's name and text.
_SEATS = """(
    SELECT 'dash' AS seat, 0 AS owner, 'attribution' AS name,
        'Campaign 120210000000000042 has brought a lead' AS said
    UNION ALL SELECT 'pepper', 1, 'answer', 'A new lead with a budget of 5,000 to 10,000 USD a month: answer today'
) s"""
_UUID = {
    True: "CAST(CAST(encode(e.id, 'hex') AS uuid) AS text)",
    False: "lower(substr(hex(e.id), 1, 8) || '-' || substr(hex(e.id), 9, 4) || '-' || substr(hex(e.id), 13, 4) "
    "|| '-' || substr(hex(e.id), 17, 4) || '-' || substr(hex(e.id), 21))",
}
#: Each follows from the deliveries and events of a chunk; flags are numbered by event, dash's before pepper's.
_FOLLOWING = (
    f"""
INSERT INTO items (delivery_id, n, source_id, key, state, adapter_version)
SELECT d.id, 0, d.source_id, d.key || ' {LEAD}', {schema.TRANSLATED}, e.adapter_version
FROM events e JOIN deliveries d ON d.id = e.delivery_id WHERE e.seq BETWEEN :first AND :last ORDER BY d.id
""",
    f"""
INSERT INTO handoffs (event_seq, seat, account_id, owner, state, attempts, again, created_at, done_at)
SELECT e.seq, s.seat, e.account_id, s.owner, {schema.DONE}, 1, 1, e.received_at + {TRANSLATION},
    e.received_at + {COMPLETION}
FROM events e CROSS JOIN {_SEATS} WHERE e.seq BETWEEN :first AND :last ORDER BY e.seq, s.seat
""",
    f"""
INSERT INTO flags (id, account_id, seat, name, key, text, severity, evidence, raised_at)
SELECT 2 * e.seq - 1 + s.owner, e.account_id, s.seat, s.name, 'lead-' || d.key, s.said, 'watch',
    '["' || @uuid || '"]', e.received_at + {COMPLETION}
FROM events e JOIN deliveries d ON d.id = e.delivery_id CROSS JOIN {_SEATS}
WHERE e.seq BETWEEN :first AND :last ORDER BY e.seq, s.seat
""",
    f"""
INSERT INTO effects (event_seq, seat, kind, key, ref, at)
SELECT e.seq, s.seat, {desk_schema.FLAG}, s.name || '/lead-' || d.key, CAST(2 * e.seq - 1 + s.owner AS text),
    e.received_at + {COMPLETION}
FROM events e JOIN deliveries d ON d.id = e.delivery_id CROSS JOIN {_SEATS}
WHERE e.seq BETWEEN :first AND :last ORDER BY e.seq, s.seat
""",
)


def load(store: Store, config: Path, workload: Workload) -> int:
    """Fill an empty store, whose company is that of ``config``, with a workload; returns how many events it has."""
    source = register_sources(store, load_config(config))["crm"]
    filling = _Filling(source)
    if not store.postgres:
        with store.engine.connect() as connection:
            raw(connection).execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            raw(connection).execute("PRAGMA synchronous=OFF")
    with store.begin() as connection:
        for index in _LATER:
            index.drop(connection)
    leads, done, sorted_at = workload.leads(), 0, int(workload.count * SORTED)
    while chunk := list(islice(leads, min(CHUNK, sorted_at - done if done < sorted_at else CHUNK))):
        with store.begin() as connection:
            if done == sorted_at:
                for index in _LATER:
                    index.create(connection)
            deliveries, events = filling.rows(done + 1, chunk)
            _write(connection, schema.deliveries, deliveries)
            _write(connection, schema.events, events)
            for statement in _FOLLOWING:
                followed = text(statement.replace("@uuid", _UUID[store.postgres]))
                connection.execute(followed, {"first": done + 1, "last": done + len(chunk)})
            _count(connection, source, [int(row["received_at"]) for row in deliveries])
        done += len(chunk)
    with store.begin() as connection:
        for table, rows in filling.people():
            _write(connection, table, rows)
        connection.execute(text("UPDATE ledger_head SET seq = :seq"), {"seq": done})
        _write(connection, schema.seats, [{"name": seat, "last": done} for seat in ("dash", "pepper")])
        if store.postgres:
            move_sequences(connection)
    settle(store)
    return done


Row = Mapping[str, Any]


@dataclass(slots=True)
class _Person:
    """The one contact of an account, as known after the leads so far."""

    id: int
    subject: Subject
    created_at: int
    words: Mapping[str, str]
    projection: Projection = field(default_factory=Projection)


class _Filling:
    """Makes the rows of leads, in the order in which they came."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._people: dict[int, _Person] = {}
        # A lead of which every part that differs is unlike all else, so that it can be found again in what it became.
        number, at_ms = 987_654_321, 1_234_567_890_123
        sample = _body("the-message", number, at_ms)
        found = {"the-message": "id", written(at_ms): "at"} | {word: n for n, word in _words(number).items()}
        self._body = _template(sample, found)
        self._data = _template(self._read("the-message", sample, at_ms)[0], found)

    def rows(self, first: int, leads: Iterable[tuple[str, int, int]]) -> tuple[list[Row], list[Row]]:
        """The deliveries and events of leads; both are numbered from ``first`` on."""
        deliveries: list[Row] = []
        events: list[Row] = []
        source, target = self._source, f"/webhooks/{self._source.name}"
        for seq, (message_id, account, at_ms) in enumerate(leads, first):
            person = self._people.get(account) or self._meet(message_id, account, at_ms)
            words = {"id": message_id, "at": written(at_ms), **person.words}
            body, at = (self._body % words).encode(), at_ms * 1_000
            identity = event_id(source.stable, LEAD, message_id)
            person.projection = fold(person.projection, LEAD, {}, at, identity.hex, source.trust)
            common = {"source_id": source.id, "received_at": at + ARRIVAL, "trust": source.trust}
            deliveries.append(
                {
                    "id": seq,
                    "key": message_id,
                    "digest": sha256(body).digest(),
                    "target": target,
                    "headers": HEADERS,
                    "body": body,
                    "size": len(body),
                    "state": schema.TRANSLATED,
                    "scheme": SCHEME,
                    **common,
                }
            )
            events.append(
                {
                    "seq": seq,
                    "id": identity.bytes,
                    "type": LEAD,
                    "version": 1,
                    "account_id": person.id,
                    "source": f"/sources/{source.name}",
                    "delivery_id": seq,
                    "item": 0,
                    "occurred_at": at,
                    "timebasis": "provider",
                    "stage": person.projection.stage,
                    "data": self._data % words,
                    "adapter_version": source.adapter.version,
                    **common,
                }
            )
        return deliveries, events

    def people(self) -> Iterator[tuple[Table, Sequence[Row]]]:
        """The rows of whom the leads are about."""
        everybody = self._people.values()
        yield schema.accounts, [_account(person) for person in everybody]
        yield schema.contacts, [_contact(person) for person in everybody]
        keys = sorted((key, person.id, own) for person in everybody for key, own in _keys(person.subject))
        yield (
            schema.identities,
            [
                {"kind": kind, "value": value, "account_id": person, "contact_id": person if own else None}
                for (kind, value), person, own in keys
            ],
        )

    def _meet(self, message_id: str, account: int, at_ms: int) -> _Person:
        """Somebody new: what the adapter itself reads of the first lead must be what the templates make of it."""
        body, words = _body(message_id, account, at_ms), _words(account)
        data, subject = self._read(message_id, body, at_ms)
        whole = {"id": message_id, "at": written(at_ms), **words}
        if (self._body % whole, self._data % whole) != (body, data):
            raise RuntimeError(f"the templates make something else of {message_id}")
        created_at = at_ms * 1_000 + ARRIVAL + TRANSLATION
        person = self._people[account] = _Person(len(self._people) + 1, subject, created_at, words)
        return person

    def _read(self, message_id: str, body: str, at_ms: int) -> tuple[str, Subject]:
        """The data and the subject of the one event that a body tells."""
        row = DeliveryRow(
            0, self._source.id, message_id, b"", "POST", "", HEADERS, body.encode(), at_ms * 1_000, self._source.trust,
            None, None, 0,
        )  # fmt: skip
        (told,) = interpret.split(self._source, row, "").items
        interpret.read(self._source, row, told, ())
        ((entry, subject),) = told.entries
        return entry.data, subject


def _body(message_id: str, account: int, at_ms: int) -> str:
    return json.dumps(lead(message_id, account, written(at_ms)), separators=(",", ":"))


def _words(account: int) -> dict[str, str]:
    """What differs from account to account in a lead; what holds another of them stands before it."""
    return {"ref": str(65_000_000_000 + account), "contact": contact(account), "account": str(account)}


def _template(sample: str, found: Mapping[str, str]) -> str:
    made = sample.replace("%", "%%")
    for word, name in found.items():
        made = made.replace(word, f"%({name})s")
    return made


def _account(person: _Person) -> Row:
    return {
        "id": person.id,
        "name": person.subject.company,
        "stage": person.projection.stage,
        "projection": person.projection.to_json().decode(),
        "created_at": person.created_at,
        "last_event_at": person.projection.newest[0],
    }


def _contact(person: _Person) -> Row:
    told = person.subject
    return {
        "id": person.id,
        "account_id": person.id,
        "name": told.name,
        "email": told.email,
        "created_at": person.created_at,
    }


def _keys(subject: Subject) -> Iterator[tuple[tuple[str, str], bool]]:
    """Each key, and whether it is the contact's own."""
    keys = subject.keys
    yield from ((key, True) for key in (*keys.person, keys.email) if key is not None)
    yield from ((key, False) for key in (keys.domain,) if key is not None)


# --- writing --------------------------------------------------------------------------------------------------------


def _write(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns; on PostgreSQL by COPY."""
    names = list(rows[0])
    values = ([row[name] for name in names] for row in rows)
    if connection.dialect.name != "postgresql":
        places = ", ".join("?" * len(names))
        raw(connection).executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})", values)
        return
    with raw(connection).cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


def _count(connection: Connection, source: Source, received: Sequence[int]) -> None:
    hours = [hour_of(at) for at in received]
    for hour in sorted(set(hours)):
        tally(connection, {(source.name, "accepted"): hours.count(hour)}, hour)


def move_sequences(connection: Connection) -> None:
    """Have PostgreSQL give the next ids after those that were written."""
    for name in ("deliveries", "accounts", "contacts", "flags"):
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"))


def settle(store: Store) -> None:
    """Leave the store as time would: statistics are known, and the log is written back."""
    if store.postgres:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for command in ("SET statement_timeout = 0", "VACUUM ANALYZE", "CHECKPOINT"):
                connection.execute(text(command))
        return
    with closing(connect_sqlite(sqlite_path(store.url))) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
