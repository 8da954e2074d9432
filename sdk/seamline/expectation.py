"""What must have happened by when, as declarations of a seat; and what follows from the facts, purely.

Nobody waits for anything: a deadline is a row with a time, armed by a fact and judged anew whenever a fact comes that
matters, or its time does. The same facts give the same verdict in any order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple

from seamline.calendar import local_time_on, zone
from seamline.errors import ConfigError
from seamline.events.base import Event


@dataclass(frozen=True)
class Expectation:
    """After ``after``, ``fact`` must come within ``within``; else the seat says ``otherwise``.

    It counts from when ``after`` happened, or with ``from_receipt`` from when it was received: nobody can be
    quicker than the news. ``started`` and ``done`` name the fields that tell when each of them happened
    (``closed_at``, ``booked_at``); where a field is empty it is the event's own time. ``each``: fields that name
    what is waited for, the first that is told; of several starts of one name the first counts. ``same``: fields
    that must be equal where both tell them. ``undone`` takes ``fact`` back, the one of the same ``which`` (a field
    of both) or all before it: then the time is the later of the first deadline and ``grace`` after that. ``unless``
    ends the waiting. ``when`` picks the events that start it. ``fill`` gives the fields of ``otherwise`` that
    neither ``deadline`` nor a field of ``after`` of that name does.
    """

    seat: str
    fact: type[Event]
    after: type[Event]
    within: timedelta
    otherwise: type[Event]
    rule: str = ""
    started: str = ""
    from_receipt: bool = False
    done: str = ""
    each: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    undone: type[Event] | None = None
    which: str = ""
    grace: timedelta = timedelta(0)
    unless: tuple[type[Event], ...] = ()
    when: Callable[[Any], bool] | None = None
    fill: Callable[[Any, Known], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        for name in ("each", "same", "unless"):
            if not isinstance(getattr(self, name), (tuple, list)):
                such = "(DealLost,)" if name == "unless" else "('deal_id',)"
                raise ConfigError(f"seat {self.seat}: {name} is a tuple, such as {such}")
        undone = () if self.undone is None else (self.undone,)
        for what in (self.fact, self.after, self.otherwise, *undone, *self.unless):
            if not (isinstance(what, type) and issubclass(what, Event)):
                raise ConfigError(f"seat {self.seat}: expect() takes event types, such as KickoffBooked, not {what!r}")
        if not isinstance(self.within, timedelta):
            raise ConfigError(
                f"seat {self.seat}: within is a timedelta, such as timedelta(hours=48), not {self.within!r}"
            )
        named = [(self.after, self.started), (self.fact, self.done), (self.fact, self.which)]
        named += [(self.after, name) for name in (*self.each, *self.same)]
        named += [(self.undone, self.which)] if self.undone is not None else []
        for model, name in named:
            if name and name not in model.model_fields:
                raise ConfigError(f"seat {self.seat}: {model.__name__} has no field {name!r}")
        if self.otherwise.nature != "judgement":
            raise ConfigError(f"seat {self.seat}: {self.otherwise.__name__} is no judgement that a seat could make")
        lacking = self._lacking()
        if lacking and self.fill is None:
            raise ConfigError(
                f"seat {self.seat}: nothing fills {', '.join(lacking)} of {self.otherwise.__name__}: "
                f"{self.after.__name__} tells no such field; give fill=lambda start, known: {{…}}"
            )
        if self.within < timedelta(0) or self.grace < timedelta(0):
            raise ConfigError(f"seat {self.seat}: {self.name}: within and grace are not negative")

    @property
    def name(self) -> str:
        """What tells this expectation from the others."""
        return f"{self.after.event_type}>{self.fact.event_type}>{self.otherwise.event_type}"

    def _lacking(self) -> list[str]:
        """Fields that ``otherwise`` must have, and that neither the deadline nor ``after`` gives."""
        given = {"deadline", *self.after.model_fields}
        return [name for name, one in self.otherwise.model_fields.items() if one.is_required() and name not in given]

    @property
    def listens(self) -> frozenset[str]:
        """The types that change its verdict."""
        undone = () if self.undone is None else (self.undone,)
        return frozenset(model.event_type for model in (self.after, self.fact, *undone, *self.unless))

    def starts(self, event: Event) -> bool:
        """Whether an event starts it."""
        return event.event_type == self.after.event_type and (self.when is None or bool(self.when(event)))

    def subject(self, start: Event) -> str | None:
        """What a start names as waited for; None: nothing but itself."""
        named = ((name, getattr(start, name)) for name in self.each)
        return next((f"{name}={value}" for name, value in named if value is not None), None)


class Known(NamedTuple):
    """What ``fill`` may ask about the account when the time has come."""

    types: frozenset[str]

    def has(self, event: type[Event]) -> bool:
        return event.event_type in self.types


Standing = Literal["waiting", "met", "ended"]


class Verdict(NamedTuple):
    """Where an expectation stands. ``due`` is when it is too late, or would have been.

    ``missed`` are the times at which it was too late, oldest first, of waits that something has ended since.
    """

    standing: Standing
    due: datetime
    missed: tuple[datetime, ...] = ()


def judge(expected: Expectation, start: Event, facts: Iterable[Event]) -> Verdict:
    """Judge an expectation by its start and the account's events, in any order. All are placed in a ledger.

    A fact that came before its start counts, unless it was an earlier start's: it ended that one's waiting.
    """
    told = list(facts)
    earlier = [one for one in told if expected.starts(one) and _place(expected, one) < _place(expected, start)]
    waiting = _Waiting(expected, start)
    subject = expected.subject(start)
    if subject is not None and any(expected.subject(one) == subject for one in earlier):
        return Verdict("ended", waiting.due)
    # Each start takes what it needs before the next one chooses.
    taken: set[Any] = set()
    for one in sorted(earlier, key=lambda event: _place(expected, event)):
        other = _Waiting(expected, one)
        other.hear(told, taken)
        taken |= other.met_by
    waiting.hear(told, taken)
    return waiting.verdict()


class _Waiting:
    """One start's waiting, played through what was told in the order in which it happened."""

    def __init__(self, expected: Expectation, start: Event) -> None:
        self._expected = expected
        self._start = start
        self.began = start.envelope.received_at if expected.from_receipt else moment(start, expected.started)
        self.due = self.began + expected.within
        self.met_by: set[Any] = set()
        self._standing: dict[str | None, Any] = {}
        self._ended = False
        self._missed: list[datetime] = []

    def hear(self, told: Iterable[Event], taken: Collection[Any]) -> None:
        for at, event in sorted(self._relevant(told), key=lambda one: (one[0], str(one[1].id))):
            if isinstance(event, self._expected.fact):
                if at >= self.began or event.id not in taken:
                    self._pass(at)
                    self._standing[self._which(event)] = event.id
            elif self._expected.undone is not None and isinstance(event, self._expected.undone):
                self._undo(at, event)
            elif at >= self.began:
                self._pass(at)
                self._ended = True
                break
        self.met_by = set(self._standing.values())

    def _relevant(self, told: Iterable[Event]) -> list[tuple[datetime, Event]]:
        expected, found = self._expected, []
        for event in told:
            heard = event.event_type in expected.listens and event.event_type != expected.after.event_type
            if heard and all(_agree(self._start, event, name) for name in expected.same):
                done = expected.done if isinstance(event, expected.fact) else ""
                found.append((moment(event, done), event))
        return found

    def _which(self, event: Event) -> str | None:
        return getattr(event, self._expected.which) if self._expected.which else None

    def _pass(self, at: datetime) -> None:
        """Note that it was too late, where nothing stood until now."""
        if not self._standing and at > self.due and self.due not in self._missed:
            self._missed.append(self.due)

    def _undo(self, at: datetime, event: Event) -> None:
        which = self._which(event)
        if not self._standing or (which is not None and which not in self._standing):
            return
        if which is None:
            self._standing.clear()
        else:
            del self._standing[which]
        if not self._standing and at >= self.began:
            self.due = max(self.due, at + self._expected.grace)

    def verdict(self) -> Verdict:
        standing: Standing = "ended" if self._ended else "met" if self._standing else "waiting"
        return Verdict(standing, self.due, tuple(self._missed))


def _place(expected: Expectation, start: Event) -> tuple[datetime, str]:
    return moment(start, expected.started), str(start.id)


def _agree(one: Event, other: Event, name: str) -> bool:
    mine, theirs = getattr(one, name, None), getattr(other, name, None)
    return mine is None or theirs is None or mine == theirs


#: A time before this, or so long after the event was received, is a clock's or a typist's mistake.
EARLIEST, AHEAD = datetime(2000, 1, 1, tzinfo=UTC), timedelta(days=366)


def moment(event: Event, name: str) -> datetime:
    """When an event happened: by its own field, else by its place in the ledger; when it came, if neither can be."""
    told = getattr(event, name) if name else None
    at = told if isinstance(told, datetime) else event.envelope.time
    received = event.envelope.received_at
    return at if EARLIEST <= at <= received + AHEAD else received


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

    def __post_init__(self) -> None:
        if not set(self.days) <= set(range(7)) or not self.days:
            raise ConfigError(f"seat {self.seat}: daily {self.name!r} needs days from 0 (Monday) to 6 (Sunday)")
        if not isinstance(self.at, time):
            raise ConfigError(
                f"seat {self.seat}: daily {self.name!r} is at a time, such as time(8, 30), not {self.at!r}"
            )
        if self.at.tzinfo is not None:
            raise ConfigError(f"seat {self.seat}: daily {self.name!r} is at a wall-clock time; its zone stands in tz")
        for what in (*(() if self.after is None else (self.after,)), *self.until):
            if not (isinstance(what, type) and issubclass(what, Event)):
                raise ConfigError(
                    f"seat {self.seat}: daily {self.name!r} takes event types, such as DealWon, not {what!r}"
                )
        if self.until and self.after is None:
            raise ConfigError(f"seat {self.seat}: daily {self.name!r} is about no account; until needs after")
        if self.tz is not None:
            zone(self.tz)

    def last(self, now: datetime, tz: str) -> tuple[date, datetime]:
        """The newest day whose time has come, and that time. ``tz`` is the company's."""
        return self._find(now, tz, timedelta(days=-1), lambda at: at <= now)

    def next(self, now: datetime, tz: str) -> tuple[date, datetime]:
        """The first day whose time has not come yet, and that time."""
        return self._find(now, tz, timedelta(days=1), lambda at: at > now)

    def _find(self, now: datetime, tz: str, step: timedelta, fits: Callable[[datetime], bool]) -> tuple[date, datetime]:
        where = self.tz or tz
        day = now.astimezone(zone(where)).date() - step
        while True:
            at = local_time_on(day, self.at, where)
            if day.weekday() in self.days and fits(at):
                return day, at
            day += step


__all__ = ["Daily", "Expectation", "Known", "Standing", "Verdict", "judge", "moment", "too_late"]
