"""What was coordinated and decided, and the boundary map that it was decided by."""

from __future__ import annotations

from typing import Any, TypedDict


class RecordActor(TypedDict):
    """Who did what is recorded: a seat, a human, a source, or the engine."""

    kind: str
    id: str


class RecordEntry(TypedDict):
    """Something that was coordinated or decided. ``content`` is null where it was erased."""

    id: str
    seq: int
    at: str
    actor: RecordActor
    action: str
    subject: str
    event: str
    cause: str | None
    decision: str | None
    map_version: str | None
    map_row: str | None
    content: dict[str, Any] | None
    prev: str
    hash: str


class BoundaryItem(TypedDict):
    """A version of the boundary map."""

    sha256: str
    state: str
    proposed_at: str
    confirmed_at: str | None
    confirmed_by: str | None


class BoundaryVersion(BoundaryItem):
    """A version with what it says."""

    map: dict[str, Any]


class Boundary(TypedDict):
    """Every version, the one that holds, the one that waits for the COO, and what that would change."""

    items: list[BoundaryItem]
    next: str | None
    in_force: BoundaryVersion | None
    proposed: BoundaryVersion | None
    diff: list[dict[str, Any]]


class SeamPage(TypedDict):
    """The ways across the seam, the seats on either side, and what each stage hands on."""

    items: list[dict[str, Any]]
    next: str | None
    sides: dict[str, Any]
    handoffs: list[dict[str, Any]]
