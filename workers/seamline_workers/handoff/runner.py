"""Hand off: one event at one seat. The handler runs; what it asked for becomes data, and the outcome is decided.

Nothing is written here: effects commit together with the outcome (seamline_workers.handoff.completion).
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from traceback import walk_tb
from typing import Any
from uuid import UUID

from seamline.boundary import Roster
from seamline.cloudevents import NOT_DATA
from seamline.context import Account, Context, Log, SyncContext, Task
from seamline.envelope import plain
from seamline.errors import NeedsHuman, Park, PayloadError, RetryLater
from seamline.events.base import Event, catalogue
from seamline.seat import FIELDS, Handler, Seat
from seamline_workers.backoff import backoff, wait_s
from seamline_workers.effects.asking import Asking, NotAllowed, Result
from seamline_workers.effects.audience import Ours
from seamline_workers.effects.parking import since
from seamline_workers.handoff.elsewhere import Elsewhere
from seamline_workers.handoff.loops import Loops, Running
from seamline_workers.handoff.reader import LedgerReader
from seamline_workers.rules.knowledge import Knowledge
from seamline_workers.rules.taking import STAGE_CHANGED
from seamline_workers.store import desk_schema, schema
from seamline_workers.store.lanes import Handoff
from seamline_workers.store.outcome import ANYTHING, UNTIL_DUE, EffectRow, Outcome
from seamline_workers.store.store import Store, now_us
from seamline_workers.translation.interpret import from_us
from seamline_workers.translation.placed import event_of

#: A wait that the handler or a provider asks for beyond this parks the handoff, so that its lane goes on.
LONGEST_HOLD = timedelta(minutes=15)
#: Longest part of an event's fields that stands in a human's task, in characters.
LONGEST_TOLD = 2000
#: An event that was caused through more than so many others waits for a human.
MAX_HOPS = 16
#: How long a handler waits for what it requires where the roster does not say: at an inquiry, and later.
IMPATIENCE, PATIENCE = timedelta(minutes=5), timedelta(hours=4)


def unwritable(outcome: Outcome, error: Exception, max_attempts: int) -> Outcome:
    """A handoff whose effects no store takes: it has failed, like one whose handler raised."""
    attempts = outcome.attempts + (outcome.state in (schema.PARKED, schema.NEEDS_HUMAN))
    reason = f"what it asked for cannot be written: {type(error).__name__}"
    failed = outcome._replace(attempts=attempts, effects=(), awaits=None)
    if attempts >= max_attempts:
        return failed._replace(state=schema.DEAD, due=0, reason=f"{reason} (attempt {attempts})")
    due = now_us() + int(backoff(attempts) * 1_000_000)
    return failed._replace(state=schema.RETRYING, due=due, reason=reason)


class Runner:
    """Runs handlers of a roster's seats against a store."""

    def __init__(
        self,
        store: Store,
        roster: Roster,
        *,
        max_attempts: int,
        clock: Callable[[], int] = now_us,
        ours: Ours | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.elsewhere = elsewhere
        self._store = store
        self._roster = roster
        self._asking = Asking(roster, clock, ours)
        self._max_attempts = max_attempts
        self._clock = clock
        self._loops = Loops()
        self._events: dict[int, Event] = {}

    def run(self, seat: Seat, handoff: Handoff, started: Callable[[Running], None] | None = None) -> Result:
        """Run one handoff. Never raises: whatever goes wrong is an outcome.

        ``started`` is told of an ``async def`` handler that runs, so that a watch can cancel it.
        """
        try:
            return self._run(seat, handoff, started)
        except BaseException as error:
            # Names and places, not texts: an exception's text may hold what a customer wrote.
            return self._retry(seat, handoff, where(error, seat), None)

    def timed_out(self, seat: Seat, handoff: Handoff, limit: timedelta) -> Result:
        """The outcome of a handoff whose handler did not return in time."""
        return self._retry(seat, handoff, f"timed out after {limit.total_seconds():g} s", None)

    def close(self) -> None:
        self._loops.close()

    def _run(self, seat: Seat, handoff: Handoff, started: Callable[[Running], None] | None) -> Result:
        """The outcome that the handler asks for. Raises what else it raises, and where it asks for what cannot be."""
        reader = LedgerReader(self._store, handoff)
        result = self._told(seat, handoff, reader, started)
        result.outcome = result.outcome._replace(reads=reader.told())
        return result

    def _told(
        self, seat: Seat, handoff: Handoff, reader: LedgerReader, started: Callable[[Running], None] | None
    ) -> Result:
        try:
            event = self._event(handoff)
            handler = seat.handling(event)
            required = seat.requires.get(handoff.type, ()) if handler is not None else ()
            if required and (lacks := lacking(reader.account(), required)):
                return self._incomplete(seat, handoff, lacks, reader.account().stage)
            effects = self._handle(seat, handoff, event, handler, reader, started)
            result = self._asking.asked(seat, handoff, effects, self._outcome(seat, handoff, schema.DONE))
            if handoff.type == STAGE_CHANGED and handoff.owner:
                result.took, result.asks = handoff.id, True
            if handoff.hops >= MAX_HOPS and (result.entries or _speaks(result)):
                return self._to_human(seat, handoff, f"a chain of more than {MAX_HOPS} events causing each other")
            return result
        except RetryLater as error:
            return self._retry(seat, handoff, f"RetryLater: {error.reason}", error.after)
        except NeedsHuman as error:
            return self._to_human(seat, handoff, error.reason)
        except Park as error:
            if error.awaits not in catalogue():
                reason = f"no event type is named {error.awaits!r}: it would wait for ever"
                return Result(self._outcome(seat, handoff, schema.DEAD, reason=reason))
            return Result(self._outcome(seat, handoff, schema.PARKED, reason=error.reason, awaits=error.awaits))
        except (PayloadError, NotAllowed) as error:
            return Result(self._outcome(seat, handoff, schema.DEAD, reason=str(error)))

    def _event(self, handoff: Handoff) -> Event:
        # The seats of one event read it once; events do not change.
        event = self._events.get(handoff.event_seq)
        if event is None:
            if len(self._events) >= 4096:
                self._events.clear()
            event = self._events[handoff.event_seq] = event_of(handoff)
        return event

    def _handle(
        self,
        seat: Seat,
        handoff: Handoff,
        event: Event,
        handler: Handler | None,
        reader: LedgerReader,
        started: Callable[[Running], None] | None,
    ) -> list[Any]:
        if seat.elsewhere and self.elsewhere is not None:
            return list(self.elsewhere.handle(seat, handoff, event, reader))
        if seat.kind == "human" or handler is None:
            if seat.kind == "agent" and handoff.type == STAGE_CHANGED:
                return [Log("Took the account over: what it must know is in its message.")]
            title = f"{handoff.type} for {seat.role or seat.name}"
            text = f"Read the account's timeline and do what the role asks for.\n{_as_told(event)}".strip()
            return [Task(title, text, assignee=seat.assignee)]
        now = from_us(self._clock())
        if _is_async(handler):
            ctx = Context(event, seat.name, reader, now)
            running = self._loops.start(seat.name, handler(event, ctx))  # type: ignore[arg-type]
            if started is not None:
                started(running)
            running.wait()
            return list(ctx.effects)
        sync = SyncContext(event, seat.name, reader, now)
        handler(event, sync)
        return list(sync.effects)

    def _retry(self, seat: Seat, handoff: Handoff, reason: str, after: timedelta | None) -> Result:
        attempts = handoff.attempts + 1
        if attempts >= self._max_attempts:
            return Result(self._outcome(seat, handoff, schema.DEAD, reason=f"{reason} (attempt {attempts})"))
        due = now_us() + int(wait_s(attempts, after) * 1_000_000)
        # Our own back-off holds the lane, however long: what comes later for this customer does not overtake it.
        if after is not None and after > LONGEST_HOLD:
            return Result(
                self._outcome(seat, handoff, schema.PARKED, reason=reason, awaits=UNTIL_DUE, due=due, failed=True)
            )
        return Result(self._outcome(seat, handoff, schema.RETRYING, reason=reason, due=due, failed=True))

    def _incomplete(self, seat: Seat, handoff: Handoff, lacks: tuple[str, ...], stage: str | None) -> Result:
        """Wait for what the handler requires, for as long as the account's stage has patience; then a human has it."""
        reason = f"incomplete: {', '.join(lacks)} not known"
        with self._store.read() as connection:
            planned = since(connection, self._outcome(seat, handoff, schema.PARKED))
        shown = planned + patience(self._roster, stage) // timedelta(microseconds=1)
        if now_us() >= shown:
            return self._to_human(seat, handoff, reason)
        # One fact can be waited for by its type; a field may come with any.
        awaits = lacks[0] if len(lacks) == 1 and lacks[0] not in FIELDS else ANYTHING
        outcome = self._outcome(seat, handoff, schema.PARKED, reason=reason, awaits=awaits, due=shown)
        # It is said once, however many facts come that are none of them.
        return Result(outcome, refused=None if handoff.again else self._asking.incomplete(seat, handoff, lacks))

    def _to_human(self, seat: Seat, handoff: Handoff, reason: str) -> Result:
        cause = str(UUID(bytes=handoff.id))
        task = Task(
            f"{seat.name} needs a human: {handoff.type}", plain(reason), key="needs_human", assignee=seat.assignee
        )
        row = EffectRow(handoff.event_seq, seat.name, desk_schema.TASK, "needs_human", handoff.account_id, cause, task)
        return Result(self._outcome(seat, handoff, schema.NEEDS_HUMAN, reason=reason, effects=(row,)))

    def _outcome(
        self,
        seat: Seat,
        handoff: Handoff,
        state: int,
        *,
        due: int = 0,
        reason: str | None = None,
        awaits: str | None = None,
        effects: tuple[EffectRow, ...] = (),
        failed: bool = False,
    ) -> Outcome:
        attempts = handoff.attempts + (1 if failed or state in (schema.DONE, schema.DEAD) else 0)
        reason = None if reason is None else plain(reason)[:500]
        return Outcome(
            handoff.account_id,
            handoff.event_seq,
            seat.name,
            state,
            attempts,
            due,
            reason,
            awaits,
            bool(handoff.again),
            effects,
            handoff.subject,
        )


def lacking(account: Account, required: Sequence[str]) -> tuple[str, ...]:
    """Of what a handler requires, what is not known of the account."""
    return Knowledge(account.facts, account.contacts, account.name, account.manager).lacks(required)


def patience(roster: Roster, stage: str | None) -> timedelta:
    """How long a handler waits for what it requires, while an account is in this stage."""
    row = roster.stage(stage)
    if row is not None:
        return row.patience
    return IMPATIENCE if stage in (None, "awareness", "inquiry") else PATIENCE


def _speaks(result: Result) -> bool:
    return any(row.kind == desk_schema.MESSAGE for row in result.outcome.effects)


_is_async = lru_cache(maxsize=1024)(inspect.iscoroutinefunction)


def where(error: BaseException, seat: Seat | None = None) -> str:
    """An exception's type, the line that raised it, and the system's own word (a full disk, say) where it has one.

    Of what a ``seat``'s handler called, the last line of the seat's own code comes first: there it is mended.
    """
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    place = ""
    if frames:
        own = [frame for frame in frames if seat is not None and _beside(frame[0].co_filename, seat)]
        at, deepest = (own or frames)[-1], frames[-1]
        place = f" at {at[0].co_name}:{at[1]}"
        place += f" (in {deepest[0].co_name}:{deepest[1]})" if deepest is not at else ""
    number = error.errno if isinstance(error, OSError) else None
    return f"{type(error).__name__}{place}" + (f": {os.strerror(number)}" if isinstance(number, int) else "")


def _beside(filename: str, seat: Seat) -> bool:
    """Whether code stands in a folder of the seat's handlers, and is no library that happens to be below it."""
    handlers = (*seat.handlers.values(), *seat.answers.values(), *seat.timers.values())
    codes = (getattr(inspect.unwrap(handler), "__code__", None) for handler in handlers)
    folders = {Path(code.co_filename).parent for code in codes if code is not None}
    found = (Path(filename).relative_to(one) for one in folders if Path(filename).is_relative_to(one))
    return any("site-packages" not in below.parts for below in found)


def _as_told(event: Event) -> str:
    """An event's own fields, a line each, for a human who has it as it came."""
    told = event.model_dump(mode="json", exclude_defaults=True, exclude={*NOT_DATA, "party", "others"})
    return plain("\n".join(f"{name}: {value}" for name, value in told.items()))[:LONGEST_TOLD]
