"""What the store is asked to keep, and what it says of it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from seamline.errors import SeamlineError

#: Longest delivery key that is kept as it is; a longer one would not fit into an index.
MAX_KEY = 512


class Arrival(NamedTuple):
    """One genuine request, or one page of a poll. ``headers`` is the JSON of those that are kept."""

    source_id: int
    key: str
    digest: bytes
    method: str
    target: str
    headers: str
    body: bytes
    size: int
    received_at: int
    trust: str
    scheme: str = ""
    secret: int = 0
    poll: str | None = None
    scope: str | None = None
    baseline: int = 0


class Accepted(NamedTuple):
    """Where an arrival is kept. ``conflict``: its key had come before with other bytes."""

    id: int
    duplicate: bool = False
    conflict: bool = False


class StoreBusy(SeamlineError):
    """Raised when the store cannot take anything now, or cannot say whether it did: the sender tries again."""


class StoreLocked(StoreBusy):
    """Raised when another process writes at this moment: nothing was done, and it may be tried again at once."""


#: What became of each arrival; None: this one could not be kept, its neighbours were.
Verdicts = list[Accepted | None]


class Intake(Protocol):
    """Keeps arrivals, a group in one transaction. Raises StoreBusy: nothing of the group may be acknowledged."""

    def accept(self, arrivals: Sequence[Arrival]) -> Verdicts: ...

    def close(self) -> None: ...


class Group(NamedTuple):
    """Arrivals without repetitions. ``at[i]`` is the place in ``unique`` of the i-th that was given."""

    unique: list[Arrival]
    at: list[int]

    @property
    def copies(self) -> list[int]:
        """How many times more than once each unique one was given."""
        counts = [-1] * len(self.unique)
        for place in self.at:
            counts[place] += 1
        return counts

    def spread(self, verdicts: Sequence[Accepted]) -> Verdicts:
        """The verdict of each that was given: all copies but the first are duplicates."""
        if len(self.unique) == len(self.at):
            return list(verdicts)
        seen: set[int] = set()
        spread: Verdicts = []
        for place in self.at:
            verdict = verdicts[place]
            spread.append(verdict if place not in seen else Accepted(verdict.id, duplicate=True))
            seen.add(place)
        return spread


def collapse(arrivals: Sequence[Arrival]) -> Group:
    """Find the repetitions inside a group."""
    places: dict[tuple[int, str, bytes], int] = {}
    unique: list[Arrival] = []
    at: list[int] = []
    for arrival in arrivals:
        place = places.setdefault(arrival[:3], len(unique))
        if place == len(unique):
            unique.append(arrival)
        at.append(place)
    return Group(unique, at)


def storable_key(key: str) -> str:
    """A delivery key as it can be stored and indexed: one that is too long, or not text, becomes its digest."""
    if len(key) <= MAX_KEY and "\0" not in key:
        try:
            key.encode()
        except UnicodeEncodeError:
            pass
        else:
            return key
    return "sha256:" + sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
