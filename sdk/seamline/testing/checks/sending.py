"""Checks of channels: what goes out is what was approved, once, with no mark of ours, and only to declared hosts."""

from __future__ import annotations

import email
import email.policy
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from seamline.adapter import Adapter
from seamline.call import Answer, Call, Submission, drive
from seamline.dispatch import ApprovedDispatch
from seamline.errors import RetryLater, SeamlineError
from seamline.ssrf import host_matches
from seamline.testing.checks import corpus
from seamline.testing.checks.check import AdapterCheck, Broken, Contract, demand, place
from seamline.testing.play import judged
from seamline.testing.story import ContractError, Respond, Sending

#: Words of the bus that no customer may read where a human did not write them.
OURS = ("seamline", "seat-draft", "approver-of-the-kit")

_READS = frozenset({"GET", "HEAD", "OPTIONS"})

#: A channel that asks more than this is taken to be endless.
_MAX_CALLS = 20


@dataclass(frozen=True)
class SendingCheck:
    """A check of every sending. ``run`` is False where it does not apply, and raises Broken."""

    name: str
    advice: str
    run: Callable[[Contract, Sending], bool]


@dataclass(frozen=True)
class _Sent:
    adapter: Adapter
    dispatch: ApprovedDispatch
    id: str
    calls: list[Call | Submission]

    @property
    def writes(self) -> list[Call | Submission]:
        return [one for one in self.calls if isinstance(one, Submission) or one.method.upper() not in _READS]


def says_what_it_refuses(contract: Contract, sending: Sending) -> bool:
    adapter, dispatch = _channel(contract, sending)
    reason = adapter.preflight(dispatch)
    demand(reason is None or (isinstance(reason, str) and bool(reason)), "preflight() gives a sentence, or None")
    demand((reason is not None) == sending.refused, f"preflight() gave {reason!r}")
    for recipient in dispatch.recipients:
        demand(recipient not in (reason or ""), "preflight() quotes a recipient: its reason is shown in lists")
    if not sending.refused:
        return True
    try:
        calls = adapter.send(dispatch)
        next(calls)
    except (SeamlineError, StopIteration):
        return True
    calls.close()
    raise Broken("send() sends what preflight() refuses: a text that was approved earlier comes to it, too")


def writes_once(contract: Contract, sending: Sending) -> bool:
    sent = _sent(contract, sending)
    if sent is None:
        return False
    demand(len(sent.writes) == 1, f"send() writes {len(sent.writes)} times instead of once: half of it could be sent")
    call = sent.writes[0]
    demand(not (isinstance(call, Call) and call.repeatable), "the write is declared repeatable: it could be sent twice")
    demand(isinstance(sent.id, str) and bool(sent.id), f"send() returned {sent.id!r} instead of the message's id")
    demand(sending.gives in ("", sent.id), f"send() returned {sent.id!r} instead of {sending.gives!r}")
    again = _sent(contract, sending)
    demand(again is not None and again.calls == sent.calls, "the same dispatch made other calls the second time")
    return True


def sends_what_was_approved(contract: Contract, sending: Sending) -> bool:
    sent = _sent(contract, sending)
    if sent is None:
        return False
    told = [_plain(text) for text in _texts(sent.writes[0])]
    demand(_plain(sending.body) in told, "the text that is sent is not the one that was approved")
    subject = sending.subject
    demand(subject is None or _plain(subject) in told, "the subject that is sent is not the one that was approved")
    if isinstance(call := sent.writes[0], Submission):
        demand(call.recipients == sending.recipients, "it is sent to others than those that were approved")
    for recipient in sending.recipients:
        demand(any(recipient in text for text in told), "it is not sent to a recipient that was approved")
    return True


def leaves_no_mark(contract: Contract, sending: Sending) -> bool:
    sent = _sent(contract, sending)
    if sent is None:
        return False
    human = {_plain(text) for text in (sending.body, sending.subject, sending.sender) if text}
    for text in _texts(sent.writes[0]):
        if _plain(text) not in human and text != sent.dispatch.key:
            found = [word for word in OURS if word in text.lower()]
            demand(not found, f"{', '.join(found)} stands in what is sent, and no human wrote it")
    return True


def keeps_to_its_hosts(contract: Contract, sending: Sending) -> bool:
    sent = _sent(contract, sending)
    if sent is None:
        return False
    for call in sent.calls:
        parts = urlsplit(call.url) if isinstance(call, Call) else None
        host = call.host if isinstance(call, Submission) else (parts.hostname or "" if parts else "")
        demand(host_matches(host, sent.adapter.hosts), f"{host} of call {call.name!r} is not in hosts")
        demand(parts is None or parts.scheme == "https", f"call {call.name!r} goes over {parts and parts.scheme}")
        for word in (sending.body, *sending.recipients):
            demand(word not in repr(call), f"a recipient or the text can be read in the repr() of call {call.name!r}")
    return True


def sends_nothing_twice(contract: Contract, sending: Sending) -> bool:
    """Whatever an answer says that was a 2xx: the message may be out, so it is not sent again."""
    sent = _sent(contract, sending)
    if sent is None or isinstance(sent.writes[0], Submission):
        return False
    for body in (b"", b"<html>", b"null", b"[]", b"{}", b'"ok"', b'{"a":', b"\xff"):
        adapter, dispatch = _channel(contract, sending)
        try:
            _drive(adapter, dispatch, lambda call, body=body: judged(call, Answer(200, body)))  # type: ignore[misc]
        except RetryLater:
            raise Broken("an odd answer with status 200 raised RetryLater: it would be sent twice") from None
        except SeamlineError:
            pass
        except Exception as error:
            raise Broken(f"an odd answer raised {type(error).__name__}{place(error)}") from error
    return True


def sendings_are_told(contract: Contract) -> bool:
    adapter = contract.adapter
    own = type(adapter).send is not Adapter.send
    demand(own == adapter.sends, "sends and send() go together: sends = True where send() is built")
    if not adapter.sends:
        demand(not contract.sendings, "it has sendings, but sends is not set")
        return False
    demand(any(not one.refused for one in contract.sendings), "no Sending tells what it sends")
    demand(any(one.refused for one in contract.sendings), "no Sending tells what its preflight refuses")
    return True


def _channel(contract: Contract, sending: Sending) -> tuple[Adapter, ApprovedDispatch]:
    adapter = contract.make()
    if sending.settings is not None:
        adapter = type(adapter)(sending.settings)
    return adapter, sending.dispatch(adapter.name)


def _sent(contract: Contract, sending: Sending) -> _Sent | None:
    """The sending, done on its answers; None for one that is refused."""
    if sending.refused:
        return None
    adapter, dispatch = _channel(contract, sending)
    left = {
        key: [_respond(one).answer(contract.root) for one in ([told] if isinstance(told, (str, Respond)) else told)]
        for key, told in sending.answers.items()
    }

    def answer(call: Call | Submission) -> Answer:
        if isinstance(call, Submission):
            key = f"SMTP {call.host}"
            return (left.get(key) or [Answer(250, b"")])[0]
        key = f"{call.method} {urlsplit(call.url).path}"
        several = left.get(key)
        if not several:
            raise ContractError(f"no answer for {key!r} (call {call.name!r}); add it to the sending's answers")
        return judged(call, several.pop(0) if len(several) > 1 else several[0])

    return _drive(adapter, dispatch, answer)


def _respond(told: str | Respond) -> Respond:
    return Respond(told) if isinstance(told, str) else told


def _drive(adapter: Adapter, dispatch: ApprovedDispatch, answer: Callable[[Call | Submission], Answer]) -> _Sent:
    calls: list[Call | Submission] = []

    def send(call: Call | Submission) -> Answer:
        calls.append(call)
        if len(calls) > _MAX_CALLS:
            raise ContractError(f"send() made more than {_MAX_CALLS} calls")
        return answer(call)

    found, _ = drive(adapter.send(dispatch), send)
    return _Sent(adapter, dispatch, found, calls)


def _plain(text: str) -> str:
    """A text without what carriers change: how lines end, and how markup is escaped."""
    lines = html.unescape(text).replace("\r\n", "\n").replace("\r", "\n")
    return lines.rstrip("\n")


def _texts(call: Call | Submission) -> Iterator[str]:
    """Every text that goes out with a call: of its body, or of a mail's headers and parts."""
    if isinstance(call, Submission):
        yield from _of_mail(call.message)
        return
    for value in (call.json, dict(call.form or {}), dict(call.query)):
        yield from _leaves(value)


def _of_mail(raw: bytes) -> Iterator[str]:
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    yield from (str(value) for value in mail.values())
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            yield str(part.get_content())


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from _nested(value)
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _leaves(child)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _leaves(child)


def _nested(text: str) -> Iterator[str]:
    """What stands in JSON that is sent as a text, as some APIs want it in a form."""
    if text[:1] in ("{", "["):
        yield from _leaves(corpus.parsed(text.encode("utf-8", "replace")))


SENDING_CHECKS: Sequence[SendingCheck] = (
    SendingCheck(
        "refuses what it cannot send",
        "preflight() says in a sentence why; send() refuses the same, and a sending with refused=True tells it",
        says_what_it_refuses,
    ),
    SendingCheck(
        "a send writes once",
        "yield one call that writes, not repeatable, with dispatch.key where the provider knows idempotency keys",
        writes_once,
    ),
    SendingCheck(
        "what is sent is what was approved",
        "hand body, subject and recipients on as they stand, with nothing before or after them",
        sends_what_was_approved,
    ),
    SendingCheck(
        "what is sent bears no mark of ours",
        "name no seat, no draft and no program to a customer; put dispatch.key where only the provider reads it",
        leaves_no_mark,
    ),
    SendingCheck(
        "a send goes only to hosts",
        "name the API's host in hosts, use https, and let the engine add the secret: Call(secret=…)",
        keeps_to_its_hosts,
    ),
    SendingCheck(
        "an odd answer sends nothing twice",
        "raise Uncertain where a 2xx cannot be read: the message may be out",
        sends_nothing_twice,
    ),
)

CHANNEL_CHECKS: Sequence[AdapterCheck] = (
    AdapterCheck(
        "a channel tells what it sends",
        "give the suite sendings: one that is sent, and one that preflight() refuses",
        sendings_are_told,
    ),
)
