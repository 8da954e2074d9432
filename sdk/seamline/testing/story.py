"""Stories: what a provider sends, what its API answers, and the events that must come of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from seamline.call import Answer
from seamline.delivery import Decision, Nudge, Request
from seamline.dispatch import ApprovedDispatch, Attachment, content_sha256
from seamline.errors import SeamlineError
from seamline.events.base import Event, Ref
from seamline.signature.base import Secrets

#: Where the provider calls in every story; URL signatures cover it.
URL = "https://hooks.example.com/webhooks/contract"

FORM = "application/x-www-form-urlencoded"

#: The value in ``Sample.patch`` that takes a field away.
ABSENT: Any = object()


class ContractError(AssertionError):
    """Raised when an adapter breaks its contract; ``failures`` holds one line a broken check."""

    def __init__(self, text: str, failures: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.failures = tuple(failures)


@dataclass(frozen=True)
class Sample:
    """One request of a provider, bare: the kit signs it.

    ``file`` is a body below the samples' root (None: an empty body). ``patch`` sets fields of a JSON body by dotted
    path (``"0.attemptNumber"``; list indices are numbers) or of a form by name; ``ABSENT`` takes one away.
    ``refused``: genuine, but ``refuse`` must name a reason. ``challenged``: unsigned, and ``challenge`` must answer;
    where the story has ``secrets``, only to who knows them.
    ``replies``: the exact body that ``challenge`` or ``reply`` must give. ``poll`` (with ``scope`` and ``baseline``):
    not a request but a page that this poll stored; without a file the poll is run, on the story's answers, from where
    its last run ended.
    """

    file: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    patch: Mapping[str, Any] = field(default_factory=dict)
    refused: bool = False
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)
    challenged: bool = False
    replies: bytes | None = None
    poll: str | None = None
    scope: str | None = None
    baseline: bool = False

    @property
    def runs(self) -> bool:
        """Whether this step runs a poll."""
        return self.poll is not None and self.file is None

    def request(self, root: Path, url: str = URL) -> Request:
        """The unsigned request. Raises ContractError where the file is missing."""
        target = f"{url}?{urlencode(self.query)}" if self.query else url
        headers = {"Content-Type": self.content_type, **self.headers} if self.file is not None else dict(self.headers)
        return Request.build(self.method, target, self.body(root), headers)

    def body(self, root: Path) -> bytes:
        if self.file is None:
            return b""
        body = read_sample(root, self.file)
        if not self.patch:
            return body
        if self.content_type.startswith(FORM):
            return _patched_form(body, self.patch)
        return json.dumps(_patched(json.loads(body), self.patch), separators=(",", ":")).encode()


@dataclass(frozen=True)
class Respond:
    """An answer of the provider's API in a story: a file below the samples' root (None: empty) with a status."""

    file: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, root: Path) -> Answer:
        body = b"" if self.file is None else read_sample(root, self.file)
        return Answer(self.status, body, {name.lower(): value for name, value in self.headers.items()})


@dataclass(frozen=True)
class Story:
    """Steps in order of arrival, and the types that they make: one entry an event (or Decision, or Nudge), unordered.

    ``answers`` feeds the calls of ``fetch`` and polls: ``"GET /path"`` (method and path, without host and query) to a
    file, a ``Respond``, or a list of them, one a call. A call that needs a secret is made only where ``secrets`` (or
    the contract's) holds it. ``settings`` replaces the adapter's settings. ``any_order``: every permutation of the
    steps must give equal events. ``quarantined`` counts what must raise PayloadError; ``raises`` is what the fetch,
    ``normalize`` or a poll must raise. ``kind_at`` says where the event's type stands if the kit cannot find it: a
    dotted path in the body, or ``"header:X-Topic"``.
    """

    name: str
    steps: tuple[Sample, ...]
    emits: tuple[type[Event] | type[Decision] | type[Nudge], ...] = ()
    answers: Mapping[str, str | Respond | Sequence[str | Respond]] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=dict)
    any_order: bool = False
    settings: Mapping[str, Any] | None = None
    quarantined: int = 0
    raises: type[SeamlineError] | None = None
    kind_at: str = ""

    @property
    def slug(self) -> str:
        """The story's name as a file name: of ``<slug>.expected.json``."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


@dataclass(frozen=True)
class Sending:
    """One approved dispatch that a channel sends, or must refuse in ``preflight`` (``refused``).

    ``answers`` as in a Story; a ``Submission`` is answered by ``"SMTP <host>"``. ``gives`` is the id that ``send`` must
    return; empty: any. The other fields are those of ApprovedDispatch.
    """

    name: str
    recipients: tuple[str, ...]
    body: str
    subject: str | None = None
    attachments: tuple[Attachment, ...] = ()
    sender: str | None = None
    thread: str | None = None
    in_reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str | Respond | Sequence[str | Respond]] = field(default_factory=dict)
    settings: Mapping[str, Any] | None = None
    refused: bool = False
    gives: str = ""

    def dispatch(self, channel: str) -> ApprovedDispatch:
        """What the engine would hand over. Its id and its approver are words that must reach no customer."""
        told = (self.recipients, self.subject, self.body, self.attachments)
        return ApprovedDispatch(
            draft_id="seat-draft-4711",
            sha256=content_sha256(channel, *told),
            channel=channel,
            recipients=self.recipients,
            body=self.body,
            approved_by="approver-of-the-kit",
            subject=self.subject,
            attachments=self.attachments,
            sender=self.sender,
            thread=self.thread,
            in_reply_to=self.in_reply_to,
            headers=self.headers,
        )


@dataclass(frozen=True)
class Look:
    """One question about how something stands, and the evidence that ``status`` must give.

    ``answers`` as in a Story. ``status`` is the provider's own word; ``raises`` is what must be raised instead.
    """

    name: str
    ref: Ref
    status: str = ""
    settled: bool = False
    answers: Mapping[str, str | Respond | Sequence[str | Respond]] = field(default_factory=dict)
    settings: Mapping[str, Any] | None = None
    raises: type[SeamlineError] | None = None


def story(name: str, file: str | None, *emits: type[Event] | type[Decision] | type[Nudge], **kw: Any) -> Story:
    """A story of one request. Keywords are those of Story and, for its one step, of Sample."""
    ours = {key: kw.pop(key) for key in tuple(kw) if key in Sample.__dataclass_fields__}
    return Story(name=name, steps=(Sample(file, **ours),), emits=emits, **kw)


def read_sample(root: Path, file: str) -> bytes:
    """The bytes of a sample. Raises ContractError that names the file."""
    path = root / file
    try:
        return path.read_bytes()
    except OSError:
        raise ContractError(f"sample {file!r} is not below {root}; write it there or mend the story") from None


def _patched(value: Any, patch: Mapping[str, Any]) -> Any:
    for path, new in patch.items():
        node, *rest = value, *path.split(".")
        for step in rest[:-1]:
            node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
        last: Any = int(rest[-1]) if isinstance(node, list) else rest[-1]
        if new is not ABSENT:
            node[last] = new
        elif isinstance(node, list) or last in node:
            del node[last]
    return value


def _patched_form(body: bytes, patch: Mapping[str, Any]) -> bytes:
    kept = [(name, value) for name, value in parse_qsl(body.decode(), keep_blank_values=True) if name not in patch]
    return urlencode(kept + [(name, str(value)) for name, value in patch.items() if value is not ABSENT]).encode()
