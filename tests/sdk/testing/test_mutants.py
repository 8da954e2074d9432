"""Each check of the contract is proved by an adapter that breaks it: one good adapter, and a mutant per check."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from pydantic import BaseModel

from seamline import (
    Adapter,
    Call,
    Calls,
    Delivery,
    Event,
    Item,
    NeedsHuman,
    Nudge,
    Party,
    PayloadError,
    Proof,
    Replies,
    Reply,
    Request,
    SeamlineError,
    SignatureError,
)
from seamline.events import ProposalAccepted, ProposalDeclined, ProposalViewed, RiskFlagged
from seamline.signature import Body, FirstPresent, Header, Hmac, SharedToken, Signature, body
from seamline.signature.base import Secrets
from seamline.testing import Respond, Sample, Story, adapter_contract, check_names, story
from seamline.testing.checks.looking import LOOK_CHECKS, STATUS_CHECKS
from seamline.testing.checks.sending import CHANNEL_CHECKS, SENDING_CHECKS
from seamline.testing.story import ContractError

STAMP = Header("X-Acme-Time")
STRONG = Hmac(Header("X-Acme-Signature"), (STAMP, b".", body), stamp=STAMP)
WEAK = Hmac(Header("X-Acme-Old"), digest="sha1", no_stamp="version 1 has none")

VIEWED = {"id": "e1", "event": "viewed", "at": "2026-11-20T10:00:00Z", "email": "dana@example.com", "proposal": "p1"}
WON = {**VIEWED, "id": "e2", "event": "won", "at": "2026-11-20T11:00:00+00:00"}
OTHER = {**VIEWED, "id": "e3", "email": "sam@example.org", "proposal": "p2"}
LOST = {**VIEWED, "id": "e4", "event": "lost", "proposal": "p3"}


class Acme(Adapter):
    """Acme Proposals, which exists in this test only."""

    name = "acme"
    signature: ClassVar[Signature] = FirstPresent({"v2": STRONG, "v1": WEAK})
    emits: ClassVar[tuple[type[Event], ...]] = (ProposalViewed, ProposalAccepted, ProposalDeclined)
    headers: ClassVar[tuple[str, ...]] = ("X-Acme-Attempt",)
    hosts = ("api.acme.test",)
    optional_secrets = ("api",)

    class Settings(BaseModel):
        portal: str = "north"

    def challenge(self, request: Request, secrets: Secrets) -> Reply | None:
        asked = request.query.get("challenge") if request.method == "GET" else None
        return Reply(200, asked.encode("utf-8", "replace")) if asked else None

    def refuse(self, request: Request) -> str | None:
        portal = request.json()["portal"]
        return None if portal == self.settings.portal else "another portal"

    def split(self, delivery: Delivery) -> Iterable[Item | Nudge]:
        for element in delivery.json()["events"]:
            yield Item(key=self.key_of(delivery, element), data=element)

    def key_of(self, delivery: Delivery, element: Any) -> str:
        if isinstance(element, dict) and isinstance(element.get("id"), str):
            return str(element["id"])
        return "odd " + hashlib.sha256(json.dumps(element, sort_keys=True).encode()).hexdigest()

    def fetch(self, item: Item) -> Calls[None]:
        if item.data["event"] == "won" and "proposal" not in item.answers:
            yield Call("proposal", f"https://api.acme.test/proposals/{item.data['proposal']}", secret="api")

    def normalize(self, item: Item) -> Iterator[Event]:
        told = item.data
        base = {"party": Party(email=told["email"]), "occurred_at": told["at"], "proposal_id": told["proposal"]}
        match told["event"]:
            case "viewed":
                yield ProposalViewed.model_validate(base)
            case "won":
                answer = item.answers.get("proposal")
                yield ProposalAccepted.model_validate(base | ({"amount": answer.json()["cents"]} if answer else {}))
            case "lost":
                yield ProposalDeclined.model_validate(base | {"fact": f"lost {told['proposal']}"})


STORIES = (
    story("A view", "viewed.json", ProposalViewed, headers={"X-Acme-Attempt": "1"}),
    story("Two views and a win", "batch.json", ProposalViewed, ProposalViewed, ProposalAccepted),
    Story(
        "A retry, cut anew",
        (Sample("batch.json"), Sample("recut.json")),
        (ProposalViewed, ProposalViewed, ProposalAccepted, ProposalDeclined),
        any_order=True,
    ),
    Story(
        "A win with its amount",
        (Sample("batch.json"),),
        (ProposalViewed, ProposalViewed, ProposalAccepted),
        answers={"GET /proposals/p1": Respond("proposal.json")},
        secrets={"api": ["api-t0ken-1"]},
    ),
    Story("Told twice", (Sample("lost.json"), Sample("lost-again.json")), (ProposalDeclined,), any_order=True),
    story("Another portal", "viewed.json", patch={"portal": "south"}, refused=True),
    Story("A handshake", (Sample(None, method="GET", query={"challenge": "42"}, challenged=True, replies=b"42"),)),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("samples")
    samples = {
        "viewed.json": [VIEWED],
        "batch.json": [VIEWED, OTHER, WON],
        "recut.json": [WON, LOST],
        "lost.json": [LOST],
        "lost-again.json": [{**LOST, "id": "e5"}],
    }
    for name, events in samples.items():
        (root / name).write_text(json.dumps({"portal": "north", "events": events}, indent=1))
    (root / "proposal.json").write_text(json.dumps({"cents": 750_000}))
    adapter_contract(Acme, root, STORIES, update_golden=True)
    return root


def broken(make: Callable[[], Adapter], root: Path, stories: tuple[Story, ...] = STORIES, **kw: Any) -> set[str]:
    """The names of the checks that fail."""
    try:
        adapter_contract(make, root, stories, **kw)
    except ContractError as error:
        return {line.split(" [")[0].split(":")[0] for line in error.failures}
    return set()


def test_a_good_adapter_breaks_nothing(root: Path) -> None:
    assert adapter_contract(Acme, root, STORIES) > 150


class Plainly(Acme):
    """A list that is too short is a field that is not there."""

    def normalize(self, item: Item) -> Iterator[Event]:
        assert str(item.data["at"]).split("T")[1]
        yield from super().normalize(item)


def test_plain_indexing_breaks_nothing(root: Path) -> None:
    assert broken(Plainly, root) == set()


# --- the proof -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrapped:
    """A scheme that behaves, to be bent."""

    inner: Signature = STRONG
    no_stamp: str = ""

    def present(self, request: Request) -> bool:
        return self.inner.present(request)

    def key_url(self, request: Request) -> str | None:
        return None

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        return self.inner.verify(request, secrets, now, keys)

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        return self.inner.sign(request, secrets, now)

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        return self.inner.example()


class SkipsWithoutHeader(Wrapped):
    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        if request.header("X-Acme-Signature") is None:
            return Proof("none")
        return super().verify(request, secrets, now, keys)


class SkipsEmptyHeader(Wrapped):
    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        if request.header("X-Acme-Signature") == "":
            return Proof("none")
        return super().verify(request, secrets, now, keys)


class SignsAndVerifiesOtherBytes(Wrapped):
    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        return replace(super().sign(request, secrets, now), body=request.body + b" ")


@dataclass(frozen=True)
class Plain(Wrapped):
    """A hand-written HMAC of the body: right, and open to be bent by its functions."""

    inner: Signature = WEAK
    message: Callable[[Request], bytes] = lambda request: request.body
    equal: Callable[[str, str], bool] = lambda a, b: a.encode() == b.encode("utf-8", "surrogatepass")
    tried: int = 10
    header: str = "x-acme-plain"

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        given = request.headers.get(self.header)
        if not given:
            raise SignatureError("missing")
        for index, secret in enumerate(list(secrets.get("signing", ()))[: self.tried]):
            if secret and self.equal(self._mac(secret, request), given):
                return Proof("plain", index)
        raise SignatureError("no match")

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        return replace(request, headers={**request.headers, self.header: self._mac(secrets["signing"][0], request)})

    def _mac(self, secret: str, request: Request) -> str:
        try:
            return hmac.new(secret.encode(), self.message(request), "sha256").hexdigest()
        except ValueError:
            raise SignatureError("unreadable") from None


def rewritten(request: Request) -> bytes:
    return json.dumps(json.loads(request.body)).encode()


class IgnoresTheSecret(Wrapped):
    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        digest = hashlib.sha256(request.body).hexdigest()
        if request.header("X-Acme-Signature") != digest:
            raise SignatureError("no match")
        return Proof("digest")

    def sign(self, request: Request, secrets: Secrets, now: datetime) -> Request:
        return Header("X-Acme-Signature").put(request, hashlib.sha256(request.body).hexdigest())


class OpenWithoutSecret(Wrapped):
    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        if not any(secrets.get("signing", ())):
            return Proof("none")
        return super().verify(request, secrets, now, keys)


class AnyAge(Wrapped):
    window: ClassVar[tuple[timedelta, timedelta]] = (timedelta(days=9_999), timedelta(days=9_999))

    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        scheme = replace(STRONG, max_age=self.window[0], max_future=self.window[1])
        return scheme.verify(request, secrets, now, keys)


class AnyPast(AnyAge):
    window = (timedelta(days=9_999), timedelta(minutes=5))


class AnyFuture(AnyAge):
    window = (timedelta(minutes=5), timedelta(days=9_999))


class FallsBack(FirstPresent):
    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        for scheme in self.schemes.values():
            try:
                return scheme.verify(request, secrets, now, keys)
            except SignatureError:
                continue
        raise SignatureError("none fits")


class CrashesOnGarbage(Wrapped):
    def verify(self, request: Request, secrets: Secrets, now: datetime, keys: Mapping[str, bytes]) -> Proof:
        int(request.header("X-Acme-Time") or "0")
        return super().verify(request, secrets, now, keys)


def signed_by(scheme: Signature, **attributes: Any) -> type[Acme]:
    return type("Mutant", (Acme,), {"__doc__": "A mutant.", "signature": scheme, **attributes})


PROOF_MUTANTS: dict[str, tuple[str, Signature]] = {
    "lets an old token pass as a signature": (
        "rejects a changed body in older schemes",
        FirstPresent({"v2": STRONG, "v1": SharedToken(Header("X-Acme-Token"))}),
    ),
    "skips verification if the header is missing": ("rejects a missing signature", SkipsWithoutHeader()),
    "skips verification if the header is empty": ("rejects an empty signature", SkipsEmptyHeader()),
    "signs other bytes than it verifies": ("accepts signed", SignsAndVerifiesOtherBytes()),
    "signs JSON written anew": ("raw bytes are verified", Plain(message=rewritten)),
    "compares text": ("rejects a non-ASCII signature", Plain(equal=hmac.compare_digest)),
    "tries only the first secret": ("secrets can be rotated", Plain(tried=1)),
    "looks headers up as written": ("header names are case-insensitive", Plain(header="X-Acme-Plain")),
    "covers the first bytes only": ("rejects a changed body", Plain(message=lambda request: request.body[:20])),
    "needs no secret": ("rejects a wrong secret", IgnoresTheSecret()),
    "is open while no secret is set": ("rejects without a secret", OpenWithoutSecret()),
    "ignores the past": ("rejects a stale timestamp", AnyPast()),
    "ignores the future": ("rejects a future timestamp", AnyFuture()),
    "falls back to a weaker scheme": ("never falls back to a weaker scheme", FallsBack({"v2": STRONG, "v1": WEAK})),
    "crashes on a garbled stamp": ("verify raises only SignatureError", CrashesOnGarbage()),
}


@pytest.mark.parametrize("mutant", PROOF_MUTANTS)
def test_a_scheme_is_caught_that(mutant: str, root: Path) -> None:
    check, scheme = PROOF_MUTANTS[mutant]
    assert check in broken(signed_by(scheme), root, only=(check,))


def test_a_right_hand_written_scheme_passes(root: Path) -> None:
    assert broken(signed_by(Plain()), root) == set()


def test_a_bare_token_is_not_signed_and_passes_only_as_authenticated(root: Path) -> None:
    token = SharedToken(Header("X-Acme-Token"))
    assert "rejects a changed body" in broken(signed_by(token), root)
    assert broken(signed_by(token, trust="authenticated"), root) == set()


# --- what is told --------------------------------------------------------------------------------------------------


class Silent(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from (event for event in super().normalize(item) if not isinstance(event, ProposalAccepted))


class Undeclared(Acme):
    """A mutant."""

    emits = (ProposalViewed, ProposalAccepted)


class RandomIds(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from (event.model_copy(update={"fact": str(uuid4())}) for event in super().normalize(item))


class RandomKeys(Acme):
    """A mutant."""

    def key_of(self, delivery: Delivery, element: Any) -> str:
        return str(uuid4())


class Receipts(Acme):
    """A mutant."""

    def split(self, delivery: Delivery) -> Iterable[Item | Nudge]:
        for item in super().split(delivery):
            assert isinstance(item, Item)
            if isinstance(item.data, dict):
                yield replace(item, data={**item.data, "at": str(delivery.received_at)})
            else:
                yield item


class Naive(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        for event in super().normalize(item):
            assert event.occurred_at is not None
            yield event.model_copy(update={"occurred_at": event.occurred_at.replace(tzinfo=None)})


class OneKeyForAll(Acme):
    """A mutant."""

    def key_of(self, delivery: Delivery, element: Any) -> str:
        return delivery.key


class OneFactForAll(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from (event.model_copy(update={"fact": "seen"}) for event in super().normalize(item))


class Tuples(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        yield from (event.model_copy(update={"proposal_id": 17}) for event in super().normalize(item))


class LastComesFirst(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        for event in super().normalize(item):
            yield event.model_copy(update={"party": Party(name=item.key)}) if event.fact else event


TELLING_MUTANTS: dict[str, tuple[str, type[Acme]]] = {
    "forgets an event": ("makes the events of its story", Silent),
    "emits what it does not declare": ("emits only what it declares", Undeclared),
    "draws random ids": ("the same bytes make the same events", RandomIds),
    "draws random keys": ("the same bytes make the same events", RandomKeys),
    "takes the receipt for the event's time": ("times are aware and never invented", Receipts),
    "tells naive times": ("times are aware and never invented", Naive),
    "gives two items one key": ("ids are unique in a batch", OneKeyForAll),
    "gives two events one fact": ("ids are unique in a batch", OneFactForAll),
    "puts a number where the catalogue has text": ("events survive JSON", Tuples),
    "tells a common fact from one side": ("any order makes equal events", LastComesFirst),
}


@pytest.mark.parametrize("mutant", TELLING_MUTANTS)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_an_adapter_is_caught_that(mutant: str, root: Path) -> None:
    check, make = TELLING_MUTANTS[mutant]
    assert check in broken(make, root, only=(check,))


# --- what is read --------------------------------------------------------------------------------------------------


class Trusting(Acme):
    """A mutant."""

    def key_of(self, delivery: Delivery, element: Any) -> str:
        return str(element.get("id"))


class Stringly(Acme):
    """A mutant."""

    def key_of(self, delivery: Delivery, element: Any) -> str:
        return str(element.get("id")) if isinstance(element, dict) else super().key_of(delivery, element)


class StringlyPart(Acme):
    """A mutant."""

    def key_of(self, delivery: Delivery, element: Any) -> str:
        key = super().key_of(delivery, element)
        return f"{key}_{element.get('proposal')}" if isinstance(element, dict) else key


class StringlyDelivery(Acme):
    """A mutant."""

    def delivery_key(self, request: Request) -> str | None:
        return str(request.json().get("portal"))


class TrustingRefusal(Acme):
    """A mutant."""

    def refuse(self, request: Request) -> str | None:
        return None if request.json().get("portal") == self.settings.portal else "another portal"


class Quoting(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        if not isinstance(item.data, dict) or "@" not in str(item.data.get("email")):
            raise PayloadError(f"no address in {item.data!r}")
        yield from super().normalize(item)


class OpenChallenge(Acme):
    """A mutant."""

    def challenge(self, request: Request, secrets: Secrets) -> Reply | None:
        if request.method == "GET":
            return super().challenge(request, secrets) if secrets["signing"][0].encode("ascii") else None
        return None if request.json() is None or not request.json().get("challenge") else Reply(200)


class TrustingAnswers(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        if answer := item.answers.get("proposal"):
            answer.json().get("cents")
        yield from super().normalize(item)


class Narrow(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        {"viewed": 1, "won": 2, "lost": 3}[item.data["event"]]
        yield from super().normalize(item)


class Greedy(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Iterator[Event]:
        known = item.data["event"] in ("viewed", "won", "lost")
        yield from super().normalize(item if known else replace(item, data={**item.data, "event": "viewed"}))


class Fragile(Acme):
    """A mutant."""

    def key_of(self, delivery: Delivery, element: Any) -> str:
        return str(element["id"])


class Placed(Acme):
    """A mutant."""

    def split(self, delivery: Delivery) -> Iterable[Item | Nudge]:
        for place, element in enumerate(delivery.json()["events"]):
            yield Item(key=f"{delivery.key} {place}", data=element)


READING_MUTANTS: dict[str, tuple[str, type[Acme]]] = {
    "asks an element for its fields unseen": ("odd bodies raise only PayloadError", Trusting),
    "makes a key of an id that is not there": ("no key is made of None", Stringly),
    "makes the end of a key of what is not there": ("no key is made of None", StringlyPart),
    "makes a delivery's key of what is not there": ("no key is made of None", StringlyDelivery),
    "refuses with an AttributeError": ("odd bodies raise only PayloadError", TrustingRefusal),
    "quotes the body in an error": ("odd bodies raise only PayloadError", Quoting),
    "crashes on an odd challenge": ("odd challenges raise nothing", OpenChallenge),
    "trusts the API's answers": ("odd answers raise only PayloadError", TrustingAnswers),
    "looks kinds up in a dict": ("unknown kinds are ignored", Narrow),
    "takes an unknown kind for a known one": ("unknown kinds are ignored", Greedy),
    "loses a batch for one odd element": ("an odd element quarantines only itself", Fragile),
    "keys items by their place": ("an odd element quarantines only itself", Placed),
}


@pytest.mark.parametrize("mutant", READING_MUTANTS)
def test_a_reader_is_caught_that(mutant: str, root: Path) -> None:
    check, make = READING_MUTANTS[mutant]
    assert check in broken(make, root, only=(check,))


# --- handshakes ----------------------------------------------------------------------------------------------------


class Guarded(Acme):
    """Acme, whose handshake proves that it knows a token."""

    def challenge(self, request: Request, secrets: Secrets) -> Reply | None:
        if request.method != "GET" or "challenge" not in request.query:
            return None
        return super().challenge(request, secrets) if self.knows(request, secrets) else Reply(403)

    def knows(self, request: Request, secrets: Secrets) -> bool:
        return request.query.get("token") in secrets.get("verify_token", ())


class AnyToken(Guarded):
    """A mutant."""

    def knows(self, request: Request, secrets: Secrets) -> bool:
        return bool(request.query.get("token")) and bool(secrets.get("verify_token"))


class OpenWithoutToken(Guarded):
    """A mutant."""

    def knows(self, request: Request, secrets: Secrets) -> bool:
        return "verify_token" not in secrets or super().knows(request, secrets)


class NeedsAToken(Guarded):
    """A mutant."""

    def knows(self, request: Request, secrets: Secrets) -> bool:
        return request.query.get("token") in secrets["verify_token"]


HELLO = {"challenge": "42", "token": "t0ken-1"}
HANDSHAKE = Story(
    "A handshake by who knows the token",
    (Sample(None, method="GET", query=HELLO, challenged=True, replies=b"42"),),
    secrets={"verify_token": ["t0ken-0", "t0ken-1"]},
)

HANDSHAKE_MUTANTS: dict[str, tuple[str, type[Acme]]] = {
    "answers any token": ("challenges are answered by secret", AnyToken),
    "answers anybody while no token is set": ("challenges are answered by secret", OpenWithoutToken),
    "crashes while no token is set": ("challenges are answered by secret", NeedsAToken),
}


@pytest.mark.parametrize("mutant", HANDSHAKE_MUTANTS)
def test_a_handshake_is_caught_that(mutant: str, root: Path) -> None:
    check, make = HANDSHAKE_MUTANTS[mutant]
    assert check in broken(make, root, (HANDSHAKE,), only=(check,))


def test_a_handshake_that_proves_its_token_passes_and_so_does_a_refusal(root: Path) -> None:
    guess = Story(
        "A handshake by who guesses",
        (Sample(None, method="GET", query={**HELLO, "token": "t0ken-2"}, challenged=True, replies=b""),),
        secrets=HANDSHAKE.secrets,
    )
    only = ("plays its story", "challenges are answered by secret", "odd challenges raise nothing")
    assert broken(Guarded, root, (HANDSHAKE, guess), only=only) == set()


# --- where secrets go ----------------------------------------------------------------------------------------------


class Elsewhere(Acme):
    """A mutant."""

    hosts = ("api.other.test",)


class Cleartext(Acme):
    """A mutant."""

    def fetch(self, item: Item) -> Calls[None]:
        if item.data["event"] == "won" and "proposal" not in item.answers:
            yield Call("proposal", f"http://api.acme.test/proposals/{item.data['proposal']}", secret="api")


class Forgetful(Acme):
    """A mutant."""

    def fetch(self, item: Item) -> Calls[None]:
        if item.data["event"] == "won":
            yield Call("proposal", f"https://api.acme.test/proposals/{item.data['proposal']}", secret="api")


class AddressKeys(Acme):
    """A mutant."""

    def key_of(self, delivery: Delivery, element: Any) -> str:
        return f"{super().key_of(delivery, element)} {element['email'] if isinstance(element, dict) else ''}"


@dataclass(frozen=True)
class Chatty(Wrapped):
    known: list[str] = field(default_factory=list)

    def example(self) -> tuple[Secrets, Secrets, Mapping[str, bytes]]:
        sign, verify, keys = super().example()
        self.known.extend(sign["signing"])
        return sign, verify, keys


class StoresItsToken(Acme):
    """A mutant."""

    signature = Wrapped(SharedToken(Body("token")))
    trust = "authenticated"


class KeepsItsHeader(Acme):
    """A mutant."""

    signature = Wrapped(SharedToken(Header("X-Acme-Token")))
    trust = "authenticated"
    headers = ("X-Acme-Token",)


class KeepsItsToken(Acme):
    """A mutant."""

    signature = SharedToken(Header("X-Acme-Token"))
    trust = "authenticated"
    headers = ("X-Acme-Token", "X-Acme-Attempt")


SECRECY_MUTANTS: dict[str, tuple[str, type[Acme]]] = {
    "sends its secret to a host it does not name": ("secrets go only to hosts", Elsewhere),
    "sends its secret in clear text": ("secrets go only to hosts", Cleartext),
    "asks again for what it has": ("fetch asks nothing twice", Forgetful),
    "keeps the header that is the secret": ("secrets and bodies stay out of texts", KeepsItsHeader),
    "stores the body that holds the secret": ("secrets and bodies stay out of texts", StoresItsToken),
    "writes addresses into keys": ("secrets and bodies stay out of texts", AddressKeys),
    "shows the secret in the scheme's repr": ("secrets and bodies stay out of texts", signed_by(Chatty())),
}


@pytest.mark.parametrize("mutant", SECRECY_MUTANTS)
def test_a_leak_is_caught_that(mutant: str, root: Path) -> None:
    check, make = SECRECY_MUTANTS[mutant]
    assert check in broken(make, root, only=(check,))


def test_a_token_that_is_masked_before_storing_does_not_count_as_kept(root: Path) -> None:
    assert "secrets and bodies stay out of texts" not in broken(KeepsItsToken, root)


# --- polls ---------------------------------------------------------------------------------------------------------


class Paged(Acme):
    """Acme, polled: pages of events, oldest first. Each says whether there is more, and the newest of all."""

    polls = {"changes": timedelta(minutes=5)}  # noqa: RUF012  (as an author writes it)

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        for _ in range(50):
            page = yield from self.page(cursor)
            cursor = self.last(page["events"], cursor)
            if not page["more"]:
                return self.kept(cursor)
        raise NeedsHuman("more than 50 pages")

    def page(self, after: str | None) -> Calls[Any]:
        answer = yield Call("page", "https://api.acme.test/changes", {"after": after or ""}, secret="api")
        return answer.json()

    def last(self, events: Any, before: str | None) -> str | None:
        known = [event["id"] for event in events if isinstance(event, dict) and isinstance(event.get("id"), str)]
        return known[-1] if known else before

    def kept(self, cursor: str | None) -> str:
        return cursor or ""


RUN = Sample(None, poll="changes")
API = {"api": ["api-t0ken-1"]}
PAGED = Story(
    "Changes, page by page and again",
    (RUN, RUN),
    (ProposalViewed, ProposalViewed, ProposalDeclined, ProposalViewed),
    answers={"GET /changes": ["page-1.json", "page-2.json", "page-3.json"]},
    secrets=API,
)


@pytest.fixture(scope="module")
def pages(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for path in root.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    newest = {**VIEWED, "id": "e9", "proposal": "p9"}
    told = {"page-1": [VIEWED, OTHER], "page-2": [LOST], "page-3": [LOST, newest]}
    for name, events in told.items():
        page = {"events": events, "more": name == "page-1", "newest": events[-1]["id"] if name == "page-3" else "e4"}
        (folder / f"{name}.json").write_text(json.dumps(page))
    adapter_contract(Paged, folder, (*STORIES, PAGED), update_golden=True)
    return folder


def test_a_good_poll_breaks_nothing(pages: Path) -> None:
    assert broken(Paged, pages, (*STORIES, PAGED)) == set()


class NumberedCursors(Paged):
    """A mutant."""

    def kept(self, cursor: str | None) -> Any:
        return len(cursor or "")


class RandomCursors(Paged):
    """A mutant."""

    def kept(self, cursor: str | None) -> str:
        return f"{cursor} {uuid4()}"


class Endless(Paged):
    """A mutant."""

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        more = True
        while more:
            try:
                page = yield from self.page(cursor)
            except SeamlineError:
                continue
            cursor, more = self.last(page["events"], cursor), page["more"]
        return self.kept(cursor)


class TrustsPages(Paged):
    """A mutant."""

    def page(self, after: str | None) -> Calls[Any]:
        page = yield from super().page(after)
        return {"events": page.get("events"), "more": page.get("more")}


class TrustsEntries(Paged):
    """A mutant."""

    def last(self, events: Any, before: str | None) -> str | None:
        return str(events[-1]["id"]) if events else before


class Hasty(Paged):
    """A mutant."""

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        page: Any = {"newest": cursor or ""}
        try:
            page = yield from self.page(cursor)
            while page["more"]:
                page = yield from self.page(self.last(page["events"], cursor))
        except SeamlineError:
            pass
        return str(page["newest"])


class CrashesOnRefusal(Paged):
    """A mutant."""

    def page(self, after: str | None) -> Calls[Any]:
        call = Call("page", "https://api.acme.test/changes", {"after": after or ""}, secret="api", accept=(410,))
        answer = yield call
        return answer.json() if answer.status == 200 else json.loads(answer.body or "null").get("error")


class StartsAgain(Paged):
    """A mutant."""

    def last(self, events: Any, before: str | None) -> str | None:
        return super().last(events, None)


class NeedsAnEntry(Paged):
    """A mutant."""

    def last(self, events: Any, before: str | None) -> str | None:
        assert events
        return super().last(events, before)


class PlaceOnPage(Paged):
    """A mutant."""

    def split(self, delivery: Delivery) -> Iterable[Item | Nudge]:
        for place, item in enumerate(super().split(delivery)):
            assert isinstance(item, Item)
            yield item if delivery.poll is None else replace(item, key=f"{delivery.url} {place}")


POLLING_MUTANTS: dict[str, tuple[str, type[Acme]]] = {
    "keeps its place as a number": ("cursors are text", NumberedCursors),
    "draws random cursors": ("the same bytes make the same events", RandomCursors),
    "asks for one page for ever": ("a poll ends", Endless),
    "asks again for ever what it cannot read": ("odd pages raise only PayloadError", Endless),
    "asks a page for its fields unseen": ("odd pages raise only PayloadError", TrustsPages),
    "stops at an entry that it cannot read": ("an odd entry stops no poll", TrustsEntries),
    "takes what it has not read for read": ("a poll that fails loses nothing", Hasty),
    "crashes on a refusal": ("a poll that fails loses nothing", CrashesOnRefusal),
    "starts again where nothing is new": ("a page without entries keeps the place", StartsAgain),
    "crashes where nothing is new": ("a page without entries keeps the place", NeedsAnEntry),
    "keys entries by their place on the page": ("entries have one key on any page", PlaceOnPage),
}


@pytest.mark.parametrize("mutant", POLLING_MUTANTS)
def test_a_poll_is_caught_that(mutant: str, pages: Path) -> None:
    check, make = POLLING_MUTANTS[mutant]
    assert check in broken(make, pages, (PAGED,), only=(check,))


# --- what is declared ----------------------------------------------------------------------------------------------


class Misnamed(Acme):
    """A mutant."""

    name = "Acme!"


class TakesAName(Acme):
    """A mutant."""

    name = "hubspot"


class Undocumented(Acme):
    pass


class Unretried(Acme):
    """A mutant."""


Unretried.replies = Replies(busy=Reply(503), retried=(500,))


class TellsForeignersToRetry(Acme):
    """A mutant."""


TellsForeignersToRetry.replies = Replies(foreign=Reply(404))


class AcknowledgesForgeries(Acme):
    """A mutant."""

    replies = Replies(forged=Reply(200))


class Judges(Acme):
    """A mutant."""

    emits = (*Acme.emits, RiskFlagged)


class Unsigned(Acme):
    """A mutant."""

    @property
    def scheme(self) -> Signature | None:
        return None


class PollsNothing(Acme):
    """A mutant."""

    polls = {"proposals": timedelta(hours=1)}  # noqa: RUF012  (as an author writes it)


class NeverPolls(Acme):
    """A mutant."""

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        answer = yield Call("page", "https://api.acme.test/page")
        return str(answer.status)


DECLARATION_MUTANTS: dict[str, tuple[str, type[Acme]]] = {
    "names a poll that it lacks": ("declares its polls", PollsNothing),
    "has a poll that never runs": ("declares its polls", NeverPolls),
    "has a name that no source can have": ("is named as its entry point", Misnamed),
    "takes another adapter's name": ("is named as its entry point", TakesAName),
    "has no docstring": ("has a docstring", Undocumented),
    "is busy in a way that is not retried": ("replies fit the provider", Unretried),
    "makes foreign requests come again": ("replies fit the provider", TellsForeignersToRetry),
    "acknowledges forgeries": ("replies fit the provider", AcknowledgesForgeries),
    "tells a seat's judgement": ("declares facts and a signature", Judges),
    "signs nothing and says signed": ("declares facts and a signature", Unsigned),
}


@pytest.mark.parametrize("mutant", DECLARATION_MUTANTS)
def test_a_declaration_is_caught_that(mutant: str, root: Path) -> None:
    check, make = DECLARATION_MUTANTS[mutant]
    assert check in broken(make, root, only=(check,))


# --- stories that tell too little ----------------------------------------------------------------------------------


def without(*names: str) -> tuple[Story, ...]:
    return tuple(told for told in STORIES if told.name not in names)


def test_a_type_without_a_story_is_caught_unless_it_is_exempt_with_a_reason(root: Path) -> None:
    stories = without("A retry, cut anew", "Told twice")
    exempt = {"a retry cut anew is told": "not the point here", "has no stale golden file": "not the point here"}
    assert broken(Acme, root, stories, exempt=exempt) == {"each emitted type has a story"}
    reason = {"proposal.declined": "the sandbox never sends it"}
    assert broken(Acme, root, stories, exempt=exempt | reason) == set()
    assert broken(Acme, root, stories, exempt=exempt | {"proposal.declined": "-"}) == {"exemptions have reasons"}


def test_a_batching_provider_owes_a_retry_cut_anew_and_two_of_a_kind(root: Path) -> None:
    exempt = {"has no stale golden file": "not the point here", "each emitted type has a story": "not the point here"}
    assert broken(Acme, root, without("A retry, cut anew"), exempt=exempt) == {"a retry cut anew is told"}
    found = broken(Acme, root, STORIES[:1], exempt=exempt)
    assert found == {"a retry cut anew is told", "two of a kind are told"}


def test_a_poll_owes_a_story_that_runs_it_again_and_one_with_several_pages(pages: Path) -> None:
    exempt = {"has no stale golden file": "not the point here", "matches its golden file": "not the point here"}
    assert broken(Paged, pages, STORIES, exempt=exempt) == {"each poll is run", "several pages are told"}
    once = replace(PAGED, steps=(RUN,), emits=PAGED.emits[:3])
    assert broken(Paged, pages, (*STORIES, once), exempt=exempt) == {"each poll is run"}
    short = replace(PAGED, answers={"GET /changes": ["page-2.json", "page-3.json"]}, emits=PAGED.emits[2:])
    assert broken(Paged, pages, (*STORIES, short), exempt=exempt) == {"several pages are told"}


def test_a_kind_that_the_kit_cannot_find_must_be_pointed_at(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seamline.testing.checks.reading.KIND_NAMES", frozenset())
    assert broken(Acme, root) == {"unknown kinds were tried"}
    pointed = tuple(replace(told, kind_at="events.0.event") for told in STORIES)
    assert broken(Acme, root, pointed) == set()


def test_a_changed_golden_file_is_shown_and_a_stale_one_named(root: Path, tmp_path: Path) -> None:
    for path in root.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert broken(Acme, tmp_path) == set()
    golden = tmp_path / "a-view.expected.json"
    golden.write_text(golden.read_text().replace("dana@", "dina@"))
    (tmp_path / "gone.expected.json").write_text("{}")
    with pytest.raises(ContractError, match=r"matches its golden file \[A view\].*(?s:.)*dina@") as caught:
        adapter_contract(Acme, tmp_path, STORIES)
    assert "gone.expected.json" in str(caught.value)
    adapter_contract(Acme, tmp_path, STORIES, update_golden=True)
    assert broken(Acme, tmp_path) == set()
    assert not (tmp_path / "gone.expected.json").exists()


def test_an_address_that_somebody_may_own_is_caught_unless_it_is_allowed(root: Path, tmp_path: Path) -> None:
    for path in root.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "note.txt").write_text("from somebody@somewhere.io")
    assert broken(Acme, tmp_path) == {"samples hold no real address"}
    assert broken(Acme, tmp_path, addresses=("somebody@somewhere.io",)) == set()
    assert broken(Acme, tmp_path, addresses=("@somewhere.io",)) == set()


# --- stories that do not play --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (story("x", "absent.json"), "absent.json"),
        (story("x", "viewed.json", refused=True), "refuse"),
        (story("x", "viewed.json", patch={"portal": "south"}), "refuse"),
        (story("x", "viewed.json", challenged=True), "challenge"),
        (story("x", "viewed.json", ProposalViewed, replies=b"hello"), "reply"),
        (story("x", "batch.json", ProposalViewed, secrets={"api": ["api-t0ken-1"]}), "GET /proposals/p1"),
    ],
)
def test_a_story_that_does_not_play_says_why(told: Story, text: str, root: Path) -> None:
    with pytest.raises(ContractError, match=r"plays its story \[x\].*What to do: ") as caught:
        adapter_contract(Acme, root, (told,))
    assert text in str(caught.value)


def test_what_breaks_is_shown_with_the_authors_own_line_and_the_fields_but_no_value(root: Path) -> None:
    class Untimed(Acme):
        """A mutant."""

        def normalize(self, item: Item) -> Iterator[Event]:
            yield ProposalViewed.model_validate({"proposal_id": item.data["id"], "occurred_at": 1795000000})

    with pytest.raises(
        ContractError, match=r"ValidationError while reading \(at test_mutants\.py:\d+: occurred_at"
    ) as told:
        adapter_contract(Untimed, root, STORIES, only=("makes the events of its story",))
    assert "1795000000" not in str(told.value)


class CutsIntoDicts(Acme):
    """A mutant."""

    def split(self, delivery: Delivery) -> Any:
        yield from delivery.json()["events"]


class CutsIntoNothing(Acme):
    """A mutant."""

    def split(self, delivery: Delivery) -> Any:
        list(super().split(delivery))


class GivesOneEvent(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Any:
        return next(super().normalize(item))


class GivesDicts(Acme):
    """A mutant."""

    def normalize(self, item: Item) -> Any:
        return [event.model_dump() for event in super().normalize(item)]


class NeverAsks(Acme):
    """A mutant."""

    def fetch(self, item: Item) -> Any:
        Call("proposal", f"https://api.acme.test/proposals/{item.data['proposal']}", secret="api")


class AsksByAddress(Acme):
    """A mutant."""

    def fetch(self, item: Item) -> Any:
        yield f"https://api.acme.test/proposals/{item.data['proposal']}"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (CutsIntoDicts, "split() yields Items and Nudges, not dict"),
        (CutsIntoNothing, "split() yields Items and Nudges, not NoneType"),
        (GivesOneEvent, "normalize() gives events, not one ProposalViewed: yield it"),
        (GivesDicts, "normalize() gives events, not dict"),
        (NeverAsks, "fetch() yields Calls; it gave NoneType, without a yield"),
        (AsksByAddress, "fetch() and poll() yield Calls, not str"),
    ],
)
def test_what_a_method_gave_instead_is_said(make: type[Acme], text: str, root: Path) -> None:
    with pytest.raises(ContractError) as told:
        adapter_contract(make, root, STORIES[:1])
    assert [line.split(". What to do")[0] for line in told.value.failures] == [f"plays its story [A view]: {text}"]


def test_what_is_given_instead_for_an_odd_body_only_is_said_too(root: Path) -> None:
    class GivesNothingElse(Acme):
        """A mutant."""

        def normalize(self, item: Item) -> Any:
            return list(super().normalize(item)) if item.data["event"] == "viewed" else None

    with pytest.raises(
        ContractError, match=r"unknown kind in \S+ raised ContractError: normalize\(\) gives events, not No"
    ):
        adapter_contract(GivesNothingElse, root, STORIES[:1], only=("unknown kinds are ignored",))


def test_an_error_in_a_library_is_shown_where_the_author_called_it(root: Path) -> None:
    class Misreads(Acme):
        """A mutant."""

        def normalize(self, item: Item) -> Iterator[Event]:
            json.loads(item.data)
            yield from ()

    with pytest.raises(ContractError, match=r"TypeError while reading \(at test_mutants\.py:\d+\)"):
        adapter_contract(Misreads, root, STORIES[:1], only=("makes the events of its story",))


def test_an_adapter_without_a_story_proves_nothing(root: Path) -> None:
    with pytest.raises(ContractError, match="no story"):
        adapter_contract(Acme, root, ())


def test_every_check_is_proved_by_a_mutant_or_by_a_story_above() -> None:
    tables = (
        PROOF_MUTANTS,
        TELLING_MUTANTS,
        READING_MUTANTS,
        HANDSHAKE_MUTANTS,
        SECRECY_MUTANTS,
        POLLING_MUTANTS,
        DECLARATION_MUTANTS,
    )
    proved = {check for table in tables for check, _ in table.values()}
    by_story = {
        "plays its story",
        "each emitted type has a story",
        "exemptions have reasons",
        "a retry cut anew is told",
        "two of a kind are told",
        "each poll is run",
        "several pages are told",
        "unknown kinds were tried",
        "matches its golden file",
        "has no stale golden file",
        "samples hold no real address",
    }
    elsewhere = {one.name for one in SENDING_CHECKS} | {one.name for one in CHANNEL_CHECKS}  # test_sending_mutants
    elsewhere |= {one.name for one in LOOK_CHECKS} | {one.name for one in STATUS_CHECKS}  # test_looking_mutants
    assert set(check_names()) == proved | by_story | elsewhere
