"""Guards: what may not happen. Each is a pure question about what is known of an account.

A guard is asked when a thing is asked for, when a human decides about it, and once more at the instant of sending:
days may lie between them, and another seat may have spoken meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, runtime_checkable

from seamline.errors import ConfigError
from seamline.events.base import Event
from seamline.projection import Projection


class Refusal(NamedTuple):
    """Why not, for a human, and what would change that.

    ``awaits`` is the type of the fact after which it is worth asking again; ``missing`` and ``evidence`` are names and
    ids to show. ``says`` is the control event by which the engine tells of it, besides ``guard.refused``. ``row`` is
    that of the guard in the boundary map.
    """

    rule: str
    code: str
    reason: str
    awaits: str | None = None
    missing: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    says: str | None = None
    row: str | None = None


@dataclass(frozen=True)
class Asked:
    """What is asked for: to make ``type`` with ``fields``, for an account whose linked accounts are one with it.

    ``near``: projections of accounts that may be the same customer (an open identity conflict): they count against us.
    ``behind``: seats that have not looked at what came for this account. ``grades``: of snapshots, by id. ``customer``:
    a customer reads it.
    """

    type: str
    fields: Mapping[str, Any]
    account: Projection
    now: datetime
    near: tuple[Projection, ...] = ()
    behind: frozenset[str] = frozenset()
    grades: Mapping[str, str] = field(default_factory=dict)
    customer: bool = False

    @property
    def all(self) -> tuple[Projection, ...]:
        """The account's own projection, then those near."""
        return (self.account, *self.near)


@runtime_checkable
class Guard(Protocol):
    """One rule about what may not happen. ``guards`` are the event types that it is asked about."""

    @property
    def rule(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def guards(self) -> frozenset[str]: ...

    def refuse(self, asked: Asked) -> Refusal | None:
        """Say why not; None: this guard has nothing against it."""
        ...


def _check(guard: Guard, events: object, *others: object) -> None:
    """Raise ConfigError where a guard is given what is no event type: it would be asked about nothing."""
    name = type(guard).__name__
    if not isinstance(events, (tuple, list)):
        raise ConfigError(f"{name}: events is a tuple of event types, such as (OfferSent,)")
    for one in (*events, *others):
        if not (isinstance(one, type) and issubclass(one, Event) and one.event_type):
            raise ConfigError(f"{name} takes event types, such as ContractSigned, not {one!r}")


@dataclass(frozen=True)
class Requires:
    """Nothing makes ``event`` before ``fact`` is known for the account; whoever asks is parked until it is.

    ``voided_by`` closes the gate again. ``reason`` is what people read while it waits.
    """

    event: type[Event]
    fact: type[Event]
    rule: str
    reason: str
    voided_by: type[Event] | None = None
    code: str = "NOT_YET"

    def __post_init__(self) -> None:
        _check(self, (self.event, self.fact), *(() if self.voided_by is None else (self.voided_by,)))

    @property
    def guards(self) -> frozenset[str]:
        return frozenset({self.event.event_type})

    def refuse(self, asked: Asked) -> Refusal | None:
        """Refuse until the fact is known, by a word that opens gates."""
        voided_by = None if self.voided_by is None else self.voided_by.event_type
        fact = self.fact.event_type
        if asked.account.permits(asked.fields, fact, voided_by):
            return None
        return Refusal(self.rule, self.code, self._why(asked.account), fact, (fact,))

    def _why(self, account: Projection) -> str:
        told = account.types.get(self.fact.event_type)
        if told and not told[3]:
            return f"{self.reason}; {self.fact.event_type} was told only by a source whose word opens no gate"
        return self.reason


@dataclass(frozen=True)
class Holds:
    """None of ``events`` happens while a risk is open for the account, or ``winner`` has not looked at it lately.

    ``look`` is what the winner says whenever it has looked. ``blocked`` is what the engine says of what was stopped.
    There is no way past it but ``risk.cleared``, an act of its own with a reason.
    """

    events: tuple[type[Event], ...]
    winner: str
    look: type[Event]
    blocked: type[Event] | None = None
    max_age: timedelta = timedelta(hours=36)
    rule: str = "R53"
    code: str = "PULSE_HOLD"

    def __post_init__(self) -> None:
        _check(self, self.events, self.look, *(() if self.blocked is None else (self.blocked,)))

    @property
    def guards(self) -> frozenset[str]:
        return frozenset(event.event_type for event in self.events)

    def refuse(self, asked: Asked) -> Refusal | None:
        """Refuse while a risk is open anywhere near, or while nobody can know."""
        risks = tuple(sorted(flag for account in asked.all for flag in account.risks))
        if risks:
            reason = f"a risk is open ({', '.join(risks)}): it is cleared first, with a reason"
            return self._no(reason, "risk.cleared", risks)
        if self.winner in asked.behind:
            return self._no(f"{self.winner} has not looked at what came last", self.look.event_type)
        last = asked.account.last(self.look.event_type)
        if last is None:
            return self._no(f"{self.winner} has never looked at this account", self.look.event_type)
        if asked.now - datetime.fromtimestamp(last[0] / 1_000_000, UTC) > self.max_age:
            hours = int(self.max_age.total_seconds() // 3600)
            return self._no(f"{self.winner}'s last look is older than {hours} h", self.look.event_type)
        return None

    def _no(self, reason: str, awaits: str, evidence: tuple[str, ...] = ()) -> Refusal:
        says = None if self.blocked is None else self.blocked.event_type
        return Refusal(self.rule, self.code, reason, awaits, evidence=evidence, says=says)


@dataclass(frozen=True)
class Settled:
    """``event`` is refused while an item of the exit's checklist is open."""

    event: type[Event]
    items: tuple[str, ...]
    rule: str = "R58"
    code: str = "INCOMPLETE"

    def __post_init__(self) -> None:
        _check(self, (self.event,))

    @property
    def guards(self) -> frozenset[str]:
        return frozenset({self.event.event_type})

    def refuse(self, asked: Asked) -> Refusal | None:
        """Refuse until every item is settled since the relationship ended."""
        left = tuple(item for item in self.items if item not in asked.account.settled)
        if not left:
            return None
        return Refusal(self.rule, self.code, f"still open: {', '.join(left)}", "exit.item_verified", left)


@dataclass(frozen=True)
class Trusted:
    """No untrusted figure stands in ``events`` or in a text that leaves; a provisional one in none for a customer.

    Name ``DraftDispatched`` among the events, and every draft is asked about.
    """

    events: tuple[type[Event], ...]
    rule: str = "R40"
    code: str = "UNTRUSTED_FIGURE"

    def __post_init__(self) -> None:
        _check(self, self.events)

    @property
    def guards(self) -> frozenset[str]:
        return frozenset(event.event_type for event in self.events)

    def refuse(self, asked: Asked) -> Refusal | None:
        """Refuse a figure whose snapshot is not graded well enough for who reads it."""
        for figure in asked.fields.get("figures") or ():
            snapshot = figure.get("snapshot_id")
            grade = asked.grades.get(snapshot, "untrusted") if snapshot else "untrusted"
            if grade == "untrusted" or (grade == "provisional" and asked.customer):
                name = f"{figure.get('metric')} = {figure.get('value')}"
                reason = f"{name} is {grade}: take a trusted figure, or override its grade with a reason"
                evidence = (snapshot,) if snapshot else ()
                return Refusal(
                    self.rule, self.code, reason, "metrics.trust_assessed", (str(figure.get("metric")),), evidence
                )
        return None


def guard_id(guard: Guard) -> str:
    """The id of a guard's row: of its rule, of what it guards, and of what that waits for."""
    if isinstance(guard, Holds):
        return f"priority.{guard.winner}.{guard.rule}"
    events = "+".join(sorted(guard.guards))
    return f"guard.{guard.rule}.{events}" + (f"<{guard.fact.event_type}" if isinstance(guard, Requires) else "")


__all__ = ["Asked", "Guard", "Holds", "Refusal", "Requires", "Settled", "Trusted", "guard_id"]
