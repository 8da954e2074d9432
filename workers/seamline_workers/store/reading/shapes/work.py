"""Seats, and their work: what they are handed, and what they ask for."""

from __future__ import annotations

from typing import Any, TypedDict


class Seat(TypedDict):
    """A role, with what waits for it."""

    id: str
    name: str
    kind: str
    facing: str | None
    role: str
    owns: list[str]
    does_not_own: list[str]
    reports_to: str | None
    escalates_to: str | None
    authority: list[str]
    assignee: str | None
    waiting: int
    dead: int
    last_event_at: str | None


class EffectRef(TypedDict):
    """What a handoff caused."""

    kind: str
    id: str


Handoff = TypedDict(
    "Handoff",
    {
        "id": str,
        "event": str,
        "type": str,
        "account": str,
        "seat": str,
        "as": str,
        "state": str,
        "attempts": int,
        "due_at": str | None,
        "reason": str | None,
        "awaits": str | None,
        "created_at": str,
        "done_at": str | None,
        "effects": list[EffectRef],
        "reads": list[str],
    },
)


class Flag(TypedDict):
    """What a seat raised about an account."""

    id: str
    account: str
    seat: str
    name: str
    key: str
    text: str
    count: int
    severity: str
    state: str
    evidence: list[str]
    raised_at: str
    cleared_at: str | None
    cleared_by: str | None
    reason: str | None


class Task(TypedDict):
    """Work for a human."""

    id: str
    kind: str
    account: str | None
    seat: str | None
    assignee: str | None
    title: str
    text: str
    rule: str | None
    state: str
    due_at: str | None
    cause: str | None
    created_at: str
    done_at: str | None
    done_by: str | None


class Deadline(TypedDict):
    """What is expected by when. ``event`` is what was said when its time came, ``late_by_s`` how late that was."""

    id: str
    key: str
    kind: str
    name: str
    rule: str | None
    account: str
    seat: str
    due_at: str
    state: str
    event: str | None
    late_by_s: float | None
    cause: str | None
    created_at: str


class Message(TypedDict):
    """A word from seat to seat."""

    id: str
    kind: str
    from_seat: str
    to_seat: str
    account: str | None
    topic: str
    body: str
    conversation: str
    exchange: int
    in_reply_to: str | None
    needs_response_by: str | None
    state: str
    created_at: str
    cause: str | None


class Replay(TypedDict):
    """A slow lane below live traffic."""

    id: str
    state: str
    selector: dict[str, Any]
    total: int
    done: int
    failed: int
    by: str
    created_at: str


class Plan(TypedDict):
    """What a replay would run again."""

    total: int
    by: dict[str, int]
    diff: list[dict[str, Any]]
