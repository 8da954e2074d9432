"""The outbox: files in which seats that live elsewhere reply. Each is taken once, and runs its handoff again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from seamline.context import Task
from seamline.envelope import Envelope
from seamline.errors import ConfigError, NeedsHuman, PayloadError, RetryLater
from seamline.inbox import DEAD, NEW, Claimed, Inbox
from seamline.remote import read_effects
from seamline.seat import Seat
from seamline_workers.clock import Clock, business_clock
from seamline_workers.crashpoint import reach
from seamline_workers.handoff.elsewhere import inboxes
from seamline_workers.log import Seldom
from seamline_workers.refusal import Conflict, NoSuch
from seamline_workers.store.effects import give_task
from seamline_workers.store.handoffs import replay_handoff
from seamline_workers.store.reading.handoffs import key_of_id
from seamline_workers.store.schema import CANCELLED
from seamline_workers.store.store import Store, now_us

#: Seconds between looks for what a seat left in the lurch, and how long what is done is kept.
SWEEP_S, KEPT = 30.0, timedelta(days=30)
#: Replies to one handoff that count: each runs it again, with all of them.
MOST_REPLIES = 100
#: Replies that wait for their handoff which one look passes over.
MOST_PASSED = 20

_STATE = text("SELECT state FROM handoffs WHERE event_seq = :seq AND seat = :seat")
_MANY = text("SELECT count(*) FROM replies WHERE event_seq = :seq AND seat = :seat AND envelope <> :envelope")
_KEEP = text("""
INSERT INTO replies (event_seq, seat, envelope, body, at) VALUES (:seq, :seat, :envelope, :body, :now)
ON CONFLICT (seat, envelope) DO NOTHING
""")


@dataclass
class Outbox:
    """Takes the replies of the seats with inbox files. Any number of processes may look."""

    store: Store
    seats: Sequence[Seat]
    folder: Path
    clock: Clock = field(default_factory=business_clock)
    _swept: float = field(default=0.0, init=False)
    _unusable: Seldom = field(default_factory=lambda: Seldom("outbox_unusable"), init=False, repr=False)

    def due(self, connection: Connection) -> bool:
        return any(_any(outbox.path(NEW)) for _, _, outbox in self._boxes()) or self._sweep_due()

    def some(self, token: int = 0) -> bool:
        """Take a reply of each seat. Returns whether there was one that could be taken.

        A seat whose folders cannot be read or written, whatever lies in them, holds up no other.
        """
        if self._sweep_due():
            self._swept = now_us() / 1e6
            for seat, *both in self._boxes():
                self._alone(seat, partial(self._sweep, seat, both))
        taken = [self._alone(seat, partial(self._one, seat, outbox)) for seat, _, outbox in self._boxes()]
        return any(taken)

    def _alone(self, seat: Seat, look: Callable[[], bool]) -> bool:
        """What a look at the folders of one seat says; nothing, where they are not as we made them."""
        try:
            return look()
        except (OSError, ConfigError) as error:
            self._unusable.warning(seat=seat.name, error=type(error).__name__, reason=_why(error))
            return False

    def _boxes(self) -> list[tuple[Seat, Inbox, Inbox]]:
        return [(seat, *inboxes(seat, self.folder)) for seat in self.seats if seat.elsewhere and seat.inbox]

    def _sweep_due(self) -> bool:
        return now_us() / 1e6 - self._swept > SWEEP_S and bool(self._boxes())

    def _one(self, seat: Seat, outbox: Inbox) -> bool:
        """Take the oldest reply whose handoff does not run. Those that wait keep their order, and stop no other."""
        waiting: list[Claimed] = []
        try:
            while len(waiting) < MOST_PASSED and (claimed := outbox.claim()) is not None:
                held = any(one.envelope.in_reply_to == claimed.envelope.in_reply_to for one in waiting)
                taken = None if held else self._took(seat, outbox, claimed)
                if taken is not None:
                    return taken
                waiting.append(claimed)
            return False
        finally:
            for one in waiting:
                one.give_back()

    def _took(self, seat: Seat, outbox: Inbox, claimed: Claimed) -> bool | None:
        """Take one reply; None: its handoff runs at this moment, and the reply waits until it has ended."""
        reach("outbox.claimed")
        try:
            seq = _judged(seat, claimed.envelope)
            with self.store.begin() as connection:
                self._take(connection, seat, seq, claimed.envelope)
        except (PayloadError, NoSuch) as error:
            claimed.fail(str(error))
            self._report(seat, outbox)
            return True
        except Conflict:
            return None
        reach("outbox.taken")
        return claimed.ack()

    def _take(self, connection: Connection, seat: Seat, seq: int, envelope: Envelope) -> None:
        if connection.execute(_STATE, {"seq": seq, "seat": seat.name}).scalar() == CANCELLED:
            raise PayloadError(f"handoff {seq}.{seat.name} was called off")
        binds = {"seq": seq, "seat": seat.name, "envelope": envelope.id, "body": json.dumps(envelope.body)}
        if int(connection.execute(_MANY, binds).scalar_one()) >= MOST_REPLIES:
            raise PayloadError(f"handoff {seq}.{seat.name} has {MOST_REPLIES} replies already: no more are taken")
        if connection.execute(_KEEP, binds | {"now": now_us()}).rowcount:
            replay_handoff(connection, f"{seq}.{seat.name}")

    def _sweep(self, seat: Seat, both: Sequence[Inbox]) -> bool:
        """Give back what readers on either side have left behind, say what is dead, delete what is old."""
        for one in both:
            one.recover()
            one.prune(KEPT)
            self._report(seat, one)
        return True

    def _report(self, seat: Seat, inbox: Inbox) -> None:
        """A human is told, once, of each file that nobody could read or do."""
        for name, reason in inbox.dead():
            with self.store.begin() as connection:
                where = inbox.path(DEAD, name)
                task = Task(f"A file of {seat.name} is dead: {name}", f"{reason}. It lies at {where}.")
                about: dict[str, Any] = {"account_id": None, "seat": seat.name, "cause": None}
                give_task(connection, task, kind="incident", now=self.clock(), **about)
            inbox.told(name)


def _judged(seat: Seat, envelope: Envelope) -> int:
    """The ledger number of the handoff that is replied to. Raises PayloadError for what is no reply of this seat."""
    if envelope.sender != seat.name:
        raise PayloadError(f"this is from {envelope.sender}, in the outbox of {seat.name}")
    key = key_of_id(envelope.in_reply_to or "")
    if key is None or key[1] != seat.name:
        raise PayloadError("in_reply_to is the id of what it answers, such as 42." + seat.name)
    try:
        read_effects(envelope.body)
    except NeedsHuman:
        return key[0]
    except RetryLater:
        raise PayloadError(
            "retry_after_s is for answers to a request; a file is left in cur until it is done"
        ) from None
    return key[0]


def _any(folder: Path) -> bool:
    try:
        with os.scandir(folder) as found:
            return any(entry.name.endswith(".json") for entry in found)
    except OSError:  # whoever lives here took it away, or closed it; it is said when their replies are to be taken
        return False


def _why(error: Exception) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else str(error)


__all__ = ["Outbox"]
