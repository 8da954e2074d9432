"""The plan: what a roster says about every event that is appended. Worked out once a process."""

from __future__ import annotations

from collections.abc import Sequence

from seamline.boundary import Roster
from seamline_workers.store.entry import Entry

Routes = list[tuple[str, int]]


class Plan:
    """Who is handed an event."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self._routes: dict[str, Routes] = {}

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
