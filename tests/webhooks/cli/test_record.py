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
    assert (told.code, told.json) == (0, {"ok": True, "entries": 3, "first_bad": None})
    assert "3 entries" in run("record", "verify").out
    with seed.store.begin() as connection:
        connection.execute(text("UPDATE record SET map_row = 'r5' WHERE seq = 2"))
    told = run("record", "verify", "--json")
    assert (told.code, told.json) == (1, {"ok": False, "entries": 1, "first_bad": 2})
    assert run("record", "verify").out == "entry 2 is not as it was written, or is missing; 1 before it are good\n"
