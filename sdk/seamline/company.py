"""What a daily about the company may read: all accounts, what is open with humans, and the sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from seamline.events.base import Event


@dataclass(frozen=True)
class Open:
    """Something that waits for a human. ``name`` is a flag's name, a task's title, a draft's channel.

    ``severity`` is a flag's. ``since`` is when it was made; ``due_at`` where it has a time. ``rule`` is a task's.
    """

    kind: Literal["flag", "task", "draft"]
    id: str
    name: str
    seat: str
    account: str
    since: datetime
    due_at: datetime | None = None
    severity: str | None = None
    assignee: str | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Exit:
    """An account whose relationship has ended, when, and whose exit is not logged."""

    account: str
    since: datetime


@dataclass(frozen=True)
class SourceState:
    """A source as it stands. ``last_at``: its last delivery; ``failing``: why its poll does not get through."""

    name: str
    last_at: datetime | None = None
    failing: str | None = None


class Company(Protocol):
    """The whole company as of a daily's own place in the ledger; what is open, and the sources, as they stand now."""

    def events(self, *types: type[Event], since: datetime) -> Sequence[Event]:
        """Events of these types of all accounts that came since then, in the ledger's order."""
        ...

    def open(self) -> Sequence[Open]:
        """Flags, tasks and drafts that wait for a human, oldest first."""
        ...

    def exits(self) -> Sequence[Exit]:
        """Accounts whose relationship has ended and whose exit is not logged, oldest first."""
        ...

    def sources(self) -> Sequence[SourceState]:
        """Every source that was ever started, by name."""
        ...

    def names(self, accounts: Iterable[str]) -> Mapping[str, str]:
        """The names of accounts by id; those that have none are not there."""
        ...


__all__ = ["Company", "Exit", "Open", "SourceState"]
