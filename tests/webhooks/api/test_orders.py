"""What people order through the API: by role, each once, and in the state that allows it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import select

from seamline_webhooks.app import create_app
from seamline_workers.company.config import load_config
from seamline_workers.store import schema
from seamline_workers.store.store import Store
from support.seed import Seed

Client = TestClient[Litestar]
Bearer = Callable[[str], dict[str, str]]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def lane(store: Store, account: int) -> Any:
    with store.read() as connection:
        mine = (schema.lanes.c.kind == schema.SEAT_LANE, schema.lanes.c.key == account)
        return connection.execute(select(schema.lanes).where(*mine)).one()


def test_a_flag_is_cleared_by_an_approver_with_a_reason_and_only_once(
    client: Client, bearer: Bearer, seed: Seed
) -> None:
    flag = seed.flag(seed.account())
    path, body = f"/api/v1/flags/{flag}/clear", {"reason": "spoke with them"}
    assert code(client.post(path, json=body, headers=bearer("operator"))) == (403, "forbidden")
    assert code(client.post(path, json={}, headers=bearer("approver"))) == (400, "invalid")
    assert code(client.post(path, json={"reason": " "}, headers=bearer("approver"))) == (400, "invalid")
    cleared = client.post(path, json=body, headers=bearer("approver"))
    assert cleared.status_code == 200
    found = cleared.json()
    assert (found["state"], found["cleared_by"], found["reason"]) == ("cleared", "approver", "spoke with them")
    assert code(client.post(path, json=body, headers=bearer("approver"))) == (409, "conflict")
    assert code(client.post("/api/v1/flags/999/clear", json=body, headers=bearer("approver"))) == (404, "not-found")


def test_what_does_not_fit_in_a_body_is_named(client: Client, bearer: Bearer) -> None:
    answer = client.post(
        "/api/v1/replays", json={"what": "handoffs", "per_second": 0, "colour": "red"}, headers=bearer("operator")
    )
    assert code(answer) == (400, "invalid")
    assert answer.json()["errors"]
    broken = client.post("/api/v1/replays", content=b"{", headers=bearer("operator"))
    assert code(broken) == (400, "invalid")
    filters = client.post(
        "/api/v1/replays", json={"what": "handoffs", "filters": {"state": "running"}}, headers=bearer("operator")
    )
    assert filters.json()["errors"][0]["path"] == "state"


def test_a_task_is_done_by_an_operator(client: Client, bearer: Bearer, seed: Seed) -> None:
    task = seed.task(None)
    path = f"/api/v1/tasks/{task}/done"
    assert code(client.post(path, headers=bearer("viewer"))) == (403, "forbidden")
    done = client.post(path, headers=bearer("operator")).json()
    assert (done["state"], done["done_by"]) == ("done", "operator")
    assert code(client.post(path, headers=bearer("operator"))) == (409, "conflict")


def test_a_dead_handoff_is_run_again_in_its_lane(client: Client, bearer: Bearer, store: Store, seed: Seed) -> None:
    account = seed.account()
    handoff = seed.handoff(seed.event(account), "dirk", account, schema.DEAD, attempts=12, reason="gave up")
    seed.event(account)
    seed.lane(account, "dirk", done=2)
    path = f"/api/v1/handoffs/{handoff}/replay"
    assert code(client.post(path, headers=bearer("viewer"))) == (403, "forbidden")
    again = client.post(path, headers=bearer("operator")).json()
    assert (again["state"], again["attempts"], again["reason"]) == ("ready", 0, None)
    assert (lane(store, account).done, lane(store, account).last) == (0, 2)
    assert code(client.post(path, headers=bearer("operator"))) == (409, "conflict")


def test_a_handoff_of_an_account_that_was_linked_since_runs_in_the_groups_lane(
    client: Client, bearer: Bearer, store: Store, seed: Seed
) -> None:
    head = seed.account()
    member = seed.account(group_id=head)
    handoff = seed.handoff(seed.event(member), "dirk", member, schema.DEAD)
    again = client.post(f"/api/v1/handoffs/{handoff}/replay", headers=bearer("operator")).json()
    assert (again["account"], again["state"]) == (str(head), "ready")
    assert lane(store, head).last == 1


def test_a_cancelled_handoff_lets_those_behind_it_pass(
    client: Client, bearer: Bearer, store: Store, seed: Seed
) -> None:
    account = seed.account()
    first = seed.handoff(seed.event(account), "dirk", account, schema.RETRYING)
    second = seed.handoff(seed.event(account), "dirk", account)
    seed.lane(account, "dirk", held=schema.HELD, due=2**60)
    cancelled = client.post(f"/api/v1/handoffs/{first}/cancel", headers=bearer("operator")).json()
    assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "cancelled by operator")
    assert lane(store, account).held == schema.OPEN
    assert client.get(f"/api/v1/handoffs/{second}", headers=bearer("viewer")).json()["state"] == "ready"
    assert code(client.post(f"/api/v1/handoffs/{first}/cancel", headers=bearer("operator"))) == (409, "conflict")


def test_a_replay_is_counted_first_then_planned_and_cancelled(client: Client, bearer: Bearer, seed: Seed) -> None:
    account = seed.account()
    for _ in range(3):
        seed.handoff(seed.event(account), "dirk", account, schema.DEAD)
    order = {"what": "handoffs", "filters": {"seat": "dirk"}}
    dry = client.post("/api/v1/replays", json={**order, "dry_run": True}, headers=bearer("operator"))
    assert (dry.status_code, dry.json()) == (200, {"total": 3, "by": {"proposal.viewed": 3}, "diff": []})
    assert client.get("/api/v1/replays", headers=bearer("viewer")).json()["items"] == []
    planned = client.post("/api/v1/replays", json=order, headers=bearer("operator"))
    assert planned.status_code == 201
    found = planned.json()
    assert (found["state"], found["total"], found["by"]) == ("planned", 3, "operator")
    assert found["selector"] == {"what": "handoffs", "filters": {"seat": "dirk", "state": "dead"}, "upto": 3}
    path = f"/api/v1/replays/{found['id']}/cancel"
    assert client.post(path, headers=bearer("operator")).json()["state"] == "cancelled"
    assert code(client.post(path, headers=bearer("operator"))) == (409, "conflict")


def test_a_source_is_paused_and_resumed_by_an_admin(client: Client, bearer: Bearer) -> None:
    assert code(client.post("/api/v1/sources/demo/pause", headers=bearer("approver"))) == (403, "forbidden")
    assert client.post("/api/v1/sources/demo/pause", headers=bearer("admin")).json()["state"] == "paused"
    assert client.post("/api/v1/sources/demo/resume", headers=bearer("admin")).json()["state"] == "active"
    assert code(client.post("/api/v1/sources/nobody/pause", headers=bearer("admin"))) == (404, "not-found")


def test_an_order_sent_again_with_its_key_is_carried_out_once(client: Client, bearer: Bearer, seed: Seed) -> None:
    task = seed.task(None)
    headers = bearer("operator") | {"idempotency-key": "k-1"}
    first = client.post(f"/api/v1/tasks/{task}/done", headers=headers)
    again = client.post(f"/api/v1/tasks/{task}/done", headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    other = client.post(f"/api/v1/tasks/{seed.task(None)}/done", headers=headers)
    assert code(other) == (409, "conflict")
    theirs = client.post(f"/api/v1/tasks/{task}/done", headers=bearer("admin") | {"idempotency-key": "k-1"})
    assert code(theirs) == (409, "conflict")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_that_is_none_is_refused(client: Client, bearer: Bearer, key: str) -> None:
    answer = client.post("/api/v1/tasks/1/done", headers=bearer("operator") | {"idempotency-key": key})
    assert code(answer) == (400, "invalid")
    assert answer.json()["errors"][0]["path"] == "Idempotency-Key"


def test_of_one_order_sent_eight_times_at_once_one_is_planned(client: Client, bearer: Bearer, seed: Seed) -> None:
    seed.account()
    headers = bearer("operator") | {"idempotency-key": "burst"}

    def send(_: int) -> Any:
        return client.post("/api/v1/replays", json={"what": "handoffs"}, headers=headers)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_get_is_not_allowed_where_an_order_is_sent(client: Client, bearer: Bearer) -> None:
    assert code(client.get("/api/v1/tasks/1/done", headers=bearer("admin"))) == (405, "method")


def test_r71_no_agent_orders_what_a_human_decides(folder: Path, seed: Seed) -> None:
    value = "agent-0123456789abcdef"
    path = folder / "seamline.toml"
    text = path.read_text().replace("tokens = [", f'tokens = ["literal:Dirk:admin:{value}", ')
    path.write_text(text)
    bearer = {"authorization": f"Bearer {value}"}
    with TestClient(create_app(load_config(path, environ={}))) as running:
        for order, body in (
            ("flags/1/clear", {"reason": "all is well"}),
            ("accounts/1/exit/pixel", {"reason": "handed over"}),
            ("accounts/1/events", {"type": "contract.signed"}),
            ("boundary/confirm", {"sha256": "0" * 64}),
            ("sources/demo/resume", None),
        ):
            answer = running.post(f"/api/v1/{order}", json=body, headers=bearer)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
            assert "Dirk is an agent's seat" in answer.json()["detail"]
        assert running.get("/api/v1/accounts", headers=bearer).status_code == 200
