"""Asking: what a handler asked for, as rows, events and questions to the guards. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json, to_json

from seamline.boundary import Roster
from seamline.cloudevents import NOT_DATA
from seamline.effect import Check, Deadline, Done, Draft, Effect, Emit, Flag, Log, Message, Task, fault
from seamline.envelope import LONGEST_WORD
from seamline.errors import SeamlineError
from seamline.events import DraftDispatched, MessageDelivered
from seamline.events.base import Event, event_id
from seamline.guard import Refusal
from seamline.seat import Seat
from seamline.sendable import unfit
from seamline_workers.effects.audience import Ours
from seamline_workers.store import desk_schema
from seamline_workers.store.entry import Entry
from seamline_workers.store.lanes import Handoff
from seamline_workers.store.outcome import EffectRow, Outcome
from seamline_workers.translation.interpret import AHEAD, to_us


class Want(NamedTuple):
    """Something that guards are asked about: an event that would be appended, or the one that a draft would make.

    ``customer``: a customer would read it.
    """

    entry: Entry
    appended: bool = True
    customer: bool = False


@dataclass(slots=True)
class Result:
    """The outcome of one handoff and the events that it emits with it.

    ``wants``: what guards are asked about. ``asks``: it is written under the account's lock.
    ``refused``: what was refused before its handler ran, and why. ``took``: the event by which it took over a stage.
    """

    outcome: Outcome
    entries: list[Entry] = field(default_factory=list)
    wants: list[Want] = field(default_factory=list)
    asks: bool = False
    refused: tuple[Entry, Refusal] | None = None
    took: bytes | None = None


@dataclass(frozen=True)
class DraftAsked:
    """A draft that a handler asked for, and what it rests on: ``as_of`` is the ledger number that was read up to."""

    draft: Draft
    recipients: tuple[str, ...]
    audience: str
    as_of: int
    correlation: bytes
    hops: int


@dataclass(frozen=True)
class MessageAsked:
    """A message that a handler asked for. ``heard`` is the id of the one that it was handed, if it was one."""

    message: Message
    heard: str | None
    correlation: bytes
    hops: int


class NotAllowed(SeamlineError):
    """Raised when a seat asks for what it may not, or for what cannot be: no retry mends that."""


_KINDS: dict[type, int] = {
    Flag: desk_schema.FLAG,
    Task: desk_schema.TASK,
    Done: desk_schema.ENDED,
    Message: desk_schema.MESSAGE,
    Emit: desk_schema.EMIT,
    Log: desk_schema.LOG,
    Draft: desk_schema.DRAFT,
    Deadline: desk_schema.DEADLINE,
    Check: desk_schema.CHECK,
}
#: What is written under the lock of its account.
_UNDER_LOCK = frozenset({desk_schema.MESSAGE, desk_schema.DRAFT, desk_schema.DEADLINE, desk_schema.CHECK})


class Asking:
    """Turns what the seats of a roster asked for into what is written. One a process."""

    def __init__(self, roster: Roster, clock: Callable[[], int], ours: Ours | None = None) -> None:
        self._roster = roster
        self._ours = ours or Ours()
        self._seats = {seat.name for seat in roster.seats}
        self._clock = clock

    def asked(self, seat: Seat, handoff: Handoff, effects: Sequence[Effect], outcome: Outcome) -> Result:
        """The result of a handoff that ended with these effects. Raises NotAllowed."""
        cause = str(UUID(bytes=handoff.id))
        rows, entries, wants = [], [], []
        ordinals: dict[int, int] = {}
        for effect in effects:
            kind = _KINDS[type(effect)]
            ordinals[kind] = ordinal = ordinals.get(kind, 0) + 1
            key = _key(effect) or (str(ordinal) if isinstance(effect, Log) else f"#{ordinal}")
            if (reason := fault(effect)) is not None:
                raise NotAllowed(reason)
            if isinstance(effect, Emit):
                # What is said only once is the account's; all else is this handoff's own.
                whose = str(handoff.subject) if effect.once else cause
                entry = self._entry(seat, handoff, whose, effect.event, key)
                entries.append(entry)
                if self._roster.guarded(entry.type):
                    wants.append(Want(entry))
                key, ref = f"{effect.event.event_type}/{key}", str(UUID(bytes=entry.id))
            else:
                ref = None
            line = effect.text if isinstance(effect, Log) else None
            what: Any = effect
            account = handoff.account_id
            if isinstance(effect, Draft):
                what, account = self._draft(handoff, effect), handoff.subject
                wants += self._draft_wants(seat, handoff, cause, what, key)
            if isinstance(effect, Message):
                what, account = self._message(handoff, effect), handoff.subject
            rows.append(EffectRow(handoff.event_seq, seat.name, kind, key, account, cause, what, data=line, ref=ref))
        # Asked twice under one key it is one effect: the later word counts.
        once = {(row.kind, row.key): row for row in rows}
        outcome = outcome._replace(effects=tuple(once.values()))
        return Result(outcome, entries, wants, asks=any(row.kind in _UNDER_LOCK for row in outcome.effects))

    def incomplete(self, seat: Seat, handoff: Handoff, lacks: tuple[str, ...]) -> tuple[Entry, Refusal]:
        """What is refused before a handler runs: that it runs at all, while something is not known that it requires."""
        now = self._clock()
        asked = Entry(
            id=handoff.id,
            type=handoff.type,
            version=handoff.version,
            account_id=handoff.subject,
            source=f"/seats/{seat.name}",
            data="{}",
            occurred_at=now,
            timebasis="received",
            received_at=now,
            trust="seat",
            cause=handoff.id,
            correlation=handoff.correlation or handoff.id,
            hops=handoff.hops,
        )
        return asked, Refusal("R8", "INCOMPLETE", f"not known: {', '.join(lacks)}", missing=lacks)

    def _draft(self, handoff: Handoff, draft: Draft) -> DraftAsked:
        """A draft with whom it is for. Raises NotAllowed where its dispatch could not make the fact that it names."""
        if draft.sends is not None and (reason := unfit(draft.sends, draft.fields, draft.under)) is not None:
            raise NotAllowed(f"the draft sends {draft.sends.event_type}, which it cannot make: {reason}")
        recipients = tuple(one.strip() for one in draft.recipients if one.strip())
        return DraftAsked(
            draft,
            recipients,
            self._ours.audience(draft.channel, recipients),
            max(handoff.event_seq, handoff.as_of),
            handoff.correlation or handoff.id,
            handoff.hops + 1,
        )

    def _message(self, handoff: Handoff, message: Message) -> MessageAsked:
        """A message with what it may follow. Raises NotAllowed where nobody is its receiver, or it answers nothing."""
        if message.to not in self._seats:
            raise NotAllowed(f"no seat is named {message.to!r}: there are {', '.join(sorted(self._seats))}")
        if len(message.topic) > LONGEST_WORD:
            raise NotAllowed(f"the topic of a message has at most {LONGEST_WORD} characters: say the rest in its body")
        heard = None
        if handoff.type == MessageDelivered.event_type:
            heard = str(from_json(handoff.data)["message_id"])
        if message.kind == "RESPONSE" and message.reply_to is None and heard is None:
            raise NotAllowed(f"a RESPONSE to {message.to} answers a message: name its id as reply_to")
        return MessageAsked(message, heard, handoff.correlation or handoff.id, handoff.hops + 1)

    def _draft_wants(self, seat: Seat, handoff: Handoff, cause: str, asked_for: DraftAsked, key: str) -> Iterator[Want]:
        """What guards are asked about a draft: what its dispatch would make, its step, and that it is sent at all."""
        draft, customer = asked_for.draft, asked_for.audience == "customer"
        fields = {**draft.fields, "figures": [figure.model_dump(mode="json") for figure in draft.figures]}
        asked = [one.event_type for one in (draft.sends, draft.under) if one is not None]
        for event_type in (*asked, DraftDispatched.event_type):
            if self._roster.guarded(event_type):
                now = self._clock()
                entry = Entry(
                    id=event_id(f"/seats/{seat.name}", event_type, f"{cause}/draft/{key}").bytes,
                    type=event_type,
                    version=1,
                    account_id=handoff.subject,
                    source=f"/seats/{seat.name}",
                    data=to_json(fields).decode(),
                    occurred_at=now,
                    timebasis="received",
                    received_at=now,
                    trust="seat",
                    cause=handoff.id,
                    correlation=handoff.correlation or handoff.id,
                    hops=handoff.hops + 1,
                )
                yield Want(entry, appended=False, customer=customer)

    def _entry(self, seat: Seat, handoff: Handoff, whose: str, event: Event, key: str) -> Entry:
        if not self._roster.may_emit(seat, type(event)):
            raise NotAllowed(self._roster.refusal(seat, type(event)))
        now = self._clock()
        occurred = None if event.occurred_at is None else to_us(event.occurred_at)
        if occurred is not None and occurred > now + AHEAD:
            # Whatever came until then would count as older: a risk could not be cleared, a look would never be too old.
            raise NotAllowed(f"{event.event_type} happens more than a day from now: leave occurred_at out, it is now")
        return Entry(
            id=event_id(f"/seats/{seat.name}", event.event_type, f"{whose}/{event.event_type}/{key}").bytes,
            type=event.event_type,
            version=event.event_version,
            account_id=handoff.subject,
            source=f"/seats/{seat.name}",
            data=event.model_dump_json(exclude_defaults=True, exclude=NOT_DATA),
            occurred_at=now if occurred is None else occurred,
            timebasis="received" if occurred is None else "provider",
            received_at=now,
            trust="seat",
            cause=handoff.id,
            correlation=handoff.correlation or handoff.id,
            hops=handoff.hops + 1,
        )


def _key(effect: Any) -> str:
    """What tells an effect apart from others of its kind; empty: its ordinal."""
    if isinstance(effect, Flag | Deadline):
        name = effect.name.replace("~", "~0").replace("/", "~1")  # no other name and key read the same
        return f"{name}/{effect.key}"
    if isinstance(effect, Check):
        return f"{effect.item}/{effect.key or (effect.ref.id if effect.ref else '')}"
    if isinstance(effect, Message):
        return f"{effect.to}/{effect.key}" if effect.key else ""
    if isinstance(effect, Log):
        return ""
    key = str(effect.key)
    return f"#{key}" if key.startswith("#") else key  # "#2" alone is the second without a key
