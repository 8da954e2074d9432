"""What the demo knows of the company: only what its API says, with the tokens of its people."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

#: What has not come to rest yet, by list and state. What leads to something stands before what it leads to.
_BUSY = (
    ("replays", "planned"),
    ("replays", "running"),
    ("deliveries", "received"),
    ("deliveries", "fetching"),
    ("handoffs", "waiting"),
    ("handoffs", "ready"),
    ("handoffs", "running"),
    ("handoffs", "retrying"),
    ("dispatches", "dispatching"),
)
#: What is under way once its time has come.
_DUE = (("deadlines", "armed"), ("dispatches", "approved"))
#: Looks one after another that must find nothing: what one kind of work leads to may be of a kind looked at before.
_QUIET_LOOKS = 2
#: Seconds between two looks.
_LOOK_S = 0.03


@dataclass(frozen=True)
class View:
    """What the API lists about an account at one moment, by id; events in the order of the ledger."""

    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    handoffs: dict[str, dict[str, Any]] = field(default_factory=dict)
    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    drafts: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def since(self, before: View) -> View:
        """What is new, or stands otherwise, since an earlier view."""
        return View(
            *(
                {key: row for key, row in getattr(self, name).items() if getattr(before, name).get(key) != row}
                for name in View.__dataclass_fields__
            )
        )

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        """The events of a type, oldest first."""
        return [event for event in self.events.values() if plain(event["type"]) == event_type]


@dataclass(frozen=True)
class Told:
    """What an order was answered."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        """The code of a problem; empty: it was carried out."""
        return str(self.body.get("code", "")) if self.status >= 400 else ""


class Api:
    """The API of a running company; ``tokens`` by who has them, the first of whom reads."""

    def __init__(self, url: str, tokens: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._reader = next(iter(tokens))
        # The environment's proxies are not for a server on this machine.
        self._http = httpx.Client(base_url=url, timeout=10.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def wait_ready(self, seconds: float) -> bool:
        """Wait until the server and its worker are ready."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._http.get("/health/ready").status_code == 200:
                return True
            time.sleep(_LOOK_S)
        return False

    def list(self, what: str, **filters: str) -> list[dict[str, Any]]:
        """All of a list, in its order turned round: what is newest first there is last here."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self._page(what, {"limit": "1000", **filters} | ({"cursor": cursor} if cursor else {}))
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                return found[::-1]

    def show(self, path: str) -> dict[str, Any]:
        """One thing, such as ``drafts/1``."""
        answer = self._http.get(f"/api/v1/{path}", headers=self._headers(self._reader))
        answer.raise_for_status()
        shown: dict[str, Any] = answer.json()
        return shown

    def account(self, key: str) -> str:
        """The id of an account; empty: there is none yet."""
        answer = self._http.get(f"/api/v1/accounts/{key}", headers=self._headers(self._reader))
        return str(answer.json()["id"]) if answer.status_code == 200 else ""

    def company_account(self) -> str:
        """The id of the company's own account: what is asked of it every day is about that."""
        return next((str(one["account"]) for one in self.list("deadlines", type="daily", seat="radar")), "")

    def order(self, path: str, what: dict[str, Any] | None = None, by: str | None = None) -> Told:
        """Give an order as somebody; None: whoever looks after the machinery."""
        answer = self._http.post(f"/api/v1/{path}", json=what, headers=self._headers(by or self._reader))
        return Told(answer.status_code, answer.json() if answer.content else {})

    def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Ask a tool of the company's MCP server, as an MCP client does; empty: it has none."""
        called = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": called}
        headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
        answer = self._http.post("/mcp", json=message, headers=self._headers(self._reader) | headers)
        if answer.status_code != 200:
            return {}
        found: dict[str, Any] = answer.json().get("result", {}).get("structuredContent", {})
        return found

    def settle(self, clock: Callable[[], datetime], seconds: float) -> bool:
        """Wait until nothing is under way by business time. What is parked or waits for a human is at rest."""
        until, quiet = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            quiet = 0 if self.busy(clock()) else quiet + 1
            if quiet == _QUIET_LOOKS:
                return True
            time.sleep(_LOOK_S)
        return False

    def busy(self, now: datetime) -> str:
        """Something that is under way; empty: nothing is."""
        for what, state in _DUE:
            for one in self._page(what, {"state": state, "limit": "1000"})["items"]:
                if one["due_at"] is not None and datetime.fromisoformat(one["due_at"]) < now:
                    return f"{what} {one['id']}"
        for what, state in _BUSY:
            if found := self._page(what, {"state": state, "limit": "1"})["items"]:
                return f"{what} {found[0]['id']}, {state}"
        return ""

    def view(self, account: str) -> View:
        """Look at everything about an account. Deliveries are of no account, so all of them are seen."""
        if not account:
            return View(_by_id(self.list("deliveries")))
        about = {"account": account}
        events = sorted(self.list("events", **about), key=lambda event: int(event["sequence"]))
        return View(
            _by_id(self.list("deliveries")),
            _by_id(events),
            *(_by_id(self.list(what, **about)) for what in ("handoffs", "flags", "tasks", "drafts", "messages")),
        )

    def _page(self, what: str, query: Mapping[str, str]) -> dict[str, Any]:
        answer = self._http.get(f"/api/v1/{what}", params=dict(query), headers=self._headers(self._reader))
        if answer.status_code == 404:
            return {"items": [], "next": None}
        answer.raise_for_status()
        page: dict[str, Any] = answer.json()
        return page

    def _headers(self, who: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self._tokens[who]}"}


def plain(wire: str) -> str:
    """``proposal.viewed`` of ``seamline.proposal.viewed.v1``."""
    return wire.split(".", 1)[1].rsplit(".", 1)[0]


def _by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows}
