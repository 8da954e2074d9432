"""The record on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from support.seed import Seed

Run = Callable[..., Any]


def test_r68_r76_the_record_is_listed_with_who_did_what_and_the_row_of_the_map(run: Run, seed: Seed) -> None:
    account = seed.account()
    seed.recorded(account)
    seed.recorded(seed.account(), map_row="r53", code="PULSE_HOLD")
    listed = run("record", "list", "--account", str(account), "--json").json["items"]
    assert [(one["seq"], one["action"], one["decision"], one["map_row"]) for one in listed] == [
        (1, "guard.refused", "NO_CONTRACT", "r4")
    ]
    assert listed[0]["actor"] == {"kind": "engine", "id": "engine"}
    assert run("record", "show", "2", "--json").json["content"]["code"] == "PULSE_HOLD"
    assert "engine engine" in run("record", "list").out


def test_r68_verifying_says_which_entry_is_not_as_it_was_written(run: Run, seed: Seed) -> None:
    account = seed.account()
    for _ in range(3):
        seed.recorded(account)
    told = run("record", "verify", "--json")
    assert told.code == 0
    head = told.json["head"]
    assert told.json == {
        "ok": True, "entries": 3, "first_bad": None, "head": head, "erased": 0, "unrecorded": None, "kept": None,
    }  # fmt: skip
    assert f"3 entries, the last has the hash {head}" in run("record", "verify").out
    with seed.store.begin() as connection:
        connection.execute(text("UPDATE record SET map_row = 'r5' WHERE seq = 2"))
    told = run("record", "verify", "--json")
    assert (told.code, told.json["ok"], told.json["entries"], told.json["first_bad"]) == (1, False, 1, 2)
    assert run("record", "verify").out == "entry 2 is not as it was written, or is missing; 1 before it are good\n"


def test_r68_a_hash_that_was_kept_is_of_the_record_that_is_still_there(run: Run, seed: Seed) -> None:
    account = seed.account()
    seed.recorded(account)
    kept = run("record", "verify", "--json").json["head"]
    seed.recorded(account)
    assert run("record", "verify", "--kept", kept, "--json").json["kept"] is True
    other = run("record", "verify", "--kept", "ab" * 32)
    assert (other.code, other.out.startswith("no entry has the hash abab")) == (1, True)
    assert run("record", "verify", "--kept", "abc").code == 2


def test_r68_what_is_erased_is_counted_and_what_the_ledger_alone_says_is_named(run: Run, seed: Seed) -> None:
    account = seed.account()
    seed.recorded(account)
    with seed.store.begin() as connection:
        connection.execute(text("UPDATE record SET content = NULL, salt = NULL"))
    assert "1 entries, 1 of them erased" in run("record", "verify").out
    with seed.store.begin() as connection:
        connection.execute(text("DELETE FROM record"))
        connection.execute(text("UPDATE ledger_head SET recorded = 0, record_hash = NULL"))
    cut = run("record", "verify")
    assert (cut.code, cut.out.startswith("event 1 of the ledger is in no entry")) == (1, True)
