"""Whom events are about: what joins customers, and what must never."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from seamline.events.base import Party
from seamline_workers.identity import keys_of
from seamline_workers.store.accounts import Conflict, Link, Resolved, Resolver, Subject, settle
from seamline_workers.store.linking import join
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import Store, open_store

DEAL = {"refs": [{"of": "engagement", "kind": "proposal", "id": "p9"}]}
FORM = {"refs": [{"of": "person", "kind": "contact", "id": "42"}]}


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url, pool=1)
    upgrade(opened)
    yield opened
    opened.close()


def tell(store: Store, *parties: dict[str, Any]) -> Resolved:
    """Resolve parties as one batch and carry the links out."""
    with store.begin() as connection:
        subjects = [Subject(keys_of(Party.model_validate(party), "crm")) for party in parties]
        resolved = Resolver(connection, 1).resolve(subjects)
        for link in resolved.links:
            join(connection, link.account_id, link.other_id, evidence="key", now=1)
        settle(connection, resolved.settled)
    return resolved


def mail(name: str, **more: Any) -> dict[str, Any]:
    return {"email": f"jo@{name}.example", **more}


def test_a_lead_that_nobody_knows_is_linked_to_the_first_customer_who_has_its_reference(store: Store) -> None:
    [customer] = tell(store, mail("acme")).accounts
    [lead] = tell(store, DEAL).accounts
    [link] = tell(store, mail("acme", **DEAL)).links
    assert link == Link(customer, lead, link.key)


@pytest.mark.parametrize("known", [DEAL, FORM])
def test_a_lead_that_was_linked_to_one_customer_draws_no_other_into_the_group(
    store: Store, known: dict[str, Any]
) -> None:
    tell(store, mail("acme"), mail("other"))
    tell(store, known)
    tell(store, mail("acme", **known))
    assert tell(store, mail("other", **known)).links == []


def test_neither_does_it_within_one_batch(store: Store) -> None:
    told = tell(store, mail("acme"), mail("other"), DEAL, mail("acme", **DEAL), mail("other", **DEAL))
    assert len(told.links) == 1


def test_a_group_is_settled_as_soon_as_one_of_it_is(store: Store) -> None:
    """Two leads turn out to be one; then the second tells an address: the first is no free lead any more."""
    other = {"refs": [{"of": "person", "kind": "lead", "id": "7"}]}
    tell(store, FORM)
    tell(store, other)
    assert len(tell(store, {"refs": FORM["refs"] + other["refs"]}).links) == 1
    tell(store, mail("acme", **other))
    tell(store, mail("other"))
    told = tell(store, mail("other", **FORM))
    assert told.links == []
    assert [type(conflict) for conflict in told.conflicts] == [Conflict]
