"""Outcomes: what must have come of a story, judged by what the API shows and by what the providers took in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seamline_agency.demo.api import View
from seamline_agency.demo.books import Sent

#: Whether it was seen, and what was seen.
Judgement = tuple[bool, str]


@dataclass(frozen=True)
class Evidence:
    """What a story left behind: the view of its account, the mails that its customer got, and what was noted."""

    view: View = field(default_factory=View)
    mails: Sequence[Sent] = ()
    posts: Sequence[Sent] = ()
    noted: Mapping[str, Any] = field(default_factory=dict)

    def count(self, event_type: str) -> int:
        return len(self.view.of_type(event_type))

    def only(self, event_type: str) -> dict[str, Any]:
        """The data of the one event of a type; empty where there is not exactly one."""
        found = self.view.of_type(event_type)
        return dict(found[0]["data"]) if len(found) == 1 else {}

    def seats(self, event_type: str) -> set[str]:
        """Who was handed events of a type."""
        return {one["seat"] for one in self.view.handoffs.values() if one["type"] == event_type}

    def makers(self, event_type: str) -> set[str]:
        """By whom events of a type are: a seat, a source or a human."""
        return {one["source"].rpartition("/")[2] for one in self.view.of_type(event_type)}

    def flags(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.view.flags.values() if one["name"] == name]

    def tasks(self, **like: Any) -> list[dict[str, Any]]:
        return [one for one in self.view.tasks.values() if all(one[name] == value for name, value in like.items())]

    def refusals(self) -> list[tuple[str, str]]:
        """Rule and code of what guards refused."""
        return [(one["data"]["rule"], one["data"]["code"]) for one in self.view.of_type("guard.refused")]

    def drafts(self, seat: str) -> list[dict[str, Any]]:
        return [one for one in self.view.drafts.values() if one["seat"] == seat]

    def sequence(self, event_type: str, trust: str | None = None) -> int:
        """The place in the ledger of the first event of a type; 0: there is none."""
        found = [one for one in self.view.of_type(event_type) if trust in (None, one["trust"])]
        return int(found[0]["sequence"]) if found else 0

    def before(self, first: str, second: str) -> bool:
        """Whether the first event of a type stands in the ledger before that of another; both must be there."""
        return 0 < self.sequence(first) < self.sequence(second)


@dataclass(frozen=True)
class Expected:
    """One expectation of a story."""

    text: str
    judge: Callable[[Evidence], Judgement]


@dataclass(frozen=True)
class Outcome:
    """One expectation, whether it was seen, and what was seen instead."""

    text: str
    seen: bool
    found: str = ""


def judged(expected: Sequence[Expected], evidence: Evidence) -> list[Outcome]:
    """Compare what a story left behind with what must have come of it."""
    return [Outcome(one.text, *one.judge(evidence)) for one in expected]


def equal(name: str, found: object, wanted: object) -> Judgement:
    return found == wanted, f"{name}: {found}"


def counted(event_type: str, wanted: int = 1) -> Callable[[Evidence], Judgement]:
    """So many events of a type, no more and no fewer."""
    return lambda e: equal(event_type, e.count(event_type), wanted)


def mailed(*subjects: str) -> Callable[[Evidence], Judgement]:
    """What the customer saw, in its order, and nothing else."""
    return lambda e: equal("mails", [mail.subject for mail in e.mails], list(subjects))


def noted(name: str, wanted: object) -> Callable[[Evidence], Judgement]:
    """What was noted while the story was played."""
    return lambda e: equal(name, e.noted.get(name), wanted)
