"""Decisions that come from outside: a button pressed at a provider is a command, which the engine judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from seamline.delivery import Decision
from seamline_workers.company.registry import Source
from seamline_workers.handoff.run import Run, Work
from seamline_workers.jobs.replay import translate_again
from seamline_workers.store.schema import DELIVERY_STATES
from support.works import Works, answering, viewed

MakeWorks = Callable[..., Works]
Decide = Callable[[Connection, Source, Decision, int], str | None]


def connect(company: Works, decide: Decide | None) -> None:
    """Let this function judge what is decided outside."""
    company.engine.translator = replace(company.engine.translator, decide=decide)
    company.engine.fetcher.translator = company.engine.translator


def listen(company: Works, reason: str | None = None) -> list[tuple[str, Decision]]:
    """Judge every decision alike; gives those that were judged, each with its source."""
    heard: list[tuple[str, Decision]] = []

    def decide(connection: Connection, source: Source, decision: Decision, now: int) -> str | None:
        heard.append((source.name, decision))
        return reason

    connect(company, decide)
    return heard


def pressed(verdict: str = "approve", key: str = "press1", **item: Any) -> dict[str, Any]:
    decision = {"request_id": "draft-1", "verdict": verdict, "actor": "T111/W111", "seen_sha256": "ab" * 32}
    return {"key": key, "events": [], "decisions": [decision]} | item


def items(company: Works) -> list[tuple[str, str | None]]:
    rows = company.all("SELECT state, reason FROM items ORDER BY delivery_id, n")
    return [(DELIVERY_STATES[state], reason) for state, reason in rows]


def test_a_decision_waits_aside_where_nothing_is_there_to_judge_it(works: MakeWorks) -> None:
    company = works()
    connect(company, None)
    company.tell(pressed(), viewed())
    assert items(company) == [("quarantined", "approvals are not connected"), ("translated", None)]


def test_a_decision_that_waited_aside_is_judged_when_its_delivery_is_translated_again(works: MakeWorks) -> None:
    company = works()
    connect(company, None)
    delivery = company.tell(pressed())
    heard = listen(company)
    with company.store.begin() as connection:
        assert translate_again(connection, delivery)
    company.translate()
    assert ([one.request_id for _, one in heard], items(company)) == (["draft-1"], [("translated", None)])


def test_a_press_is_judged_once_however_often_it_is_told(works: MakeWorks) -> None:
    company = works()
    heard = listen(company)
    company.tell(pressed(), pressed("reject", key="press2"))
    company.tell(pressed())
    assert [(source, one.verdict) for source, one in heard] == [("crm", "approve"), ("crm", "reject")]


def test_what_is_refused_says_why_on_its_item(works: MakeWorks) -> None:
    company = works()
    listen(company, "T111/W111 is nobody of [people]")
    delivery = company.tell(pressed())
    assert items(company) == [("ignored", "T111/W111 is nobody of [people]")]
    assert company.one("SELECT reason FROM deliveries WHERE id = :id", id=delivery) == "T111/W111 is nobody of [people]"


def test_what_a_decision_writes_stands_or_falls_with_its_item(works: MakeWorks) -> None:
    company = works()

    def fail_after_writing(connection: Connection, source: Source, decision: Decision, now: int) -> str | None:
        connection.execute(text("INSERT INTO tallies (source, outcome, hour, n) VALUES ('x', 'x', 0, 1)"))
        raise RuntimeError("a fault of ours")

    connect(company, fail_after_writing)
    delivery = company.tell(pressed())
    assert company.one("SELECT count(*) FROM tallies WHERE source = 'x'") == 0
    reason = company.one("SELECT reason FROM deliveries WHERE id = :id", id=delivery)
    assert reason == "it cannot be stored: RuntimeError"
    assert items(company) == []


def test_who_does_not_prove_what_it_sends_decides_nothing(works: MakeWorks) -> None:
    company = works()
    heard = listen(company)
    company.source("relay", trust="relayed")
    company.source("quiet", allow=("proposal.*",))
    company.source("chosen", allow=("proposal.*", "approval.decided"))
    for name in ("relay", "quiet", "chosen"):
        company.tell(pressed(key=name), source=name)
    refused = "not allowed for this source: a decision, which this source may not make"
    assert items(company) == [("ignored", refused), ("ignored", refused), ("translated", None)]
    assert [source for source, _ in heard] == ["chosen"]


def test_what_was_decided_before_the_first_full_pull_decides_nothing_now(works: MakeWorks) -> None:
    company = works()
    heard = listen(company)
    company.tell(pressed(), poll="presses", scope="", baseline=1)
    assert (heard, items(company)) == ([], [("ignored", "decided before this source counted")])


def test_a_decision_that_wants_a_fetch_is_judged_when_it_is_answered(works: MakeWorks) -> None:
    company = works()
    heard = listen(company)

    class Network:
        def sender(self, *_: Any) -> Any:
            return lambda _: answering()

    company.engine.fetcher.transport = Network()  # type: ignore[assignment]
    company.tell(pressed(fetch="press"))
    assert heard == []
    company.engine.do(Run(Work("fetch", "")))
    assert ([one.seen_sha256 for _, one in heard], items(company)) == (["ab" * 32], [("translated", None)])
