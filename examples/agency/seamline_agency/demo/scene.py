"""The scene: simulated providers send, the company works, and a row of the table says what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from seamline.testing import Posted, Sample, Simulator, load_suite
from seamline_agency.demo.api import Api, View, plain
from seamline_agency.demo.company import Company
from seamline_agency.demo.table import Row, Story

#: The sources of the company that send.
SOURCES = ("leads", "proposals", "crm", "calendar", "mail", "relay")
#: Longest wait for the company to come to rest after a step, in seconds.
PATIENCE_S = 20.0


@dataclass
class Noted:
    """What was told in answer, for the outcomes: the API does not list what it refused."""

    genuine: list[Posted] = field(default_factory=list)
    forged: list[Posted] = field(default_factory=list)
    parked: list[dict[str, Any]] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)


class Scene:
    """Sends for the providers, gives orders as a human does, and tells the table what it sees in the API."""

    def __init__(self, company: Company, api: Api, url: str) -> None:
        self.api = api
        self.noted = Noted()
        self._story: Story | None = None
        self._seen = View()
        self._company = company
        self._simulators = {source: _simulator(company, source, url) for source in SOURCES}

    def close(self) -> None:
        for simulator in self._simulators.values():
            simulator.close()

    def secret(self, source: str, name: str) -> str:
        """What a provider was told when it was set up."""
        return self._company.source_secrets(source)[name][0]

    def begin(self, story: Story) -> None:
        """Tell this table from now on."""
        self._story = story

    def send(self, source: str, what: str, *samples: Sample, times: int = 1) -> None:
        """Have a provider send samples, each ``times`` times, and see what they become."""
        told: list[Posted] = []
        for sample in samples:
            told += self._simulators[source].repeat(sample, times)
        self.noted.genuine += told
        self._tell([f"{source}: {what}", _answers(told)])

    def challenge(self, source: str, what: str, sample: Sample, *, genuine: bool) -> None:
        """Have a provider ask whether we are who we say."""
        told = self._simulators[source].send(sample)
        (self.noted.genuine if genuine else self.noted.forged).append(told)
        self._tell([f"{source}: {what}", _answers([told])], refused=not genuine)

    def forge(self, source: str, what: str, sample: Sample) -> None:
        """Have somebody else send a sample, in every way that is not genuine."""
        told = self._simulators[source].forge(sample)
        self.noted.forged += told
        ways = [f"{one.what}: {one.status}" for one in told]
        self._tell([f"{source}: {what}, forged", *ways], refused=True)

    def order(self, what: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Give an order through the API."""
        status = self.api.order(path, body)
        self.noted.orders.append(status)
        self._tell([f"API: {what}", f"-> {status}"])

    def handoff(self, event_type: str, seat: str) -> str:
        """The id of the newest handoff of a type at a seat; empty: there is none."""
        found = [one for one in self.api.list("handoffs") if (one["type"], one["seat"]) == (event_type, seat)]
        return str(found[-1]["id"]) if found else "none"

    def note_parked(self) -> None:
        """Remember what is parked at this moment."""
        self.noted.parked = [one for one in self.api.list("handoffs") if one["state"] == "parked"]

    def _tell(self, came: Sequence[str], *, refused: bool = False) -> None:
        rested = self.api.settle(PATIENCE_S)
        seen, before = self.api.view(), self._seen
        self._seen = seen
        row = Row(
            came if rested else [*came, "(not at rest yet)"],
            _became(before, seen),
            _done(before, seen),
            _saw(before, seen),
            refused,
        )
        if self._story is not None:
            self._story.add(row)


def _simulator(company: Company, source: str, url: str) -> Simulator:
    adapter = company.adapter(source)
    return Simulator(
        adapter,
        load_suite(adapter.name).root,
        f"{url}/webhooks/{source}",
        company.source_secrets(source),
        public_url=f"{company.public_url}/webhooks/{source}",
    )


def _answers(told: Sequence[Posted]) -> str:
    counts = Counter(one.status for one in told)
    return "-> " + ", ".join(f"{status}" + (f" ({n} times)" if n > 1 else "") for status, n in counts.items())


def _became(before: View, seen: View) -> list[str]:
    """New events of sources and of the engine, and deliveries that became none."""
    lines = []
    for key, event in seen.events.items():
        if key in before.events or event["source"].startswith("/seats/"):
            continue
        kind, data = plain(event["type"]), event["data"]
        if kind == "stage.changed":
            lines.append(f"stage: {data['from_stage']} -> {data['to_stage']}")
        elif kind == "guard.refused":
            lines.append(f"refused ({data['rule']}, {data['code']}): {data['reason']}")
        else:
            lines.append(kind if event["trust"] == "signed" else f"{kind} ({event['trust']})")
    for key, delivery in seen.deliveries.items():
        known = before.deliveries.get(key)
        if known is None and delivery["state"] in ("quarantined", "ignored"):
            lines.append(f"{delivery['state']}: {delivery['reason']}")
        again = delivery["duplicates"] - (known or {"duplicates": 0})["duplicates"]
        if again:
            lines.append(f"duplicate, counted{f' {again} times' if again > 1 else ''}")
    return lines


def _done(before: View, seen: View) -> list[str]:
    """What handoffs came to, by seat; one that waits says for what."""
    lines = []
    for key, handoff in sorted(seen.handoffs.items(), key=lambda item: int(item[0].split(".")[0])):
        known = before.handoffs.get(key)
        if handoff == known:
            continue
        if known is not None and (known["state"], known["effects"]) == ("done", handoff["effects"]):
            lines.append(f"{handoff['seat']} on {handoff['type']}: again, and nothing new")
        elif handoff["state"] == "done":
            did = [text for effect in handoff["effects"] if (text := _effect(effect, seen))]
            lines.append(f"{handoff['seat']} on {handoff['type']}: {', '.join(did) or 'noted'}")
        else:
            lines.append(f"{handoff['seat']} on {handoff['type']}: {handoff['state']}, {handoff['reason']}")
    return lines


def _effect(effect: dict[str, str], seen: View) -> str:
    kind, key = effect["kind"], effect["id"]
    if kind == "event" and key in seen.events:
        return plain(seen.events[key]["type"])
    if kind == "flag" and key in seen.flags:
        flag = seen.flags[key]
        return f"flag {flag['name']} ({flag['count']})"
    if kind == "task" and key in seen.tasks:
        return f"task for {seen.tasks[key]['assignee'] or seen.tasks[key]['seat']}"
    return "" if kind == "log" else kind


def _saw(before: View, seen: View) -> list[str]:
    """What reached the customer: mail that its provider says was delivered."""
    return [
        f"a mail that a human wrote ({event['data']['message_id']})"
        for event in seen.of_type("email.delivery_changed")
        if event["id"] not in before.events and event["data"]["status"] == "delivered"
    ]
