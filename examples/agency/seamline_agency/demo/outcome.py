"""Outcomes: what must have come of the stories, read from the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from seamline_agency.demo import cast
from seamline_agency.demo.api import View
from seamline_agency.demo.scene import Noted


@dataclass(frozen=True)
class Outcome:
    """One expectation: what it says, whether it was seen, and what was seen instead."""

    text: str
    seen: bool
    found: str = ""


@dataclass(frozen=True)
class _Evidence:
    view: View
    noted: Noted
    accounts: list[dict[str, Any]]
    sources: list[dict[str, Any]]

    def count(self, event_type: str) -> int:
        return len(self.view.of_type(event_type))

    def only(self, event_type: str) -> dict[str, Any]:
        """The data of the one event of a type; empty where there is not exactly one."""
        found = self.view.of_type(event_type)
        return dict(found[0]["data"]) if len(found) == 1 else {}

    def seats(self, event_type: str) -> set[str]:
        """Who was handed events of a type."""
        return {one["seat"] for one in self.view.handoffs.values() if one["type"] == event_type}

    def flags(self, name: str) -> list[int]:
        """The counts of Dirk's open flags of a name."""
        flags = self.view.flags.values()
        return [one["count"] for one in flags if (one["name"], one["seat"], one["state"]) == (name, "dirk", "open")]

    def sequence(self, event_type: str, trust: str | None = None) -> int:
        """The place in the ledger of the first event of a type; 0: there is none."""
        found = [one for one in self.view.of_type(event_type) if trust in (None, one["trust"])]
        return int(found[0]["sequence"]) if found else 0


class Listing(Protocol):
    """Where outcomes are read: the API."""

    def view(self) -> View: ...

    def list(self, what: str) -> list[dict[str, Any]]: ...


def read_outcomes(api: Listing, noted: Noted) -> list[Outcome]:
    """Compare the company as its API shows it with what must have come of the stories."""
    evidence = _Evidence(api.view(), noted, api.list("accounts"), api.list("sources"))
    return [Outcome(text, *judge(evidence)) for text, judge in _EXPECTED]


Judgement = tuple[bool, str]


def _is(name: str, found: object, wanted: object) -> Judgement:
    return found == wanted, f"{name}: {found}"


def _forged(e: _Evidence) -> Judgement:
    statuses = sorted({one.status for one in e.noted.forged})
    refused = sum(one["counts_24h"]["refused"] for one in e.sources)
    kept = len(e.view.deliveries)
    accepted = sum(one["counts_24h"]["accepted"] for one in e.sources)
    fine = statuses == [401, 403] and refused == len(e.noted.forged) and kept == accepted
    return fine, f"answers {statuses}, refused {refused} of {len(e.noted.forged)}, {kept} kept of {accepted} accepted"


def _triaged(e: _Evidence) -> Judgement:
    data, seats = e.only("lead.triaged"), e.seats("lead.triaged")
    by = [one["source"] for one in e.view.of_type("lead.triaged")]
    fine = data.get("response_warranted") is True and bool(data.get("reason"))
    return fine and seats == {"dirk", "pulse"} and by == ["/seats/pepper"], f"handed to {sorted(seats)}, made by {by}"


def _human(e: _Evidence) -> Judgement:
    tasks = [one for one in e.view.tasks.values() if one["rule"] == "R17" and one["assignee"] == "coo"]
    told = [all(word in one["text"] for word in ("Source:", cast.EMAIL, "History:")) for one in tasks]
    return told == [True], f"tasks: {len(tasks)}, complete: {told}"


def _waited(e: _Evidence) -> Judgement:
    found = [(one["seat"], one["reason"], one["awaits"]) for one in e.noted.parked]
    return _is("parked", found, [("crystal", "waiting for contract", "contract.signed")])


def _refusals(e: _Evidence) -> Judgement:
    codes = [(one["data"]["rule"], one["data"]["code"]) for one in e.view.of_type("guard.refused")]
    # The worker, an order through the API, a replay, and a word that does not count.
    return _is("refusals", codes, [("R4", "NO_CONTRACT")] * 4)


def _started(e: _Evidence) -> Judgement:
    signed, started = e.sequence("contract.signed", "signed"), e.sequence("onboarding.started")
    fine = e.count("onboarding.started") == 1 and 0 < signed < started
    contract = e.only("onboarding.started").get("contract_id")
    return fine and contract == str(cast.PROPOSAL), f"contract at {signed}, start at {started} on {contract}"


def _project(e: _Evidence) -> Judgement:
    data = e.only("project.created")
    return bool(data.get("kickoff_milestone_id")), f"projects: {e.count('project.created')}"


def _welcome(e: _Evidence) -> Judgement:
    tasks = [one for one in e.view.tasks.values() if one["assignee"] == "onboarding_team"]
    return _is("tasks", len(tasks), 1)


def _customer(e: _Evidence) -> Judgement:
    mails = [one["data"]["message_id"] for one in e.view.of_type("email.delivery_changed")]
    ways = [e.count(kind) for kind in ("draft.dispatched", "response.sent", "email.sent")]
    return mails == ["robin-answer-1", "sasha-welcome-1"] and not any(ways), f"mails: {mails}"


def _account(e: _Evidence) -> Judgement:
    mine = [one for one in e.accounts if any(who["email"] == cast.EMAIL for who in one["contacts"])]
    providers = {ref["provider"] for one in mine for ref in one["refs"]}
    stages = [one["stage"] for one in mine]
    fine = stages == ["onboarding"] and providers >= {"meta", "hubspot", "calendly"}
    return fine, f"accounts in {stages}, known to {sorted(providers)}"


def _aside(e: _Evidence) -> Judgement:
    aside = {one["state"]: one["source"] for one in e.view.deliveries.values() if one["state"] != "translated"}
    return _is("put aside", aside, {"quarantined": "proposals", "ignored": "crm"})


def _rest(e: _Evidence) -> Judgement:
    left = sorted({one["state"] for one in e.view.handoffs.values()} - {"done"})
    return _is("states besides done", left, [])


def _once(event_type: str, wanted: int = 1) -> Callable[[_Evidence], Judgement]:
    return lambda e: _is(event_type, e.count(event_type), wanted)


_EXPECTED: Sequence[tuple[str, Callable[[_Evidence], Judgement]]] = (
    ("Forged requests of all providers are refused and counted, and nothing of them is stored", _forged),
    ("A lead that is told twice is one lead.received", _once("lead.received")),
    ("Pepper alone is handed the lead", lambda e: _is("seats", e.seats("lead.received"), {"pepper"})),
    ("lead.triaged by Pepper, with a reason; only then Dirk and Pulse", _triaged),
    ("The COO has the lead with source, contact and history", _human),
    (
        "Two views, one of them told twice, are one flag that counts two",
        lambda e: _is("f", e.flags("proposal-viewed"), [2]),
    ),
    ("The comment is a flag of its own", lambda e: _is("flags", e.flags("proposal-commented"), [1])),
    ("The comment is a buying signal", _once("buying_signal.detected")),
    ("What cannot be read is quarantined, what is no event is ignored; both are seen", _aside),
    ("A deal that is told four times is won once", _once("deal.won")),
    ("It has one project, with a kickoff milestone, whatever is replayed", _project),
    ("Its onboarding was parked, visible as waiting for contract", _waited),
    ("Whoever asked for it was refused: worker, order, replay, and a word that does not count", _refusals),
    ("Onboarding started once, after the contract was signed", _started),
    ("The onboarding team has one welcome to write", _welcome),
    ("A kickoff that is told twice is booked once", _once("kickoff.booked")),
    (
        "A mail that is told twice is one mail, with one outcome",
        lambda e: _is("n", (e.count("email.received"), e.count("email.triaged")), (1, 1)),
    ),
    ("All five providers told of one account, now in onboarding", _account),
    ("The customer saw two mails, each written by a human", _customer),
    ("Nothing is left over: no handoff is parked, dead or waiting", _rest),
)
