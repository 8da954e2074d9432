"""Folding in what is late: from a base some facts back, and always to what a fold from the beginning gives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from seamline.stages import refold
from seamline_workers.store import folding, linking
from seamline_workers.store.folding import facts_of
from seamline_workers.store.store import Store
from support.works import Works, event, signed, viewed

BEGUN = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def company(store: Store) -> Iterator[Works]:
    found = Works(store)
    yield found
    found.close()


@pytest.fixture
def small_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "NEAR", 4)
    monkeypatch.setattr(folding, "FAR", 10)


def at(minutes: int) -> str:
    return (BEGUN + timedelta(minutes=minutes)).isoformat()


def some_fact(chance: Random, n: int, minutes: int, email: str = "dana@acme.example") -> dict[str, Any]:
    deal = {"deal_id": f"D{chance.randrange(4)}", "at": at(minutes)}
    return chance.choice(
        [
            viewed(chance.randrange(5), email, at=at(minutes)),
            signed(chance.randrange(3), email, at=at(minutes)),
            event("deal.won", email, closed_at=at(minutes), **deal),
            event("deal.lost", email, closed_at=at(minutes), **deal),
            event("proposal.declined", email, proposal_id=f"P{chance.randrange(5)}", at=at(minutes)),
            event("lead.received", email, lead_id=f"L{n}", channel="form", at=at(minutes)),
        ]
    )


def assert_as_from_the_beginning(company: Works) -> None:
    for group, stored in company.all("SELECT id, projection FROM accounts WHERE group_id IS NULL"):
        with company.store.read() as connection:
            assert stored == refold(facts_of(connection, group)).to_json().decode()


@pytest.mark.usefixtures("small_base")
@pytest.mark.parametrize("late_by", [0, 5, 30, 10_000])
def test_late_facts_give_what_a_fold_from_the_beginning_gives(company: Works, late_by: int) -> None:
    chance = Random(late_by)
    for n in range(120):
        company.deliver(some_fact(chance, n, n * 2 - chance.randint(0, late_by)))
        if chance.random() < 0.3:
            company.translate()
            assert_as_from_the_beginning(company)
    company.translate()
    assert_as_from_the_beginning(company)
    if late_by == 10_000:
        assert company.one("SELECT count(*) FROM accounts WHERE base IS NOT NULL") == 1


@pytest.mark.usefixtures("small_base")
def test_a_group_that_is_linked_or_parted_forgets_its_base(company: Works) -> None:
    chance = Random(7)
    for n in range(60):
        company.deliver(some_fact(chance, n, chance.randrange(200), f"dana@acme{n % 2}.example"))
    company.translate()
    first, second = (row[0] for row in company.all("SELECT id FROM accounts ORDER BY id"))
    assert company.one("SELECT count(*) FROM accounts WHERE base IS NOT NULL") == 2
    with company.store.begin() as connection:
        edge = linking.join(connection, first, second, evidence="human", now=1)
    assert_as_from_the_beginning(company)
    for n in range(60, 90):
        company.tell(some_fact(chance, n, chance.randrange(200), f"dana@acme{n % 2}.example"))
    assert_as_from_the_beginning(company)
    with company.store.begin() as connection:
        assert edge is not None
        linking.part(connection, edge, 2)
    for n in range(90, 120):
        company.tell(some_fact(chance, n, chance.randrange(200), f"dana@acme{n % 2}.example"))
    assert_as_from_the_beginning(company)


def test_a_late_fact_reads_no_more_of_a_long_history_than_of_a_short_one(company: Works) -> None:
    for n in range(1_200):
        company.deliver(viewed(n, at=at(n)))
    company.translate()
    company.tell(viewed("first late", at=at(1_100)))  # makes the base
    with company.store.read() as connection:
        base_start = connection.execute(text("SELECT base_start FROM accounts")).scalar_one()
        newest = connection.execute(text("SELECT max(seq) FROM events")).scalar_one()
    assert newest - base_start < 2 * folding.FAR
    assert_as_from_the_beginning(company)


def test_several_late_facts_of_one_batch_share_the_stage_that_the_account_then_has(company: Works) -> None:
    company.tell(event("deal.won", deal_id="D1", closed_at=at(50), at=at(50)))
    company.tell(viewed(1, at=at(1)), viewed(2, at=at(2)), signed(1, at=at(60)))
    stages = {row[0] for row in company.all("SELECT stage FROM events WHERE seq > 1 AND source <> '/engine'")}
    assert stages == {company.one("SELECT stage FROM accounts")}
