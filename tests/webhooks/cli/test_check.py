"""`seamline check`: what is wrong, and what to do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seamline_webhooks import brokerlook
from seamline_webhooks.brokerlook import AWAY, broker_fault
from seamline_webhooks.health import Health
from seamline_workers.company.config import load_config
from seamline_workers.store import intake_sqlite, schema
from seamline_workers.store.desk_schema import deadlines, drafts
from seamline_workers.store.store import now_us
from support.seed import Seed
from support.servers import Redis

Run = Callable[..., Any]
DAY_US = 86_400_000_000


def codes(told: Any) -> set[tuple[str, str]]:
    assert set(told.json) == {"ok", "findings"}
    for finding in told.json["findings"]:
        assert set(finding) == {"level", "code", "subject", "message", "fix"}
        assert all(finding.values())
    return {(finding["level"], finding["code"]) for finding in told.json["findings"]}


def edit(company: Path, old: str, new: str) -> None:
    config = company / "seamline.toml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))


#: What a new company is told: it has not said yet what its stages hand on.
NEW = {("warning", "no-stages")}


def test_a_new_company_is_well(run: Run) -> None:
    told = run("check", "--json")
    assert (told.code, told.json["ok"], codes(told)) == (0, True, NEW)
    assert run("check").out.splitlines()[-1] == "all is well but for 1 warning"


@pytest.mark.parametrize("content", [None, "[company\n"])
def test_a_file_that_is_no_configuration_is_told_of_as_a_whole(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "other.toml").write_text(content)
    told = run("check", "--config", str(tmp_path / "other.toml"), "--json")
    (finding,) = told.json["findings"]
    assert (told.code, finding["subject"]) == (1, "the configuration")
    assert str(tmp_path / "other.toml") in finding["message"]
    assert "--config" in finding["fix"]


def test_every_wrong_key_is_named(run: Run, company: Path) -> None:
    edit(company, "[company]", "[company]\ncolour = 1\nsize = 2")
    told = run("check", "--json")
    assert told.code == 1
    assert codes(told) == {("error", "config")}
    assert {finding["subject"] for finding in told.json["findings"]} == {"company.colour", "company.size"}


def test_a_source_that_is_wrong_hides_no_other_finding(run: Run, company: Path) -> None:
    edit(company, '[sources.demo]\nadapter = "standard_webhooks"', '[sources.demo]\nadapter = "relay"')
    edit(company, 'allow = ["lead.*", "proposal.*", "deal.*"]\n', "")
    (company / "seamline.db").unlink()
    told = run("check", "--json")
    assert told.code == 1
    assert {("error", "source"), ("error", "store")} <= codes(told)


def seats(company: Path, text: str) -> None:
    found = next(company.glob("company_*/seats.py"))
    found.write_text("from seamline import Roster, Seat\nfrom seamline.events import DealWon\n" + text)


def test_an_event_with_two_owners_is_found(run: Run, company: Path) -> None:
    seats(company, 'roster = Roster([Seat("a", owns=["deal.*"]), Seat("b", owns=["deal.*"])])\n')
    told = run("check", "--json")
    assert told.code == 1
    assert ("error", "two-owners") in codes(told)


def test_what_is_only_for_the_record_needs_no_owner(run: Run, company: Path) -> None:
    seats(company, 'a = Seat("a", owns=["deal.*"])\nroster = Roster([a])\n')
    [found] = [one for one in run("check", "--json").json["findings"] if one["code"] == "unrouted"]
    assert "lead.received" in found["message"]
    assert "contact." not in found["message"]


def test_a_gate_whose_channel_is_misspelt_is_found(run: Run, company: Path) -> None:
    gate = 'Gate("mail", ("coo",), channel="mial")'
    text = f'from seamline.gate import Gate\nroster = Roster([Seat("coo", kind="human")], gates=[{gate}])\n'
    seats(company, text)
    found = run("check", "--json").json["findings"]
    assert [one["code"] for one in found if one["subject"] == "gates.mail"] == ["gate"]


def test_an_event_that_a_source_misspells_is_found(run: Run, company: Path) -> None:
    edit(company, 'allow = ["lead.*"', 'allow = ["laed.*"')
    [found] = [one for one in run("check", "--json").json["findings"] if one["code"] == "no-event"]
    assert (found["subject"], found["level"]) == ("sources.demo", "warning")
    assert found["fix"] == "Did you mean lead.*?"


@pytest.mark.parametrize(
    ("assignee", "found"),
    [
        ("ana@example.com", True),
        ("anna@example.com", False),
        ("anna", False),
        ("viewer@example.com", True),
        ("ben", False),
    ],
)
def test_a_gate_whose_approver_is_nobody_is_found(run: Run, company: Path, assignee: str, found: bool) -> None:
    gate = 'Gate("any", ("coo",))'
    text = f'from seamline.gate import Gate\nroster = Roster([Seat("coo", kind="human")], gates=[{gate}])\n'
    seats(company, text)
    people = (
        '[people.anna]\nemail = "anna@example.com"\nrole = "approver"\n[people.eva]\nemail = "viewer@example.com"\n'
    )
    edit(company, "[store]", f'{people}[seats.coo]\nassignee = "{assignee}"\n[store]')
    edit(company, 'tokens = ["file:secrets/token"', 'tokens = ["literal:ben:approver:0123456789abcdef"')
    assert (("warning", "no-decider") in codes(run("check", "--json"))) is found


def test_alerts_that_reach_nobody_are_found(run: Run, company: Path) -> None:
    edit(company, "[company]", '[alerts]\non = ["dead"]\n[company]')
    told = run("check", "--json")
    assert (told.code, ("error", "alerts") in codes(told)) == (1, True)


def test_an_event_that_somebody_consumes_and_nobody_owns_is_found(run: Run, company: Path) -> None:
    seats(company, 'a = Seat("a", reports_to="nobody")\na.on(DealWon)(lambda e, ctx: None)\nroster = Roster([a])\n')
    told = run("check", "--json")
    assert told.code == 1
    assert {("error", "no-owner"), ("error", "no-seat"), ("warning", "unrouted")} <= codes(told)


def test_a_company_whose_seats_cannot_be_imported_is_told_so(run: Run, company: Path) -> None:
    seats(company, "import nothing_of_this_name\n")
    assert ("error", "seats") in codes(run("check", "--json"))


def test_what_waits_too_long_and_what_died_are_found(run: Run, seed: Seed) -> None:
    source, account = seed.source("demo"), seed.account()
    seed.delivery(source, state=schema.RECEIVED)
    seed.delivery(source, state=schema.QUARANTINED, reason="the body is not JSON")
    seed.handoff(seed.event(account), "sales", account, schema.DEAD)
    seed.put(schema.sources, stable="old", name="old", adapter="x", live_from=0, created_at=1)
    told = run("check", "--json")
    assert told.code == 1
    assert codes(told) >= {("error", "behind"), ("warning", "dead"), ("warning", "quarantined")}


def test_a_disk_that_is_too_full_to_take_anything_in_is_found_and_not_ready(
    run: Run, seed: Seed, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = Health(load_config(company / "seamline.toml"), seed.store, lambda: True)
    assert asyncio.run(health.checks())[0]
    monkeypatch.setattr(intake_sqlite, "MIN_FREE", 2**62)
    told = run("check", "--json")
    assert (told.code, codes(told)) == (1, {("error", "disk")} | NEW)
    ready, checks = asyncio.run(health.checks())
    assert not ready
    assert "MiB are free" in checks["store"]


def test_a_source_that_told_nothing_for_long_is_silent(run: Run, seed: Seed) -> None:
    seed.put(schema.sources, stable="demo", name="demo", adapter="standard_webhooks", live_from=1, created_at=1)
    told = run("check", "--json")
    assert (told.code, codes(told)) == (0, {("warning", "silent")} | NEW)


def test_a_source_that_is_paused_or_gone_is_named_with_what_waits_there(run: Run, seed: Seed) -> None:
    long_live = {"adapter": "standard_webhooks", "live_from": 1, "created_at": 1}
    paused = seed.put(schema.sources, stable="demo", name="demo", state="paused", **long_live)
    gone = seed.put(schema.sources, stable="old", name="old", **long_live)
    seed.put(schema.sources, stable="done", name="done", **long_live)
    for source in (paused, gone, gone):
        seed.delivery(source, state=schema.RECEIVED)
    told = {(one["code"], one["subject"]): one for one in run("check", "--json").json["findings"]}
    assert "seamline resume demo" in told["paused", "sources.demo"]["fix"]
    assert told["not-configured", "sources.old"]["message"].startswith("2 wait")
    assert ("not-configured", "sources.done") not in told


def test_a_seat_that_is_gone_is_named_with_what_waits_for_it(run: Run, seed: Seed) -> None:
    account = seed.account()
    for state in (schema.PENDING, schema.RETRYING, schema.DONE):
        seed.handoff(seed.event(account), "gone", account, state)
    seed.handoff(seed.event(account), "ended", account, schema.DEAD)
    seed.handoff(seed.event(account), "sales", account)
    told = {one["subject"]: one for one in run("check", "--json").json["findings"] if one["code"] == "no-seat"}
    assert list(told) == ["seats.gone"]
    assert told["seats.gone"]["message"].startswith("2 wait")
    assert "seamline handoffs list --seat gone" in told["seats.gone"]["fix"]


def test_a_redis_that_hangs_is_found_although_it_takes_connections(run: Run, seed: Seed, company: Path) -> None:
    with Redis() as redis:
        edit(company, "[store]", f'[queue]\nurl = "{redis.url()}"\n[store]')
        health = Health(load_config(company / "seamline.toml"), seed.store, lambda: True)
        assert ("error", "queue") not in codes(run("check", "--json"))
        assert asyncio.run(health.checks())[1]["queue"] == "ok"
        redis.freeze()
        assert ("error", "queue") in codes(run("check", "--json"))
        ready, checks = asyncio.run(health.checks())
        assert (ready, checks["queue"]) == (True, AWAY)
        redis.thaw()
        assert asyncio.run(health.checks())[1]["queue"] == "ok"


@pytest.mark.parametrize("scheme", ["redis", "rediss", "amqp", "amqps"])
def test_whatever_takes_connections_and_says_nothing_is_away(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokerlook, "BROKER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert broker_fault(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/0") == AWAY


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_says_anything_is_there(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:

        def answer() -> bytes:
            with server.accept()[0] as caller:
                greeting = caller.recv(64)
                caller.sendall(b"-NOAUTH")
                return greeting

        greeted = pool.submit(answer)
        assert broker_fault(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/0") is None
        assert greeted.result() == {"redis": b"PING\r\n", "amqp": b"AMQP\x00\x00\x09\x01"}[scheme]


def test_a_store_that_is_the_queue_is_no_broker() -> None:
    assert broker_fault("store:") is None


def test_a_broker_that_cannot_be_reached_is_found(run: Run, company: Path) -> None:
    edit(company, "[store]", '[queue]\nurl = "redis://127.0.0.1:1/0"\n[store]')
    assert ("error", "queue") in codes(run("check", "--json"))


def test_r70_a_seat_that_is_handed_nothing_although_there_are_events_has_no_traffic(run: Run, seed: Seed) -> None:
    account = seed.account()
    seed.event(account, received_at=now_us())
    assert ("warning", "no-traffic") not in codes(run("check", "--json"))
    with seed.store.begin() as connection:
        connection.execute(schema.events.update().values(received_at=now_us() - 8 * DAY_US))
    found = [one for one in run("check", "--json").json["findings"] if one["code"] == "no-traffic"]
    assert [one["subject"] for one in found] == ["seats.sales"]
    seed.handed("sales")
    assert ("warning", "no-traffic") not in codes(run("check", "--json"))


def test_deadlines_that_nobody_fired_are_found(run: Run, seed: Seed) -> None:
    row = {"kind": "due", "seat": "sales", "name": "x", "account_id": seed.account(), "cause": b"1", "created_at": 1}
    seed.put(deadlines, key="soon", due_at=now_us() - 1, **row)
    assert ("warning", "overdue") not in codes(run("check", "--json"))
    seed.put(deadlines, key="late", due_at=now_us() - DAY_US, **row)
    found = next(one for one in run("check", "--json").json["findings"] if one["code"] == "overdue")
    assert found["message"].startswith("1 are past due")


def test_texts_that_did_not_go_out_and_sendings_of_unknown_end_are_found_by_channel(run: Run, seed: Seed) -> None:
    row = {
        "account_id": seed.account(),
        "seat": "sales",
        "channel": "mail",
        "audience": "customer",
        "recipients": "[]",
        "body": "Hello",
        "sha256": "0" * 64,
        "as_of": 1,
        "author": "sales",
        "cause": "1",
        "reason": "send: POST mail.example.com answered 429",
        "created_at": 1,
    }
    seed.put(drafts, key="0", state="approved", decided_at=now_us() - 1, **row)
    waits = {"decided_at": now_us() - DAY_US, "not_before": now_us() + DAY_US}
    seed.put(drafts, key="1", state="approved", **waits, **row)
    assert not {("warning", "unsent"), ("warning", "unknown-send")} & codes(run("check", "--json"))
    seed.put(drafts, key="2", state="approved", decided_at=now_us() - DAY_US, **row)
    seed.put(drafts, key="3", state="unknown", decided_at=now_us() - DAY_US, **row)
    found = {one["code"]: one for one in run("check", "--json").json["findings"]}
    assert found["unsent"]["subject"] == "channels.mail"
    assert found["unsent"]["message"].startswith("1 approved did not go out")
    assert found["unsent"]["message"].endswith("answered 429")
    assert "seamline drafts resolve" in found["unknown-send"]["fix"]


def test_r12_a_channel_that_no_gate_opens_is_an_error(run: Run, company: Path) -> None:
    config = company / "seamline.toml"
    channel = '[channels.mail]\nadapter = "postmark"\n[channels.mail.secrets]\nserver = ["literal:0123456789abcdef"]\n'
    config.write_text(config.read_text() + channel)
    assert ("error", "no-gate") in codes(run("check", "--json"))


def test_r82_the_configuration_says_the_side_of_a_seat_that_nobody_classified(run: Run, company: Path) -> None:
    seats(company, 'roster = Roster([Seat("team", kind="human", facing="unclassified", does_not_own=["deal.*"])])\n')
    assert ("error", "unclassified") in codes(run("check", "--json"))
    config = company / "seamline.toml"
    config.write_text(config.read_text() + '[seats.team]\nfacing = "customer_facing"\n')
    assert run("check", "--json").json["ok"]
