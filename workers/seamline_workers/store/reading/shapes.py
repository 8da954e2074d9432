"""The JSON that the outside sees. Ids are opaque strings, times RFC 3339 in UTC ending in Z, what is absent is null."""

from __future__ import annotations

from typing import Any, Generic, TypedDict, TypeVar

T = TypeVar("T")

#: One event as CloudEvents 1.0 in structured JSON; attributes that are absent are left out.
CloudEvent = dict[str, Any]


class Page(TypedDict, Generic[T]):
    """One page of a list; ``next`` is the cursor of the page after it, null at the end."""

    items: list[T]
    next: str | None


class _Received(TypedDict):
    id: str
    source: str
    adapter: str
    key: str
    state: str
    reason: str | None
    trust: str
    secret: int
    size: int
    sha256: str
    received_at: str
    duplicates: int
    attempts: int
    events: list[str]


class Delivery(_Received, total=False):
    """One authentic request as received. ``headers`` and ``body`` (base64) only alone and from operator upwards."""

    headers: dict[str, str]
    body: str | None


class Item(TypedDict):
    """One thing that a delivery tells."""

    id: str
    delivery: str
    source: str
    key: str
    kind: str
    entity: str | None
    state: str
    reason: str | None
    attempts: int
    due_at: str | None
    adapter_version: int
    events: list[str]


class Contact(TypedDict):
    """A person of an account."""

    id: str
    name: str | None
    email: str | None
    phone: str | None


class ExternalRef(TypedDict):
    """A provider's own id; ``source`` is the provider's tenant (portal, workspace, page), null where it has none."""

    provider: str
    source: str | None
    kind: str
    id: str


class Account(TypedDict):
    """A customer: a company, a household, or a provisional lead."""

    id: str
    name: str | None
    stage: str | None
    overlays: list[str]
    provisional: bool
    manager: str | None
    contacts: list[Contact]
    refs: list[ExternalRef]
    linked: list[str]
    open_flags: int
    created_at: str
    last_event_at: str | None


class TimelineItem(TypedDict):
    """One line of an account's story."""

    at: str
    kind: str
    id: str
    seat: str | None
    text: str
    cause: str | None


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


class Refused(TypedDict):
    """The newest request that was not accepted."""

    at: str
    reason: str


class Counts(TypedDict):
    """Requests of the last 24 hours."""

    accepted: int
    duplicate: int
    refused: int
    quarantined: int
    ignored: int


class Source(TypedDict):
    """A way in."""

    name: str
    adapter: str
    url: str | None
    trust: str | None
    state: str
    last_delivery_at: str | None
    last_refused: Refused | None
    counts_24h: Counts


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


class Left(TypedDict):
    """One of many that an order could not be carried out for, and why."""

    id: str
    code: str
    detail: str


class Resolved(TypedDict):
    """What became of an order to resolve many drafts."""

    resolved: list[str]
    left: list[Left]


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
