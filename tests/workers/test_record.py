"""The record: what was coordinated and decided, and that nobody can change or drop a row of it unseen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from seamline import Seat, SyncContext
from seamline.events import DealWon, ProposalViewed, RiskFlagged
from seamline_workers.jobs.rebuild import verify as verify_projections
from seamline_workers.rules.plan import Plan
from seamline_workers.store import ledger, record
from seamline_workers.store.entry import control
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.record import list_record
from seamline_workers.store.store import Store
from support.works import Works, event, viewed

MakeWorks = Callable[..., Works]

WORDS = "SELECT seq, actor_kind, actor_id, action, decision, content FROM record ORDER BY seq"


def flagging() -> Seat:
    pulse = Seat("pulse", owns=["risk.*", "proposal.*"])

    @pulse.on(ProposalViewed)
    def flag(seen: ProposalViewed, ctx: SyncContext) -> None:
        ctx.emit(RiskFlagged(flag_id=seen.proposal_id, severity="at_risk", party=seen.party))

    return pulse


def risky(works: MakeWorks, n: int = 5) -> Works:
    """A company whose record has n rows."""
    company = works(flagging())
    company.tell(*(viewed(k, f"u{k}@c{k}.example") for k in range(n)))
    company.work()
    assert verified(company.store) == (True, n, None)
    return company


def verified(store: Store, batch: int = 2) -> tuple[bool, int, int | None]:
    with store.read() as connection:
        found = record.verify(connection, batch)
    return found.ok, found.entries, found.first_bad


def test_r68_a_seat_s_judgement_is_recorded_with_its_cause_and_what_only_happened_is_not(works: MakeWorks) -> None:
    company = risky(works, 2)
    company.tell(event("deal.won", "u0@c0.example", deal_id="D1"))
    rows = company.all(WORDS)
    assert [tuple(row)[:4] for row in rows] == [
        (1, "seat", "pulse", "risk.flagged"), (2, "seat", "pulse", "risk.flagged"),
    ]  # fmt: skip
    causes = "SELECT count(*) FROM record r JOIN events e ON e.id = r.cause WHERE e.type = 'proposal.viewed'"
    assert company.one(causes) == 2
    shown = list_record(company.store, Query(seat="pulse"), unmasked=False)["items"]
    assert [one["seq"] for one in shown] == [2, 1]
    assert shown[0]["content"] is not None
    assert shown[0]["content"]["party"]["email"] == "***"


def test_r68_any_change_of_any_column_of_any_row_is_found(works: MakeWorks) -> None:
    company = risky(works, 3)
    for column in (*record.HASHED, "hash", "content", "salt"):
        for seq in (1, 2, 3):
            assert changed(company.store, column, seq) == (False, seq - 1, seq), (column, seq)
    assert verified(company.store) == (True, 3, None)


def changed(store: Store, column: str, seq: int) -> tuple[bool, int, int | None]:
    """What verifying says of a record in which one value is another, which is then taken back."""
    with store.engine.connect() as connection:
        was = connection.execute(text(f"SELECT {column} FROM record WHERE seq = :seq"), {"seq": seq}).scalar()
        bytes_ = column in ("cause", "digest", "prev", "hash", "salt")
        other: Any = was + 1000 if isinstance(was, int) else b"\x01" * 32 if bytes_ else "other"
        statement = text(f"UPDATE record SET {column} = :other WHERE seq = :seq")
        assert connection.execute(statement, {"other": other, "seq": seq}).rowcount == 1
        found = record.verify(connection, 2)
        connection.rollback()
    return found.ok, found.entries, found.first_bad


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_r68_a_missing_row_is_found_wherever_it_was(works: MakeWorks, seq: int) -> None:
    company = risky(works)
    company.write("DELETE FROM record WHERE seq = :seq", seq=seq)
    assert verified(company.store) == (False, seq - 1, seq)


def test_r68_a_record_that_is_cut_or_emptied_is_found(works: MakeWorks) -> None:
    company = risky(works)
    company.write("DELETE FROM record WHERE seq > 2")
    assert verified(company.store) == (False, 2, 3)
    company.write("DELETE FROM record")
    assert verified(company.store) == (False, 0, 1)


def test_r68_a_record_that_is_cut_with_its_head_is_found_by_the_ledger(works: MakeWorks) -> None:
    company = risky(works, 3)
    (noted,) = company.all("SELECT hash FROM record WHERE seq = 3")
    company.write("DELETE FROM record WHERE seq > 2")
    company.write("UPDATE ledger_head SET recorded = 2, record_hash = (SELECT hash FROM record WHERE seq = 2)")
    with company.store.read() as connection:
        found = record.verify(connection, kept=bytes(noted[0]))
    assert (found.ok, found.entries, found.kept) == (False, 2, False)
    assert found.unrecorded == company.one("SELECT max(seq) FROM events WHERE type = 'risk.flagged'")


@pytest.mark.parametrize("change", ["type = 'risk.cleared'", "data = replace(data, 'at_risk', 'watch')", "seq = 99"])
def test_r68_a_ledger_that_says_something_else_than_the_record_is_found(works: MakeWorks, change: str) -> None:
    company = risky(works, 3)
    (seq,) = company.all("SELECT event_seq FROM record WHERE seq = 2")
    with company.store.engine.connect() as connection:
        connection.execute(text(f"UPDATE events SET {change} WHERE seq = :seq"), {"seq": seq[0]})
        found = record.verify(connection, 2)
        connection.rollback()
    assert (found.ok, found.entries, found.first_bad) == (False, 1, 2)


def test_r68_an_event_that_was_written_past_the_record_is_found(works: MakeWorks) -> None:
    company = risky(works, 2)
    company.write("UPDATE events SET trust = 'human' WHERE type = 'proposal.viewed' AND seq = 2")
    with company.store.read() as connection:
        found = record.verify(connection)
    assert (found.ok, found.first_bad, found.unrecorded) == (False, None, 2)


def test_r68_rows_that_changed_places_are_found(works: MakeWorks) -> None:
    company = risky(works)
    company.write("UPDATE record SET seq = 99 WHERE seq = 2")
    company.write("UPDATE record SET seq = 2 WHERE seq = 4")
    company.write("UPDATE record SET seq = 4 WHERE seq = 99")
    assert verified(company.store) == (False, 1, 2)


def test_r68_a_row_that_nobody_appended_is_found(works: MakeWorks) -> None:
    company = risky(works, 2)
    names = ", ".join(name for name in (*record.HASHED, "hash", "content", "salt") if name != "seq")
    company.write(f"INSERT INTO record (seq, {names}) SELECT 3, {names} FROM record WHERE seq = 2")
    assert verified(company.store) == (False, 2, 3)


def test_r68_what_is_erased_is_gone_and_the_record_still_verifies(works: MakeWorks) -> None:
    company = risky(works)
    account = company.all("SELECT subject FROM record WHERE seq = 3")[0][0]
    with company.store.begin() as connection:
        assert record.forget(connection, account) == 1
        assert record.forget(connection, account) == 0
    assert company.all("SELECT content, salt FROM record WHERE seq = 3") == [(None, None)]
    assert company.one("SELECT count(*) FROM record WHERE content IS NOT NULL") == 4
    assert verified(company.store) == (True, 5, None)
    company.write("UPDATE record SET action = 'risk.cleared' WHERE seq = 3")
    assert verified(company.store) == (False, 2, 3)


def test_r68_ten_who_append_at_once_make_one_chain(works: MakeWorks) -> None:
    company = works(flagging())
    company.tell(*(viewed(k, f"u{k}@c{k}.example") for k in range(10)))
    accounts = [row[0] for row in company.all("SELECT id FROM accounts ORDER BY id")]
    plan, begin = Plan(company.roster), threading.Barrier(10)

    def refuse(account: int) -> None:
        begin.wait()
        for n in range(8):
            with company.store.begin() as connection:
                locked = ledger.lock(connection, [account])
                told = ledger.Entry(
                    bytes(16), "deal.won", 1, account, "/engine", "{}", n + 1, "received", n + 1, "seat"
                )
                told.id = account.to_bytes(8, "big") + n.to_bytes(8, "big")
                refused = control("guard.refused", {"rule": "R4", "code": "NO_CONTRACT"}, told, str(n))
                ledger.append(connection, [told, refused], plan, locked, n + 1)

    threads = [threading.Thread(target=refuse, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verified(company.store, 7) == (True, 80, None)
    assert company.one("SELECT count(DISTINCT prev) FROM record") == 80
    assert {row[0] for row in company.all("SELECT decision FROM record")} == {"NO_CONTRACT"}


def test_a_batch_without_anything_to_record_costs_no_statement_for_it(works: MakeWorks) -> None:
    company = works(Seat("dirk", owns=["deal.*"], handlers={DealWon.event_type: lambda _event, _ctx: None}))
    with company.store.begin() as connection:
        connection.execute(text("DROP TABLE record"))
    company.tell(event("deal.won", deal_id="D1"))
    company.work()
    assert ("deal.won", "dirk", "done") in company.states()
    assert verify_projections(company.store).differing == ()
