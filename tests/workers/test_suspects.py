"""What kills its process: found out alone, one thing at a time, and put aside; the others are hardly disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from seamline.delivery import Item
from seamline_workers.engine import DIED_ALONE
from seamline_workers.run import Run, Work
from seamline_workers.store import processes
from support.works import Teller, Works, viewed

MakeWorks = Callable[..., Works]


class Died(BaseException):
    """Raised where a process would have died; nobody may catch it."""


class Deadly(Teller):
    """Kills its process when it reads a certain proposal."""

    def normalize(self, item: Item) -> Iterator[Any]:
        if any(told["proposal_id"] == "Pdeadly" for told in item.data["events"]):
            raise Died
        return super().normalize(item)


def live(company: Works, work: Callable[[], bool]) -> int:
    """Do work until there is none; whenever the process dies another takes its place. Returns how often it died."""
    deaths = 0
    while True:
        try:
            if not work():
                return deaths
        except Died:
            deaths += 1
            with company.store.begin() as connection:
                processes.bury_named(connection, "test")
            company.engine.enter("test")


def test_a_delivery_that_kills_its_process_is_put_aside_after_three_lonely_deaths(works: MakeWorks) -> None:
    company = works()
    source = company.source("crm")
    object.__setattr__(source, "adapter", Deadly())
    ids = [company.deliver(viewed("deadly" if n == 20 else n, f"lead{n}@lead{n}.example")) for n in range(60)]
    translating = Run(Work("source", str(source.id)))
    assert live(company, lambda: company.engine.do(translating)) == 1
    assert company.one("SELECT count(*) FROM deliveries WHERE state = 2") == 0
    assert live(company, company.engine.run_suspect) == 3
    rows = company.all("SELECT id, state, reason FROM deliveries WHERE state <> 2")
    assert [tuple(row) for row in rows] == [(ids[20], 4, DIED_ALONE)]
    assert company.one("SELECT count(*) FROM events") == 59
    later = company.tell(viewed("later"))
    assert company.one("SELECT state FROM deliveries WHERE id = :id", id=later) == 2


def test_ledger_order_is_arrival_order_through_all_of_it(works: MakeWorks) -> None:
    company = works()
    source = company.source("crm")
    object.__setattr__(source, "adapter", Deadly())
    for n in range(30):
        company.deliver(viewed("deadly" if n == 9 else n))
    live(company, lambda: company.engine.do(Run(Work("source", str(source.id)))))
    live(company, company.engine.run_suspect)
    company.translate()
    told = [row[0] for row in company.all("SELECT delivery_id FROM events ORDER BY seq")]
    assert told == sorted(told)
    assert len(told) == 29
