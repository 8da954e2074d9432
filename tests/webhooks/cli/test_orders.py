"""Orders of humans by the command line: they speak HTTP, and the server decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from seamline_webhooks.cli.company import whoami
from seamline_workers.store.schema import PARKED
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
    early = run(*words, "--at", "yesterday", "--token", token)
    assert early.err == "seamline: occurred_at: write a time as 2026-11-22T09:00:00Z [invalid]\n"


def test_nobody_decides_without_a_token_and_nobody_answers_where_nobody_serves(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEAMLINE_TOKEN", raising=False)
    assert run("tasks", "done", "1", "--url", "http://127.0.0.1:9").code == 2
    monkeypatch.setenv("SEAMLINE_TOKEN", "a value of sixteen")
    assert run("tasks", "done", "1", "--url", "http://127.0.0.1:9").code == 3


def test_whoever_names_the_server_and_the_text_needs_no_configuration(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEAMLINE_CONFIG", str(tmp_path / "none.toml"))
    for words in (("drafts", "reject", "1", "--reason", "no"), ("boundary", "confirm", "0" * 64)):
        assert run(*words, "--url", "http://127.0.0.1:9", "--token", "a value of sixteen").code == 3
        assert run(*words, "--token", "a value of sixteen").code == 2


@pytest.mark.parametrize("words", [("tasks", "done", "1", "--token", "a value of sixteen"), ("send", "demo", "one")])
def test_what_is_sent_goes_where_it_was_told_to_go_and_follows_no_redirect(run: Run, words: tuple[str, ...]) -> None:
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            told = run(*words, "--url", f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert told.code == 1
    assert "302" in told.out + told.err
    assert len(asked) == 1


def test_a_handoff_that_waits_without_end_is_called_off_with_a_reason_and_nobody_is_asked_any_more(
    run: Run, seed: Seed
) -> None:
    account = seed.account()
    seq = seed.event(account)
    key = seed.handoff(seq, "sales", account, PARKED, reason="no contract is known", awaits="contract.signed")
    cause = str(seed.event_uuid(seq))
    shown, own = (seed.task(account, seat="sales", cause=cause, key=name) for name in ("waits", "call"))
    told = run("handoffs", "cancel", key, "--reason", "they went elsewhere", "--json")
    assert told.code == 0, told.err
    assert told.json["state"] == "cancelled"
    assert told.json["reason"] == f"cancelled by {whoami()}: they went elsewhere"
    assert [row["id"] for row in run("tasks", "list", "--state", "open", "--json").json["items"]] == [str(own)]
    assert run("tasks", "show", str(shown), "--json").json["state"] == "done"
    again = run("handoffs", "cancel", key, "--reason", "x")
    assert (again.code, "is cancelled already" in again.err) == (1, True)
    assert run("handoffs", "cancel", "9.nobody", "--reason", "x").code == 1
    assert run("handoffs", "cancel", key).code == 2
    assert run("handoffs", "cancel", key, "--reason", " ").code == 2


def test_a_sample_needs_no_token_and_takes_one(run: Run, seed: Seed, server: Serving, token: str) -> None:
    told = run("send", "demo", "one", "--url", server.url, "--token", token, "--json")
    assert (told.code, told.json["status"]) == (0, 202), told.err


def test_a_misspelt_fact_is_refused_with_the_one_that_is_near(
    run: Run, seed: Seed, server: Serving, token: str
) -> None:
    words = ("account", "tell", str(seed.account()), "deal.wonn", "deal_id=D1", "--url", server.url, "--token", token)
    told = run(*words)
    assert (told.code, told.out) == (1, "")
    assert told.err == "seamline: type is no event of the catalogue; did you mean deal.won? [invalid]\n"


def test_a_file_of_one_s_own_is_signed_and_sent_as_a_sample_is(
    run: Run, seed: Seed, server: Serving, tmp_path: Path
) -> None:
    body = b'{"type": "deal.won", "id": "d-1", "data": {"deal_id": "D1"}}'
    (tmp_path / "deal.json").write_bytes(body)
    told = run("send", "demo", str(tmp_path / "deal.json"), "--url", server.url, "--json")
    assert (told.code, told.json["status"]) == (0, 202), told.err
    with seed.store.read() as connection:
        assert connection.execute(text("SELECT body FROM deliveries")).scalar_one() == body
    missing = run("send", "demo", str(tmp_path / "del.json"), "--url", server.url)
    assert missing.code == 2
    assert "there is no such file; there are: batch" in missing.err
