"""Checks of polls: each run of a story again, by a provider that repeats itself, fails, or has nothing to tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from seamline.call import Answer, Call
from seamline.delivery import Item, Request
from seamline.errors import PayloadError, RetryLater, SeamlineError
from seamline.testing.checks import corpus
from seamline.testing.checks.check import AdapterCheck, Broken, Case, Contract, Endless, StoryCheck, demand, place
from seamline.testing.checks.reading import batches, only_payload_errors
from seamline.testing.play import POLLS, Bench, Run, judged, run_poll, split

#: A poll that asks for more pages than this is taken to be endless.
MAX_PAGES = 10_000

#: How a provider fails: busy, broken, gone, and no longer letting us in.
FAILURES = (429, 503, 404, 410, 401, 403)

Send = Callable[[Call], Answer]


def keeps_text(case: Case) -> bool:
    for run in case.played.runs:
        cursor: object = run.until
        demand(isinstance(cursor, str), f"poll() gave a cursor of type {type(cursor).__name__}, not text")
        demand("\x00" not in run.until, "poll() gave a cursor with NUL in it, which no store takes")
    return bool(case.played.runs)


def ends(case: Case) -> bool:
    for run in case.played.runs:
        for answer in {answer.body: answer for _, answer in run.asked}.values():
            with suppress(Exception):  # it ended; how, others judge
                _run(case, run, run.since, _always(answer))
    return bool(case.played.runs)


def reads_odd_pages(case: Case) -> bool:
    for run in case.played.runs:
        for at, (_, answer) in enumerate(run.asked):
            bare = Request("GET", POLLS, answer.body, {"content-type": "application/json"})
            for body in (*corpus.malformed(answer.body), *corpus.bent(bare)):
                odd = _same(run, at, replace(answer, body=body))
                only_payload_errors("poll()", partial(_run, case, run, run.since), odd)
    return bool(case.played.runs)


def an_odd_entry_stops_nothing(case: Case) -> bool:
    ran = False
    for run in case.played.runs:
        for at, ((_, answer), page) in enumerate(zip(run.asked, run.pages, strict=True)):
            value = corpus.parsed(page.body)
            for path in batches(case.bench, page, run.step):
                ran = True
                entries = corpus.look(value, path)
                for odd in corpus.ODD_ELEMENTS:
                    for among in ([odd, *entries], [*entries, odd]):
                        body = corpus.dump(corpus.replaced(value, path, among))
                        _goes_on(case, run, _same(run, at, replace(answer, body=body)), f"an odd {type(odd).__name__}")
    return ran


def loses_nothing(case: Case) -> bool:
    for run in case.played.runs:
        whole = _keys(case.bench, run)
        for at, (call, _) in enumerate(run.asked):
            for status in FAILURES:
                half = _half(case, run, at, status)
                if half is None or status in call.accept or half.until != run.until:
                    continue
                lost = whole - _keys(case.bench, half)
                # A poll that reads everything each time has nothing to keep in its cursor.
                kept = not lost or _asks(case, run, run.until) == _asks(case, run, run.since)
                demand(kept, f"an answer {status} moved the cursor past {len(lost)} entries that were not read")
    return bool(case.played.runs)


def keeps_its_place(case: Case) -> bool:
    ran = False
    for run in case.played.runs:
        quiet = _quiet(case.bench, run)
        if quiet is None:
            continue
        ran = True
        try:
            idle = _run(case, run, run.until, _same(quiet))
        except RetryLater:
            continue  # it asks for more than the story tells
        except Exception as error:
            raise Broken(f"a page without entries raised {type(error).__name__}{place(error)}") from error
        demand(
            _asks(case, run, idle.until) == _asks(case, run, run.until),
            "after a page without entries it does not go on where it was",
        )
    return ran


def knows_entries_on_any_page(case: Case) -> bool:
    bench, ran = case.bench, False
    for run in case.played.runs:
        for page in run.pages:
            known, value = _cut(bench, run, page), corpus.parsed(page.body)
            for path in batches(bench, page, run.step):
                ran = True
                fewer = corpus.dump(corpus.replaced(value, path, corpus.look(value, path)[1:]))
                moved = _cut(bench, run, replace(page, body=fewer)).items()
                other = [key for key, data in moved if key not in known or known[key] != data]
                demand(not other, f"{len(other)} entries got other keys when the first one of their page was gone")
    return ran


def polls_are_run(contract: Contract) -> bool:
    for name in contract.adapter.polls:
        runs = [run for _, run in _runs(contract, name)]
        demand(bool(runs), f"no story runs the poll {name!r}")
        demand(any(run.since is not None for run in runs), f"no story runs the poll {name!r} again, from its cursor")
    return bool(contract.adapter.polls)


def several_pages_are_told(contract: Contract) -> bool:
    for name in contract.adapter.polls:
        told = [[page for page in run.pages if _cut(case.bench, run, page)] for case, run in _runs(contract, name)]
        demand(any(len(pages) > 1 for pages in told), f"no story has two pages of the poll {name!r} in one run")
    return bool(contract.adapter.polls)


def _runs(contract: Contract, name: str) -> Iterator[tuple[Case, Run]]:
    for case in contract.cases:
        yield from ((case, run) for run in case.played.runs if run.step.poll == name)


def _run(case: Case, run: Run, since: str | None, send: Send) -> Run:
    asked = iter(range(MAX_PAGES))

    def counted(call: Call) -> Answer:
        if next(asked, None) is None:
            raise Endless(f"poll() asked for more than {MAX_PAGES} pages")
        return send(call)

    return run_poll(case.bench.adapter, run.step, since, counted)


def _goes_on(case: Case, run: Run, send: Send, beside: str) -> None:
    try:
        _run(case, run, run.since, send)
    except RetryLater:
        return  # it asks for more than the story tells
    except Exception as error:
        raised = type(error).__name__
        raise Broken(f"{beside} among the entries made it raise {raised}, again at each run{place(error)}") from error


def _half(case: Case, run: Run, at: int, status: int) -> Run | None:
    """The run with one answer failing; None where it fails with it, and so keeps nothing."""
    try:
        return _run(case, run, run.since, _same(run, at, Answer(status, b"")))
    except SeamlineError:
        return None
    except Exception as error:
        raise Broken(f"an answer {status} raised {type(error).__name__}{place(error)}") from error


def _asks(case: Case, run: Run, since: str | None) -> list[object]:
    """What the poll asks from a cursor, of the provider as it was in a run."""
    calls: list[object] = []
    send = _same(run)

    def noted(call: Call) -> Answer:
        calls.append(call)
        return send(call)

    try:
        _run(case, run, since, noted)
    except SeamlineError as error:
        calls.append(type(error))
    return calls


def _always(answer: Answer) -> Send:
    return lambda call: judged(call, answer)


def _same(run: Run, at: int | None = None, other: Answer | None = None) -> Send:
    """The provider as it was in a run, but for one answer; whoever asks for more is told to come later."""
    left: dict[str, list[Answer]] = defaultdict(list)
    for number, (call, answer) in enumerate(run.asked):
        left[_key(call)].append(other if other is not None and number == at else answer)

    def send(call: Call) -> Answer:
        if not left[_key(call)]:
            raise RetryLater("the story has no further answer")
        return judged(call, left[_key(call)].pop(0))

    return send


def _quiet(bench: Bench, run: Run) -> Run | None:
    """The provider with nothing new: its last answer of each kind, without entries. None where it tells no list."""
    last = {_key(call): (call, answer, page) for (call, answer), page in zip(run.asked, run.pages, strict=True)}
    asked, listed = [], False
    for call, answer, page in last.values():
        for path in batches(bench, page, run.step):
            empty = corpus.dump(corpus.replaced(corpus.parsed(answer.body), path, []))
            answer, listed = replace(answer, body=empty), True
        asked.append((call, answer))
    return replace(run, asked=tuple(asked)) if listed else None


def _keys(bench: Bench, run: Run) -> set[str]:
    return {key for page in run.pages for key in _cut(bench, run, page)}


def _cut(bench: Bench, run: Run, page: Request) -> dict[str, Any]:
    """What a page tells, by key."""
    try:
        parts = split(bench.adapter, bench.deliver(page, run.step))
    except PayloadError:
        return {}
    return {part.key: part.data for part in parts if isinstance(part, Item)}


def _key(call: Call) -> str:
    return f"{call.method} {urlsplit(call.url).path}"


POLLING_CHECKS: Sequence[StoryCheck] = (
    StoryCheck("cursors are text", "return str: the engine stores it and gives it back at the next run", keeps_text),
    StoryCheck(
        "a poll ends", "stop, or raise NeedsHuman, after a number of pages that no provider reaches at once", ends
    ),
    StoryCheck(
        "odd pages raise only PayloadError",
        "an API's answer can be anything: look at its types before using them",
        reads_odd_pages,
    ),
    StoryCheck(
        "an odd entry stops no poll",
        "take the cursor from the entries that can be read; what is odd is put aside when its page is cut into items",
        an_odd_entry_stops_nothing,
    ),
    StoryCheck(
        "a poll that fails loses nothing",
        "let the error through: the next run starts at the same cursor; or return that of the last entry that was read",
        loses_nothing,
    ),
    StoryCheck(
        "a page without entries keeps the place",
        "nothing new is no reason to start again: keep what the cursor knew",
        keeps_its_place,
    ),
    StoryCheck(
        "entries have one key on any page",
        "take the key from the entry, never from its place or its page: it will stand elsewhere next time",
        knows_entries_on_any_page,
    ),
)

RUN_CHECKS: Sequence[AdapterCheck] = (
    AdapterCheck(
        "each poll is run",
        "write a story with Sample(None, poll='name') for a step, twice, and the pages in its answers",
        polls_are_run,
    ),
    AdapterCheck(
        "several pages are told",
        "give a poll two pages in a story; if its provider has no pages, exempt this with a reason",
        several_pages_are_told,
    ),
)
