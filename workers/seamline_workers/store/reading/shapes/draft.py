"""Texts for somebody: what a human knows when deciding, and what became of the sending."""

from __future__ import annotations

from typing import Any, TypedDict


class Known(TypedDict):
    """Something that a text rests on."""

    id: str
    at: str | None


class PacketItem(TypedDict):
    """One thing that is known; ``new``: the draft did not know it."""

    id: str
    at: str
    text: str
    source: str
    new: bool


class Packet(TypedDict):
    """What a human should know before deciding; sections that have nothing are named in ``missing``."""

    thread: list[PacketItem]
    notes: list[PacketItem]
    calls: list[PacketItem]
    deal: list[PacketItem]
    project: list[PacketItem]
    figures: list[PacketItem]
    messages: list[PacketItem]
    missing: list[str]
    read_to: str


class _Draft(TypedDict):
    id: str
    account: str
    seat: str
    channel: str
    audience: str
    recipients: list[str]
    subject: str | None
    body: str
    attachments: list[str]
    sha256: str
    state: str
    sends: str | None
    thread: str | None
    due_at: str | None
    expires_at: str | None
    not_before: str | None
    tone: str | None
    stage: str | None
    map_row: str | None
    sources: list[Known]
    missing: list[str]
    conflicts: list[str]
    warnings: list[str]
    edited: bool
    author: str
    decided_by: str | None
    decided_at: str | None
    reason: str | None
    created_at: str


class Draft(_Draft, total=False):
    """A text that waits for a human. ``packet`` and ``edits`` only alone; ``warnings``: seats' names in the text."""

    packet: Packet
    edits: list[dict[str, Any]]


class Dispatch(TypedDict):
    """A draft that was approved, and what became of its sending."""

    id: str
    draft: str
    account: str
    seat: str
    channel: str
    audience: str
    recipients: list[str]
    sha256: str
    state: str
    approved_by: str | None
    approved_at: str | None
    due_at: str | None
    attempts: int
    message_ref: str | None
    sent_at: str | None
    reason: str | None


class Left(TypedDict):
    """One of many that an order could not be carried out for, and why."""

    id: str
    code: str
    detail: str


class Resolved(TypedDict):
    """What became of an order to resolve many drafts."""

    resolved: list[str]
    left: list[Left]


class Channel(TypedDict):
    """A way out. A paused one is tried again at ``due_at``; without it, when a human resumes it."""

    name: str
    adapter: str | None
    state: str
    paused_at: str | None
    paused_by: str | None
    due_at: str | None
    failures: int
    pauses: int
    reason: str | None
    approved: int
    dispatching: int
    unknown: int
