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
from seamline_workers.config import load_config
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
