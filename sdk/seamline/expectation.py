"""What must have happened by when, as declarations of a seat; and what follows from the facts, purely.

Nobody waits for anything: a deadline is a row with a time, armed by a fact and judged anew whenever a fact comes that
matters, or its time does. The same facts give the same verdict in any order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Literal, NamedTuple

from seamline.errors import ConfigError
from seamline.events.base import Event


@dataclass(frozen=True)
class Expectation:
    """After ``after``, ``fact`` must come within ``within``; else the seat says ``otherwise``.

    ``started`` and ``done`` name the fields that tell when each of them happened (``closed_at``, ``booked_at``); where
    a field is empty it is the event's own time. ``same``: fields that must be equal where both tell them. ``undone``
    takes ``fact`` back: then the time is the later of the first deadline and ``grace`` after that. ``unless`` ends the
    waiting. ``when`` picks the events that start it. ``fill`` makes the fields of ``otherwise`` that neither
    ``deadline`` nor a field of ``after`` of the same name gives.
    """

    seat: str
    fact: type[Event]
    after: type[Event]
    within: timedelta
    otherwise: type[Event]
    rule: str = ""
    started: str = ""
    done: str = ""
    same: tuple[str, ...] = ()
    undone: type[Event] | None = None
    grace: timedelta = timedelta(0)
    unless: tuple[type[Event], ...] = ()
    when: Callable[[Any], bool] | None = None
    fill: Callable[[Any, Known], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        for model, name in ((self.after, self.started), (self.fact, self.done)):
            if name and name not in model.model_fields:
                raise ConfigError(f"seat {self.seat}: {model.__name__} has no field {name!r}")
        if self.otherwise.nature != "judgement":
            raise ConfigError(f"seat {self.seat}: {self.otherwise.__name__} is no judgement that a seat could make")

    @property
    def name(self) -> str:
        """What tells this expectation from the others."""
        return f"{self.after.event_type}>{self.fact.event_type}>{self.otherwise.event_type}"

    @property
    def listens(self) -> frozenset[str]:
        """The types that change its verdict."""
        undone = () if self.undone is None else (self.undone,)
        return frozenset(model.event_type for model in (self.after, self.fact, *undone, *self.unless))


class Known(NamedTuple):
    """What ``fill`` may ask about the account when the time has come."""

    types: frozenset[str]

    def has(self, event: type[Event]) -> bool:
        return event.event_type in self.types


Standing = Literal["waiting", "met", "ended"]


class Verdict(NamedTuple):
    """Where an expectation stands: ``due`` is when it is or was too late; ``late``: its fact came after that."""

    standing: Standing
    due: datetime
    late: bool = False


def judge(expected: Expectation, start: Event, facts: Iterable[Event]) -> Verdict:
    """Judge an expectation by its start and the account's events, in any order. All are placed in a ledger."""
    began = moment(start, expected.started)
    due = began + expected.within
    told = sorted(_relevant(expected, start, facts), key=lambda one: (one[0], str(one[1].id)))
    met: datetime | None = None
    for at, event in told:
        if isinstance(event, expected.fact):
            met = at if met is None else met
        elif expected.undone is not None and isinstance(event, expected.undone):
            met, due = None, max(due, at + expected.grace) if at >= began else due
        elif at >= began:
            return Verdict("ended", due)
    if met is None:
        return Verdict("waiting", due)
    return Verdict("met", due, late=met > due)


def _relevant(expected: Expectation, start: Event, facts: Iterable[Event]) -> list[tuple[datetime, Event]]:
    found = []
    for event in facts:
        if event.event_type not in expected.listens or event.id == start.id or event.event_type == start.event_type:
            continue
        if all(_agree(start, event, name) for name in expected.same):
            found.append((moment(event, expected.done if isinstance(event, expected.fact) else ""), event))
    return found


def _agree(one: Event, other: Event, name: str) -> bool:
    mine, theirs = getattr(one, name, None), getattr(other, name, None)
    return mine is None or theirs is None or mine == theirs


def moment(event: Event, name: str) -> datetime:
    """When an event happened: by its own field, else by its place in the ledger."""
    told = getattr(event, name) if name else None
    return told if isinstance(told, datetime) else event.envelope.time


def too_late(expected: Expectation, start: Event, due: datetime, known: Known) -> Event:
    """What the seat says when the time has passed."""
    fields: dict[str, Any] = {
        name: getattr(start, name)
        for name in expected.otherwise.model_fields
        if name in type(start).model_fields and name not in ("party", "others", "occurred_at", "part", "fact")
    }
    if "deadline" in expected.otherwise.model_fields:
        fields["deadline"] = due
    if expected.fill is not None:
        fields |= expected.fill(start, known)
    return expected.otherwise.model_validate({**fields, "occurred_at": due})


@dataclass(frozen=True)
class Daily:
    """A time of day at which a seat is asked, in the company's time zone or in ``tz``.

    Without ``after`` it is asked once a day about the company; with it, once a day about each account from that fact
    on, until ``until``. A day that passed while nothing ran is asked about once, late; days before that are not.
    """

    seat: str
    name: str
    at: time
    tz: str | None = None
    after: type[Event] | None = None
    until: tuple[type[Event], ...] = ()
    days: Sequence[int] = field(default=(0, 1, 2, 3, 4, 5, 6))  # Monday is 0


__all__ = ["Daily", "Expectation", "Known", "Standing", "Verdict", "judge", "moment", "too_late"]
