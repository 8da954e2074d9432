"""Deciding about drafts over HTTP: only what was seen, only by whom the gate names, and each once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from seamline_webhooks.app import create_app
from seamline_workers.company.config import load_config
from seamline_workers.store.store import Store
from support.office import HUMANS, OPEN, drafting
from support.recording import KEY, Mailbox, install, mailbox
from support.works import Works, event

VALUE = "0123456789abcdef"
SEATS = """
from seamline import Roster, Seat
from seamline.gate import Gate

roster = Roster(
    [
        Seat("pepper", owns=["lead.*"]),
        Seat("coo", kind="human", owns=["guard.refused"], assignee="anna@example.com"),
        Seat("closer", kind="human", assignee="carl@example.com"),
    ],
    gates=[Gate("mail-to-customers", ("coo",), channel="mail")],
)
"""
#: The names of people and of a seat, each with an approver's token; and others.
TOKENS = (
    ("anna", "approver"),
    ("carl", "approver"),
    ("pepper", "admin"),
    ("boss", "admin"),
    ("olga", "operator"),
    ("vic", "viewer"),
)
_PACKAGES = count(1)


@dataclass
class Desk:
    """The application, and the engine beside it."""

    client: TestClient[Litestar]
    works: Works
    mailbox: Mailbox

    def draft(self, lead: str = "L1") -> dict[str, Any]:
        """A lead comes in; gives the draft that answers it, as the API shows it."""
        self.works.tell(event("lead.received", lead_id=lead, channel="form"))
        self.works.work()
        return self.show(self.works.drafts()[-1].id)

    def show(self, number: int | str, who: str = "anna") -> dict[str, Any]:
        return dict(self.client.get(f"/api/v1/drafts/{number}", headers=bearer(who)).json())

    def post(self, number: int | str, action: str, who: str = "anna", key: str | None = None, **body: Any) -> Any:
        headers = bearer(who) | ({} if key is None else {"idempotency-key": key})
        return self.client.post(f"/api/v1/drafts/{number}/{action}", json=body, headers=headers)

    def approve(self, draft: dict[str, Any], who: str = "anna", **body: Any) -> Any:
        return self.post(draft["id"], "approve", who, **({"sha256": draft["sha256"]} | body))


def bearer(who: str) -> dict[str, str]:
    return {"authorization": f"Bearer {who}-{VALUE}"}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = install(tmp_path_factory.mktemp("adapters") / "installed")
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture
def desk(tmp_path: Path, store: Store, store_url: str, adapters: None) -> Iterator[Desk]:
    package = f"company_of_drafts_{next(_PACKAGES)}"
    (tmp_path / f"{package}.py").write_text(SEATS)
    tokens = ", ".join(f'"literal:{name}:{role}:{name}-{VALUE}"' for name, role in TOKENS)
    with mailbox() as provider:
        (tmp_path / "seamline.toml").write_text(
            f"""
            [company]
            seats = "{package}:roster"
            public_url = "https://hooks.example.com"
            [store]
            url = "{store_url}"
            [channels.mail]
            adapter = "recording"
            secrets = ["literal:{KEY}"]
            settings = {{ url = "{provider.url}" }}
            [people.anna]
            name = "Anna Example"
            email = "anna@example.com"
            [api]
            tokens = [{tokens}]
            """
        )
        people = {"anna": {"name": "Anna Example", "email": "anna@example.com"}}
        works = Works(store, drafting(), *HUMANS, gates=[OPEN], channels={"mail": provider.channel()}, people=people)
        with TestClient(create_app(load_config(tmp_path / "seamline.toml", environ={}))) as client:
            yield Desk(client, works, provider)
        works.close()


def test_r71_r75_a_draft_is_approved_over_http_and_sent_in_the_name_of_whoever_did(desk: Desk) -> None:
    draft = desk.draft()
    assert (draft["state"], draft["map_row"], draft["audience"]) == ("pending", "mail-to-customers", "customer")
    approved = desk.approve(draft)
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    desk.works.dispatch_some()
    [sent] = desk.mailbox.sent
    assert (sent["body"], sent["from"]) == (draft["body"], "Anna Example <anna@example.com>")
    assert desk.show(draft["id"])["state"] == "sent"
    [dispatch] = desk.client.get("/api/v1/dispatches", headers=bearer("vic")).json()["items"]
    assert (dispatch["state"], dispatch["message_ref"], dispatch["recipients"]) == (
        "sent",
        f"m-{sent['key']}",
        ["***"],
    )


def test_r49_r71_the_text_that_was_seen_is_the_one_that_is_approved(desk: Desk) -> None:
    draft = desk.draft()
    edited = desk.post(draft["id"], "edit", body="By hand").json()
    assert (edited["body"], edited["edited"], edited["edits"][0]["body"]) == ("By hand", True, draft["body"])
    assert code(desk.approve(draft)) == (409, "stale-draft")
    assert desk.approve(edited).status_code == 200
    assert code(desk.approve(edited)) == (409, "conflict")


def test_a_text_goes_to_fifty_recipients_at_most(desk: Desk) -> None:
    draft = desk.draft()
    many = [f"dana{n}@acme.example" for n in range(51)]
    assert code(desk.post(draft["id"], "edit", recipients=many)) == (400, "invalid")
    assert desk.post(draft["id"], "edit", recipients=many[:50]).status_code == 200


@pytest.mark.parametrize("who", ["carl", "pepper", "olga", "vic"])
def test_r71_r72_whoever_the_gate_does_not_name_is_forbidden(desk: Desk, who: str) -> None:
    draft = desk.draft()
    orders: dict[str, dict[str, Any]] = {
        "approve": {"sha256": draft["sha256"]},
        "edit": {"body": "mine"},
        "reject": {"reason": "mine"},
        "snooze": {"until": "2099-01-01T00:00:00Z"},
    }
    for action, body in orders.items():
        assert code(desk.post(draft["id"], action, who, **body)) == (403, "forbidden")
    assert desk.show(draft["id"])["state"] == "pending"


def test_r71_an_agent_that_tries_to_decide_is_seen(desk: Desk) -> None:
    draft = desk.draft()
    assert code(desk.approve(draft, "carl")) == (403, "forbidden")
    assert code(desk.approve(draft, "pepper")) == (403, "forbidden")
    refusals = desk.client.get("/api/v1/events?type=guard.refused", headers=bearer("olga")).json()["items"]
    assert [(one["data"]["rule"], one["data"]["code"]) for one in refusals] == [("R71", "AGENT_MAY_NOT_SEND")]
    assert desk.show(draft["id"])["state"] == "pending"


def test_an_admin_may_decide(desk: Desk) -> None:
    draft = desk.draft()
    assert desk.approve(draft, "boss").json()["decided_by"] == "boss"


def test_r2_a_guards_refusal_is_a_problem_that_names_the_row_of_the_map_and_what_stands_against_it(desk: Desk) -> None:
    draft = desk.draft()
    desk.works.tell(event("email.received", message_id="M1", sender="dana@acme.example", subject="Wait"))
    refused = desk.approve(draft)
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["type"]) == (
        409, "STALE_CONTEXT", "urn:seamline:problem:STALE_CONTEXT",
    )  # fmt: skip
    assert (problem["map_row"], problem["rule"]) == ("mail-to-customers", "R2")
    [news] = [item for item in desk.show(draft["id"])["packet"]["thread"] if item["new"]]
    assert problem["evidence"] == [news["id"]]
    events = desk.client.get("/api/v1/events?type=guard.refused", headers=bearer("anna")).json()["items"]
    assert [one["data"]["code"] for one in events] == ["STALE_CONTEXT"]
    seen = desk.show(draft["id"])["packet"]["read_to"]
    assert desk.post(draft["id"], "edit", seen=seen).status_code == 200
    assert desk.approve(draft).status_code == 200


def test_an_order_with_a_key_is_carried_out_once(desk: Desk) -> None:
    draft = desk.draft()
    answers = [desk.post(draft["id"], "approve", key="once", sha256=draft["sha256"]) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 200]
    assert code(desk.post(draft["id"], "reject", key="once", reason="no")) == (409, "conflict")
    desk.works.dispatch_some()
    assert desk.post(draft["id"], "approve", key="once", sha256=draft["sha256"]).json()["state"] == "sent"
    assert len(desk.mailbox.sent) == 1


def test_r75_rejected_or_put_aside_nothing_is_sent(desk: Desk) -> None:
    first, second = desk.draft("L1"), desk.draft("L2")
    assert code(desk.post(first["id"], "reject")) == (400, "invalid")
    assert code(desk.post(first["id"], "reject", reason=" ")) == (400, "invalid")
    rejected = desk.post(first["id"], "reject", reason="wrong tone").json()
    assert (rejected["state"], rejected["reason"], rejected["decided_by"]) == ("rejected", "wrong tone", "anna")
    for until in ("soon", "9999-12-31T23:59:59-14:00", "999999w"):
        assert code(desk.post(second["id"], "snooze", until=until)) == (400, "invalid")
    assert code(desk.post(second["id"], "snooze", until="2020-01-01T00:00:00Z")) == (409, "conflict")
    assert code(desk.post(second["id"], "resolve", result="sent", reason="x")) == (409, "conflict")
    assert code(desk.post("999", "reject", reason="x")) == (404, "not-found")
    desk.works.dispatch_some()
    assert desk.mailbox.sent == []


def test_what_does_not_fit_is_named(desk: Desk) -> None:
    draft = desk.draft()
    for body in ({}, {"sha256": "x"}, {"sha256": draft["sha256"], "confirm": ["all"]}, {"sha256": 1}):
        assert code(desk.post(draft["id"], "approve", **body)) == (400, "invalid")
    assert desk.show(draft["id"])["state"] == "pending"


def test_the_timeline_of_the_customer_shows_the_draft_and_the_decision(desk: Desk) -> None:
    draft = desk.draft()
    desk.approve(draft)
    path = f"/api/v1/accounts/{draft['account']}/timeline"
    items = desk.client.get(path, headers=bearer("anna")).json()["items"]
    kinds = {item["kind"]: item for item in items}
    assert kinds["draft"]["text"] == f"mail to a customer (approved): {draft['subject']}"
    assert (kinds["decision"]["id"], kinds["decision"]["text"]) == (
        draft["id"], f"draft {draft['id']} approved by anna",
    )  # fmt: skip


def test_a_viewer_sees_the_queue_without_what_is_personal(desk: Desk) -> None:
    draft = desk.draft()
    [seen] = desk.client.get("/api/v1/drafts?state=pending", headers=bearer("vic")).json()["items"]
    assert (seen["id"], seen["sha256"], seen["body"], seen["recipients"]) == (
        draft["id"], draft["sha256"], "***", ["***"],
    )  # fmt: skip


# --- after an outage --------------------------------------------------------------------------------------------------


def unknown(desk: Desk, n: int) -> list[str]:
    """Texts of which nobody knows whether they went out, while their channel is paused."""
    drafts = [desk.draft(f"L{one}") for one in range(n)]
    for draft in drafts:
        assert desk.approve(draft, confirm=["conflicts"]).status_code == 200
    desk.works.write("UPDATE drafts SET wake_at = NULL, state = 'unknown'")
    return [draft["id"] for draft in drafts]


def resolve_many(desk: Desk, ids: list[str], who: str = "anna", key: str | None = None, **body: Any) -> httpx.Response:
    headers = bearer(who) | ({} if key is None else {"idempotency-key": key})
    told = {"ids": ids, "result": "failed", "reason": "the provider took none"} | body
    return desk.client.post("/api/v1/drafts/resolve", json=told, headers=headers)


def test_many_that_are_unknown_are_resolved_at_once_and_each_is_recorded_by_whom(desk: Desk) -> None:
    first, second, third = unknown(desk, 3)
    waiting = desk.draft("L9")["id"]
    answer = resolve_many(desk, [first, second, second, waiting, "77777"], key="once")
    assert answer.json()["resolved"] == [first, second]
    assert [(one["id"], one["code"]) for one in answer.json()["left"]] == [
        (waiting, "conflict"),
        ("77777", "not-found"),
    ]
    assert [desk.show(one)["state"] for one in (first, second, third)] == ["failed", "failed", "unknown"]
    told = desk.works.all("SELECT actor_kind, actor_id, decision FROM record WHERE action = 'draft.dispatched'")
    assert [tuple(row) for row in told] == [("human", "anna", "failed")] * 2
    again = resolve_many(desk, [first, second], key="once")
    assert again.json() == {"resolved": [first, second], "left": []}
    assert len(desk.works.all("SELECT 1 FROM events WHERE type = 'draft.dispatched'")) == 2


@pytest.mark.parametrize("who", ["pepper", "carl", "olga"])
def test_r71_only_whoever_may_decide_resolves_many(desk: Desk, who: str) -> None:
    ids = unknown(desk, 2)
    answer = resolve_many(desk, ids, who)
    if who == "carl":  # a human, but not at this gate
        assert [one["code"] for one in answer.json()["left"]] == ["forbidden", "forbidden"]
    else:
        assert answer.status_code in (403, 409)
    assert [desk.show(one)["state"] for one in ids] == ["unknown", "unknown"]


def test_many_are_resolved_with_a_reason_and_not_too_many_at_once(desk: Desk) -> None:
    assert code(resolve_many(desk, ["1"], reason=" ")) == (400, "invalid")
    assert code(resolve_many(desk, [str(n) for n in range(201)])) == (400, "invalid")


def test_a_paused_channel_is_seen_and_resumed(desk: Desk) -> None:
    def order(action: str, who: str = "boss") -> httpx.Response:
        return desk.client.post(f"/api/v1/channels/mail/{action}", headers=bearer(who))

    assert desk.client.get("/api/v1/channels/mail", headers=bearer("vic")).json()["state"] == "open"
    assert order("pause", "olga").status_code == 403
    assert order("pause").json()["paused_by"] == "boss"
    [shown] = desk.client.get("/api/v1/channels?state=paused", headers=bearer("vic")).json()["items"]
    assert (shown["name"], shown["adapter"], shown["due_at"]) == ("mail", "recording", None)
    ready = desk.client.get("/health/ready").json()
    assert (ready["status"], ready["checks"]["channels"]) in [
        (status, "paused: mail") for status in ("degraded", "failing")
    ]
    page = desk.client.get("/metrics").text
    assert 'seamline_channel_paused{channel="mail"} 1.0' in page
    assert 'seamline_channel_pauses_total{channel="mail"} 1.0' in page
    assert order("resume").json()["state"] == "open"
    assert code(desk.client.post("/api/v1/channels/male/resume", headers=bearer("boss"))) == (404, "not-found")


def test_drafts_on_their_way_are_among_the_metrics(desk: Desk) -> None:
    unknown(desk, 2)
    desk.draft("L9")
    page = desk.client.get("/metrics").text
    for kind, n in (("waiting", 1), ("approved", 0), ("unknown", 2)):
        assert f'seamline_backlog{{kind="drafts_{kind}"}} {n}.0' in page
        assert f'seamline_oldest_seconds{{kind="drafts_{kind}"}}' in page
