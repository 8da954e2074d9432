"""Outgoing calls: the one module that knows httpx and tenacity. Mail goes out by ``seamline.submission``.

Calls go through httpx's transport, not its client: no redirects, no cookies, no proxies or credentials from the
environment, and no log line with the URL. What comes back is an ``Answer``, or an error named by what happens next:

* RetryLater        the durable queue waits (``after``: as the provider said), not this thread
* NeedsHuman        401 or 403: the credentials; SecretMissing: there are none
* CallRefused       another refusal, a redirect, an answer that is too large
* EgressRefused     not sent: the host, the scheme or the address is not allowed
* Uncertain         a call that must not be repeated may have taken effect
"""

from __future__ import annotations

import base64
import random as randomlib
import ssl
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from seamline.call import Answer, Auth, Basic, Bearer, Call, HeaderToken, QueryToken, Submission, drive
from seamline.dial import CheckedBackend, within
from seamline.errors import (
    CallRefused,
    EgressRefused,
    KeyUnavailable,
    NeedsHuman,
    RetryLater,
    SeamlineError,
    SecretMissing,
    TransportError,
    Uncertain,
)
from seamline.signature.base import Secrets, first_secret
from seamline.ssrf import Egress, host_matches
from seamline.submission import Submitter

if TYPE_CHECKING:
    from seamline.adapter import Adapter

__all__ = ["Limits", "Send", "Transport", "drive", "retry_after"]

#: Sends a call, or submits a mail, and gives the answer.
Send = Callable[[Call | Submission], Answer]

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_PASSING = frozenset({408, 425, 429})
#: Refused before anything was done: even a call that must not be repeated may be sent again.
_UNTOUCHED = frozenset({425, 429})
_LONGEST_WAIT = timedelta(days=7)
_KEY_BYTES = 256 * 1024
#: Most members of a gzip file: each costs time, however little it holds, and what follows it is copied.
_MOST_MEMBERS = 16


@dataclass(frozen=True)
class Limits:
    """Bounds of a call. ``budget`` covers all attempts and the waits between them; seconds and bytes.

    ``mail`` covers all of one mail's submission: servers greet late on purpose, and look at what they take.
    """

    budget: float = 10.0
    connect: float = 5.0
    read: float = 10.0
    attempts: int = 3
    first_wait: float = 0.5
    longest_wait: float = 5.0
    answer: int = 10 * 1024 * 1024
    mail: float = 120.0


class _Again(Exception):
    """One attempt failed in a way that passes."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class _Cut(Exception):
    """An answer ended before it was complete."""


class _Checked(httpx.HTTPTransport):
    """httpx's transport over a pool that opens sockets only to checked addresses."""

    def __init__(self, egress: Egress, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        # httpx gives no way to hand in a network backend; a test proves that this pool is the one in use.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=15,
            network_backend=CheckedBackend(egress),
        )


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After header, in seconds or as an HTTP date; None: absent or not readable. At most 7 days."""
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    if seconds != seconds:
        return None
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST_WAIT.total_seconds()))


class Transport:
    """Sends calls, from any thread. Clock, sleep and randomness are arguments; ``now`` is wall-clock time."""

    def __init__(
        self,
        egress: Egress | None = None,
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        agent: str = "seamline",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = randomlib.random,
    ) -> None:
        self._egress = egress or Egress()
        self._limits = limits or Limits()
        self._agent = agent
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._random = random
        tls = tls or httpx.create_ssl_context()
        self._http = _Checked(self._egress, tls)
        bounds = self._limits
        self._mail = Submitter(self._egress, tls, bounds.connect, bounds.read, now, bounds.mail, clock)

    def close(self) -> None:
        self._http.close()

    def sender(self, adapter: Adapter, secrets: Secrets) -> Send:
        """The send function of an adapter: for ``drive``."""

        def send(call: Call | Submission) -> Answer:
            if isinstance(call, Submission):
                return self._mail.submit(call, hosts=adapter.hosts, secrets=secrets)
            return self.send(call, hosts=adapter.hosts, auth=adapter.auth, secrets=secrets)

        return send

    def send(
        self,
        call: Call,
        *,
        hosts: Sequence[str] | None = None,
        auth: Auth | None = None,
        secrets: Secrets | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """Send a call; gives the answer of a 2xx or an accepted status.

        ``hosts`` are the only ones that may be called (``api.example.com``, ``*.example.com``). None, for addresses
        that a company configured itself: any host that the egress lets pass, but no secret goes there. Raises what the
        module's docstring names.
        """
        limits = limits or self._limits
        request, label = self._request(call, hosts, auth or Bearer(), secrets or {})
        started = self._clock()

        def left() -> float:
            return limits.budget - (self._clock() - started)

        def pause(state: RetryCallState) -> float:
            again = _failure(state)
            if again.after is not None:
                return again.after.total_seconds()
            return self._random() * min(limits.longest_wait, limits.first_wait * 2.0 ** (state.attempt_number - 1))

        def stop(state: RetryCallState) -> bool:
            return state.attempt_number >= limits.attempts or state.upcoming_sleep >= left()

        def give_up(state: RetryCallState) -> Answer:
            again = _failure(state)
            raise RetryLater(again.reason, again.after) from None

        retrying = Retrying(
            stop=stop,
            wait=pause,
            sleep=self._sleep,
            retry=retry_if_exception_type(_Again),
            retry_error_callback=give_up,
        )
        answer: Answer = retrying(self._attempt, call, request, label, limits, left)
        return answer

    def fetch_key(self, url: str, *, budget: float = 4.0) -> bytes:
        """Get a verification key (a certificate, a key set) from a URL that the scheme has pinned.

        Raises KeyUnavailable, whatever went wrong: it is our fault, not a forgery.
        """
        limits = replace(self._limits, budget=budget, read=min(budget, self._limits.read), answer=_KEY_BYTES)
        try:
            parsed = httpx.URL(url)
            if parsed.scheme != "https" and not self._egress.opens(parsed.host):
                raise EgressRefused("keys are fetched over https only")
            return self.send(Call("key", url), limits=limits).body
        except SeamlineError as error:
            raise KeyUnavailable(str(error)) from None
        except (httpx.InvalidURL, UnicodeError):
            raise KeyUnavailable("the key's URL is not one") from None

    # --- one call --------------------------------------------------------------------------------------------------

    def _request(
        self, call: Call, hosts: Sequence[str] | None, auth: Auth, secrets: Secrets
    ) -> tuple[httpx.Request, str]:
        try:
            url = httpx.URL(call.url)
            host = url.raw_host.decode("ascii").lower()
        except (httpx.InvalidURL, UnicodeError, TypeError):
            raise EgressRefused(f"{call.name}: the URL is not one") from None
        label = f"{call.name.partition('?')[0]}: {call.method} {host}"
        self._egress.check(url.scheme, host)
        if url.userinfo:
            raise EgressRefused(f"{label}: credentials stand in the URL; name a secret instead")
        if hosts is not None and not host_matches(host, hosts):
            raise EgressRefused(f"{label} is none of the adapter's hosts")
        headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": self._agent}
        headers.update((name.lower(), value) for name, value in call.headers.items())
        query = dict(call.query)
        if call.secret is not None or call.json_secrets:
            if hosts is None:
                raise EgressRefused(f"{label}: a secret goes only to hosts that an adapter names")
            if url.scheme != "https" and not self._egress.opens(host):
                raise EgressRefused(f"{label}: a secret goes only over https")
        if call.secret is not None:
            _authorize(call.secret, auth, secrets, headers, query)
        if any(not value.isprintable() for value in headers.values()):
            raise EgressRefused(
                f"{label}: a header holds a character that none may hold; is there a line end in a secret?"
            )
        try:
            if query:
                url = url.copy_merge_params(query)
            body = _filled(call, secrets)
            return httpx.Request(
                call.method, url, headers=headers, content=call.content, json=body, data=call.form
            ), label
        except (httpx.InvalidURL, TypeError, ValueError):
            # The text of such an error can hold the very value that could not be written, a secret for example.
            raise EgressRefused(f"{label}: cannot be written as a request") from None

    def _attempt(
        self, call: Call, request: httpx.Request, label: str, limits: Limits, left: Callable[[], float]
    ) -> Answer:
        timeout = httpx.Timeout(limits.read, connect=limits.connect)
        request.extensions = {**request.extensions, "timeout": timeout.as_dict()}
        try:
            with within(left):
                response = self._http.handle_request(request)
                try:
                    return self._judge(call, response, label, limits, left)
                finally:
                    response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _Again(f"{label} cannot be reached ({type(error).__name__})") from None
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            raise EgressRefused(f"{label}: cannot be written as a request") from None
        except (httpx.TransportError, _Cut) as error:
            raise self._broken(call, f"{label} gave no answer ({type(error).__name__.lstrip('_')})") from None

    def _broken(self, call: Call, reason: str, after: timedelta | None = None) -> Exception:
        """What to raise where the provider may have acted."""
        return _Again(reason, after) if _repeatable(call) else Uncertain(reason)

    def _judge(
        self, call: Call, response: httpx.Response, label: str, limits: Limits, left: Callable[[], float]
    ) -> Answer:
        status = response.status_code
        if 200 <= status < 300 or status in call.accept:
            return Answer(status, _body(response, label, limits, left), _headers(response))
        reason = f"{label} answered {status}"
        after = retry_after(response.headers.get("retry-after"), self._now())
        if status in _UNTOUCHED or (status == 403 and after is not None):
            raise _Again(reason, after)
        if status in _PASSING or status >= 500:
            raise self._broken(call, reason, after)
        if status in (401, 403):
            raise NeedsHuman(f"{reason}: the credentials are not valid, or lack a permission")
        if 300 <= status < 400:
            raise CallRefused(f"{reason}, a redirect; redirects are not followed", status)
        raise CallRefused(reason, status)


def _failure(state: RetryCallState) -> _Again:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, _Again)
    return error


def _repeatable(call: Call) -> bool:
    keyed = any(name.lower() == "idempotency-key" for name in call.headers)
    return call.repeatable or keyed or call.method.upper() in _IDEMPOTENT


def _filled(call: Call, secrets: Secrets) -> Any:
    """The JSON body with the secrets that the call hands over."""
    if not call.json_secrets:
        return call.json
    return {**(call.json or {}), **{field: first_secret(name, secrets) for field, name in call.json_secrets.items()}}


def _authorize(name: str, auth: Auth, secrets: Secrets, headers: dict[str, str], query: dict[str, str]) -> None:
    value = first_secret(name, secrets)
    match auth:
        case Bearer():
            headers["authorization"] = f"Bearer {value}"
        case Basic():
            headers["authorization"] = f"Basic {base64.b64encode(value.encode()).decode()}"
        case HeaderToken(header):
            headers[header.lower()] = value
        case QueryToken(parameter):
            query[parameter] = value


def _headers(response: httpx.Response) -> Mapping[str, str]:
    # Answers are stored with their item; a provider's session is nobody's business.
    return {name.lower(): value for name, value in response.headers.items() if name.lower() != "set-cookie"}


def _body(response: httpx.Response, label: str, limits: Limits, left: Callable[[], float]) -> bytes:
    parts, size = [], 0
    for part in response.iter_raw():
        size += len(part)
        if size > limits.answer:
            raise CallRefused(f"{label} answered more than {limits.answer} bytes", response.status_code)
        if left() <= 0:
            raise _Cut
        parts.append(part)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    body = b"".join(parts)
    if encoding in ("identity", "") or not body:
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise CallRefused(f"{label} answered in an encoding that was not asked for", response.status_code)
    return _unpacked(body, label, limits.answer, response.status_code)


def _unpacked(body: bytes, label: str, most: int, status: int) -> bytes:
    """Unpack gzip or zlib, never to more than ``most`` bytes."""
    out = bytearray()
    for _ in range(_MOST_MEMBERS):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            out += unpacker.decompress(body, most + 1 - len(out))
        except zlib.error:
            raise CallRefused(f"{label} answered what cannot be unpacked", status) from None
        if len(out) > most:
            raise CallRefused(f"{label} answered more than {most} bytes", status)
        if not unpacker.eof:
            raise _Cut
        body = unpacker.unused_data
        if not body:
            return bytes(out)
    raise CallRefused(f"{label} answered in more than {_MOST_MEMBERS} packed pieces", status)


# Named here so that ``from seamline.transport import TransportError`` reads well; it is defined with the other errors.
__all__ += ["CallRefused", "EgressRefused", "SecretMissing", "TransportError", "Uncertain"]
