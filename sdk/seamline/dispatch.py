"""What may leave the company: a text that a human has approved, bound to who gets it and by which channel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256 as _sha256

from seamline.errors import SeamlineError


class NotApproved(SeamlineError):
    """Raised where something is to be sent that is not, to the letter, what a human approved."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a draft."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


def content_sha256(
    channel: str,
    recipients: Sequence[str],
    subject: str | None,
    body: str,
    attachments: Sequence[Attachment] = (),
) -> str:
    """The digest that an approval is bound to: hexadecimal SHA-256 of the RFC 8785 JSON of these five.

    An attachment stands in it as ``{content_type, name, sha256}``.
    """
    told = {
        "attachments": [
            {"content_type": one.content_type, "name": one.name, "sha256": _sha256(one.content).hexdigest()}
            for one in attachments
        ],
        "body": body,
        "channel": channel,
        "recipients": list(recipients),
        "subject": subject,
    }
    # RFC 8785 of what holds only text, lists and null is JSON with sorted names, no white space and no escapes of
    # what need not be escaped.
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class ApprovedDispatch:
    """The only thing that a channel sends. Made by the engine, at the commit that approves it for sending.

    ``sha256`` is what the human approved; it is computed again here, so that a text that was changed on the way cannot
    be sent. ``key`` is the same for every attempt to send this: a provider's idempotency key. ``sender`` is a human's
    or the company's name and address, never a seat. ``settings`` are the channel's own. Raises NotApproved.
    """

    draft_id: str
    sha256: str
    channel: str
    recipients: tuple[str, ...] = field(repr=False)
    body: str = field(repr=False)
    approved_by: str = field(repr=False)
    subject: str | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = ()
    expires_at: datetime | None = None
    sender: str | None = None
    thread: str | None = None
    in_reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.approved_by.strip():
            raise NotApproved(f"draft {self.draft_id} has no human who approved it")
        found = content_sha256(self.channel, self.recipients, self.subject, self.body, self.attachments)
        if found != self.sha256:
            raise NotApproved(f"draft {self.draft_id} is not what was approved")

    @property
    def key(self) -> str:
        """What tells this dispatch from every other: the draft and its content."""
        return f"{self.draft_id}-{self.sha256[:32]}"


@dataclass(frozen=True)
class NoticeDraft:
    """The draft that an internal notice shows to a colleague, who may decide on it there.

    ``sha256`` is what the notice shows; a decision says it again, so that only what was seen can be approved.
    """

    id: str
    sha256: str
    subject: str | None = field(repr=False)
    body: str = field(repr=False)


__all__ = ["ApprovedDispatch", "Attachment", "NotApproved", "NoticeDraft", "content_sha256"]
