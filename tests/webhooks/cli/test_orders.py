"""Orders of humans by the command line: they speak HTTP, and the server decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.seed import Seed
from support.serving import Serving

Run = Callable[..., Any]


@pytest.fixture
def server(company: Path, seed: Seed) -> Iterator[Serving]:
    with Serving(company / "seamline.toml") as running:
        yield running


@pytest.fixture
def token(company: Path) -> str:
    return (company / "secrets" / "token").read_text().strip().rsplit(":", 1)[1]


def test_a_task_is_ended_by_the_human_behind_the_token(run: Run, seed: Seed, server: Serving, token: str) -> None:
    task = seed.task(seed.account())
    told = run("tasks", "done", str(task), "--url", server.url, "--token", token, "--json")
    assert told.code == 0, told.err
    assert told.json["state"] == "done"
    again = run("tasks", "done", str(task), "--url", server.url, "--token", token)
    assert again.code == 1
    assert "is done already [conflict]" in again.err
    assert run("tasks", "list", "--state", "done", "--json").json["items"][0]["id"] == str(task)


def test_a_flag_is_cleared_with_a_reason(run: Run, seed: Seed, server: Serving, token: str) -> None:
    flag = seed.flag(seed.account())
    words = ("flags", "clear", str(flag), "--url", server.url, "--token", token)
    blank = run(*words, "--reason", " ")
    assert blank.code == 1
    assert "reason is blank" in blank.err
    assert run(*words, "--reason", "called them", "--json").json["reason"] == "called them"
    assert run("flags", "list", "--state", "cleared", "--json").json["items"][0]["id"] == str(flag)


def test_a_fact_is_told_about_a_customer(run: Run, seed: Seed, server: Serving, token: str) -> None:
    account = seed.account()
    words = ("account", "tell", str(account), "relationship.ended", "reason=moved on", "--url", server.url)
    told = run(*words, "--token", token, "--json")
    assert told.code == 0, told.err
    assert told.json["data"]["reason"] == "moved on"
    wrong = run(
        "account", "tell", str(account), "relationship.ended", "colour=red", "--url", server.url, "--token", token
    )
    assert wrong.code == 1
    assert "data.colour is no field of this event" in wrong.err


def test_nobody_decides_without_a_token_and_nobody_answers_where_nobody_serves(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEAMLINE_TOKEN", raising=False)
    assert run("tasks", "done", "1", "--url", "http://127.0.0.1:9").code == 2
    monkeypatch.setenv("SEAMLINE_TOKEN", "a value of sixteen")
    assert run("tasks", "done", "1", "--url", "http://127.0.0.1:9").code == 3
