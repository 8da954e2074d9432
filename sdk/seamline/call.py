"""Calls that an adapter asks for, and the answers that it gets: the engine does the I/O."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from seamline.errors import PayloadError

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One outgoing request. ``secret`` is a name such as ``api``; it is sent only to ``Adapter.hosts``.

    ``name`` says what is asked for. That of a page of a poll may go on with a query, such as ``figures?tz=UTC``: what
    the page itself does not say, and ``split`` finds in ``delivery.query``. ``accept`` lists statuses besides 2xx that
    the adapter judges itself. ``form`` is sent urlencoded instead of ``json``. ``repeatable`` says that a POST only
    reads, or does nothing the second time; GET, PUT, DELETE and whatever carries an ``Idempotency-Key`` header are so
    by themselves. ``json_secrets`` names the fields of ``json`` that the sender fills with the first value of a secret
    (``{"signing_key": "signing"}``), because an adapter never sees one. ``content`` is sent as it is, where a signature
    covers its bytes.
    """

    name: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: str = "GET"
    json: Any = field(default=None, repr=False)
    secret: str | None = None
    accept: Sequence[int] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    repeatable: bool = False
    json_secrets: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Submission:
    """One mail handed to a server by SMTP. ``secret`` is the name of one that is ``user:password``.

    ``recipients`` are the envelope's: the server takes the mail for all of them, or it is not sent. ``message`` is
    whole but for its Date, which whoever sends it adds. ``host`` is one of ``Adapter.hosts``.
    """

    name: str
    host: str
    port: int
    tls: Literal["implicit", "starttls"]
    sender: str = field(repr=False)
    recipients: tuple[str, ...] = field(repr=False)
    message: bytes = field(repr=False)
    secret: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back; ``headers`` has lower-case names."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json(self) -> Any:
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            raise PayloadError("the provider's answer is not JSON") from None


#: A generator that yields a Call and gets its Answer back (the pattern of ``httpx.Auth``).
Calls = Generator[Call, Answer, T]

#: What ``send`` may be: a channel may submit mail, too.
Sends = Generator[Call | Submission, Answer, T]

C = TypeVar("C", Call, Call | Submission)


def drive(calls: Generator[C, Answer, T], send: Callable[[C], Answer]) -> tuple[T, dict[str, Answer]]:
    """Run a generator of calls; gives its value and the answers by ``Call.name`` (of one name, the last).

    What ``send`` raises is raised at the generator's ``yield``, so that an adapter can clean up or go on without.
    """
    answers: dict[str, Answer] = {}
    try:
        call = next(calls)
        while True:
            try:
                answer = send(call)
            except Exception as error:
                call = calls.throw(error)
            else:
                answers[call.name] = answer
                call = calls.send(answer)
    except StopIteration as stop:
        return stop.value, answers
    finally:
        calls.close()


@dataclass(frozen=True)
class Bearer:
    """The secret goes into ``Authorization: Bearer``."""


@dataclass(frozen=True)
class Basic:
    """The secret is ``user:password`` and goes into ``Authorization: Basic``."""


@dataclass(frozen=True)
class HeaderToken:
    """The secret goes into a header of this name."""

    name: str


@dataclass(frozen=True)
class QueryToken:
    """The secret goes into a query parameter of this name."""

    name: str


Auth = Bearer | Basic | HeaderToken | QueryToken
