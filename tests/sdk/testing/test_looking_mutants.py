"""Each check of a look is proved by one that breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seamline import Adapter, Answer, Call, Calls, Event, Evidence, Item, NeedsHuman, PayloadError, Ref, RetryLater
from seamline.testing import Look, Respond, adapter_contract
from seamline.testing.checks.looking import LOOK_CHECKS, STATUS_CHECKS
from seamline.testing.story import ContractError

API = "https://api.acme.test/bills"
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clerk(Adapter):
    """Acme's clerk, who knows bills in this test only."""

    name = "clerk"
    signature = None
    trust = "unverified"
    emits = ()
    hosts = ("api.acme.test",)

    def normalize(self, item: Item) -> Iterator[Event]:
        raise PayloadError("nothing comes in")

    def status(self, ref: Ref) -> Calls[Evidence]:
        if ref.kind != "bill":
            raise PayloadError(f"Acme knows bills, not {ref.kind}")
        answer = yield self.call(ref)
        return self.read(ref, answer)

    def call(self, ref: Ref) -> Call:
        return Call("status", f"{API}/{ref.id}", secret="api")

    def read(self, ref: Ref, answer: Answer) -> Evidence:
        try:
            word = json.loads(answer.body)["status"]
        except (ValueError, KeyError, TypeError):
            raise PayloadError("the answer has no status") from None
        return Evidence(ref.id, word, AT, settled=word == "paid")


BILL = Ref(of="account", kind="bill", id="b1")
OPEN = Look("a bill is open", BILL, "open", answers={"GET /bills/b1": "open.json"})
PAID = Look("a bill is paid", BILL, "paid", settled=True, answers={"GET /bills/b1": "paid.json"})
GONE = Look("a bill is gone", BILL, answers={"GET /bills/b1": Respond(None, 401)}, raises=NeedsHuman)
LOOKS = (OPEN, PAID, GONE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "open.json").write_text('{"status": "open"}')
    (tmp_path / "paid.json").write_text('{"status": "paid"}')
    return tmp_path


def test_a_good_status_breaks_nothing(root: Path) -> None:
    bare = {"declares facts and a signature": "it only tells how something stands"}
    assert adapter_contract(Clerk, root, (), looks=LOOKS, exempt=bare) > 10


class SettlesAll(Clerk):
    def read(self, ref: Ref, answer: Answer) -> Evidence:
        return replace(super().read(ref, answer), settled=True)


class OwnWord(Clerk):
    def read(self, ref: Ref, answer: Answer) -> Evidence:
        return replace(super().read(ref, answer), status="done")


class Another(Clerk):
    def read(self, ref: Ref, answer: Answer) -> Evidence:
        return replace(super().read(ref, answer), ref="b2")


class Naive(Clerk):
    def read(self, ref: Ref, answer: Answer) -> Evidence:
        return replace(super().read(ref, answer), checked_at=datetime(2026, 11, 22, 12))  # noqa: DTZ001


class OwnClock(Clerk):
    def read(self, ref: Ref, answer: Answer) -> Evidence:
        return replace(super().read(ref, answer), checked_at=datetime.now(UTC))


class Writes(Clerk):
    def call(self, ref: Ref) -> Call:
        return replace(super().call(ref), method="POST")


class Elsewhere(Clerk):
    def call(self, ref: Ref) -> Call:
        return replace(super().call(ref), url=f"https://api.other.test/bills/{ref.id}")


class InTheClear(Clerk):
    def call(self, ref: Ref) -> Call:
        return replace(super().call(ref), url=f"http://api.acme.test/bills/{ref.id}")


class TakesAll(Clerk):
    """Judges all statuses by itself; ``means`` is what each is taken for."""

    means: dict[int, Any] = {}  # noqa: RUF012  (the mutants below replace it)

    def call(self, ref: Ref) -> Call:
        return replace(super().call(ref), accept=(401, 404, 429, 500, 503))

    def read(self, ref: Ref, answer: Answer) -> Evidence:
        usual = {401: NeedsHuman, 404: PayloadError, 429: RetryLater, 500: RetryLater, 503: RetryLater}
        found = (usual | self.means).get(answer.status)
        if found is None:
            return super().read(ref, answer)
        if isinstance(found, str):
            return Evidence(ref.id, found, AT, settled=found == "gone")
        raise found("told apart")


def taking(status: int, found: Any) -> type[Clerk]:
    return type(f"Takes{status}", (TakesAll,), {"means": {status: found}})


class Hopes(Clerk):
    def read(self, ref: Ref, answer: Answer) -> Evidence:
        try:
            return super().read(ref, answer)
        except PayloadError:
            return Evidence(ref.id, "nothing", AT, settled=True)


class Breaks(Clerk):
    def read(self, ref: Ref, answer: Answer) -> Evidence:
        word = json.loads(answer.body)["status"]
        return Evidence(ref.id, word, AT, settled=word == "paid")


EVIDENCE, APART = "a look gives its evidence", "a look tells failures apart"
MUTANTS: dict[str, tuple[str, type[Clerk]]] = {
    "settles what is owed": (EVIDENCE, SettlesAll),
    "has a word of its own": (EVIDENCE, OwnWord),
    "tells of another thing": (EVIDENCE, Another),
    "tells a time without an offset": (EVIDENCE, Naive),
    "tells its own time": (EVIDENCE, OwnClock),
    "writes": ("a look only reads", Writes),
    "calls a host that it does not name": ("a look goes only to hosts", Elsewhere),
    "asks in the clear": ("a look goes only to hosts", InTheClear),
    "takes what is not found for over": (APART, taking(404, "gone")),
    "asks for ever for what is not found": (APART, taking(404, RetryLater)),
    "asks again with a key that is not valid": (APART, taking(401, RetryLater)),
    "takes a refusal for what is odd": (APART, taking(401, PayloadError)),
    "takes a rate limit for a refusal": (APART, taking(429, PayloadError)),
    "takes a rate limit for evidence": (APART, taking(429, "open")),
    "calls a human for what passes": (APART, taking(500, NeedsHuman)),
    "breaks at an outage": (APART, taking(503, KeyError)),
    "takes an odd answer for an end": ("an odd answer settles nothing", Hopes),
    "breaks on an odd answer": ("an odd answer settles nothing", Breaks),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_status_is_caught_that(mutant: str, root: Path) -> None:
    check, adapter = MUTANTS[mutant]
    looks = tuple(replace(look, answers={**look.answers, "POST /bills/b1": "open.json"}) for look in (OPEN, PAID))
    with pytest.raises(ContractError) as caught:
        adapter_contract(adapter, root, (), looks=looks, only=(check,))
    assert all(failure.startswith(check) for failure in caught.value.failures)


def test_one_that_judges_every_status_well_is_not(root: Path) -> None:
    assert adapter_contract(TakesAll, root, (), looks=(OPEN, PAID), only=(APART,)) == 2


@pytest.mark.parametrize("wrong", [replace(GONE, raises=RetryLater), replace(OPEN, raises=RetryLater)])
def test_what_must_be_raised_is(wrong: Look, root: Path) -> None:
    with pytest.raises(ContractError, match="instead of"):
        adapter_contract(Clerk, root, (), looks=(wrong,), only=(EVIDENCE,))


class Mute(Clerk):
    status = Adapter.status


class KnowsAll(Clerk):
    def status(self, ref: Ref) -> Calls[Evidence]:
        return self.read(ref, (yield self.call(ref)))


@pytest.mark.parametrize(
    ("adapter", "looks"),
    [(Clerk, ()), (Clerk, (OPEN, GONE)), (Clerk, (PAID, GONE)), (Mute, LOOKS), (KnowsAll, LOOKS)],
)
def test_an_adapter_is_told_what_its_looks_lack(adapter: type[Clerk], looks: tuple[Look, ...], root: Path) -> None:
    with pytest.raises(ContractError, match="status is told by looks"):
        adapter_contract(adapter, root, (), looks=looks, only=("status is told by looks",))


def test_every_check_of_looks_is_proved_above() -> None:
    assert {check.name for check in LOOK_CHECKS} == {check for check, _ in MUTANTS.values()}
    assert [check.name for check in STATUS_CHECKS] == ["status is told by looks"]
