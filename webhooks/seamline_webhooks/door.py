"""One source's door: everything about it that is the same for every request, worked out once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any
from urllib.parse import urlsplit

from seamline.adapter import Adapter
from seamline.delivery import Request
from seamline.errors import KeyUnavailable, SignatureError
from seamline.reply import Reply
from seamline.signature.base import Proof
from seamline.signature.place import Header, Pair
from seamline_webhooks import answer as answers
from seamline_webhooks.answer import Answer
from seamline_workers.company.registry import Source
from seamline_workers.log import log
from seamline_workers.store.arrival import Arrival, storable_key

#: Where the front door is mounted.
MOUNT = "/webhooks"
#: Longest path and query that is kept.
_LONGEST_TARGET = 8192


class Door:
    """A source as the front door uses it. Nothing of the adapter's that goes wrong gets out of here."""

    def __init__(self, source: Source, public_url: str) -> None:
        adapter, kind = source.adapter, type(source.adapter)
        self.source = source
        self.name = source.name
        self.max_body = source.max_body
        self.scheme = adapter.scheme
        self.secrets = source.secrets
        self.base = public_url.rstrip("/")
        self.prefix = len(self.base) - len(urlsplit(self.base).path)
        self.challenges = kind.challenge is not Adapter.challenge
        self._refuses = kind.refuse is not Adapter.refuse
        self._keys = kind.delivery_key is not Adapter.delivery_key
        self._replies = kind.reply is not Adapter.reply
        self._mask = getattr(self.scheme, "masked", None)
        proofs = set(_proof_headers(self.scheme)) | {"authorization", "cookie"}
        kept = dict.fromkeys(name.lower() for name in ("content-type", *adapter.headers))
        self._keep = [(name, json.dumps(name)) for name in kept if name not in proofs]
        self._ok = adapter.replies.ok
        instance = f"{MOUNT}/{source.name}"
        self.forged = _meaning(adapter.replies.forged, answers.problem("not-genuine", instance))
        self.foreign = answers.replied(adapter.replies.foreign)
        self.busy = _meaning(adapter.replies.busy, answers.busy(instance, adapter.replies.busy.status), busy=True)
        self.problems = {code: answers.problem(code, instance) for code in ("unreadable", "too-large", "too-slow")}
        self.problems["method"] = answers.problem("method", instance, [(b"allow", b"GET, HEAD, POST")])
        self.problems["busy"] = self.busy

    def challenge(self, request: Request) -> Answer | None:
        """The answer to an unsigned set-up request; None: it is none that the adapter knows."""
        try:
            reply = self.source.adapter.challenge(request, self.secrets)
        except Exception as error:
            self._odd("challenge", error)
            return None
        return None if reply is None else answers.replied(reply)

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        """Raises SignatureError, KeyUnavailable and nothing else: a scheme that breaks has found nothing genuine."""
        assert self.scheme is not None
        try:
            return self.scheme.verify(request, self.secrets, now, keys)
        except (SignatureError, KeyUnavailable):
            raise
        except Exception as error:
            raise self._broken(error) from error

    def key_url(self, request: Request) -> str | None:
        """Where the remote key is that the request's proof needs. Raises SignatureError."""
        assert self.scheme is not None
        try:
            return self.scheme.key_url(request)
        except SignatureError:
            raise
        except Exception as error:
            raise self._broken(error) from error

    def signed(self, request: Request) -> bool:
        """Whether the request carries a proof of any kind."""
        try:
            return self.scheme is not None and self.scheme.present(request)
        except Exception as error:
            self._broken(error)
            return False

    def refuse(self, request: Request) -> str | None:
        """Why a genuine request is not ours. A request that cannot be read is: it is kept, and quarantined later."""
        if not self._refuses:
            return None
        try:
            return self.source.adapter.refuse(request)
        except Exception as error:
            self._odd("refuse", error)
            return None

    def arrival(self, request: Request, proof: Proof | None, received_at: int) -> Arrival:
        """The row of a genuine request; of its headers the few that are kept, nowhere a secret."""
        source, target = self.source, request.url[self.prefix :]
        stored = request if self._mask is None else self._mask(request)
        if stored is not request:
            target = stored.url[self.prefix :]
        key, headers = self._key(request), self._text(stored.headers)
        # A push without a body tells everything in its address and headers: those make it different from another.
        told = request.body or f"{request.method} {target}\n{headers}".encode("utf-8", "surrogatepass")
        return Arrival(
            source.id,
            key,
            sha256(told).digest(),
            request.method,
            target[:_LONGEST_TARGET],
            headers,
            stored.body,
            len(stored.body),
            received_at,
            source.trust,
            proof.scheme if proof else "",
            proof.secret if proof else 0,
        )

    def accepted(self, request: Request, delivery: int, duplicate: bool) -> Answer:
        """The answer to a request that is durable."""
        reply = self._reply(request) if self._replies else self._ok
        if reply.body or reply.headers or reply.status == 204:
            return answers.replied(reply)
        return answers.accepted(reply.status, delivery, duplicate)

    def _reply(self, request: Request) -> Reply:
        try:
            return self.source.adapter.reply(request)
        except Exception as error:
            self._odd("reply", error)
            return self._ok

    def _key(self, request: Request) -> str:
        if not self._keys:
            return ""
        try:
            key = self.source.adapter.delivery_key(request)
        except Exception as error:
            self._odd("delivery_key", error)
            return ""
        return storable_key(key) if isinstance(key, str) else ""

    def _text(self, headers: Mapping[str, str]) -> str:
        """The JSON of the headers that are kept."""
        kept = [f"{label}: {_quoted(headers[name])}" for name, label in self._keep if name in headers]
        return "{" + ", ".join(kept) + "}"

    def _broken(self, error: Exception) -> SignatureError:
        log.error("signature_scheme_broke", source=self.name, error=type(error).__name__)
        return SignatureError(f"the scheme broke: {type(error).__name__}")

    def _odd(self, step: str, error: Exception) -> None:
        # Bodies may be hostile or just odd; the type says enough, and the text might hold a part of them.
        log.debug("adapter_stumbled", source=self.name, step=step, error=type(error).__name__)


def _meaning(reply: Reply, usual: Answer, *, busy: bool = False) -> Answer:
    """The reply that the adapter declares for a meaning; where it has no body, the usual problem with its status."""
    if not reply.body and not reply.headers:
        if reply.status == usual.status:
            return usual
        retry = [(b"retry-after", b"%d" % answers.RETRY_AFTER_S)] if busy else []
        return answers.answer(reply.status, b"", b"", retry)
    return answers.replied(reply, [(b"retry-after", b"%d" % answers.RETRY_AFTER_S)] if busy else [])


def _proof_headers(scheme: Any) -> Iterator[str]:
    """Names of the headers in which a scheme, or one of those that it is made of, looks for its proof."""
    if scheme is None:
        return
    parts = getattr(scheme, "schemes", None)
    if parts is not None:
        for part in parts.values() if isinstance(parts, Mapping) else parts:
            yield from _proof_headers(part)
    place = getattr(scheme, "at", None)
    if isinstance(place, Header):
        yield place.name.lower()
    elif isinstance(place, Pair):
        yield place.header.lower()
