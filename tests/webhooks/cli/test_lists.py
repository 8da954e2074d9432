"""Lists and single things on the command line: what the API gives, from the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seamline_webhooks.cli.output import whole
from seamline_workers.store import columns, schema
from support.seed import Seed

Run = Callable[..., Any]


def fill(seed: Seed) -> str:
    source, account = seed.source(), seed.account()
    seed.identity(account, "email", "dana@example.com")
    delivery = seed.delivery(source, b'{"who": "Dana"}')
    seq = seed.event(account, delivery_id=delivery)
    return seed.handoff(seq, "sales", account, schema.DEAD, reason="gave up\x1b[31m")


def test_lists_print_what_the_api_gives_and_nothing_else(run: Run, seed: Seed) -> None:
    handoff = fill(seed)
    for noun in ("deliveries", "events", "handoffs", "dead"):
        told = run(noun, "list", "--json")
        assert (told.code, told.err) == (0, "")
        assert set(told.json) == {"items", "next"}
        thing = told.json["items"][0]
        shown = run(noun, "show", thing["id"], "--json")
        assert thing.items() <= shown.json.items()
    assert run("dead", "show", handoff, "--json").json["state"] == "dead"
    assert "body" in run("deliveries", "show", "1", "--json").json


def test_filters_narrow_lists_and_cursors_go_on(run: Run, seed: Seed) -> None:
    account = seed.account()
    for n in range(3):
        seed.event(account, type="deal.won" if n == 1 else "proposal.viewed")
    assert [event["sequence"] for event in run("events", "list", "--type", "deal.*", "--json").json["items"]] == ["2"]
    first = run("events", "list", "--limit", "2", "--json").json
    second = run("events", "list", "--limit", "2", "--cursor", first["next"], "--json").json
    assert [event["sequence"] for event in first["items"] + second["items"]] == ["3", "2", "1"]
    assert run("handoffs", "list", "--state", "dead", "--json").json["items"] == []


def test_what_is_asked_wrongly_is_wrong_use(run: Run) -> None:
    for words in (
        ("events", "list", "--since", "yesterday"),
        ("handoffs", "list", "--state", "happy"),
        ("events", "list", "--limit", "0"),
        ("events", "list", "--colour", "red"),
        ("events", "sing"),
        ("sing",),
    ):
        told = run(*words, "--json")
        assert (told.code, told.out) == (2, "")
        assert told.err


def test_what_is_not_there_is_found_wanting(run: Run) -> None:
    for words in (("events", "show", "x"), ("dead", "show", "1.sales"), ("account", "show", "nobody@example.com")):
        told = run(*words, "--json")
        assert (told.code, told.out) == (1, "")


def test_a_live_handoff_is_no_dead_one(run: Run, seed: Seed) -> None:
    account = seed.account()
    handoff = seed.handoff(seed.event(account), "sales", account)
    assert run("handoffs", "show", handoff).code == 0
    assert run("dead", "show", handoff).code == 1


def test_tables_let_nothing_from_outside_steer_the_terminal(run: Run, seed: Seed) -> None:
    handoff = fill(seed)
    for words in (("dead", "list"), ("dead", "show", handoff), ("account", "show", "dana@example.com")):
        told = run(*words)
        assert told.code == 0
        assert "gave up" in told.out
        assert "\x1b[31m" not in told.out


#: A one-byte escape of terminals, a change of the reading direction, a letter that nobody sees, and half a character.
ODD = ("\x9b31m", "\u202e", "\u200b", "\x7f", "\U000e0041", "\ud83d")


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_what_stands_in_a_thing_or_a_document_steers_no_terminal_and_is_the_same_to_a_program(
    run: Run, seed: Seed, how: tuple[str, ...]
) -> None:
    name = f"Dana{''.join(ODD[:5])}Reyes"
    account = seed.account(name)
    seed.identity(account, "email", "dana@example.com")
    seq = seed.event(account, data={"party": {"name": name}, "title": f"an {ODD[5]}" if how else "an offer"})
    for words in (("events", "show", str(seed.event_uuid(seq))), ("account", "show", "dana@example.com")):
        told = run(*words, *how)
        assert told.code == 0
        assert not any(odd in told.out for odd in ODD)
        if how:
            shown = told.json["data"]["party"] if words[0] == "events" else told.json["account"]
            assert shown["name"] == name


def test_an_account_is_shown_with_its_timeline(run: Run, seed: Seed) -> None:
    fill(seed)
    told = run("account", "show", "dana@example.com", "--json").json
    assert run("accounts", "show", "dana@example.com", "--json").json == told
    assert told["account"]["id"] == "1"
    assert [item["kind"] for item in told["items"]] == ["event", "handoff"]
    assert "proposal.viewed" in run("account", "show", "1").out


def test_a_key_of_several_customers_is_said_to_be_unclear(run: Run, seed: Seed) -> None:
    for realm in ("one", "two"):
        seed.identity(seed.account(), "ref", f"meta\n{realm}\nlead\n77")
    told = run("account", "show", "meta:lead:77")
    assert told.code == 1
    assert "several accounts" in told.err


def test_a_source_is_paused_and_resumed(run: Run, seed: Seed) -> None:
    seed.source("demo")
    assert run("pause", "demo", "--json").json == {"name": "demo", "state": "paused"}
    assert run("resume", "demo").code == 0
    assert run("pause", "nobody").code == 1


def test_a_store_that_is_behind_is_refused_until_it_is_upgraded(run: Run, seed: Seed) -> None:
    with seed.store.begin() as connection:
        connection.exec_driver_sql("DROP TABLE seamline_schema")
        for table in reversed(columns.metadata.sorted_tables):
            table.drop(connection)
    told = run("events", "list", "--json")
    assert (told.code, told.out) == (2, "")
    assert "seamline db upgrade" in told.err
    assert run("db", "current", "--json").json["current"] is None
    assert run("db", "upgrade").code == 0
    assert run("db", "current").code == 0
    assert run("events", "list").code == 0


def test_a_store_that_is_not_there_is_not_made_by_looking(run: Run, company: Any) -> None:
    for suffix in ("", "-wal", "-shm"):
        (company / f"seamline.db{suffix}").unlink(missing_ok=True)
    told = run("events", "list")
    assert told.code == 2
    assert "seamline db upgrade" in told.err
    assert not (company / "seamline.db").exists()
    assert "store" in {finding["code"] for finding in run("check", "--json").json["findings"]}


def test_a_store_that_cannot_be_reached_is_not_reachable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMLINE_STORE__URL", "postgresql://nobody@127.0.0.1:1/none")
    told = run("events", "list", "--json")
    assert (told.code, told.out) == (3, "")
    assert "nobody" not in told.err


def test_a_text_of_several_lines_is_printed_as_it_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    whole({"id": "1", "body": "Hello Dana,\r\n\nstate  sent\x1b[2J"})
    assert capsys.readouterr().out == "id    1\nbody  Hello Dana,\n      \n      state  sent\ufffd[2J\n"
