"""Whoever translates locks every account that it needs at once, ascending, before it draws a number of the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from seamline_workers.handoff.run import Run, Work
from seamline_workers.store import ledger
from seamline_workers.store.store import Store, open_store
from support.lanework import await_a_waiting_lock
from support.office import HUMANS, OPEN, Hand, Office, drafting
from support.recording import mailbox
from support.works import Works, answering, event, viewed

PEOPLE = {"anna": {"email": "anna@ours.example", "slack": "T1/W1", "role": "approver"}}


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    """A store of the kind that locks rows."""
    found = open_store(postgres_url, pool=6, worker=True)
    yield found
    found.close()


@pytest.fixture
def company(store: Store) -> Iterator[Office]:
    with mailbox() as provider:
        clock = Hand()
        works = Works(store, drafting(), *HUMANS, gates=(OPEN,), people=PEOPLE, clock=clock,
                      channels={"mail": provider.channel()})  # fmt: skip
        yield Office(works, provider, clock)
        works.close()


def pressed(company: Office, *numbers: int, **item: Any) -> dict[str, Any]:
    """A press of the button "approve" under each of these drafts."""
    decisions = [
        {"request_id": str(n), "verdict": "approve", "actor": "T1/W1", "seen_sha256": company.draft(n).sha256}
        for n in numbers
    ]
    return {"key": "press", "events": [], "decisions": decisions} | item


HEAD = "SELECT 1 FROM ledger_head WHERE id = 1 FOR UPDATE SKIP LOCKED"


def while_held(company: Office, account: int, work: Callable[[], object], look: str = HEAD) -> bool:
    """Do the work while somebody else holds an account. Returns whether they get the ledger's head meanwhile."""
    store, errors = company.works.store, list[BaseException]()

    def working() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=working)
    with store.begin() as connection:
        ledger.lock(connection, [account])
        thread.start()
        await_a_waiting_lock(store)
        free = connection.execute(text(look)).first()
    thread.join(30)
    assert errors == []
    return free is not None


def states(company: Office) -> list[str]:
    return [row.state for row in company.works.drafts()]


def test_a_press_beside_events_waits_for_its_draft_s_account_without_the_ledger_s_head(company: Office) -> None:
    number = company.lead()
    company.works.deliver(pressed(company, number, events=[viewed(1, "eve@other.example")]))
    assert while_held(company, company.draft(number).account_id, company.works.translate)
    assert states(company) == ["approved"]


def test_the_second_of_two_presses_waits_for_its_account_without_the_ledger_s_head(company: Office) -> None:
    first, second = company.lead("L1"), company.lead("L2", "eve@other.example")
    company.works.deliver(pressed(company, first, second))
    assert while_held(company, company.draft(second).account_id, company.works.translate)
    assert states(company) == ["approved", "approved"]


def test_presses_in_two_items_of_an_entity_lock_their_accounts_at_once(company: Office) -> None:
    first, second = company.lead("L1"), company.lead("L2", "eve@other.example")
    one = pressed(company, first, key="p1", entity="chat")
    company.works.deliver(one, pressed(company, second, key="p2", entity="chat"))
    assert while_held(company, company.draft(second).account_id, company.works.translate)
    assert states(company) == ["approved", "approved"]


def test_a_press_that_was_fetched_beside_events_locks_its_account_first(company: Office) -> None:
    class Network:
        def sender(self, *_: Any) -> Any:
            return lambda _: answering()

    number = company.lead()
    declined = event("proposal.declined", "eve@other.example", proposal_id="P1")
    company.works.engine.fetcher.transport = Network()  # type: ignore[assignment]
    company.works.tell(pressed(company, number, fetch="press", events=[declined]))

    def fetch() -> None:
        company.works.engine.do(Run(Work("fetch", "")))

    assert while_held(company, company.draft(number).account_id, fetch)
    assert states(company) == ["approved"]


def test_accounts_that_turn_out_to_be_one_are_locked_in_ascending_order(company: Office) -> None:
    known = {"refs": [{"of": "person", "kind": "contact", "id": "77"}]}
    company.works.tell(viewed(1, party=known))
    company.works.tell(viewed(2))
    first, second = company.works.all("SELECT id, provisional FROM accounts ORDER BY id")
    assert (first.provisional, second.provisional) == (1, 0)
    company.works.deliver(viewed(3, party=known | {"email": "dana@acme.example"}))
    look = f"SELECT 1 FROM accounts WHERE id = {second.id} FOR NO KEY UPDATE SKIP LOCKED"
    assert while_held(company, first.id, company.works.translate, look)
    assert company.works.one("SELECT group_id FROM accounts WHERE id = :id", id=first.id) == second.id
