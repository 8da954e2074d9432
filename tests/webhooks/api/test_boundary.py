"""The boundary map and the seam over HTTP: what is shown, and who may confirm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from seamline import Roster, Seat
from seamline_webhooks.app import create_app
from seamline_workers.company.config import load_config
from seamline_workers.company.process import Process
from seamline_workers.outbound.boundary import propose
from seamline_workers.store.store import Store

Client = TestClient[Litestar]
Bearer = Callable[[str], dict[str, str]]
VALUE = "0123456789abcdef"

#: The company after a change: a gate more, and a COO whose token has a name of its own.
CHANGED = """
from seamline import Gate, Roster, Seat

dirk = Seat("dirk", role="Pipeline", owns=["proposal.*"], reports_to="coo")
coo = Seat("coo", kind="human", facing="customer_facing", owns=["invoice.*"], assignee="dana@example.com")
roster = Roster([dirk, coo], gates=[Gate("mail", ("coo",), seat="dirk", audience="customer", stage="proposal")])
"""


@pytest.fixture
def changed(folder: Path, store: Store) -> Path:
    """The configuration of the changed company, on a store in which another map is in force."""
    propose(store, Process(Roster([Seat("dirk", owns=["proposal.*"]), Seat("coo", kind="human")])))
    next(folder.glob("company_*/seats.py")).write_text(CHANGED)
    config = folder / "seamline.toml"
    more = "".join(f', "literal:{name}:approver:{name}-{VALUE}"' for name in ("dana", "coo", "sam"))
    text = config.read_text().replace('abcdef"]', f'abcdef"{more}]')
    config.write_text(text + '\n[people.dana]\nrole = "approver"\nemail = "dana@example.com"\n')
    return config


def _boundary(client: Client, bearer: Bearer) -> Any:
    answer = client.get("/api/v1/boundary", headers=bearer("viewer"))
    assert answer.status_code == 200
    return answer.json()


def _confirm(client: Client, who: str, sha256: str) -> Any:
    headers = {"authorization": f"Bearer {who}-{VALUE}"}
    return client.post("/api/v1/boundary/confirm", headers=headers, json={"sha256": sha256})


def test_r76_the_first_map_holds_and_is_shown_with_its_sections(client: Client, bearer: Bearer) -> None:
    told = _boundary(client, bearer)
    assert told["proposed"] is None
    assert told["diff"] == []
    assert set(told["in_force"]["map"]) == {"seats", "runs", "gates", "seams"}
    assert [item["state"] for item in told["items"]] == ["in_force"]
    one = client.get("/api/v1/boundary/current", headers=bearer("viewer")).json()
    assert one == told["in_force"]
    assert client.get(f"/api/v1/boundary/{'0' * 64}", headers=bearer("viewer")).status_code == 404


@pytest.mark.parametrize("who", ["coo", "dana", "admin"])
def test_r77_the_coo_or_an_admin_confirms_a_changed_map(changed: Path, bearer: Bearer, who: str) -> None:
    with TestClient(create_app(load_config(changed, environ={}))) as client:
        told = _boundary(client, bearer)
        assert {row["row"] for row in told["diff"]} >= {"mail", "seat.coo"}
        sha256 = told["proposed"]["sha256"]
        assert client.get("/api/v1/seam", headers=bearer("viewer")).json()["items"] == []
        answer = _confirm(client, who, sha256)
        assert (answer.status_code, answer.json()["state"]) == (200, "in_force")
        assert answer.json()["confirmed_by"] == who
        assert _boundary(client, bearer)["proposed"] is None
        entries = client.get("/api/v1/record", headers=bearer("viewer")).json()["items"]
        assert [entry["action"] for entry in entries] == ["boundary.changed"]


@pytest.mark.parametrize("who", ["sam", "approver", "operator", "viewer"])
def test_r77_nobody_else_confirms_it(changed: Path, bearer: Bearer, who: str) -> None:
    with TestClient(create_app(load_config(changed, environ={}))) as client:
        sha256 = _boundary(client, bearer)["proposed"]["sha256"]
        answer = _confirm(client, who, sha256)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert _boundary(client, bearer)["proposed"]["sha256"] == sha256


def test_a_version_that_nobody_proposed_is_not_confirmed(changed: Path) -> None:
    with TestClient(create_app(load_config(changed, environ={}))) as client:
        assert _confirm(client, "dana", "0" * 64).status_code == 404
        assert _confirm(client, "dana", "short").status_code == 400


def test_r83_each_way_across_the_seam_has_its_gate_and_its_approver(changed: Path, bearer: Bearer) -> None:
    with TestClient(create_app(load_config(changed, environ={}))) as client:
        _confirm(client, "dana", _boundary(client, bearer)["proposed"]["sha256"])
        seam = client.get("/api/v1/seam", headers=bearer("viewer")).json()
        (edge,) = seam["items"]
        assert (edge["from_seat"], edge["to_seat"], edge["gate"], edge["approver"]) == ("dirk", "coo", "mail", "coo")
        assert [seat["id"] for seat in seam["sides"]["internal_operations"]] == ["dirk"]
        assert [seat["id"] for seat in seam["sides"]["customer_facing"]] == ["coo"]
        one = client.get(f"/api/v1/seam/{edge['id']}", headers=bearer("viewer"))
        assert one.json() == edge
