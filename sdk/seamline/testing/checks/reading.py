"""Checks of how odd things are read: quarantined or ignored, one by one, and never a crash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from seamline.adapter import Adapter
from seamline.call import Answer
from seamline.delivery import Delivery, Item, Request
from seamline.errors import NeedsHuman, PayloadError, RetryLater, SignatureError
from seamline.reply import Reply
from seamline.testing.checks import corpus
from seamline.testing.checks.check import AdapterCheck, Broken, Case, Contract, StoryCheck, demand, place
from seamline.testing.keys import other_secret
from seamline.testing.play import Bench, calls_of, identify, normalize, reading, shown, split
from seamline.testing.story import Sample

#: Names under which providers say what kind of event it is.
KIND_NAMES = frozenset(
    (
        *("event", "type", "kind", "topic", "action", "field", "object", "resource", "trigger"),
        *("eventtype", "event_type", "event-type", "event_name", "eventname", "subscriptiontype", "webhook_type"),
        *("notificationtype", "notification_type", "recordtype", "record_type", "messagetype", "webhookevent"),
    )
)

UNKNOWN = "seamline.unknown"

#: What ``str()`` and f-strings make of a field that is not there.
_NONE = re.compile(r"(?<![^\W_])None\Z")


def reads_odd_bodies(case: Case) -> bool:
    ran = False
    for step, bare in given(case):
        ran = True
        # Neither answers nor secrets take part, so that stories of one sample need it once.
        same = (bare.method, bare.url, bare.body, *bare.headers.items(), repr(step), repr(case.story.settings))
        if same in case.contract.judged:
            continue
        case.contract.judged.add(same)
        for body in (*corpus.malformed(bare.body), *corpus.bent(bare)):
            request = replace(bare, body=body)
            for hook in _hooks(case.bench.adapter) if step.poll is None else ():
                only_payload_errors(hook.__name__, hook, request)
            for error in _read_through(case.bench, case.bench.deliver(request, step)):
                demand(
                    corpus.MARKER not in str(error), "a PayloadError quotes a value of the body; name fields and types"
                )
    return ran


def knows_what_has_no_id(case: Case) -> bool:
    ran = False
    for step, bare in given(case):
        for body in (bare.body, *corpus.bent(bare)):
            if b"None" in body:
                continue  # it may be the provider's own word
            ran = True
            for key in _keys(case.bench, replace(bare, body=body), step):
                demand(_NONE.search(key) is None, f"the key {key!r} is made of a field that is not there")
    return ran


def answers_odd_challenges(case: Case) -> bool:
    bench, ran = case.bench, False
    for step in case.story.steps:
        if step.poll is not None:
            continue
        ran = True
        bare = step.request(bench.root)
        for method in ("GET", "HEAD", "POST"):
            for body in corpus.MALFORMED:
                request = replace(bare, method=method, body=body)
                for secrets in (bench.secrets, {}):
                    try:
                        with reading():
                            bench.adapter.challenge(request, secrets)
                    except (PayloadError, SignatureError):
                        pass
                    except Exception as error:
                        raised = type(error).__name__
                        raise Broken(f"challenge() raised {raised} on an odd {method}{place(error)}") from error
    return ran


def answers_who_knows_the_secret(case: Case) -> bool:
    bench, ran = case.bench, False
    others = {name: [other_secret(value) for value in values] for name, values in bench.secrets.items()}
    for step in case.story.steps:
        if not step.challenged or not case.story.secrets:
            continue
        ran = True
        bare = step.request(bench.root)
        answer = bench.adapter.challenge(bare, bench.secrets)
        for what, secrets in (("with other secrets", others), ("without secrets", {})):
            try:
                other = bench.adapter.challenge(bare, secrets)
            except Exception as error:
                raise Broken(f"challenge() raised {type(error).__name__} {what}{place(error)}") from error
            demand(
                answer is None or other is None or not _taken(answer, other), f"challenge() answered the same {what}"
            )
    return ran


def _taken(answer: Reply, other: Reply) -> bool:
    """Whether another answer is as good as the first: the same body with a 2xx."""
    return answer.body == other.body and all(200 <= reply.status < 300 for reply in (answer, other))


def reads_odd_answers(case: Case) -> bool:
    ran, adapter = False, case.bench.adapter
    for item in case.played.items.values():
        for name, answer in item.answers.items():
            for body in (*corpus.malformed(answer.body), *corpus.bent(_json_request(answer.body))):
                ran = True
                odd = replace(item, answers={**item.answers, name: Answer(answer.status, body, answer.headers)})
                only_payload_errors("fetch()", lambda odd: _first_call(case.bench, odd), odd)
                only_payload_errors("normalize()", lambda odd: normalize(adapter, odd), odd)
    return ran


def ignores_unknown_kinds(case: Case) -> bool:
    ran = False
    if case.story.quarantined:
        return False  # what is odd already says nothing about kinds
    for step, bare in given(case):
        before = _told(case, bare, step)
        if not before:
            continue
        fewer = []
        for what, request in _unknown_kinds(case, bare):
            try:
                after = _told(case, request, step)
            except PayloadError as error:
                raise Broken(f"an unknown {what} was quarantined ({error}{place(error)})") from error
            except Exception as error:
                raise Broken(f"an unknown {what} raised {type(error).__name__}{place(error)}") from error
            fewer.append(len(after) < len(before))
        demand(not fewer or any(fewer), "an event of an unknown kind was translated like a known one")
        ran = ran or bool(fewer)
    return ran


def an_odd_element_hurts_only_itself(case: Case) -> bool:
    bench, ran = case.bench, False
    for step, bare in given(case):
        value = corpus.parsed(bare.body)
        before = _told(case, bare, step, strict=False)
        for path in batches(bench, bare, step):
            for odd in corpus.ODD_ELEMENTS:
                ran = True
                body = corpus.dump(corpus.replaced(value, path, [odd, *corpus.look(value, path)]))
                after = _told(case, replace(bare, body=body), step, strict=False)
                lost = [number for number in before if after.get(number) != before[number]]
                demand(not lost, f"{len(lost)} good events were lost or changed beside an odd {type(odd).__name__}")
    return ran


def says_unknown_kinds(contract: Contract) -> bool:
    told = [case for case in contract.cases if any(isinstance(emit, type) for emit in case.story.emits)]
    demand(
        not told or any(ignores_unknown_kinds(case) for case in told),
        "in no story the kit could find where the kind of event stands",
    )
    return bool(told)


def batches(bench: Bench, bare: Request, step: Sample | None = None) -> list[corpus.Path]:
    """The lists of a body whose elements become items: without them there are fewer items."""
    if bare.is_form:
        return []
    value = corpus.parsed(bare.body)
    whole = _count(bench, bare, step)
    return [
        path
        for path in corpus.lists(value)
        if 0 <= _count(bench, replace(bare, body=corpus.dump(corpus.replaced(value, path, []))), step) < whole
    ]


def _count(bench: Bench, request: Request, step: Sample | None) -> int:
    try:
        return len(split(bench.adapter, bench.deliver(request, step)))
    except PayloadError:
        return -1


def given(case: Case) -> Iterator[tuple[Sample, Request]]:
    """What is cut into items, bare: requests, and pages of polls."""
    for step in case.story.steps:
        if not step.challenged and not step.runs:
            yield step, step.request(case.bench.root)
    for run in case.played.runs:
        yield from ((run.step, page) for page in run.pages)


def _hooks(adapter: Adapter) -> tuple[Callable[[Request], object], ...]:
    return adapter.refuse, adapter.delivery_key, adapter.reply


def only_payload_errors(what: str, run: Callable[[Any], Any], given: Any) -> PayloadError | None:
    try:
        with reading():
            run(given)
    except PayloadError as error:
        return error
    except (RetryLater, NeedsHuman):
        return None
    except Exception as error:
        raise Broken(f"{what} raised {type(error).__name__} on an odd body or answer{place(error)}") from error
    return None


def _read_through(bench: Bench, delivery: Delivery) -> Iterator[PayloadError]:
    try:
        parts = split(bench.adapter, delivery)
    except PayloadError as error:
        yield error
        return
    except Exception as error:
        raise Broken(f"split() raised {type(error).__name__} on an odd body{place(error)}") from error
    for part in parts:
        if isinstance(part, Item):
            for run in (lambda item: _first_call(bench, item), lambda item: normalize(bench.adapter, item)):
                found = only_payload_errors("fetch() or normalize()", run, part)
                if found is not None:
                    yield found


def _keys(bench: Bench, request: Request, step: Sample) -> list[str]:
    """The keys of a request and its items; none where it cannot be read."""
    try:
        delivery = bench.deliver(request, step)
        return [delivery.key, *(part.key for part in split(bench.adapter, delivery) if isinstance(part, Item))]
    except Exception:
        return []  # how it fails, others judge


def _first_call(bench: Bench, item: Item) -> None:
    calls = calls_of("fetch()", bench.adapter.fetch(item))
    try:
        next(calls, None)
    finally:
        calls.close()


def _told(case: Case, request: Request, step: Sample, *, strict: bool = True) -> dict[str, Any]:
    """The events of a request, by id, with the answers that its items had. Raises PayloadError if ``strict``."""
    told: dict[str, Any] = {}
    known, bench = case.played.items, case.bench
    for part in split(bench.adapter, bench.deliver(request, step)):
        if isinstance(part, Item):
            item = known.get(part.key)
            try:
                results = normalize(bench.adapter, replace(part, answers=item.answers) if item else part)
            except (RetryLater, NeedsHuman):
                continue
            except PayloadError:
                if strict:
                    raise
                continue
            for number, result in enumerate(results):
                event = hasattr(result, "event_type")
                key = str(identify(part, result)) if event else f"{part.key} {number}"  # type: ignore[arg-type]
                told.setdefault(key, shown(result) if event else result)  # type: ignore[arg-type]
    return told


def _unknown_kinds(case: Case, bare: Request) -> Iterator[tuple[str, Request]]:
    where = case.story.kind_at
    if where.startswith("header:"):
        name = where.removeprefix("header:").lower()
        yield f"kind in header {name}", replace(bare, headers={**bare.headers, name: UNKNOWN})
        return
    if bare.is_form:
        for name in [where] if where else sorted({n for n, _ in bare.form().fields if n.lower() in KIND_NAMES}):
            fields = [(n, UNKNOWN if n == name else value) for n, value in bare.form().fields]
            if bare.media_type != "multipart/form-data":
                yield f"kind in {name}", replace(bare, body=urlencode(fields).encode())
        return
    value = corpus.parsed(bare.body)
    for path in _kind_paths(value, where):
        text = ".".join(str(step) for step in path)
        yield f"kind in {text}", replace(bare, body=corpus.dump(corpus.replaced(value, path, UNKNOWN)))


def _kind_paths(value: Any, where: str) -> list[corpus.Path]:
    if where:
        return [path for path in corpus.leaves(value) if ".".join(str(step) for step in path) == where]
    named = [
        path
        for path in corpus.leaves(value)
        if str(path[-1]).lower() in KIND_NAMES and isinstance(corpus.look(value, path), str)
    ]
    least = min((len(path) for path in named), default=0)
    return [path for path in named if len(path) == least]


def _json_request(body: bytes) -> Request:
    return Request("GET", "https://api.example.com/", body, {"content-type": "application/json"})


READING_CHECKS: Sequence[StoryCheck] = (
    StoryCheck(
        "odd bodies raise only PayloadError",
        "look at types first; KeyError, IndexError, TypeError and ValueError count as PayloadError, others do not",
        reads_odd_bodies,
    ),
    StoryCheck(
        "no key is made of None",
        "str(one.get('id')) gives all that have no id one key, and only the first is told: use content_key(one) there",
        knows_what_has_no_id,
    ),
    StoryCheck(
        "odd challenges raise nothing",
        "challenge() runs before verification: whatever anybody sends must not make a 500",
        answers_odd_challenges,
    ),
    StoryCheck(
        "challenges are answered by secret",
        "compare the token with a scheme, such as SharedToken(Query('token'), secret='verify_token'), and give "
        "Reply(403) to others; the secrets of a handshake's story are those that it needs",
        answers_who_knows_the_secret,
    ),
    StoryCheck(
        "odd answers raise only PayloadError",
        "an API's answer can be anything: look at its types before using them",
        reads_odd_answers,
    ),
    StoryCheck("unknown kinds are ignored", "yield nothing for what the adapter does not know", ignores_unknown_kinds),
    StoryCheck(
        "an odd element quarantines only itself",
        "split() must yield an item for each element, odd ones too, with a key that does not hang on its place",
        an_odd_element_hurts_only_itself,
    ),
)

KIND_CHECKS: Sequence[AdapterCheck] = (
    AdapterCheck(
        "unknown kinds were tried",
        'say where it stands: Story(kind_at="path.to.kind") or "header:X-Topic"; or exempt this with a reason',
        says_unknown_kinds,
    ),
)
