"""Taking over: who enters a stage is handed to one seat, with what it must know, and by when it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.boundary import Roster
from seamline.context import Message, Task
from seamline.events import MessageDelivered
from seamline.gate import StageRow
from seamline_workers.rules import knowledge
from seamline_workers.rules.expecting import told_of
from seamline_workers.rules.knowledge import Knowledge
from seamline_workers.store import deadlines
from seamline_workers.store.deadlines import Deadline
from seamline_workers.store.desk_schema import MESSAGE
from seamline_workers.store.effects import give_task
from seamline_workers.store.entry import Cause, Entry, control, said
from seamline_workers.store.folding import Group, Locked
from seamline_workers.store.messages import Prepared, delivered, readers, write_message
from seamline_workers.store.outcome import EffectRow
from seamline_workers.store.schema import DONE

KIND = "handoff"
STAGE_CHANGED = "stage.changed"
RULE = "R61"
#: From whom a seat hears of it.
SENDER = "engine"
_US = timedelta(microseconds=1)


@dataclass(frozen=True)
class Taking:
    """The stages of a roster and who takes each over."""

    roster: Roster

    @property
    def listens(self) -> frozenset[str]:
        return frozenset({STAGE_CHANGED} if self.roster.stages else ())

    def hear(self, connection: Connection, new: Sequence[Entry], locked: Locked, now: int) -> list[Entry]:
        """Hand each entry into a stage to the seat that takes it over, and see to it that somebody does.

        Returns what is said of the messages by which they are handed over.
        """
        told = []
        for entry in new:
            if entry.type == STAGE_CHANGED and not entry.history:
                row = self.roster.stage(entry.fields["to_stage"])
                if row is not None and any(seat.name == row.to_seat for seat in self.roster.seats):
                    told.append(self._hand(connection, entry, row, locked[entry.account_id], now))
        return told

    def _hand(self, connection: Connection, entry: Entry, row: StageRow, group: Group, now: int) -> Entry:
        # Others may read of it; one takes it over.
        others = [seat.name for seat in self.roster.seats if seat.handler(STAGE_CHANGED) and seat.name != row.to_seat]
        entry.to = ((row.to_seat, 1), *((name, 0) for name in others))
        facts = {name: known[0] for name, known in group.projection.types.items()}
        known = knowledge.of_group(connection, group.id, facts, row.required)
        cause = str(UUID(bytes=entry.id))
        told = self._tell(connection, entry, row, packet(row, known), cause, now)
        due = now + row.take_within // _US
        key, name = key_of(row.to_seat, cause), row.stage
        wanted = Deadline(
            0, key, KIND, row.to_seat, name, RULE, entry.account_id, entry.id, "", due, "armed", created_at=now
        )
        deadlines.add(connection, wanted)
        return told

    def _tell(self, connection: Connection, entry: Entry, row: StageRow, body: str, cause: str, now: int) -> Entry:
        """Write the message; a human has no second task of it, for the handoff itself is one."""
        message = Message(row.to_seat, f"stage.{row.stage}", body, key=row.stage)
        prepared = Prepared(
            message,
            entry.account_id,
            conversation=f"{cause}/{SENDER}/{row.to_seat}",
            exchange=1,
            state="delivered",
            correlation=entry.correlation or entry.id,
            hops=entry.hops,
        )
        written = EffectRow(0, SENDER, MESSAGE, row.stage, entry.account_id, cause, prepared)
        write_message(connection, written, now)
        told = control(MessageDelivered.event_type, delivered(SENDER, prepared), entry, row.stage)
        told.to = readers(self.roster, message)
        return told

    def late(self, connection: Connection, row: Deadline, event: Entry, now: int) -> None:
        """Give what nobody has taken over to a human."""
        human = self.roster.human_above(row.seat)
        stage = self.roster.stage(row.name)
        text_ = "" if stage is None else f"Tone: {stage.tone}. The customer must know: {'; '.join(stage.must_know)}."
        give_task(
            connection,
            Task(
                f"{row.seat} has not taken over the account, which is now in {row.name}",
                text_,
                assignee=None if human is None else human.assignee or human.name,
                rule=RULE,
            ),
            kind="task",
            account_id=row.account_id,
            seat=row.seat,
            cause=str(UUID(bytes=event.id)),
            now=now,
        )


def packet(row: StageRow, known: Knowledge) -> str:
    """What a seat is told when it takes an account over."""
    missing = known.lacks(row.required)
    there = [name for name in row.required if name not in missing]
    lines = [
        f"The account is now in {row.stage}.",
        f"Tone: {row.tone}",
        f"The customer must know: {'; '.join(row.must_know) or 'nothing in particular'}",
        f"Known: {', '.join(there) or 'nothing is required'}" if there or not missing else "Known: nothing of it",
        f"Missing: {', '.join(missing) or 'nothing'}",
    ]
    return "\n".join(lines)


def key_of(seat: str, event: str) -> str:
    """The key of the row that watches over a stage's handoff."""
    return f"{KIND}/{seat}/{event}"


_HANDOFF = text("""
SELECT h.state FROM handoffs h JOIN events e ON e.seq = h.event_seq WHERE e.id = :id AND h.seat = :seat
""")
_TASK_DONE = text("""
UPDATE tasks SET state = 'done', done_at = :now, done_by = 'engine' WHERE state = 'open' AND account_id = :account
AND cause = :cause AND rule = 'R61'
""")


def is_taken(connection: Connection, row: Deadline) -> bool:
    """Whether the handoff that a row watches over is done."""
    return connection.execute(_HANDOFF, {"id": row.cause, "seat": row.seat}).scalar() == DONE


def taken(connection: Connection, handed: Sequence[tuple[str, str]], now: int) -> list[Entry]:
    """End the rows of stages' handoffs that are done: (seat, event). Returns what is said of it."""
    rows = deadlines.by_key(connection, [key_of(seat, event) for seat, event in handed])
    found = []
    for row in rows.values():
        if row.state not in ("armed", "fired"):
            continue
        after = row._replace(state="cancelled" if row.state == "armed" else "resolved")
        deadlines.write(connection, [after])
        if row.event is not None:
            binds = {"now": now, "account": row.account_id, "cause": str(UUID(bytes=row.event))}
            connection.execute(_TASK_DONE, binds)
        cause = Cause(row.cause, row.cause)
        found.append(
            said("deadline.cancelled", told_of(after), after.key, account_id=row.account_id, cause=cause, now=now)
        )
    return found
