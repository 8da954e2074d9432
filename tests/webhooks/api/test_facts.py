"""A human states a fact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient
from structlog.testing import capture_logs

from seamline_webhooks.app import create_app
from seamline_workers.company.config import load_config
from support.seed import Seed

Client = TestClient[Litestar]
Bearer = Callable[[str], dict[str, str]]


def state(client: Client, headers: dict[str, str], account: str, **body: Any) -> Any:
    return client.post(f"/api/v1/accounts/{account}/events", json=body, headers=headers)


def test_a_fact_that_a_human_states_is_in_the_ledger_and_handed_to_its_owner(
    client: Client, bearer: Bearer, seed: Seed
) -> None:
    account = seed.account()
    seed.identity(account, "email", "dana@example.com")
    told = state(
        client,
        bearer("approver"),
        "dana@example.com",
        type="seamline.invoice.paid.v1",
        data={"invoice_id": "I1", "amount": 4200, "currency": "USD"},
        occurred_at="2026-11-20T09:30:00Z",
    )
    assert told.status_code == 201
    event = told.json()
    assert (event["trust"], event["source"], event["time"]) == ("human", "/people/approver", "2026-11-20T09:30:00Z")
    assert event["subject"] == f"accounts/{account}"
    assert client.get(f"/api/v1/events/{event['id']}", headers=bearer("approver")).json() == event
    handoffs = client.get("/api/v1/handoffs", headers=bearer("viewer")).json()["items"]
    assert [(handoff["seat"], handoff["as"], handoff["event"]) for handoff in handoffs] == [
        ("coo", "owner", event["id"])
    ]


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_fact_at_a_time_that_cannot_be_is_refused_and_says_where(
    client: Client, bearer: Bearer, seed: Seed, at: str
) -> None:
    told = state(client, bearer("approver"), str(seed.account()), type="relationship.ended", occurred_at=at)
    assert (told.status_code, told.json()["errors"][0]["path"]) == (400, "occurred_at")


def test_a_fact_moves_the_account_s_stage(client: Client, bearer: Bearer, seed: Seed) -> None:
    account = seed.account(stage=None)
    state(client, bearer("approver"), str(account), type="relationship.ended", data={})
    assert client.get(f"/api/v1/accounts/{account}", headers=bearer("viewer")).json()["stage"] == "exit"


def test_the_same_words_stated_twice_are_one_event(client: Client, bearer: Bearer, seed: Seed) -> None:
    account = str(seed.account())
    once, again, other = (
        state(client, bearer("approver"), account, type="call.noted", data={"call_id": call})
        for call in ("1", "1", "2")
    )
    assert once.json()["id"] == again.json()["id"] != other.json()["id"]
    keyed = [
        state(client, bearer("approver") | {"idempotency-key": key}, account, type="call.noted", data={"call_id": "1"})
        for key in ("a", "a", "b")
    ]
    first, second, third = (answer.json()["id"] for answer in keyed)
    assert first == second
    assert len({first, third, once.json()["id"]}) == 3


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": "stage.changed", "data": {"to_stage": "exit"}}, "type"),
    ({"type": "lead.triaged", "data": {}}, "type"),
    ({"type": "comet.seen"}, "type"),
    ({"type": "call.*"}, "type"),
    ({"type": "call.noted", "data": {}}, "data"),
    ({"type": "call.noted", "data": {"call_id": "1", "colour": "red"}}, "data.colour"),
    ({"type": "call.noted", "data": {"call_id": "1"}, "occurred_at": "yesterday"}, "occurred_at"),
    ({"type": "call.noted", "data": {"call_id": "1"}, "occurred_at": "2h"}, "occurred_at"),
]


def test_what_is_no_fact_or_does_not_fit_is_refused(client: Client, bearer: Bearer, seed: Seed) -> None:
    account = str(seed.account())
    for body, path in WRONG:
        answer = state(client, bearer("approver"), account, **body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert answer.json()["errors"][0]["path"] == path


def test_only_an_approver_states_facts_and_only_of_somebody(client: Client, bearer: Bearer, seed: Seed) -> None:
    account = str(seed.account())
    fact = {"type": "call.noted", "data": {"call_id": "1"}}
    assert state(client, bearer("operator"), account, **fact).status_code == 403
    assert state(client, bearer("approver"), "nobody@example.com", **fact).status_code == 404
    for realm in ("one", "two"):
        seed.identity(seed.account(), "ref", f"meta\n{realm}\nlead\n77")
    assert state(client, bearer("approver"), "meta:lead:77", **fact).status_code == 409


@pytest.mark.parametrize("levels", [60, 150, 400, 700, 900, 1_100, 20_000])
def test_a_body_that_is_nested_without_end_is_refused(client: Client, bearer: Bearer, seed: Seed, levels: int) -> None:
    deep = b'{"type": "call.noted", "data": ' + b'{"a": ' * levels + b"1" + b"}" * (levels + 1)
    with capture_logs() as logs:
        told = client.post(f"/api/v1/accounts/{seed.account()}/events", content=deep, headers=bearer("approver"))
    assert (told.status_code, told.json()["code"]) == (400, "invalid")
    assert [line for line in logs if line["log_level"] == "error"] == []


@pytest.mark.parametrize("path", ["drafts/1/approve", "drafts/resolve", "flags/1/clear", "replays", "boundary/confirm"])
def test_brackets_without_end_are_an_ordinary_refusal(client: Client, bearer: Bearer, path: str) -> None:
    with capture_logs() as logs:
        told = client.post(f"/api/v1/{path}", content=b"[" * 100_000, headers=bearer("admin"))
    assert (told.status_code, told.json()["code"]) == (400, "invalid")
    assert [line for line in logs if line["log_level"] == "error"] == []


def test_a_recursion_of_ours_is_no_fault_of_who_asked(folder: Path) -> None:
    @get("/endless", sync_to_thread=False)
    def endless() -> None:
        raise RecursionError

    config = load_config(folder / "seamline.toml", environ={})
    with TestClient(create_app(config, route_handlers=[endless])) as running, capture_logs() as logs:
        assert running.get("/endless").status_code == 500
    assert [line["error"] for line in logs if line["log_level"] == "error"] == ["RecursionError"]
