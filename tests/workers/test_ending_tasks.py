"""A seat ends what it has given humans to do, when that has happened."""

from __future__ import annotations

from collections.abc import Callable

from seamline import Seat, SyncContext
from seamline.events import LeadReceived, ResponseSent
from support.works import Works, event

MakeWorks = Callable[..., Works]


def seats() -> tuple[Seat, Seat]:
    pepper, dirk = Seat("pepper", owns=["lead.*", "response.sent"]), Seat("dirk", owns=["deal.*"])

    @pepper.on(LeadReceived)
    def lead(told: LeadReceived, ctx: SyncContext) -> None:
        ctx.task("Answer", key=told.lead_id)

    @dirk.on(LeadReceived)
    def note(told: LeadReceived, ctx: SyncContext) -> None:
        ctx.task("Look", key=told.lead_id)

    @pepper.on(ResponseSent)
    def answered(told: ResponseSent, ctx: SyncContext) -> None:
        ctx.done(told.lead_id or "")

    return pepper, dirk


def test_a_seat_ends_its_own_tasks_of_a_key_and_no_others(works: MakeWorks) -> None:
    company = works(*seats())
    for lead in ("L1", "L2"):
        company.tell(event("lead.received", lead_id=lead, channel="form"))
    company.tell(event("lead.received", "ben@other.example", lead_id="L1", channel="form"))
    company.tell(event("response.sent", lead_id="L1", message_ref="m1"))
    company.work()
    rows = company.all("SELECT seat, key, account_id, state, done_by FROM tasks ORDER BY id")
    ended = [(row.seat, row.key, row.done_by) for row in rows if row.state == "done"]
    assert ended == [("pepper", "L1", "pepper")]
    assert len(rows) == 6
