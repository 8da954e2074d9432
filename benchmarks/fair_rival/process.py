"""A batch of deliveries becomes events and flags: one transaction, set-based statements, exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg

from benchmarks.fair_rival.handlers import HANDLERS

TRIES = 4

LOCK = """
select id, body from deliveries where id = any(%s) and processed_at is null order by id for no key update
"""
FIND = """
select kind, value, account_id from unnest(%s::text[], %s::text[]) k(kind, value) join identities using (kind, value)
"""
MAKE_ACCOUNTS = "insert into accounts (name) select * from unnest(%s::text[]) returning id"
MAKE_IDENTITIES = """
insert into identities select * from unnest(%s::text[], %s::text[], %s::bigint[]) on conflict do nothing
"""
# One statement for all that is left, so that a batch costs one round trip for it: handlers need no event id.
APPEND = """
with made as (
    insert into events (delivery_id, account_id, type, occurred_at, data)
    select * from unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[], %s::text[])
    returning id, delivery_id, account_id
), flagged as (
    insert into flags (event_id, seat, kind, account_id, note)
    select made.id, seat, kind, account_id, note
    from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) f(delivery_id, seat, kind, note)
    join made using (delivery_id)
)
update deliveries set processed_at = now() from made where deliveries.id = made.delivery_id
"""


class Unprocessable(Exception):
    """A delivery of the batch cannot be read, or a handler fails on it."""


class Reference(msgspec.Struct):
    of: str
    kind: str
    id: str


class Party(msgspec.Struct):
    refs: list[Reference] = []
    name: str | None = None
    email: str | None = None
    company: str | None = None


class Payload(msgspec.Struct):
    id: str
    type: str
    occurred_at: str
    party: Party
    data: dict[str, Any]


Key = tuple[str, str]


@dataclass(frozen=True)
class Flag:
    delivery_id: int
    seat: str
    kind: str
    note: str


def process(connection: psycopg.Connection, ids: Sequence[int]) -> None:
    """Process what of these deliveries is not processed yet; Unprocessable where one of them stands in the way."""
    for left in reversed(range(TRIES)):
        try:
            with connection.transaction():
                _process(connection, ids)
            return
        except (psycopg.errors.DeadlockDetected, _LostRace):
            if not left:
                raise


class _LostRace(Exception):
    """Somebody else has made one of our new identities: look again."""


def _process(connection: psycopg.Connection, ids: Sequence[int]) -> None:
    rows = connection.execute(LOCK, (list(ids),), prepare=True).fetchall()
    if not rows:
        return
    try:
        payloads = {row[0]: msgspec.json.decode(row[1], type=Payload) for row in rows}
        flags = [
            Flag(delivery_id, seat, *handle(payload.data))
            for delivery_id, payload in payloads.items()
            for seat, handle in HANDLERS.items()
        ]
    except Exception as error:
        raise Unprocessable from error
    accounts = _accounts(connection, payloads)
    events = (
        list(payloads),
        [accounts[delivery_id] for delivery_id in payloads],
        [payload.type for payload in payloads.values()],
        [payload.occurred_at for payload in payloads.values()],
        [msgspec.json.encode(payload.data).decode() for payload in payloads.values()],
    )
    effects = (
        [flag.delivery_id for flag in flags],
        [flag.seat for flag in flags],
        [flag.kind for flag in flags],
        [flag.note for flag in flags],
    )
    connection.execute(APPEND, (*events, *effects), prepare=True)


def _accounts(connection: psycopg.Connection, payloads: dict[int, Payload]) -> dict[int, int]:
    """The account of each delivery; accounts and identities that are missing are made."""
    keys = {delivery_id: _keys(payload.party) for delivery_id, payload in payloads.items()}
    wanted = sorted({key for several in keys.values() for key in several})
    rows = connection.execute(FIND, ([kind for kind, _ in wanted], [value for _, value in wanted]), prepare=True)
    known: dict[Key, int] = {(kind, value): account for kind, value, account in rows}
    names: list[str | None] = []
    owner: dict[Key, int] = {}  # identities of nobody yet: which of the new accounts they will belong to
    for delivery_id, several in keys.items():
        if any(key in known for key in several):
            continue
        place = next((owner[key] for key in several if key in owner), len(names))
        if place == len(names):
            names.append(payloads[delivery_id].party.company)
        owner.update(dict.fromkeys(several, place))
    made = [row[0] for row in connection.execute(MAKE_ACCOUNTS, (names,), prepare=True)] if names else []
    found = {
        delivery_id: next((known[key] for key in several if key in known), None) or made[owner[several[0]]]
        for delivery_id, several in keys.items()
    }
    missing = {key: found[delivery_id] for delivery_id, several in keys.items() for key in several if key not in known}
    if missing:
        new = sorted((kind, value, account) for (kind, value), account in missing.items())
        columns = [list(column) for column in zip(*new, strict=True)]
        if connection.execute(MAKE_IDENTITIES, columns, prepare=True).rowcount < len(new):
            raise _LostRace
    return found


def _keys(party: Party) -> list[Key]:
    """What the account can be found by."""
    keys = [(ref.kind, ref.id) for ref in party.refs]
    if party.email:
        keys.append(("email", party.email.lower()))
    if not keys:
        raise Unprocessable("nobody is named")
    return keys
