"""Messaging: what a seat says to another is put into its conversation, delivered, or given to a human.

It happens in the transaction that completes the speaker's handoff, under the lock of its account. Seats need no human
to inform, to ask and to answer each other. A matter on which they speak for the fourth time is a human's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Connection

from seamline.boundary import Roster
from seamline.context import Task
from seamline.effect import Message
from seamline.envelope import LONGEST_WORD
from seamline.events import MessageAnswered, MessageDeadLettered, MessageDelivered
from seamline.events.base import event_id
from seamline_workers.bus import replying
from seamline_workers.clock import Clock
from seamline_workers.effects.asking import MessageAsked, Result
from seamline_workers.store.desk_schema import MESSAGE, TASK
from seamline_workers.store.entry import ENGINE, Cause, Entry
from seamline_workers.store.ledger import Locked
from seamline_workers.store.messages import Known, Prepared, delivered, find_message, readers
from seamline_workers.store.outcome import EffectRow
from seamline_workers.store.schema import DEAD

#: Exchanges on one matter between seats; the next one is a human's.
MOST_EXCHANGES = 3
ESCALATED = "the fourth exchange on one matter: a human has it"


class _NoSuchMessage(Exception):
    """A message answers what this account does not have."""


@dataclass(frozen=True)
class Messaging:
    """Delivers the messages of a roster's seats. One a process."""

    roster: Roster
    clock: Clock

    def addressed(self, connection: Connection, result: Result, locked: Locked) -> Result:
        """The result with its messages as rows, and with the tasks of those that a human is to read."""
        if not any(row.kind == MESSAGE for row in result.outcome.effects):
            return result
        rows: list[EffectRow] = []
        for row in result.outcome.effects:
            if row.kind != MESSAGE:
                rows.append(row)
                continue
            try:
                prepared = _prepared(connection, row, locked)
            except _NoSuchMessage as error:
                dead = result.outcome._replace(state=DEAD, due=0, reason=str(error), awaits=None, effects=())
                return Result(dead)
            rows.append(row._replace(what=prepared))
            task = self._task(row, prepared)
            if task is not None:
                rows.append(row._replace(kind=TASK, key=f"message/{row.key}", what=task))
        return replace(result, outcome=result.outcome._replace(effects=tuple(rows)))

    def _task(self, row: EffectRow, prepared: Prepared) -> Task | None:
        """What a human gets of a message: one to a human seat, and one that came too often."""
        message, receiver = prepared.message, self.roster.seat(prepared.message.to)
        if prepared.state == "escalated":
            title = f"{row.seat} and {message.to} do not come to an end: {message.topic}"
            said = f"{row.seat} to {message.to}, exchange {prepared.exchange}: {message.body}"
            return Task(title, said, assignee=self._above(message.to, row.seat), rule="R67")
        if receiver.kind == "human":
            title = f"{row.seat} to {receiver.role or receiver.name}: {message.topic}"
            return Task(title, message.body, assignee=receiver.assignee, due_at=message.needs_response_by)
        return None

    def _above(self, *seats: str) -> str | None:
        human = next((found for name in seats if (found := self.roster.human_above(name)) is not None), None)
        return None if human is None else human.assignee or human.name

    def said(self, connection: Connection, results: Iterable[Result]) -> list[Entry]:
        """What the engine says of the messages that were written, and to whom; and their answers are waited for."""
        found = []
        for result in results:
            for row in result.outcome.effects:
                if isinstance(row.what, Prepared) and row.what.id is not None:
                    found += self._said(row, row.what)
                    found += self._waited(connection, row, row.what)
        return found

    def _waited(self, connection: Connection, row: EffectRow, prepared: Prepared) -> list[Entry]:
        """Wait for the answer of an agent; a human has a task with its time. What is answered is waited for no more."""
        now, cause = self.clock(), UUID(row.cause).bytes
        if prepared.state == "delivered" and self.roster.seat(prepared.message.to).kind == "agent":
            replying.wait(connection, prepared, cause, now)
        if prepared.answers is None or prepared.message.kind != "RESPONSE":
            return []
        because = Cause(cause, prepared.correlation, prepared.hops)
        return replying.answered(connection, prepared.answers.id, because, now)

    def _said(self, row: EffectRow, prepared: Prepared) -> list[Entry]:
        message, answers = prepared.message, prepared.answers
        told = delivered(row.seat, prepared)
        if prepared.state == "escalated":
            fields = {name: told[name] for name in ("message_id", "from_seat", "to_seat", "kind")}
            found = [self._entry(MessageDeadLettered.event_type, fields | {"reason": ESCALATED}, row, prepared)]
        else:
            found = [self._entry(MessageDelivered.event_type, told, row, prepared)]
            found[0].to = readers(self.roster, message)
        if answers is not None and message.kind == "RESPONSE":
            asked = {
                "message_id": str(answers.id),
                "from_seat": answers.from_seat,
                "to_seat": answers.to_seat,
                "kind": answers.kind,
                "answer_id": str(prepared.id),
            }
            found.append(self._entry(MessageAnswered.event_type, asked, row, prepared))
        return found

    def _entry(self, event_type: str, fields: dict[str, Any], row: EffectRow, prepared: Prepared) -> Entry:
        now, cause = self.clock(), UUID(row.cause).bytes
        return Entry(
            id=event_id(ENGINE, event_type, f"message/{prepared.id}").bytes,
            type=event_type,
            version=1,
            account_id=prepared.account_id,
            source=ENGINE,
            data=to_json(fields).decode(),
            occurred_at=now,
            timebasis="received",
            received_at=now,
            trust="seat",
            cause=cause,
            correlation=prepared.correlation,
            hops=prepared.hops,
            to=(),
        )


def _prepared(connection: Connection, row: EffectRow, locked: Locked) -> Prepared:
    """A message in its conversation: that of what it answers, or of what its speaker was told when it spoke."""
    asked: MessageAsked = row.what
    message, follows = asked.message, None
    follows_id = message.reply_to or asked.heard
    if follows_id is not None:
        follows = _followed(connection, follows_id, row, locked, explicit=message.reply_to is not None)
    exchange = 1 if follows is None else follows.exchange + 1
    answers = follows if follows is not None and (message.reply_to or follows.from_seat == message.to) else None
    return Prepared(
        message,
        row.account_id,
        _begun(row, message) if follows is None else follows.conversation,
        exchange,
        "escalated" if exchange > MOST_EXCHANGES else "delivered",
        asked.correlation,
        asked.hops,
        answers,
    )


def _begun(row: EffectRow, message: Message) -> str:
    """The name of a conversation that begins; of a key that no envelope could hold, its digest."""
    begun = f"{row.cause}/{row.seat}/{message.to}"
    name = f"{begun}/{message.key}"
    return name if len(name) <= LONGEST_WORD else f"{begun}/sha256 {sha256(message.key.encode()).hexdigest()}"


def _followed(connection: Connection, id: str, row: EffectRow, locked: Locked, *, explicit: bool) -> Known | None:
    """The message that another one follows. Raises _NoSuchMessage where it names one that it cannot answer."""
    known = find_message(connection, id)
    mine = known is not None and row.seat in (known.from_seat, known.to_seat)
    if known is not None and mine and known.group == locked[row.account_id].id:
        return known
    if explicit:
        raise _NoSuchMessage(f"no message {id[:20]} of {row.seat}'s is about this account: reply_to names none")
    return None
