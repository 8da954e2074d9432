"""`seamline check` and health while the company runs badly: what is wrong, in words that say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from seamline import Seat
from seamline_webhooks import health
from seamline_webhooks.health import Health
from seamline_workers.company.config import load_config
from seamline_workers.handoff.elsewhere import inboxes
from seamline_workers.store import intake_sqlite, processes, schema
from seamline_workers.store.desk_schema import drafts, notices
from seamline_workers.store.store import Store, now_us, open_store
from seamline_workers.store.tally import tally
from support.seed import Seed
from support.servers import Postgres

Run = Callable[..., Any]


def found(run: Run, code: str) -> list[dict[str, str]]:
    return [one for one in run("check", "--json").json["findings"] if one["code"] == code]


def test_a_seat_that_fails_again_and_again_is_named_with_its_last_reason(run: Run, seed: Seed) -> None:
    account = seed.account()
    seed.handoff(seed.event(account), "sales", account, schema.RETRYING, attempts=2, reason="once or twice is nothing")
    assert not found(run, "failing")
    for attempts, reason in ((5, "ValueError in seats.py"), (3, "KeyError in seats.py")):
        seed.handoff(seed.event(account), "sales", account, schema.RETRYING, attempts=attempts, reason=reason)
    [told] = found(run, "failing")
    assert told["subject"] == "seats.sales"
    assert told["message"] == "2 of its handoffs fail again and again, tried up to 5 times: KeyError in seats.py"
    assert "seamline handoffs list --seat sales --state retrying" in told["fix"]


def test_requests_that_were_refused_are_told_of_with_the_last_reason(run: Run, seed: Seed) -> None:
    seed.source("demo", "standard_webhooks")
    now = now_us()
    refused = {"source": "demo", "status": 401, "headers": "{}"}
    seed.put(schema.refusals, at=now - 8 * 86_400_000_000, reason="long ago", **refused)
    assert not found(run, "refused")
    with seed.store.begin() as connection:
        tally(connection, {("demo", "refused:401"): 213, ("demo", "refused:413"): 1, ("demo", "refused:503"): 9}, now)
    seed.put(schema.refusals, at=now, reason="the timestamp is 412 s old", **refused)
    seed.put(schema.refusals, at=now, reason="the store could not take it", **refused | {"status": 503})
    [told] = found(run, "refused")
    assert told["subject"] == "sources.demo"
    assert told["message"].startswith("214 requests were refused within a day, the last at")
    assert told["message"].endswith("the timestamp is 412 s old")
    [ours] = found(run, "not-taken")
    assert ours["message"].startswith("9 requests were refused within a day")
    assert "send them again" in ours["fix"]


def test_cards_that_do_not_arrive_are_told_of_while_their_drafts_wait(run: Run, seed: Seed) -> None:
    row = {"account_id": seed.account(), "seat": "sales", "audience": "customer", "recipients": "[]", "body": "Hello"}
    row |= {"channel": "mail", "sha256": "0" * 64, "as_of": 1, "author": "sales", "cause": "1", "created_at": 1}
    card = {"channel": "slack", "recipient": "U1", "text": "new", "reason": "slack answered 503"}
    waits, sent = seed.put(drafts, key="1", state="pending", **row), seed.put(drafts, key="2", state="sent", **row)
    seed.put(notices, draft_id=sent, state="failed", **card)
    seed.put(notices, draft_id=waits, state="owed", attempts=1, **card)
    assert not found(run, "unseen")
    with seed.store.begin() as connection:
        connection.execute(text("UPDATE notices SET state = 'failed' WHERE draft_id = :id"), {"id": waits})
    [told] = found(run, "unseen")
    assert (told["subject"], told["message"].startswith("1 cards")) == ("channels.slack", True)
    assert "slack answered 503" in told["message"]
    assert "seamline drafts list" in told["fix"]


def test_workers_that_stand_still_are_told_apart_from_none_and_from_busy_ones(run: Run, seed: Seed) -> None:
    seed.delivery(seed.source("demo"), state=schema.RECEIVED)
    [told] = found(run, "behind")
    assert "no worker runs" in told["message"]
    with seed.store.begin() as connection:
        processes.register(connection, "one")
    [told] = found(run, "behind")
    assert "do not get to them" in told["message"]
    stand_still(seed.store)
    [told] = found(run, "behind")
    assert "no worker has said of late that it lives" in told["message"]
    assert told["fix"].startswith("Restart them")


def stand_still(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(text("UPDATE workers SET beat_at = beat_at - :us"), {"us": processes.SILENT_US + 1})


def test_a_worker_of_ours_that_hangs_takes_nothing_out_of_service_and_is_named(
    company: Path, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = Health(load_config(company / "seamline.toml"), seed.store, lambda: True)
    assert asyncio.run(looking.checks())[1]["worker"] == "ok"  # it has just been started
    monkeypatch.setattr(health, "START_S", 0.0)
    with seed.store.begin() as connection:
        processes.register(connection, "one")
    assert asyncio.run(looking.checks())[1]["worker"] == "ok"
    stand_still(seed.store)
    ready, checks = asyncio.run(looking.checks())
    assert ready
    assert "restart it" in checks["worker"]


def test_a_store_that_can_only_be_read_is_not_ready_and_check_says_so(
    run: Run, company: Path, postgres_server: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLINE_STORE__URL", postgres_url)
    assert not found(run, "read-only")
    name = postgres_url.rsplit("/", 1)[1]
    postgres_server.run(f"alter database {name} set default_transaction_read_only = on")
    [told] = found(run, "read-only")
    assert (told["level"], "primary" in told["fix"]) == ("error", True)
    store = open_store(postgres_url, pool=1)
    ready, checks = asyncio.run(Health(load_config(company / "seamline.toml"), store, None).checks())
    store.close()
    assert not ready
    assert "standby" in checks["store"]


def test_an_inbox_folder_that_is_broken_or_full_is_named(
    run: Run, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seats = next(company.glob("company_*/seats.py"))
    seats.write_text('from seamline import Roster, Seat\nroster = Roster([Seat("pulse", inbox="dir:elsewhere")])\n')
    assert not found(run, "inbox")  # no worker has made it yet
    for inbox in inboxes(Seat("pulse", inbox="dir:elsewhere"), company):
        inbox.make()
    assert not found(run, "inbox")
    broken = company / "elsewhere" / "pulse" / "new"
    broken.rmdir()
    broken.touch()
    [told] = found(run, "inbox")
    assert (told["subject"], told["message"]) == ("seats.pulse", f"{broken} cannot be used")
    broken.unlink()
    broken.symlink_to(company, target_is_directory=True)
    [told] = found(run, "inbox")
    assert told["message"] == f"{broken} is a symbolic link: nothing is written through it"
    broken.unlink()
    broken.mkdir()
    monkeypatch.setattr(intake_sqlite, "MIN_FREE", 2**62)
    assert "too little space" in found(run, "inbox")[0]["message"]
