"""`seamline boundary` and `seamline seats`: what holds, what waits, and the chart for elsewhere."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seamline import Gate, Roster, Seat
from seamline_workers.company.process import Process
from seamline_workers.outbound.boundary import propose
from support.seed import Seed

Run = Callable[..., Any]
SEATS = (Seat("dirk", owns=["deal.*"]), Seat("coo", kind="human", facing="customer_facing"))


def _propose(seed: Seed, *gates: Gate) -> str | None:
    return propose(seed.store, Process(Roster(SEATS, gates=gates)))


def test_r76_the_map_that_holds_is_shown_with_its_sections(run: Run, seed: Seed) -> None:
    assert run("boundary", "show").code == 1
    version = _propose(seed, Gate("mail", ("coo",), stage="inquiry"))
    told = run("boundary", "show")
    assert told.code == 0
    for section in ("where agents run", "where humans gate", "what happens at the seam"):
        assert section in told.out
    assert run("boundary", "show", "--json").json["sha256"] == version
    assert run("boundary", "show", "--json", "--stage", "exit").json["map"]["gates"] == []
    assert run("boundary", "show", "--opa").json["seamline"]["boundary"]["gates"]["mail"]["approvers"] == ["coo"]


def test_r77_what_waits_is_found_and_shown_row_by_row(run: Run, seed: Seed) -> None:
    _propose(seed, Gate("mail", ("coo",)))
    assert (run("boundary", "diff").code, run("boundary", "diff").out) == (0, "no map waits\n")
    version = _propose(seed, Gate("mail", ("coo",), four_eyes=True))
    told = run("boundary", "diff", "--json")
    assert (told.code, told.json["proposed"]) == (1, version)
    assert told.json["diff"] == [{"row": "mail", "change": "changed", "fields": {"four_eyes": [False, True]}}]
    assert "four_eyes: False -> True" in run("boundary", "diff").out
    findings = run("check", "--json").json["findings"]
    assert "boundary" in {finding["code"] for finding in findings}


def test_r77_a_map_is_confirmed_by_a_human_with_a_token_and_not_by_the_command_line(run: Run, seed: Seed) -> None:
    _propose(seed, Gate("mail", ("coo",)))
    version = _propose(seed, Gate("mail", ("coo",), four_eyes=True))
    assert run("boundary", "confirm", str(version)).code == 2
    assert run("boundary", "confirm", str(version), "--token", "t" * 16, "--url", "http://127.0.0.1:1").code == 3
    assert run("boundary", "confirm", "--json", "--token", "t" * 16).code == 1
    assert run("boundary", "diff", "--json").json["proposed"] == version


def test_r81_the_chart_is_listed_and_goes_to_a_file_and_comes_back(run: Run, tmp_path: Path) -> None:
    listed = run("seats", "list", "--json").json
    assert [seat["id"] for seat in listed["seats"]] == ["sales"]
    file, back = tmp_path / "chart.oos.md", tmp_path / "seats.toml"
    assert run("seats", "export", str(file)).code == 0
    assert run("seats", "export", str(file)).code == 2
    told = run("seats", "import", str(file), "--out", str(back), "--json")
    assert told.json == {"file": str(back), "seats": ["sales"], "unclassified": []}
    assert tomllib.loads(back.read_text())["seats"]["sales"]["facing"] == "internal_operations"
    assert run("seats", "import", str(tmp_path / "nothing.md")).code == 2
