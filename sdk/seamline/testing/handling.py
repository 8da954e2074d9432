"""Run a seat's handler on an event, in memory, and see what it asks for."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from seamline.boundary import Roster
from seamline.company import Company, Exit, Open, SourceState
from seamline.context import Account, Context, Effect, SyncContext
from seamline.effect import Deadline, Draft, Emit, Message, fault
from seamline.events.base import Envelope, Event, event_id
from seamline.events.control import DeadlineFired
from seamline.gate import Audience
from seamline.seat import Handler, Seat
from seamline.sendable import unfit
from seamline.testing.play import NOW, SOURCE

#: The account that every event is about, unless the test gives another.
ACCOUNT = Account(id="account-1", name=None, stage=None, overlays=(), provisional=False, manager=None)


class MemoryReader:
    """The ledger of one account, in memory: events in order, the last of them being handled."""

    def __init__(self, events: Sequence[Event], account: Account = ACCOUNT, company: Company | None = None) -> None:
        self._events = tuple(events)
        self._company = company
        facts = dict(Counter(event.event_type for event in events))
        self._account = replace(account, facts={**facts, **account.facts})

    def account(self) -> Account:
        return self._account

    def events(
        self, event_type: str, where: dict[str, Any], limit: int | None, since: datetime | None = None
    ) -> list[Event]:
        """The events of a type whose data has these values, newest first."""
        found = [event for event in reversed(self._events) if event.event_type == event_type and _has(event, where)]
        found = [event for event in found if since is None or event.envelope.time >= since]
        return found if limit is None else found[:limit]

    def count(self, event_type: str, where: dict[str, Any]) -> int:
        return len(self.events(event_type, where, None))

    def company(self) -> Company | None:
        return self._company


@dataclass
class MemoryCompany:
    """A company in memory, for ``run_timer``: events of several accounts (``place`` them), and what waits."""

    told: Sequence[Event] = ()
    waiting: Sequence[Open] = ()
    left: Sequence[Exit] = ()
    known: Sequence[SourceState] = ()
    named: Mapping[str, str] = field(default_factory=dict)

    def events(self, *types: type[Event], since: datetime) -> list[Event]:
        return [one for one in self.told if isinstance(one, types) and one.envelope.received_at >= since]

    def open(self) -> Sequence[Open]:
        return self.waiting

    def exits(self) -> Sequence[Exit]:
        return self.left

    def sources(self) -> Sequence[SourceState]:
        return self.known

    def names(self, accounts: Iterable[str]) -> dict[str, str]:
        return {one: self.named[one] for one in accounts if one in self.named}


def place(event: Event, sequence: int, account: Account = ACCOUNT, received_at: datetime = NOW) -> Event:
    """The event as in a ledger, at this place; its time is its own or, told by none, when it was received."""
    key = event.fact or f"{sequence}{event.part}"
    return event.with_envelope(
        Envelope(
            id=event_id(SOURCE, event.event_type, key),
            source=f"/sources/{SOURCE}",
            sequence=sequence,
            account=account.id,
            stage=None,
            time=event.occurred_at or received_at,
            timebasis="received" if event.occurred_at is None else "provider",
            received_at=received_at,
            trust="signed",
        )
    )


def run_handler(
    seat: Seat,
    event: Event,
    history: Sequence[Event] = (),
    *,
    now: datetime | None = None,
    account: Account = ACCOUNT,
    roster: Roster | None = None,
) -> list[Effect]:
    """What a seat asks for when it is handed ``event``, after ``history`` (oldest first).

    ``now`` is business time: by default when the event happened. What the handler raises (Park, NeedsHuman, RetryLater)
    is raised. Raises LookupError where the seat does not handle the type, and AssertionError, which says what to do,
    where it asks for what the engine would not take or what would end nowhere: an event that it may not emit, a text
    that no store takes, a draft whose fact no sending makes or that is for too many, a deadline without ``@seat.due``.
    With a ``roster`` also a message to no seat and a draft for a channel that no gate opens; without it the seat is
    taken to be alone.
    """
    handler = seat.handling(event)
    if handler is None:
        raise LookupError(f"seat {seat.name} does not handle {event.event_type}; it handles {', '.join(seat.handlers)}")
    return _run(seat, handler, event, history, now or event.occurred_at or NOW, account, roster, None)


def run_timer(
    seat: Seat,
    name: str,
    history: Sequence[Event] = (),
    *,
    now: datetime,
    key: str = "",
    account: Account = ACCOUNT,
    roster: Roster | None = None,
    company: Company | None = None,
) -> list[Effect]:
    """What a seat asks for when a time has come that it set (``@seat.due``) or is asked about daily (``@seat.daily``).

    ``key``: of a deadline, its own; of a daily, the day. ``company``: what a daily about the company reads. Raises as
    ``run_handler`` does.
    """
    handler = seat.timers.get(name)
    if handler is None:
        raise LookupError(f"seat {seat.name} sets no time {name!r}; it sets {', '.join(seat.timers) or 'none'}")
    fired = DeadlineFired(
        deadline_id=name, due_at=now, rule="", cause="", actor=seat.name, seat=seat.name, name=name, key=key
    )
    return _run(seat, handler, fired, history, now, account, roster, company)


def _run(
    seat: Seat,
    handler: Handler,
    event: Event,
    history: Sequence[Event],
    at: datetime,
    account: Account,
    roster: Roster | None,
    company: Company | None,
) -> list[Effect]:
    told = [
        place(one, number, account, at - timedelta(seconds=len(history) - number + 1))
        for number, one in enumerate(history, 1)
    ]
    given = place(event, len(told) + 1, account, at)
    reader = MemoryReader((*told, given), account, company)
    if inspect.iscoroutinefunction(handler):
        ctx = Context(given, seat.name, reader, at)
        asyncio.run(handler(given, ctx))
        return _taken(seat, roster, account.stage, ctx.effects)
    sync = SyncContext(given, seat.name, reader, at)
    handler(given, sync)
    return _taken(seat, roster, account.stage, sync.effects)


def _taken(seat: Seat, roster: Roster | None, stage: str | None, effects: Sequence[Effect]) -> list[Effect]:
    """The effects, of which the engine would refuse none, and of which none would end nowhere."""
    for effect in effects:
        if (reason := _futile(seat, roster, stage, effect)) is not None:
            raise AssertionError(reason)
    return list(effects)


def _futile(seat: Seat, roster: Roster | None, stage: str | None, effect: Effect) -> str | None:
    """Why an effect would come to nothing, and what to do; None: nothing is known against it.

    Who else there is, and which way out is open, only a roster says.
    """
    if (reason := fault(effect)) is not None:
        return reason
    if isinstance(effect, Emit):
        company = roster or Roster([seat])
        kind = type(effect.event)
        return None if company.may_emit(seat, kind) else company.refusal(seat, kind)
    if isinstance(effect, Deadline) and effect.name not in seat.timers:
        return (
            f"seat {seat.name} sets a deadline {effect.name!r} that nothing handles when it is due: "
            f"write @{seat.name}.due({effect.name!r}); there are: {', '.join(seat.timers) or 'none'}"
        )
    if isinstance(effect, Draft) and effect.sends is not None:
        reason = unfit(effect.sends, effect.fields, effect.under)
        if reason is not None:
            return f"the draft sends {effect.sends.event_type}, which it cannot make: {reason}"
    if roster is None:
        return None
    if isinstance(effect, Message) and effect.to not in (names := [one.name for one in roster.seats]):
        return f"seat {seat.name} writes to {effect.to!r}, and no seat is named so: there are {', '.join(names)}"
    if isinstance(effect, Draft) and effect.channel and not _opened(roster, seat, effect.channel, stage):
        where = f" in stage {stage}" if stage else ""
        known = ", ".join(f"{gate.id} ({gate.channel})" for gate in roster.gates) or "none"
        return (
            f"seat {seat.name} drafts for the channel {effect.channel!r}{where}, and no gate opens it: "
            f"give the roster a Gate that fits; there are: {known}"
        )
    return None


def _opened(roster: Roster, seat: Seat, channel: str, stage: str | None) -> bool:
    """Whether a human may let out drafts of a seat on a channel, whoever gets them."""
    return any(roster.gate(seat.name, channel, audience, stage) for audience in get_args(Audience))


def _has(event: Event, where: dict[str, Any]) -> bool:
    # As the ledger holds it: without what is as by default.
    data = event.model_dump(mode="json", exclude_defaults=True)
    return all(data.get(name) == value for name, value in where.items())
