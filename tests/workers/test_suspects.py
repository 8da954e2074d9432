"""What kills its process: found out alone, one thing at a time, and put aside; the others are hardly disturbed."""

from __future__ import annotations

from collections.abc import Callable

from seamline_workers.company.registry import Source
from seamline_workers.handoff.run import Run, Work
from seamline_workers.running.engine import DIED_ALONE
from seamline_workers.store import processes
from seamline_workers.store.deliveries import DeliveryRow
from seamline_workers.translation.interpret import Reading
from support.works import Works, viewed

MakeWorks = Callable[..., Works]


class Died(BaseException):
    """Raised where a process would have died; nobody may catch it."""


def make_deadly(company: Works) -> None:
    """Have the process die where it reads a certain proposal, outside of all that an adapter's faults are caught by."""
    translator = company.engine.translator
    understand = translator._understand

    def die(source: Source, row: DeliveryRow) -> Reading:
        if b"Pdeadly" in (row.body or b""):
            raise Died
        return understand(source, row)

    object.__setattr__(translator, "_understand", die)


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
    make_deadly(company)
    ids = [company.deliver(viewed("deadly" if n == 20 else n, f"lead{n}@lead{n}.example")) for n in range(60)]
    translating = Run(Work("source", str(source.id)))
    assert live(company, lambda: company.engine._do(translating)) == 1
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
    make_deadly(company)
    for n in range(30):
        company.deliver(viewed("deadly" if n == 9 else n))
    live(company, lambda: company.engine._do(Run(Work("source", str(source.id)))))
    live(company, company.engine.run_suspect)
    company.translate()
    told = [row[0] for row in company.all("SELECT delivery_id FROM events ORDER BY seq")]
    assert told == sorted(told)
    assert len(told) == 29
