"""The plan: what a roster says about every event that is appended. Worked out once a process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Connection

from seamline.boundary import Roster
from seamline_workers.clock import Clock, business_clock
from seamline_workers.rules import checklist, holding, managing
from seamline_workers.rules.daily import Dailies
from seamline_workers.rules.expecting import Expecting, told_of
from seamline_workers.rules.following import Moment, Reaction
from seamline_workers.rules.taking import Taking
from seamline_workers.store import deadlines
from seamline_workers.store.entry import Cause, Entry, control, said
from seamline_workers.store.folding import Locked
from seamline_workers.store.outcome import EffectRow

Routes = list[tuple[str, int]]


class Plan:
    """Who is handed an event, and what is expected from then on.

    Which types end what seats have set is known by those who ``listen``; a plan without that asks the store each time.
    """

    def __init__(self, roster: Roster, clock: Clock | None = None) -> None:
        self.roster = roster
        self.clock = clock or business_clock()
        self.expecting = Expecting(roster)
        self.dailies = Dailies(roster)
        self.taking = Taking(roster)
        self._routes: dict[str, Routes] = {}
        self._declared = self.expecting.listens | self.dailies.listens | self.taking.listens
        self._ending: frozenset[str] | None = None
        self._reactions: dict[str, list[Reaction]] = {}
        for event_type, reaction in (*holding.reactions(roster), *checklist.reactions(), *managing.reactions()):
            self._reactions.setdefault(event_type, []).append(reaction)

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

    def mover(self, entry: Entry) -> str:
        """The seat that owns an event logs the move that it causes; of an event that nobody owns its source does."""
        owner = self.roster.owner(entry.type)
        return entry.source if owner is None else f"/seats/{owner.name}"

    def listen(self, types: Iterable[str] = ()) -> None:
        """Know of types that end what seats have set."""
        self._ending = (self._ending or frozenset()) | frozenset(types)

    def follow(self, connection: Connection, new: Sequence[Entry], locked: Locked) -> list[Entry]:
        """Do what follows from new events; returns what the engine says of it.

        They are not in the ledger yet. What nobody listens to costs a look into a dictionary.
        """
        found: list[Entry] = []
        for entry in new:
            if entry.history or entry.type not in self._reactions:
                continue
            moment = Moment(connection, self.roster, locked, self.clock())
            for reaction in self._reactions[entry.type]:
                found += reaction(moment, entry)
        ending = [entry for entry in new if self._ending is None or entry.type in self._ending]
        if ending:
            found += _end(connection, ending, locked)
        heard = [entry for entry in new if entry.type in self._declared]
        if heard:
            now = self.clock()
            found += self.taking.hear(connection, heard, locked, now)
            found += self.expecting.hear(connection, heard, locked, now)
            found += self.dailies.hear(connection, heard, locked, now)
        return found


def _end(connection: Connection, new: Sequence[Entry], locked: Locked) -> list[Entry]:
    """Cancel what seats have set unless one of these types comes."""
    last = {(group.id, entry.type): entry for entry in new if not (group := locked[entry.account_id]).fresh}
    found = []
    for of, row in deadlines.armed_of(connection, {of for of, _ in last}, "due") if last else ():
        entry = next((last[of, kind] for kind in row.unless.strip(",").split(",") if (of, kind) in last), None)
        if entry is not None:
            ended = row._replace(state="cancelled")
            deadlines.write(connection, [ended])
            found.append(control("deadline.cancelled", told_of(ended, key=deadlines.own_key(row)), entry, row.key))
    return found


def was_set(connection: Connection, row: EffectRow, now: int) -> Entry | None:
    """What is said of a deadline that a seat has set; None: it is what it was, or was ended already."""
    set_now = deadlines.set_by_effect(connection, row)
    if set_now is None or set_now.state != "armed" or set_now.cause != UUID(row.cause).bytes:
        return None
    cause = Cause(set_now.cause, set_now.cause)
    fields = told_of(set_now, key=deadlines.own_key(set_now))
    place = f"{row.cause}/{set_now.key}/{set_now.due_at}"
    return said("deadline.armed", fields, place, account_id=set_now.account_id, cause=cause, now=now)
