"""What became of a handoff, and what it asked for: as rows that are about to be written."""

from __future__ import annotations

from typing import Any, NamedTuple

from seamline_workers.store.schema import DONE

#: Parked with an empty ``awaits``: until its due time, not for a fact.
UNTIL_DUE = ""
#: Parked with this ``awaits``: for any fact of the account.
ANYTHING = "*"


class EffectRow(NamedTuple):
    """One effect of one handoff. ``key`` tells effects of one kind apart; ``what`` is what the seat asked for."""

    event_seq: int
    seat: str
    kind: int
    key: str
    account_id: int
    cause: str  # the event's id
    what: Any = None
    data: str | None = None  # a log's line
    ref: str | None = None  # an emitted event's id


class Outcome(NamedTuple):
    """What became of one handoff."""

    lane: int
    event_seq: int
    seat: str
    state: int = DONE
    attempts: int = 0
    due: int = 0
    reason: str | None = None
    awaits: str | None = None
    again: bool = False  # ended before: its effects may exist already
    effects: tuple[EffectRow, ...] = ()
    subject: int = 0  # the event's own account
    reads: str | None = None  # ledger numbers of what its handler read
