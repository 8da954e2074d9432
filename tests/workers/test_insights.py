"""Meta's figures through the engine: each page is a delivery, and only what changed becomes an event."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from seamline.adapter import Adapter
from seamline.call import Answer, Call
from seamline_adapters.meta import Meta
from support.works import Works

MakeWorks = Callable[..., Works]
ACT = "act_1234567890"
JSON = {"content-type": "application/json"}


class Graph:
    """Meta, with one ad account. ``spend`` is that of the 20th, as Meta tells it now."""

    def __init__(self) -> None:
        self.day = 21
        self.spend = "152.37"

    def sender(self, adapter: Adapter, secrets: Mapping[str, tuple[str, ...]]) -> Callable[[Call], Answer]:
        return self.answer

    def answer(self, call: Call) -> Answer:
        if call.url.endswith(ACT):
            dated = {**JSON, "date": f"Sun, {self.day} Nov 2026 18:00:00 GMT"}
            return Answer(200, b'{"id": "x", "currency": "USD", "timezone_name": "America/Chicago"}', dated)
        row = {"account_id": "1234567890", "spend": self.spend, "date_start": "2026-11-20", "date_stop": "2026-11-20"}
        return Answer(200, json.dumps({"data": [row]}).encode(), JSON)


def snapshots(company: Works, graph: Graph, *reads: tuple[int, str]) -> list[tuple[int, bool]]:
    """The spend of each snapshot after reads on these days, and whether it may still change."""
    for graph.day, graph.spend in reads:
        company.write("UPDATE polls SET due = 0")
        assert company.engine.poller.some()
        company.translate()
    told: list[Any] = [json.loads(row[0]) for row in company.all("SELECT data FROM events ORDER BY seq")]
    return [(one["spend"], one.get("provisional", False)) for one in told]


def reading(works: MakeWorks) -> tuple[Works, Graph]:
    company, graph = works(), Graph()
    object.__setattr__(company.sources["crm"], "adapter", Meta({"ad_accounts": [ACT]}))
    company.engine.poller.transport = graph  # type: ignore[assignment]
    company.engine.poller.arm()
    return company, graph


def test_r36_the_same_figures_are_told_once_and_revised_ones_each_time(works: MakeWorks) -> None:
    company, graph = reading(works)
    reads = [(21, "152.37"), (22, "152.37"), (23, "140.00"), (24, "140.00"), (25, "152.37")]
    assert snapshots(company, graph, *reads) == [(15237, True), (14000, True), (15237, True)]


def test_a_day_whose_page_never_changes_is_told_as_final_all_the_same(works: MakeWorks) -> None:
    company, graph = reading(works)
    assert snapshots(company, graph, (21, "152.37"), (27, "152.37"), (28, "152.37")) == [(15237, True), (15237, False)]


def test_the_account_of_an_ad_account_is_one(works: MakeWorks) -> None:
    company, graph = reading(works)
    snapshots(company, graph, (21, "1.00"), (22, "2.00"))
    assert company.one("SELECT count(DISTINCT account_id) FROM events") == 1
