"""Accounts, with their people, their references, and what is linked with them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from seamline_workers.store.company import IS_CUSTOMER
from seamline_workers.store.desk_schema import flags
from seamline_workers.store.reading import group, moment
from seamline_workers.store.reading.events import told
from seamline_workers.store.reading.masking import shown
from seamline_workers.store.reading.page import page
from seamline_workers.store.reading.partial import OPEN_FLAGS
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.shapes import Account, Contact, ExternalRef, Page
from seamline_workers.store.schema import accounts, contacts, events, identities
from seamline_workers.store.store import Store

#: The account that stands for all that are linked: its stage and projection are theirs.
_STANDS = accounts.alias("stands")
_OWN = (accounts.c.id, accounts.c.name, accounts.c.provisional, accounts.c.manager, accounts.c.created_at)
_GROUPS = (_STANDS.c.stage, _STANDS.c.projection, _STANDS.c.last_event_at)
_CHOSEN = select(*_OWN, *_GROUPS).join(_STANDS, _STANDS.c.id == func.coalesce(accounts.c.group_id, accounts.c.id))


def list_accounts(store: Store, query: Query, *, unmasked: bool) -> Page[Account]:
    """Newest first; ``state`` is the stage, times are when the account was made, the rest is about its events."""
    key = query.after("account", int)
    with store.read() as connection:
        conditions = _conditions(connection, query)
        if key is not None:
            conditions.append(accounts.c.id < key[0])
        rows = connection.execute(
            _CHOSEN.where(*conditions).order_by(accounts.c.id.desc()).limit(query.limit + 1)
        ).all()
        shapes = _shapes(connection, rows[: query.limit], unmasked)
    return page("account", rows, query.limit, lambda row: (row.id,), lambda _kept: shapes)


def show_account(store: Store, key: str, *, unmasked: bool) -> Account | None:
    """One account by its id or a key. Of several that are linked, the one that stands for all.

    Raises LookupError where a key names accounts that are not linked; its text names them.
    """
    with store.read() as connection:
        found = group.accounts_of(connection, key)
        if not found:
            return None
        number = found[0]
        if len(found) > 1:
            number = _standing_for(connection, key, found)
        row = connection.execute(_CHOSEN.where(accounts.c.id == number)).first()
        return None if row is None else _shapes(connection, [row], unmasked)[0]


def _standing_for(connection: Connection, key: str, found: Collection[int]) -> int:
    together = set(group.groups(connection, found).values())
    if len(together) > 1:
        raise LookupError(f"{key} names several accounts: {', '.join(map(str, found))}; ask for one of these ids")
    heads = select(func.coalesce(accounts.c.group_id, accounts.c.id)).where(accounts.c.id == min(found))
    return int(connection.execute(heads).scalar_one())


def _conditions(connection: Connection, query: Query) -> list[ColumnElement[bool]]:
    found = [IS_CUSTOMER, *query.within(accounts.c.created_at)]
    if query.account is not None:
        found.append(accounts.c.id.in_(group.members(connection, query.account)))
    if query.state is not None:
        found.append(_STANDS.c.stage == query.state)
    about = told(connection, Query(source=query.source, type=query.type, seat=query.seat))
    if about:
        found.append(select(1).where(events.c.account_id == accounts.c.id, *about).correlate(accounts).exists())
    return found


def _shapes(connection: Connection, rows: Sequence[Any], unmasked: bool) -> list[Account]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    people, refs, linked = _people(connection, ids, unmasked), _refs(connection, ids), group.groups(connection, ids)
    flagged = _open_flags(connection, frozenset().union(*linked.values()))
    return [
        {
            "id": str(row.id),
            "name": shown(row.name, unmasked),
            "stage": row.stage,
            "overlays": _overlays(row.projection),
            "provisional": bool(row.provisional),
            "manager": row.manager,
            "contacts": people.get(row.id, []),
            "refs": refs.get(row.id, []),
            "linked": [str(other) for other in sorted(linked[row.id] - {row.id})],
            "open_flags": sum(flagged.get(member, 0) for member in linked[row.id]),
            "created_at": moment.written(row.created_at),
            "last_event_at": moment.written_or_none(row.last_event_at),
        }
        for row in rows
    ]


def _overlays(projection: str | None) -> list[str]:
    return list(json.loads(projection).get("overlays", ())) if projection else []


def _people(connection: Connection, ids: list[int], unmasked: bool) -> dict[int, list[Contact]]:
    found: dict[int, list[Contact]] = {}
    chosen = select(contacts).where(contacts.c.account_id.in_(ids)).order_by(contacts.c.id)
    for row in connection.execute(chosen):
        person: Contact = {
            "id": str(row.id),
            "name": shown(row.name, unmasked),
            "email": shown(row.email, unmasked),
            "phone": shown(row.phone, unmasked),
        }
        found.setdefault(row.account_id, []).append(person)
    return found


def _refs(connection: Connection, ids: list[int]) -> dict[int, list[ExternalRef]]:
    found: dict[int, list[ExternalRef]] = {}
    chosen = (
        select(identities.c.account_id, identities.c.value)
        .where(identities.c.account_id.in_(ids), identities.c.kind == "ref")
        .order_by(identities.c.value)
    )
    for account, value in connection.execute(chosen):
        provider, realm, kind, name = value.split("\n", 3)
        ref: ExternalRef = {"provider": provider, "source": realm or None, "kind": kind, "id": name}
        found.setdefault(account, []).append(ref)
    return found


def _open_flags(connection: Connection, ids: Collection[int]) -> dict[int, int]:
    counted = (
        select(flags.c.account_id, func.count())
        .where(flags.c.account_id.in_(ids), OPEN_FLAGS)
        .group_by(flags.c.account_id)
    )
    return {row[0]: row[1] for row in connection.execute(counted)}
