"""Following: what the engine does at once because of an event, in the transaction that appends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection

from seamline.boundary import Roster
from seamline_workers.store.entry import Entry
from seamline_workers.store.folding import Locked


class Moment(NamedTuple):
    """Where and when: the accounts are locked, ``now`` is business time in microseconds."""

    connection: Connection
    roster: Roster
    locked: Locked
    now: int


#: Does what follows from an event, and returns what the engine says of it.
Reaction = Callable[[Moment, Entry], list[Entry]]
