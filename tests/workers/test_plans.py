"""What SQLite does for each statement of a worker: it looks up by index, however much the store holds."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from seamline import Seat, SyncContext
from seamline.errors import NeedsHuman
from seamline.events import ContractSigned, DealWon, ProposalViewed
from seamline_workers.running.schedule import Schedule
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import Store, open_store
from support.works import Works, signed, viewed
from support.works import event as told

#: What may be read whole: lists of parameters, and tables that do not grow with what happens.
SMALL = {
    "CONSTANT",
    "u",
    "x",
    "s",
    "sources",
    "workers",
    "w",
    "polls",
    "replays",
    "channels",
    "ledger_head",
    "json_each",
}
#: All lanes of a process, or of none: when a process ends, and once a minute (a lease stands in no index). And what
#: seats wait for: once, when a process starts.
SELDOM = re.compile(r'UPDATE lanes SET lease = NULL WHERE lease >=|lanes\.lease >> 32|SELECT DISTINCT "unless"')


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store(f"sqlite:///{tmp_path / 'seamline.db'}", worker=True)
    upgrade(found)
    found.close()
    yield found
    found.close()


def test_no_statement_of_a_worker_reads_a_growing_table_whole(store: Store, tmp_path: Path) -> None:
    said: set[str] = set()
    event.listen(store.engine, "connect", lambda driver, _: driver.set_trace_callback(said.add))
    company = company_that_does_everything(store)
    schedule = Schedule(company.engine, threads=4, linger=0.0)
    for _ in range(3):
        company.tell({"key": "one", "events": [viewed(1)], "entity": "E1"}, viewed(2), viewed(3, "ben@other.example"))
        company.tell(told("deal.won", "dana@acme.example", deal_id="D1"))
        company.tell(viewed(4, party={"refs": [{"of": "engagement", "kind": "proposal", "id": "P4"}]}))
        schedule.upkeep()
        schedule._look()
        company.work()
        company.tell(signed(1))
        company.work()
    while company.engine.run_suspect():
        pass
    schedule.close()
    company.close()
    plans = dict(plans_of(said, tmp_path / "seamline.db"))
    assert len(plans) > 60
    assert {"done", "retrying", "needs_human"} <= {state for _, _, state in company.states()}
    scanning = {statement: bad for statement, plan in plans.items() if (bad := whole(statement, plan))}
    assert {statement: bad for statement, bad in scanning.items() if not SELDOM.search(statement)} == {}


def test_events_of_one_kind_are_found_without_reading_a_customers_others(store: Store) -> None:
    found = "SELECT seq FROM events WHERE account_id = 1 AND type = 'lead.received' ORDER BY seq DESC LIMIT 200"
    with store.read() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {found}")]
    assert plan == ["SEARCH events USING COVERING INDEX events_account (account_id=?)"]


def company_that_does_everything(store: Store) -> Works:
    dirk, crystal = Seat("dirk", owns=["proposal.*", "deal.*"]), Seat("crystal", owns=["contract.*"])
    tries: list[str] = []

    @dirk.on(ProposalViewed)
    def note(seen: ProposalViewed, ctx: SyncContext) -> None:
        assert ctx.account.id
        assert ctx.facts.known(ProposalViewed)
        assert ctx.timeline.count(ProposalViewed) > 0
        ctx.flag("seen", key=seen.proposal_id, text="seen")
        ctx.task("Call", key="call")
        ctx.log("seen")
        if seen.proposal_id == "P3":
            raise NeedsHuman("odd")
        if seen.proposal_id == "P2" and len(tries) < 2:
            tries.append("P2")
            raise RuntimeError

    @dirk.on(DealWon)
    def wait(_: DealWon, ctx: SyncContext) -> None:
        ctx.park(ContractSigned, "no contract yet")

    @crystal.on(ContractSigned)
    def tell_dirk(_: ContractSigned, ctx: SyncContext) -> None:
        ctx.message("dirk", topic="signed", body="go on")

    return Works(store, dirk, crystal)


def plans_of(statements: set[str], file: Path) -> Iterator[tuple[str, list[str]]]:
    connection = sqlite3.connect(file)
    for statement in statements:
        if re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", statement):
            rows: list[Any] = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            yield " ".join(statement.split()), [row[3] for row in rows]
    connection.close()


def whole(statement: str, plan: list[str]) -> list[str]:
    """The steps that read a whole table, or every lane of a seat."""
    found, of_seats = [], "kind = 1" not in statement
    for step in plan:
        scanned = re.match(r"SCAN (\d+ )?(\w+)", step)
        if (scanned and scanned[2] not in SMALL) or (of_seats and step.endswith("PRIMARY KEY (kind=?)")):
            found.append(step)
    return found
