"""`seamline why`: what a thing waits for, and its way back to the bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from seamline_workers.store import schema
from support.seed import Seed

Run = Callable[..., Any]


def test_why_leads_from_a_dead_handoff_to_the_bytes_that_caused_it(run: Run, seed: Seed) -> None:
    source = seed.source()
    delivery, account = seed.delivery(source), seed.account()
    seq = seed.event(account, delivery_id=delivery)
    key = seed.handoff(seq, "sales", account, 5, reason="gave up")
    steps = run("why", "handoff", key, "--json").json["steps"]
    assert [step["kind"] for step in steps] == ["handoff", "event", "delivery"]
    assert steps[0]["text"] == "at sales: dead, attempts 0; gave up"
    assert (
        run("why", "task", str(seed.task(account, cause=str(seed.event_uuid(seq)))), "--json").json["steps"][1:]
        == (steps[1:])
    )
    assert steps[2]["id"] == str(delivery)
    assert run("why", "handoff", "7.nobody").code == 1
    assert run("why", "weather", "1").code == 2


def test_an_event_is_named_by_its_number_in_the_ledger_too(run: Run, seed: Seed) -> None:
    seq = seed.event(seed.account())
    one, other = (
        run("why", "event", key, "--json").json["steps"][0]["text"] for key in (str(seq), str(seed.event_uuid(seq)))
    )
    assert one == other
    shown = run("events", "show", str(seq), "--json").json
    assert (shown["sequence"], shown["id"]) == (str(seq), str(seed.event_uuid(seq)))
    assert run("events", "show", str(seq + 1)).code == 1
    assert run("why", "event", "nothing").code == 1


def test_why_names_what_holds_up_a_lane(run: Run, seed: Seed) -> None:
    account = seed.account()
    first, behind = seed.event(account), seed.event(account)
    held = seed.handoff(first, "sales", account, schema.RETRYING, due=seed.now, attempts=3, reason="KeyError in seats")
    waiting = seed.handoff(behind, "sales", account)
    seed.lane(account, "sales", held=schema.HELD, due=seed.now)
    told = run("why", "handoff", waiting, "--json").json["steps"][0]["text"]
    assert told.startswith(
        f"at sales: waiting, attempts 0; waits for {held}, before it in its lane (retrying, attempts 3"
    )
    assert told.endswith("KeyError in seats)")
    joined = seed.handoff(behind, "dirk", account)
    seed.lane(account, "dirk", held=schema.JOINING)
    assert "linked" in run("why", "handoff", joined).out


def test_why_says_what_a_human_or_a_worker_has_to_do(run: Run, seed: Seed) -> None:
    account = seed.account()
    seq = seed.event(account)
    ready, asks = seed.handoff(seq, "dirk", account), seed.handoff(seq, "sales", account, schema.NEEDS_HUMAN)
    seed.lane(account, "dirk")
    task = seed.task(account, seat="sales", cause=str(seed.event_uuid(seq)))
    assert "no worker runs: seamline worker" in run("why", "handoff", ready).out
    assert f"task {task} is open" in run("why", "handoff", asks).out


def test_why_says_what_a_delivery_waits_for(run: Run, seed: Seed) -> None:
    source = seed.source()
    seed.delivery(source, b"1", state=schema.RECEIVED)
    second = str(seed.delivery(source, b"2", state=schema.RECEIVED))
    assert "1 of crm are before it" in run("why", "delivery", second).out
    with seed.store.begin() as connection:
        connection.execute(text("UPDATE sources SET state = 'paused'"))
    assert "go on: seamline resume crm" in run("why", "delivery", second).out


def test_a_deadline_that_no_event_caused_is_a_chain_of_one(run: Run, seed: Seed) -> None:
    daily = seed.deadline(seed.account(), kind="daily", cause=b"", name="briefing", rule="")
    (step,) = run("why", "deadline", str(daily), "--json").json["steps"]
    assert step["text"].startswith("briefing at ")
