"""A human overrides how far a figure can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from support.seed import Seed

Client = TestClient[Litestar]
Bearer = Callable[[str], dict[str, str]]
FIGURES = {
    "platform": "meta",
    "period": {"start": "2026-11-19", "end": "2026-11-19"},
    "spend": 1000,
    "currency": "USD",
    "leads": 2,
    "as_of": "2026-11-20T06:00:00Z",
}


@pytest.fixture
def snapshot(client: Client, bearer: Bearer, seed: Seed) -> str:
    """The id of a snapshot in the ledger."""
    body = {"type": "metrics.snapshot", "data": FIGURES}
    told = client.post(f"/api/v1/accounts/{seed.account()}/events", json=body, headers=bearer("approver"))
    return str(told.json()["id"])


def grade(client: Client, headers: dict[str, str], snapshot: str, **body: Any) -> Any:
    return client.post(f"/api/v1/snapshots/{snapshot}/grade", json=body, headers=headers)


def test_r40_an_approver_overrides_a_grade_in_their_own_name_with_a_reason(
    client: Client, bearer: Bearer, snapshot: str
) -> None:
    told = grade(client, bearer("approver"), snapshot, grade="trusted", reason="their total lags")
    assert told.status_code == 200
    event = told.json()
    assert (event["type"], event["trust"], event["source"]) == (
        "seamline.metrics.trust_assessed.v1",
        "human",
        "/people/approver",
    )
    assert event["causationid"] == snapshot
    shown = client.get(f"/api/v1/events/{event['id']}", headers=bearer("approver")).json()["data"]
    assert (shown["snapshot_id"], shown["grade"], shown["override_by"]) == (snapshot, "trusted", "approver")


def test_r40_nobody_below_an_approver_overrides_a_grade_and_nobody_without_a_reason(
    client: Client, bearer: Bearer, snapshot: str
) -> None:
    assert grade(client, bearer("operator"), snapshot, grade="trusted", reason="so").status_code == 403
    assert grade(client, bearer("approver"), snapshot, grade="trusted", reason=" ").status_code == 400
    assert grade(client, bearer("approver"), snapshot, grade="perfect", reason="so").status_code == 400


def test_only_a_snapshot_has_a_grade(client: Client, bearer: Bearer, snapshot: str) -> None:
    event = grade(client, bearer("approver"), snapshot, grade="untrusted", reason="a test account").json()["id"]
    for other in (event, "nonsense", "00000000-0000-0000-0000-000000000000"):
        assert grade(client, bearer("approver"), other, grade="trusted", reason="so").status_code == 404
