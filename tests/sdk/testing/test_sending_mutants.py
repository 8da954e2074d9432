"""Each check of a channel is proved by one that breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seamline import Adapter, ApprovedDispatch, Call, Calls, Event, Item, PayloadError, RetryLater, Sends, Submission
from seamline.testing import Sending, adapter_contract
from seamline.testing.checks.sending import CHANNEL_CHECKS, SENDING_CHECKS
from seamline.testing.story import ContractError

URL = "https://api.acme.test/messages"


class Courier(Adapter):
    """Acme's courier, which carries messages in this test only."""

    name = "courier"
    signature = None
    trust = "unverified"
    emits = ()
    hosts = ("api.acme.test",)
    sends = True

    def normalize(self, item: Item) -> Iterator[Event]:
        raise PayloadError("nothing comes in")

    def preflight(self, dispatch: ApprovedDispatch) -> str | None:
        return None if all("@" in recipient for recipient in dispatch.recipients) else "a recipient has no address"

    def send(self, dispatch: ApprovedDispatch) -> Sends[str]:
        if (reason := self.preflight(dispatch)) is not None:
            raise PayloadError(reason)
        return self._post(self.call(dispatch))

    def call(self, dispatch: ApprovedDispatch) -> Call:
        body = {"to": list(dispatch.recipients), "subject": dispatch.subject, "text": dispatch.body}
        return Call("send", URL, method="POST", json={**body, "ref": dispatch.key}, secret="api")

    def _post(self, call: Call) -> Calls[str]:
        answer = yield call
        return self.read(answer.body)

    def read(self, body: bytes) -> str:
        try:
            return str(json.loads(body)["id"])
        except (ValueError, KeyError, TypeError):
            raise PayloadError("the answer cannot be read") from None


GOOD = Sending(
    "a message",
    ("dana@example.com", "sam@example.org"),
    "Dear Dana,\r\nyours < mine & “so” on\n",
    "Hello",
    answers={"POST /messages": "sent.json"},
    gives="m1",
)
BAD = Sending("a message to nobody's address", ("dana",), "Dear Dana", "Hello", refused=True)
SENDINGS = (GOOD, BAD)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sent.json").write_text('{"id": "m1"}')
    return tmp_path


def test_a_good_channel_breaks_nothing_and_needs_no_story(root: Path) -> None:
    assert adapter_contract(Courier, root, (), sendings=SENDINGS) > 10


class Refuses(Courier):
    def preflight(self, dispatch: ApprovedDispatch) -> str | None:
        return "never"


class Quotes(Courier):
    def preflight(self, dispatch: ApprovedDispatch) -> str | None:
        return None if "@" in dispatch.recipients[0] else f"{dispatch.recipients[0]} has no address"


class SendsAnyway(Courier):
    def send(self, dispatch: ApprovedDispatch) -> Sends[str]:
        return self._post(self.call(dispatch))


class Repeats(Courier):
    def call(self, dispatch: ApprovedDispatch) -> Call:
        return replace(super().call(dispatch), repeatable=True)


class WritesTwice(Courier):
    def _post(self, call: Call) -> Calls[str]:
        yield call
        return (yield from super()._post(call))


class NamesNone(Courier):
    def read(self, body: bytes) -> str:
        return ""


class Adds(Courier):
    def call(self, dispatch: ApprovedDispatch) -> Call:
        whole = super().call(dispatch)
        return replace(whole, json={**whole.json, "text": f"{dispatch.body}\nSent with care"})


class Retitles(Courier):
    def call(self, dispatch: ApprovedDispatch) -> Call:
        whole = super().call(dispatch)
        return replace(whole, json={**whole.json, "subject": "Re: Hello"})


class LeavesOut(Courier):
    def call(self, dispatch: ApprovedDispatch) -> Call:
        whole = super().call(dispatch)
        return replace(whole, json={**whole.json, "to": list(dispatch.recipients[:1])})


class Signs(Courier):
    def call(self, dispatch: ApprovedDispatch) -> Call:
        whole = super().call(dispatch)
        return replace(whole, json={**whole.json, "headers": [{"X-Draft": dispatch.draft_id}]})


class Mails(Courier):
    """By SMTP, with a header that tells who sent it."""

    mark = "X-Mailer: Seamline\r\n"
    to: tuple[str, ...] | None = None

    def send(self, dispatch: ApprovedDispatch) -> Sends[str]:
        if (reason := self.preflight(dispatch)) is not None:
            raise PayloadError(reason)
        head = f"To: {', '.join(dispatch.recipients)}\r\nSubject: {dispatch.subject}\r\n{self.mark}"
        kind = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        message = f"{head}{kind}\r\n{dispatch.body}".encode()
        to = dispatch.recipients if self.to is None else self.to
        yield Submission("send", "api.acme.test", 465, "implicit", "hello@example.com", to, message)
        return "m1"


class MailsOthers(Mails):
    mark = ""
    to = ("dana@example.com", "spy@example.net")


class CallsElsewhere(Courier):
    def call(self, dispatch: ApprovedDispatch) -> Call:
        return replace(super().call(dispatch), url="https://api.other.test/messages")


class InTheClear(Courier):
    def call(self, dispatch: ApprovedDispatch) -> Call:
        return replace(super().call(dispatch), url="http://api.acme.test/messages")


class Shows(Courier):
    def call(self, dispatch: ApprovedDispatch) -> Call:
        return replace(super().call(dispatch), name=f"send to {dispatch.recipients[0]}")


class TriesAgain(Courier):
    def read(self, body: bytes) -> str:
        try:
            return super().read(body)
        except PayloadError:
            raise RetryLater("the answer cannot be read") from None


class Breaks(Courier):
    def read(self, body: bytes) -> str:
        return str(json.loads(body)["id"])


MUTANTS: dict[str, tuple[str, type[Courier]]] = {
    "refuses what can be sent": ("refuses what it cannot send", Refuses),
    "quotes a recipient where it refuses": ("refuses what it cannot send", Quotes),
    "sends what its preflight refuses": ("refuses what it cannot send", SendsAnyway),
    "says that its write may be repeated": ("a send writes once", Repeats),
    "writes twice": ("a send writes once", WritesTwice),
    "gives no id": ("a send writes once", NamesNone),
    "adds a line to the text": ("what is sent is what was approved", Adds),
    "changes the subject": ("what is sent is what was approved", Retitles),
    "leaves a recipient out": ("what is sent is what was approved", LeavesOut),
    "mails it to somebody else": ("what is sent is what was approved", MailsOthers),
    "tells the customer of the draft": ("what is sent bears no mark of ours", Signs),
    "tells the customer what sent it": ("what is sent bears no mark of ours", Mails),
    "calls a host that it does not name": ("a send goes only to hosts", CallsElsewhere),
    "sends in the clear": ("a send goes only to hosts", InTheClear),
    "shows a recipient in the name of its call": ("a send goes only to hosts", Shows),
    "has a message sent again whose answer it cannot read": ("an odd answer sends nothing twice", TriesAgain),
    "breaks on an odd answer": ("an odd answer sends nothing twice", Breaks),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_channel_is_caught_that(mutant: str, root: Path) -> None:
    check, adapter = MUTANTS[mutant]
    with pytest.raises(ContractError) as caught:
        adapter_contract(adapter, root, (), sendings=SENDINGS, only=(check,))
    assert all(failure.startswith(check) for failure in caught.value.failures)


class Silent(Courier):
    sends = False


class Mute(Courier):
    send = Adapter.send


@pytest.mark.parametrize(
    ("adapter", "sendings"),
    [(Courier, ()), (Courier, (GOOD,)), (Courier, (BAD,)), (Silent, SENDINGS), (Mute, SENDINGS)],
)
def test_a_channel_is_told_what_its_suite_lacks(adapter: type[Courier], sendings: tuple[Any, ...], root: Path) -> None:
    with pytest.raises(ContractError, match="a channel tells what it sends"):
        adapter_contract(adapter, root, (), sendings=sendings, only=("a channel tells what it sends",))


def test_every_check_of_channels_is_proved_above() -> None:
    names = {check.name for check in SENDING_CHECKS}
    assert names == {check for check, _ in MUTANTS.values()}
    assert [check.name for check in CHANNEL_CHECKS] == ["a channel tells what it sends"]
