"""The plan: what a roster says about every event that is appended. Worked out once a process."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from seamline.boundary import Roster
from seamline_workers import checklist, holding
from seamline_workers.clock import Clock, business_clock
from seamline_workers.following import Moment, Reaction
from seamline_workers.store.entry import Entry
from seamline_workers.store.folding import Locked

Routes = list[tuple[str, int]]


class Plan:
    """Who is handed an event, and what follows from it at once."""

    def __init__(self, roster: Roster, clock: Clock | None = None) -> None:
        self.roster = roster
        self._clock = clock or business_clock()
        self._routes: dict[str, Routes] = {}
        self._reactions: dict[str, list[Reaction]] = {}
        for event_type, reaction in (*holding.reactions(roster), *checklist.reactions()):
            self._reactions.setdefault(event_type, []).append(reaction)

    def follow(self, connection: Connection, new: Sequence[Entry], locked: Locked) -> list[Entry]:
        """Do what follows from new events; returns what the engine says of it. From history nothing does."""
        said: list[Entry] = []
        for entry in new:
            if entry.history or entry.type not in self._reactions:
                continue
            moment = Moment(connection, self.roster, locked, self._clock())
            for reaction in self._reactions[entry.type]:
                said += reaction(moment, entry)
        return said

    def routes(self, entry: Entry) -> Sequence[tuple[str, int]]:
        """The seats that are handed an event, 1 as owner or 0 as informed, of those that have something to do.

        An event that names its readers (a deadline, a message) is handed to them alone.
        """
        return self.by_type(entry.type) if entry.to is None else entry.to

    def by_type(self, event_type: str) -> Routes:
        """The seats that are handed a type."""
        known = self._routes.get(event_type)
        if known is None:
            owner, informed = self.roster.route(event_type)
            known = [(owner.name, 1)] if owner is not None else []
            known += [(seat.name, 0) for seat in informed]
            self._routes[event_type] = known
        return known
