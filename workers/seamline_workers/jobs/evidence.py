"""Evidence: the items of an exit are settled by what their providers say, now and later, and never by a tick."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from seamline.adapter import Evidence
from seamline.call import drive
from seamline.effect import Flag, Task
from seamline.errors import NeedsHuman, RetryLater, SeamlineError
from seamline.events import ExitItemReopened, ExitItemVerified
from seamline.events.base import event_id
from seamline.transport import Transport
from seamline_workers.backoff import wait_s
from seamline_workers.clock import Clock
from seamline_workers.company.registry import Source
from seamline_workers.crashpoint import reach
from seamline_workers.rules.plan import Plan
from seamline_workers.store import checks, ledger
from seamline_workers.store.checks import Look
from seamline_workers.store.desk_schema import FLAG
from seamline_workers.store.effects import give_task, raise_flags
from seamline_workers.store.entry import ENGINE, Entry
from seamline_workers.store.outcome import EffectRow
from seamline_workers.store.store import Store, now_us

#: Longest pause of our own after a look that failed, in seconds.
LONGEST_PAUSE_S = 3600.0


@dataclass
class Examiner:
    """Asks providers about the items that are due, one at a time."""

    store: Store
    plan: Plan
    sources: Mapping[int, Source]
    clock: Clock
    transport: Transport = field(default_factory=Transport)

    def due(self, connection: Connection) -> bool:
        return checks.any_due(connection, self.clock(), now_us())

    def some(self, token: int = 0) -> bool:
        """Ask about one item. Returns whether there was one."""
        with self.store.begin() as connection:
            taken = checks.take(connection, self.clock(), now_us())
        if taken is None:
            return False
        look, until = taken
        reach("check.leased")
        source = self._source(look)
        try:
            if source is None:
                raise NeedsHuman(f"no source of {look.ref.provider or 'this provider'} is configured")
            send = self.transport.sender(source.adapter, source.secrets)
            evidence, _ = drive(source.adapter.status(look.ref), send)
        except RetryLater as error:
            self._failed(look, until, error.reason, min(wait_s(look.attempts, error.after), LONGEST_PAUSE_S))
        except SeamlineError as error:
            self._failed(look, until, str(error), LONGEST_PAUSE_S, human=isinstance(error, NeedsHuman))
        except BaseException as error:  # also what would end the thread
            self._failed(look, until, type(error).__name__, LONGEST_PAUSE_S)
        else:
            reach("check.answered")
            self._seen(look, until, evidence)
        return True

    def _source(self, look: Look) -> Source | None:
        """Whom to ask: the source that the seat named, else the first of the reference's provider."""
        known = sorted(self.sources.values(), key=lambda source: source.name)
        if look.source is not None:
            return next((source for source in known if source.name == look.source), None)
        return next((source for source in known if source.adapter.name == look.ref.provider), None)

    def _failed(self, look: Look, until: int, reason: str, wait: float, *, human: bool = False) -> None:
        with self.store.begin() as connection:
            checks.failed(connection, look, until, reason, now_us() + int(wait * 1_000_000))
            if human:
                about: dict[str, Any] = {"account_id": look.account_id, "seat": None, "cause": look.exit}
                task = Task(f"Exit: {look.item} cannot be looked at", reason, rule="R58")
                give_task(connection, task, kind="needs_human", now=self.clock(), once=True, **about)

    def _seen(self, look: Look, until: int, evidence: Evidence) -> None:
        """Write down what was seen; where that settles the item, or shows it running again, say so."""
        now = self.clock()
        proof = {
            "provider": look.ref.provider or (look.source or ""),
            "ref": evidence.ref,
            "status": evidence.status,
            "checked_at": evidence.checked_at.isoformat(),
        }
        with self.store.begin() as connection:
            locked = ledger.lock(connection, [look.account_id])
            group = locked[look.account_id]
            if not checks.seen(connection, look, until, proof, evidence.settled, now):
                return
            was = look.item in group.projection.settled
            told = {"item": look.item, "evidence": proof}
            if evidence.settled and not was and checks.item_settled(connection, look.exit, look.item):
                entries = [self._entry(look, ExitItemVerified.event_type, told, until, now)]
            elif not evidence.settled and was:
                entries = [self._entry(look, ExitItemReopened.event_type, told, until, now)]
                self._alarm(connection, look, group.id, entries[0], evidence, now)
            else:
                entries = []
            ledger.append(connection, entries, self.plan, locked, now_us())
            reach("check.commit")

    def _entry(self, look: Look, event_type: str, fields: dict[str, Any], until: int, now: int) -> Entry:
        """What the engine says; each look that changes something says it anew."""
        return Entry(
            id=event_id(ENGINE, event_type, f"check/{look.id}/{until}").bytes,
            type=event_type,
            version=1,
            account_id=look.account_id,
            source=ENGINE,
            data=json.dumps(fields, separators=(",", ":")),
            occurred_at=now,
            timebasis="received",
            received_at=now,
            trust="polled",
            cause=UUID(look.exit).bytes,
            correlation=UUID(look.exit).bytes,
        )

    def _alarm(self, connection: Connection, look: Look, group: int, said: Entry, evidence: Evidence, now: int) -> None:
        """Tell a human that something of a former customer runs again."""
        owner = self.plan.roster.owner(ExitItemReopened.event_type)
        seat = "engine" if owner is None else owner.name
        words = f"{look.item} of a former customer runs again: {evidence.status}"
        flag = Flag("exit-reopened", look.item, words, "risk", (str(UUID(bytes=said.id)),))
        raise_flags(connection, [EffectRow(0, seat, FLAG, f"check/{look.id}", group, look.exit, flag)], now)
        about: dict[str, Any] = {"account_id": look.account_id, "seat": seat, "cause": str(UUID(bytes=said.id))}
        give_task(connection, Task("Exit reopened", words, rule="R58"), kind="incident", now=now, **about)
