"""Play a story purely: sign, verify, split, fetch from files, normalize. No server, no store, no clock."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from seamline.adapter import Adapter
from seamline.call import Answer, Call, Calls, drive
from seamline.delivery import Decision, Delivery, Item, Nudge, Request
from seamline.errors import CallRefused, NeedsHuman, PayloadError, RetryLater, SeamlineError, SecretMissing
from seamline.events.base import Event, event_id
from seamline.signature.base import Secrets, Signature
from seamline.signature.choice import mask
from seamline.testing.story import ContractError, Respond, Sample, Story

T = TypeVar("T")

#: The wall clock of every story, and the stable id of the source that it comes from.
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOURCE = "contract"

#: Where the pages of a poll are kept, as in the engine.
POLLS = "https://hooks.example.com/polls"

#: A generator of calls that asks more than this is taken to be endless.
MAX_CALLS = 100


@dataclass(frozen=True)
class Bench:
    """An adapter with one story, and the secrets to sign and to verify with."""

    adapter: Adapter
    root: Path
    story: Story
    signing: Secrets = field(repr=False)
    secrets: Secrets = field(repr=False)
    keys: Mapping[str, bytes] = field(repr=False)
    now: datetime = NOW

    @classmethod
    def of(cls, adapter: Adapter, root: Path, story: Story, secrets: Secrets | None = None) -> Bench:
        """The bench for a story: the scheme's own example secrets, then ``secrets``, then the story's."""
        if story.settings is not None:
            adapter = type(adapter)(story.settings)
        more = {**(secrets or {}), **story.secrets}
        scheme = adapter.scheme
        if scheme is None:
            return cls(adapter, root, story, more, more, {})
        sign, verify, keys = scheme.example()
        return cls(adapter, root, story, {**sign, **more}, {**verify, **more}, keys)

    @property
    def scheme(self) -> Signature | None:
        return self.adapter.scheme

    def sign(self, request: Request, now: datetime | None = None) -> Request:
        return request if self.scheme is None else self.scheme.sign(request, self.signing, now or self.now)

    def signed_steps(self) -> Iterator[tuple[Sample, Request]]:
        """The steps that are genuine requests, bare."""
        for step in self.story.steps:
            if step.poll is None and not step.challenged:
                yield step, step.request(self.root)

    def deliver(self, request: Request, step: Sample | None = None) -> Delivery:
        """The delivery that a genuine request becomes: proof that is a secret is masked, undeclared headers go.

        Where ``step`` is a page of a poll, the page.
        """
        if step is not None and step.poll is not None:
            # As in the engine, a page has no key of its own, and of the headers only this.
            headers = {"content-type": request.header("content-type") or ""}
            page = Delivery("GET", request.url, request.body, headers, received_at=self.now)
            return replace(page, poll=step.poll, scope=step.scope or "", baseline=step.baseline)
        request = mask(self.scheme, request)
        kept = {"content-type", *(name.lower() for name in self.adapter.headers)}
        headers = {name: value for name, value in request.headers.items() if name in kept}
        key = self.key(request) or sha256(request.body).hexdigest()
        return Delivery(request.method, request.url, request.body, headers, key=key, received_at=self.now)

    def key(self, request: Request) -> str | None:
        """The delivery's key; a body that cannot be read has none, as in the engine."""
        try:
            with reading():
                return self.adapter.delivery_key(request)
        except PayloadError:
            return None


@dataclass(frozen=True)
class Run:
    """One run of a poll, from one cursor to the next, with what it asked and was answered."""

    step: Sample
    since: str | None
    until: str
    asked: tuple[tuple[Call, Answer], ...]

    @property
    def pages(self) -> list[Request]:
        """What is stored of it, one delivery an answer."""
        return [
            Request.build("GET", f"{POLLS}/{self.step.poll}/{call.name}", answer.body, answer.headers)
            for call, answer in self.asked
        ]


@dataclass(frozen=True)
class Told:
    """One event as told: by which delivery and item, and the id that it gets."""

    delivery: int
    item: Item
    id: UUID
    event: Event


@dataclass
class Played:
    """What came of a story. ``events`` holds the first event of each id; ``told`` all of them, in order.

    ``cut`` holds every item of every delivery as ``split`` gave it; ``items`` those that were new, with their answers.
    ``runs`` holds the polls that were run to their end.
    """

    events: dict[UUID, Event] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    nudges: list[Nudge] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    cut: list[tuple[int, Item]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    quarantined: list[PayloadError] = field(default_factory=list)
    raised: list[SeamlineError] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """All that was told, by id: equal content is the same to the whole engine."""
        return {str(number): shown(event) for number, event in self.events.items()}


@contextmanager
def reading() -> Iterator[None]:
    """Turn what plain indexing raises into PayloadError, as the engine does."""
    try:
        yield
    except (LookupError, TypeError, ValueError) as error:
        raise PayloadError(f"{type(error).__name__} while reading") from error


def split(adapter: Adapter, delivery: Delivery) -> list[Item | Nudge]:
    """Cut a delivery as the engine does. Raises PayloadError, and ContractError where it gives something else."""
    return _several("split() yields Items and Nudges", (Item, Nudge), lambda: adapter.split(delivery))


def normalize(adapter: Adapter, item: Item) -> list[Event | Decision]:
    """Translate an item as the engine does. Raises PayloadError, and ContractError where it gives something else."""
    return _several("normalize() gives events", (Event, Decision), lambda: adapter.normalize(item))


def calls_of(hook: str, calls: Calls[T]) -> Calls[T]:
    """What ``fetch`` or ``poll`` gave. Raises ContractError where it is no generator, which wants a ``yield``."""
    _demand(isinstance(calls, Generator), f"{hook} yields Calls; it gave {type(calls).__name__}, without a yield")
    return calls


def _several(wanted: str, kinds: tuple[type, ...], give: Callable[[], Any]) -> list[Any]:
    with reading():
        given = give()
        _demand(not isinstance(given, kinds), f"{wanted}, not one {type(given).__name__}: yield it")
        _demand(isinstance(given, Iterable), f"{wanted}, not {type(given).__name__}")
        parts = list(given)
    for part in parts:
        _demand(isinstance(part, kinds), f"{wanted}, not {type(part).__name__}")
    return parts


def identify(item: Item, event: Event, source: str = SOURCE) -> UUID:
    """The id that the engine gives to an event of an item."""
    return event_id(source, event.event_type, event.fact or item.key + event.part)


def shown(event: Event) -> dict[str, Any]:
    """An event as plain data, without what it leaves open."""
    data = event.model_dump(mode="json", exclude_defaults=True)
    return {"type": event.event_type, "version": event.event_version, "data": data}


def run_calls(calls: Calls[T], answers: Mapping[str, Answer | Sequence[Answer]]) -> tuple[T, list[Call]]:
    """Run a generator of calls on prepared answers, ``"GET /path"`` to one or several; gives its value and the calls.

    Raises ContractError where an answer is missing, and what the transport would raise for a status that the call
    does not accept.
    """
    feed = Feed(answers)
    value, _ = drive(calls, feed)
    return value, feed.asked


class Feed:
    """Prepared answers, given out call by call; of several, the last one is repeated."""

    def __init__(self, answers: Mapping[str, Answer | Sequence[Answer]]) -> None:
        self._left = {key: [a] if isinstance(a, Answer) else list(a) for key, a in answers.items()}
        self.asked: list[Call] = []

    def __call__(self, call: Call) -> Answer:
        self.asked.append(call)
        key = f"{call.method} {urlsplit(call.url).path}"
        if len(self.asked) > MAX_CALLS:
            raise ContractError(f"more than {MAX_CALLS} calls; the last was {key}: does the generator ever end?")
        left = self._left.get(key)
        if not left:
            raise ContractError(f"no answer for {key!r} (call {call.name!r}); add it to the story's answers")
        return judged(call, left.pop(0) if len(left) > 1 else left[0])


def judged(call: Call, answer: Answer) -> Answer:
    """The answer if the call accepts its status; what the transport raises otherwise."""
    if 200 <= answer.status < 300 or answer.status in call.accept:
        return answer
    reason = f"{call.name} answered {answer.status}"
    if answer.status in (408, 425, 429) or answer.status >= 500:
        raise RetryLater(reason)
    if answer.status in (401, 403):
        raise NeedsHuman(reason)
    raise CallRefused(reason, answer.status)


def play(bench: Bench, order: Sequence[int] | None = None) -> Played:
    """Play a story's steps, in this order. Raises ContractError where a step does not do what the story says."""
    played, state = Played(), dict[str, Any]()
    feed, steps = Feed(_answers(bench)), bench.story.steps
    arrived = (
        delivery
        for index in (range(len(steps)) if order is None else order)
        for delivery in _arrivals(bench, steps[index], played, feed)
    )
    for number, delivery in enumerate(arrived):
        _translate(bench, number, delivery, played, state, feed)
    played.calls = feed.asked
    return played


def run_poll(adapter: Adapter, step: Sample, since: str | None, send: Callable[[Call], Answer]) -> Run:
    """Run a poll as the engine does. Raises what the poll raises."""
    asked: list[tuple[Call, Answer]] = []

    def keep(call: Call) -> Answer:
        answer = send(call)
        asked.append((call, answer))
        return answer

    with reading():
        until, _ = drive(calls_of("poll()", adapter.poll(step.poll or "", step.scope or "", since)), keep)
    # The first full pull is a baseline.
    return Run(replace(step, scope=step.scope or "", baseline=since is None), since, until, tuple(asked))


def _answers(bench: Bench) -> dict[str, list[Answer]]:
    fed: dict[str, list[Answer]] = {}
    for key, told in bench.story.answers.items():
        several = [told] if isinstance(told, (str, Respond)) else told
        fed[key] = [(Respond(one) if isinstance(one, str) else one).answer(bench.root) for one in several]
    return fed


def _arrivals(bench: Bench, step: Sample, played: Played, feed: Feed) -> Iterator[Delivery]:
    """What a step brings in: nothing, a delivery, or all pages of a poll."""
    if step.runs:
        yield from _polled(bench, step, played, feed)
    elif step.poll is not None:
        yield bench.deliver(step.request(bench.root), step)
    else:
        yield from _front_door(bench, step, played)


def _polled(bench: Bench, step: Sample, played: Played, feed: Feed) -> Iterator[Delivery]:
    """The pages of a run. One that fails keeps none of them, and its cursor stays where it was."""
    ended = {(run.step.poll, run.step.scope): run.until for run in played.runs}
    since = ended.get((step.poll, step.scope or ""))
    try:
        run = run_poll(bench.adapter, step, since, lambda call: _ask(bench, call, feed))
    except SeamlineError as error:
        played.raised.append(error)
        return
    played.runs.append(run)
    yield from (bench.deliver(page, run.step) for page in run.pages)


def _ask(bench: Bench, call: Call, feed: Feed) -> Answer:
    _demand(isinstance(call, Call), f"fetch() and poll() yield Calls, not {type(call).__name__}")
    if call.secret is not None and not bench.secrets.get(call.secret):
        raise SecretMissing(call.secret)
    return feed(call)


def _front_door(bench: Bench, step: Sample, played: Played) -> Iterator[Delivery]:
    bare = step.request(bench.root)
    if step.challenged:
        answer = bench.adapter.challenge(bare, bench.secrets)
        _demand(answer is not None, "challenge() gave no answer")
        _demand(answer is None or step.replies in (None, answer.body), "challenge() answered another body")
        return
    request = bench.sign(bare)
    _demand(bench.adapter.challenge(request, bench.secrets) is None, "challenge() answered an ordinary request")
    if bench.scheme is not None:
        bench.scheme.verify(request, bench.secrets, bench.now, bench.keys)
    with reading():
        reason = bench.adapter.refuse(request)
    _demand((reason is not None) == step.refused, f"refuse() gave {reason!r}")
    if reason is not None:
        played.refused.append(reason)
        return
    with reading():
        reply = bench.adapter.reply(request)
    _demand(step.replies in (None, reply.body), "reply() answered another body")
    yield bench.deliver(request)


def _translate(
    bench: Bench, number: int, delivery: Delivery, played: Played, state: dict[str, Any], feed: Feed
) -> None:
    try:
        parts = split(bench.adapter, delivery)
    except PayloadError as error:
        played.quarantined.append(error)
        return
    for part in parts:
        if isinstance(part, Nudge):
            played.nudges.append(part)
            continue
        played.cut.append((number, part))
        if part.key in played.items:
            continue
        item = part if part.entity is None else replace(part, before=state.get(part.entity))
        played.items[item.key] = item
        _tell(bench, number, item, played, feed)
        if item.entity is not None:
            state[item.entity] = item.data


def _tell(bench: Bench, delivery: int, item: Item, played: Played, feed: Feed) -> None:
    try:
        item = played.items[item.key] = fetched(bench, item, feed)
        results = normalize(bench.adapter, item)
    except PayloadError as error:
        played.quarantined.append(error)
        return
    except SeamlineError as error:
        played.raised.append(error)
        return
    for result in results:
        if isinstance(result, Decision):
            played.decisions.append(result)
        else:
            number = identify(item, result)
            played.told.append(Told(delivery, item, number, result))
            played.events.setdefault(number, result)


def fetched(bench: Bench, item: Item, feed: Feed) -> Item:
    """The item with the answers to its fetch; where an optional secret is missing, with those that it got."""
    answers = dict(item.answers)

    def send(call: Call) -> Answer:
        answer = answers[call.name] = _ask(bench, call, feed)
        return answer

    try:
        with reading():
            drive(calls_of("fetch()", bench.adapter.fetch(item)), send)
    except SecretMissing as missing:
        optional = {missing.name, missing.name.split(".")[0]} & set(bench.adapter.optional_secrets)
        _demand(bool(optional), f"the fetch needs the secret {missing.name!r}: give it, or name it in optional_secrets")
    return replace(item, answers=answers)


def _demand(kept: bool, otherwise: str) -> None:
    if not kept:
        raise ContractError(otherwise)
