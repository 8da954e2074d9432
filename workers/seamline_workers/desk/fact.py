"""A human states a fact: it goes into the ledger like any other, at the trust of a human."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Connection

import seamline.events  # noqa: F401  (declares the catalogue)
from seamline.cloudevents import NOT_DATA
from seamline.errors import PayloadError
from seamline.events.base import Event, event_id, versions
from seamline_workers.bell import ring
from seamline_workers.desk.account import one_account
from seamline_workers.rules.plan import Plan
from seamline_workers.store import ledger
from seamline_workers.store.ledger import Entry
from seamline_workers.store.reading import moment
from seamline_workers.store.reading.query import InvalidQuery, TypeGlob
from seamline_workers.store.store import now_us
from seamline_workers.translation.interpret import AHEAD


def read_fact(type: str, data: Mapping[str, Any], occurred_at: str | None, *, prefix: str) -> Event:
    """The fact that a human states. Raises InvalidQuery, which names what does not fit, never its value."""
    try:
        asked = TypeGlob.read(type, prefix)
    except ValueError as error:
        raise InvalidQuery([{"path": "type", "message": str(error)}]) from None
    model = next((m for (name, _), m in reversed(versions().items()) if name == asked.pattern), None)
    if model is None:
        facts = [name for (name, _), one in versions().items() if one.nature == "fact"]
        near = get_close_matches(asked.pattern, facts, n=1)
        meant = f"; did you mean {near[0]}?" if near else "; GET /catalog lists them"
        raise InvalidQuery([{"path": "type", "message": f"is no event of the catalogue{meant}"}])
    if model.nature != "fact":
        message = (
            f"is a {model.nature}: it is made by the {'engine' if model.nature == 'control' else 'seat that owns it'}"
        )
        raise InvalidQuery([{"path": "type", "message": message}])
    fields = {name: value for name, value in data.items() if name not in NOT_DATA}
    if (occurred_at is not None) and not _is_time(occurred_at):
        raise InvalidQuery([{"path": "occurred_at", "message": "write a time as 2026-11-22T09:00:00Z"}])
    try:
        found = Event.load(asked.pattern, asked.version or model.event_version, fields | {"occurred_at": occurred_at})
    except PayloadError as error:
        raise InvalidQuery([{"path": "data", "message": str(error)}]) from None
    unknown = sorted(data.keys() - type_fields(model))
    if unknown:
        raise InvalidQuery([{"path": f"data.{name}"[:200], "message": "is no field of this event"} for name in unknown])
    return found


def type_fields(model: type[Event]) -> set[str]:
    """The fields of an event that its data may have."""
    return set(model.model_fields) - NOT_DATA


def _is_time(value: str) -> bool:
    try:
        moment.read(value, 0)
    except ValueError:
        return False
    return "T" in value.upper() or " " in value


def state_fact(
    connection: Connection, key: str, event: Event, plan: Plan, *, by: str, name: str | None, now: int
) -> str:
    """Append the fact to the ledger and hand it to its seats; stated twice it is one event. Raises InvalidQuery.

    ``key`` is the account's id or key; ``name`` is the human's own name of the statement (an Idempotency-Key).
    """
    if event.occurred_at is not None and moment.micros(event.occurred_at) > now + AHEAD:
        raise InvalidQuery([{"path": "occurred_at", "message": "is more than a day from now: state what has happened"}])
    account = one_account(connection, key)
    entry = _entry(event, account, by, name, now)
    locked = ledger.lock(connection, [account])
    ledger.append(connection, [entry], plan, locked, now_us())
    ring(connection)
    return f"events/{UUID(bytes=entry.id)}"


def _entry(event: Event, account: int, by: str, name: str | None, now: int) -> Entry:
    source = f"/people/{by}"
    fields = event.model_dump(mode="json", exclude_defaults=True, exclude=NOT_DATA)
    occurred = now if event.occurred_at is None else moment.micros(event.occurred_at)
    # The same words about the same account at the same time are one statement.
    said = [account, fields, None if event.occurred_at is None else occurred]
    key = name or sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return Entry(
        id=event_id(source, event.event_type, key).bytes,
        type=event.event_type,
        version=event.event_version,
        account_id=account,
        source=source,
        data=to_json(fields).decode(),
        occurred_at=occurred,
        timebasis="received" if event.occurred_at is None else "provider",
        received_at=now,
        trust="human",
    )
