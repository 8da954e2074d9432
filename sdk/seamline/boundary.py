"""The roster of a company: its seats, what may not happen, where humans gate, and what each stage hands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from seamline.errors import ConfigError
from seamline.events.base import Event, catalogue
from seamline.gate import Gate, StageRow, gate_for
from seamline.guard import Asked, Guard, Refusal, Requires, guard_id
from seamline.seat import Seat, matching
from seamline.stages import GATE_TRUST


class TwoOwners(ConfigError):
    """Raised where two seats own an event type equally: nobody could say whom it is handed to."""

    def __init__(self, event_type: str, one: str, other: str) -> None:
        super().__init__(f"{event_type} is owned by {one} and {other} equally; make one of them more specific")
        self.event_type = event_type


#: What the lists of a roster hold, and how one is written.
_LISTS: dict[str, tuple[type, str]] = {
    "seats": (Seat, "[sales, boss]"),
    "guards": (Guard, "[Requires(…)]"),
    "gates": (Gate, "[Gate(…)]"),
    "stages": (StageRow, "[StageRow(…)]"),
}


def _shown(value: object) -> str:
    return value.__name__ if isinstance(value, type) else f"a {type(value).__name__}"


@dataclass
class Roster:
    """The seats of a company, its guards, gates and stages. Raises TwoOwners where two seats own a type equally."""

    seats: Sequence[Seat]
    guards: Sequence[Guard] = ()
    gates: Sequence[Gate] = ()
    stages: Sequence[StageRow] = ()
    #: The company's time zone: of what is asked at a time of day. The configuration's, where there is one.
    timezone: str = "UTC"
    _routes: dict[str, tuple[Seat | None, tuple[Seat, ...]]] = field(default_factory=dict, init=False, repr=False)
    _guarded: frozenset[str] = field(default=frozenset(), init=False, repr=False)

    def __post_init__(self) -> None:
        for name, (kind, such) in _LISTS.items():
            given = getattr(self, name)
            if not isinstance(given, Sequence) or isinstance(given, str):
                raise ConfigError(f"{name} of a Roster is a list, such as {such}; it is {_shown(given)}")
            for one in given:
                if not isinstance(one, kind):
                    raise ConfigError(f"{name} of a Roster is a list, such as {such}; in it is {_shown(one)}")
        self._guarded = frozenset().union(*(guard.guards for guard in self.guards))
        names = [seat.name for seat in self.seats]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"two seats are named {twice[0]!r}")
        for event_type in catalogue():
            self.owner(event_type)
        for seat in self.seats:
            for expected in seat.expectations:
                if not self.may_emit(seat, expected.otherwise):
                    raise ConfigError(self.refusal(seat, expected.otherwise))

    def seat(self, name: str) -> Seat:
        """The seat of this name. Raises ConfigError."""
        for seat in self.seats:
            if seat.name == name:
                return seat
        raise ConfigError(f"no seat is named {name!r}; there are: {', '.join(s.name for s in self.seats)}")

    def owner(self, event_type: str) -> Seat | None:
        """The one seat that owns a type, by its most specific ``owns``; None: nobody does. Raises TwoOwners."""
        ranked = sorted(
            ((seat.owning(event_type), seat.name, seat) for seat in self.seats), reverse=True, key=lambda r: r[:2]
        )
        ranked = [row for row in ranked if row[0] >= 0]
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            raise TwoOwners(event_type, ranked[0][1], ranked[1][1])
        return ranked[0][2] if ranked else None

    def maker(self, event_type: str) -> Seat | None:
        """The one seat that may make a judgement: whoever names it under ``makes``, else its owner.

        None: it is nobody's. Raises ConfigError where two seats name it.
        """
        makers = [seat for seat in self.seats if event_type in seat.makes]
        if len(makers) > 1:
            raise ConfigError(
                f"{event_type} is made by {makers[0].name} and {makers[1].name}; take it from one of them"
            )
        return makers[0] if makers else self.owner(event_type)

    def may_make(self, seat: Seat, event_type: str) -> bool:
        """Whether a seat may make a judgement: it is the maker; or nobody is, and the seat does not disown it."""
        maker = self.maker(event_type)
        return matching(seat.does_not_own, event_type) < 0 if maker is None else maker.name == seat.name

    def may_emit(self, seat: Seat, event: type[Event]) -> bool:
        """Whether a seat may emit an event: a judgement that is its own to make."""
        return event.nature == "judgement" and self.may_make(seat, event.event_type)

    def refusal(self, seat: Seat, event: type[Event]) -> str:
        """Why a seat may not emit an event, and what would change that."""
        said = f"seat {seat.name} may not emit {event.event_type}: "
        if event.nature != "judgement":
            whose = "a provider's or a human's word" if event.nature == "fact" else "the engine's"
            return f"{said}it is no judgement of its own but {whose}"
        maker = self.maker(event.event_type)
        whose = "what it does_not_own" if maker is None or maker is seat else f"{maker.name}'s"
        return f"{said}it is no judgement of its own but {whose}; name it under owns or makes"

    def route(self, event_type: str) -> tuple[Seat | None, tuple[Seat, ...]]:
        """The owner of a type and the seats that are informed of it, of those that have something to do with it."""
        known = self._routes.get(event_type)
        if known is None:
            owner = self.owner(event_type)
            informed = tuple(
                seat
                for seat in self.seats
                if seat is not owner
                and seat.consumes(event_type)
                and (event_type in seat.handlers or matching(seat.informed, event_type) >= 0)
            )
            known = self._routes[event_type] = (owner if owner and owner.consumes(event_type) else None, informed)
        return known

    def guarded(self, event_type: str) -> bool:
        """Whether a guard is asked about events of this type."""
        return event_type in self._guarded

    def refuse(self, asked: Asked) -> Refusal | None:
        """Why this may not happen, by the first guard that is against it; None: none is."""
        for guard in self.guards:
            if asked.type in guard.guards and (refusal := guard.refuse(asked)) is not None:
                return refusal._replace(row=guard_id(guard))
        return None

    def gate(self, seat: str, channel: str, audience: str, stage: str | None) -> Gate | None:
        """The gate of such a draft: the most specific row; None: this way out is closed."""
        return gate_for(self.gates, seat, channel, audience, stage)

    def stage(self, name: str | None) -> StageRow | None:
        """The row of a stage; None: this company declares none for it."""
        return next((row for row in self.stages if row.stage == name), None)

    def human_above(self, name: str) -> Seat | None:
        """The human whom a seat's case goes to: the first on the way up; None: there is none."""
        by_name, passed = {seat.name: seat for seat in self.seats}, {name}
        seat = by_name.get(name)
        while seat is not None:
            above = seat.escalates_to or seat.reports_to
            seat = by_name.get(above) if above is not None and above not in passed else None
            if seat is not None and seat.kind == "human":
                return seat
            passed.add(above or "")
        return None


__all__ = ["GATE_TRUST", "Gate", "Requires", "Roster", "StageRow", "TwoOwners"]
