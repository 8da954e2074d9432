"""What the demo knows of the company: only what its API says, with a token."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

#: What has not come to rest yet. To be asked in this order: a handoff is planned together with what leads to it, so
#: none slips through between two looks.
_BUSY = {
    "replays": ("planned", "running"),
    "deliveries": ("received", "fetching"),
    "handoffs": ("waiting", "ready", "running", "retrying"),
}
#: Seconds between two looks.
_LOOK_S = 0.05


@dataclass(frozen=True)
class View:
    """Everything that the API lists at one moment, by id; events and handoffs in the order of the ledger."""

    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    handoffs: dict[str, dict[str, Any]] = field(default_factory=dict)
    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        """The events of a type, oldest first."""
        return [event for event in self.events.values() if plain(event["type"]) == event_type]


class Api:
    """The API of a running company."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"authorization": f"Bearer {token}"}
        # The environment's proxies are not for a server on this machine.
        self._http = httpx.Client(base_url=url, headers=headers, timeout=10.0, trust_env=False)

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

    def list(self, what: str) -> list[dict[str, Any]]:
        """All of a list, oldest first."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            query = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
            answer = self._http.get(f"/api/v1/{what}", params=query)
            answer.raise_for_status()
            page = answer.json()
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                return found[::-1]

    def order(self, path: str, what: dict[str, Any] | None = None) -> int:
        """Give an order; returns the status of the answer."""
        return self._http.post(f"/api/v1/{path}", json=what).status_code

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is under way; what is parked or waits for a human is at rest. Returns whether it is."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not any(self._busy(what, states) for what, states in _BUSY.items()):
                return True
            time.sleep(_LOOK_S)
        return False

    def _busy(self, what: str, states: Sequence[str]) -> bool:
        return any(one["state"] in states for one in self.list(what))

    def view(self) -> View:
        """Look at everything."""
        events = sorted(self.list("events"), key=lambda event: int(event["sequence"]))
        return View(
            _by_id(self.list("deliveries")),
            _by_id(events),
            _by_id(self.list("handoffs")),
            _by_id(self.list("flags")),
            _by_id(self.list("tasks")),
        )


def plain(wire: str) -> str:
    """``proposal.viewed`` of ``seamline.proposal.viewed.v1``."""
    return wire.split(".", 1)[1].rsplit(".", 1)[0]


def _by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows}
