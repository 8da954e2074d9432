"""Where humans gate, and what each stage hands on: rows of the boundary map that a company declares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Literal, get_args

from seamline.errors import ConfigError
from seamline.events.base import STAGES, Stage

#: Whom a text is for, by who gets it and never by what it says: whoever is not known to be ours is a customer.
Audience = Literal["customer", "team"]


@dataclass(frozen=True)
class Gate:
    """A way out and who opens it: drafts of ``seat`` on ``channel`` to ``audience``, while the account is in ``stage``.

    ``approvers`` are human seats; the first is asked, ``escalates_to`` when nobody has decided by ``remind`` before the
    draft is due, and not in the first half of its time. ``expires``: how long a draft waits that says nothing itself.
    ``four_eyes``: whoever edited a draft may not approve it. The most specific row counts.
    """

    id: str
    approvers: tuple[str, ...]
    seat: str = "*"
    channel: str = "*"
    audience: Audience | Literal["*"] = "*"
    stage: Stage | Literal["*"] = "*"
    expires: timedelta = timedelta(days=7)
    remind: timedelta = timedelta(hours=4)
    escalates_to: str | None = None
    four_eyes: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.approvers, str):
            raise ConfigError(f"gate {self.id}: approvers is a list of human seats, such as ({self.approvers!r},)")
        if self.audience not in (*get_args(Audience), "*"):
            known = ", ".join((*get_args(Audience), "*"))
            raise ConfigError(f"gate {self.id}: audience is one of {known}, not {self.audience!r}")
        if self.stage not in (*STAGES, "*"):
            raise ConfigError(f"gate {self.id}: there is no stage {self.stage!r}; there are: {', '.join(STAGES)}")
        _spans(f"gate {self.id}", expires=self.expires, remind=self.remind)

    def fits(self, seat: str, channel: str, audience: str, stage: str | None) -> int:
        """How specifically this row is about such a draft; -1: not at all."""
        asked = ((self.seat, seat), (self.channel, channel), (self.audience, audience), (self.stage, stage or ""))
        if not all(fnmatchcase(given, pattern) for pattern, given in asked):
            return -1
        return sum(len(pattern) * (2 if "*" not in pattern else 1) for pattern, _ in asked if pattern != "*")


def gate_for(gates: Iterable[Gate], seat: str, channel: str, audience: str, stage: str | None) -> Gate | None:
    """The gate of such a draft: the most specific row; None: this way out is closed."""
    fitting = [(gate.fits(seat, channel, audience, stage), gate) for gate in gates]
    best = max((fit for fit, _ in fitting), default=-1)
    return next(gate for fit, gate in fitting if fit == best) if best >= 0 else None


@dataclass(frozen=True)
class StageRow:
    """What a stage is: who takes it over with which fields, its tone, and what the customer must have been told.

    ``required`` are names of what a handoff into this stage carries: event types that must be known
    (``contract.signed``), or ``contact.email``, ``contact.phone``, ``account.name``, ``account.manager``.
    ``take_within``: after that a human has it. ``patience``: how long a handler waits for what it requires before a
    human has it.
    """

    stage: Stage
    to_seat: str
    tone: str
    must_know: tuple[str, ...]
    required: tuple[str, ...] = ()
    take_within: timedelta = timedelta(hours=4)
    patience: timedelta = timedelta(hours=4)

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise ConfigError(f"there is no stage {self.stage!r}; there are: {', '.join(STAGES)}")
        for name in ("must_know", "required"):
            # Read letter by letter, a sentence would be many.
            if isinstance(given := getattr(self, name), str):
                raise ConfigError(f"stage {self.stage}: {name} is a list, such as ({given!r},)")
        _spans(f"stage {self.stage}", take_within=self.take_within, patience=self.patience)


def _spans(what: str, **given: object) -> None:
    """Raise ConfigError for what is no span of time: it would be found by the first text or customer."""
    for name, span in given.items():
        if not isinstance(span, timedelta) or span < timedelta(0):
            raise ConfigError(f"{what}: {name} is a timedelta, such as timedelta(hours=4), not {span!r}")


__all__ = ["Audience", "Gate", "StageRow", "gate_for"]
