"""Seamline: what authors of adapters and seats use.

The catalogue of events is ``seamline.events``, the signature schemes are ``seamline.signature``, the contract kit is
``seamline.testing``.
"""

from __future__ import annotations

from seamline.adapter import Adapter, Evidence, NoSettings, Sent, Subscription
from seamline.boundary import Roster
from seamline.call import Answer, Auth, Basic, Bearer, Call, Calls, HeaderToken, QueryToken, Sends, Submission
from seamline.context import Context, SyncContext
from seamline.delivery import Decision, Delivery, Item, Nudge, Request, content_key
from seamline.dispatch import ApprovedDispatch, Attachment, NotApproved, NoticeDraft
from seamline.errors import (
    CallRefused,
    ConfigError,
    EgressRefused,
    KeyUnavailable,
    NeedsHuman,
    Park,
    PayloadError,
    RetryLater,
    SeamlineError,
    SecretMissing,
    SignatureError,
    TransportError,
    Uncertain,
)
from seamline.events.base import Event, Party, Personal, Ref, upcast
from seamline.form import Form
from seamline.gate import Gate, StageRow
from seamline.guard import Holds, Requires, Settled, Trusted
from seamline.reply import Replies, Reply
from seamline.seat import Seat
from seamline.signature import (
    AnyOf,
    BasicAuth,
    BearerToken,
    Body,
    Ecdsa,
    Ed25519,
    FirstPresent,
    Hash,
    Header,
    Hmac,
    Jwt,
    NumberedHeader,
    Pair,
    Place,
    Proof,
    Query,
    Rsa,
    Secrets,
    SharedToken,
    Signature,
    Sns,
    StandardWebhooks,
    body,
    method,
    url,
)
from seamline.times import unix_ms, unix_s

__all__ = [  # noqa: RUF022  (grouped by what they are for)
    # what came in
    "Request",
    "Delivery",
    "Form",
    "Item",
    "content_key",
    "Nudge",
    "Decision",
    # the adapter
    "Adapter",
    "NoSettings",
    "Subscription",
    "Sent",
    "Evidence",
    "ApprovedDispatch",
    "Attachment",
    "Reply",
    "Replies",
    # calls
    "Call",
    "Calls",
    "Submission",
    "Sends",
    "Answer",
    "Auth",
    "Bearer",
    "Basic",
    "HeaderToken",
    "QueryToken",
    # signatures
    "Secrets",
    "Signature",
    "Proof",
    "Hmac",
    "Hash",
    "StandardWebhooks",
    "SharedToken",
    "BasicAuth",
    "BearerToken",
    "Ed25519",
    "Rsa",
    "Ecdsa",
    "Jwt",
    "Sns",
    "FirstPresent",
    "AnyOf",
    # places and parts of a request
    "Place",
    "Header",
    "NumberedHeader",
    "Pair",
    "Query",
    "Body",
    "body",
    "method",
    "url",
    # events
    "Event",
    "Party",
    "Personal",
    "Ref",
    "upcast",
    "unix_s",
    "unix_ms",
    # seats
    "Seat",
    "Context",
    "SyncContext",
    # the process: who, what may not happen, where humans gate, what each stage hands on
    "Roster",
    "Requires",
    "Holds",
    "Settled",
    "Trusted",
    "Gate",
    "StageRow",
    # errors
    "SeamlineError",
    "ConfigError",
    "SignatureError",
    "KeyUnavailable",
    "PayloadError",
    "RetryLater",
    "NeedsHuman",
    "Park",
    "SecretMissing",
    "TransportError",
    "CallRefused",
    "EgressRefused",
    "Uncertain",
    "NotApproved",
    "NoticeDraft",
]
