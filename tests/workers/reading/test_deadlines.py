"""The list of deadlines."""

from __future__ import annotations

from seamline_workers.store.reading.deadlines import lateness_s, list_deadlines, show_deadline
from seamline_workers.store.reading.query import Query
from seamline_workers.store.store import Store
from support.seed import MINUTE, START, Seed


def test_the_earliest_stands_first_and_pages_join(store: Store, seed: Seed) -> None:
    account = seed.account()
    made = [seed.deadline(account, due_at=START + n * MINUTE) for n in (3, 1, 2, 1)]
    first = list_deadlines(store, Query(limit=3))
    rest = list_deadlines(store, Query(limit=3, cursor=first["next"]))
    found = [row["id"] for row in (*first["items"], *rest["items"])]
    assert found == [str(made[n]) for n in (1, 3, 2, 0)]
    assert rest["next"] is None


def test_a_list_narrows_to_a_state_a_seat_and_an_account(store: Store, seed: Seed) -> None:
    one, two = seed.account(), seed.account("Other")
    fired = seed.deadline(one, state="fired", due_at=START, fired_at=START + MINUTE, event=bytes(16), rule="R32")
    seed.deadline(two, seat="dash")
    assert [row["id"] for row in list_deadlines(store, Query(state="fired"))["items"]] == [str(fired)]
    assert [row["seat"] for row in list_deadlines(store, Query(seat="dash"))["items"]] == ["dash"]
    [shown] = list_deadlines(store, Query(account=str(one)))["items"]
    assert (shown["late_by_s"], shown["rule"], shown["state"]) == (60.0, "R32", "fired")
    assert show_deadline(store, str(fired)) == shown
    assert show_deadline(store, "x") is None


def test_what_waits_although_its_time_has_passed_says_how_late_it_is(store: Store, seed: Seed) -> None:
    account = seed.account()
    assert lateness_s(store, START) == 0.0
    seed.deadline(account, due_at=START)
    seed.deadline(account, due_at=START + MINUTE)
    seed.deadline(account, due_at=START - MINUTE, state="fired")
    assert lateness_s(store, START + 2 * MINUTE) == 120.0
