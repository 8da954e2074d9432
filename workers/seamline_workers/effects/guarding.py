"""Guarding: a handoff that asks for what its account is not ready for waits, and everybody can see for what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from seamline.boundary import Roster
from seamline.context import Task
from seamline.guard import Refusal
from seamline.projection import Projection
from seamline.stages import fold
from seamline_workers.clock import Clock
from seamline_workers.effects import parking
from seamline_workers.effects.asking import Result
from seamline_workers.rules.question import refusal_of
from seamline_workers.store.desk_schema import TASK
from seamline_workers.store.effects import WAITS_KEY
from seamline_workers.store.entry import Entry, control
from seamline_workers.store.ledger import Locked
from seamline_workers.store.outcome import EffectRow
from seamline_workers.store.reading.handoffs import handoff_id
from seamline_workers.store.schema import PARKED
from seamline_workers.store.store import now_us

#: How long what a guard holds waits before a human is shown it, where the account's stage does not say.
PATIENCE = timedelta(hours=4)


@dataclass(frozen=True)
class Guarding:
    """Asks a roster's guards about what a batch of handoffs wants."""

    roster: Roster
    clock: Clock

    def guarded(self, connection: Connection, result: Result, locked: Locked, ahead: dict[int, Projection]) -> Result:
        """Park a handoff that asks for what its account is not ready for; its effects wait with it.

        ``ahead`` holds what the guarded ones before it in this batch have made of their groups: of two projects that
        ask for the one contract at once, one gets it.
        """
        if result.refused is not None:
            result.entries += refused(connection, *result.refused)
        for want in result.wants:
            entry = want.entry
            group = locked[entry.account_id]
            known = ahead.get(group.id, group.projection)
            refusal = refusal_of(
                connection, self.roster, entry.type, entry.fields, group.id, known, self.clock(), customer=want.customer
            )
            if refusal is not None:
                return self._parked(connection, result, entry, refusal, locked)
            if want.appended:
                ahead[group.id] = fold(known, *entry.fact)
        return result

    def _parked(self, connection: Connection, result: Result, asked: Entry, refusal: Refusal, locked: Locked) -> Result:
        """The handoff as it waits, and what says that it was refused.

        A handler that could not know of the newest such fact yet was not refused: it runs again at once, with it. What
        waits for longer than the stage's patience is shown to a human, once, and goes on waiting.
        """
        waiting = result.outcome._replace(state=PARKED, due=0, reason=refusal.reason, awaits=refusal.awaits, effects=())
        if refusal.awaits and parking.newer(connection, waiting, locked) is not None:
            return Result(waiting)
        stage = self.roster.stage(locked[asked.account_id].projection.stage)
        patience = int((PATIENCE if stage is None else stage.patience).total_seconds() * 1_000_000)
        shown = parking.since(connection, waiting) + patience
        if now_us() < shown:
            waiting = waiting._replace(due=shown)
        else:
            # Asked again from time to time, too: what held it may have been another account's.
            row = _shown(waiting.event_seq, waiting.seat, asked, refusal)
            waiting = waiting._replace(due=now_us() + patience, effects=(row,))
        return Result(waiting, refused(connection, asked, refusal))


def _shown(event_seq: int, seat: str, asked: Entry, refusal: Refusal) -> EffectRow:
    """The task that shows a human what waits."""
    words = f"By {refusal.rule}. It is asked again from time to time. What nobody wants any more is called off: "
    words += f"seamline handoffs cancel {handoff_id(event_seq, seat)} --reason …"
    task = Task(f"{asked.type} waits: {refusal.reason}", words, key=WAITS_KEY, rule=refusal.rule)
    cause = str(UUID(bytes=asked.cause or asked.id))
    return EffectRow(event_seq, seat, TASK, WAITS_KEY, asked.account_id, cause, task)


_HEAD = text("SELECT seq FROM ledger_head WHERE id = 1")


def refused(connection: Connection, asked: Entry, refusal: Refusal, map_row: str | None = None) -> list[Entry]:
    """What the engine says of a refusal. Whoever asks again is refused again, and each refusal is seen."""
    fields = {
        "rule": refusal.rule,
        "code": refusal.code,
        "cause": str(UUID(bytes=asked.cause or asked.id)),
        "actor": asked.source,
        "reason": refusal.reason,
        "map_row": map_row or refusal.row,
        "missing": list(refusal.missing),
    }
    # What tells refusals of one thing apart is their place in the ledger.
    place = str(connection.execute(_HEAD).scalar_one())
    said = [control("guard.refused", {name: value for name, value in fields.items() if value}, asked, place)]
    if refusal.says is not None:
        told = {"flag_ids": list(refusal.evidence), "reason": refusal.reason}
        said.append(control(refusal.says, told, asked, place))
    for entry in said:
        entry.cause = asked.cause  # what was asked for is in no ledger
    return said
