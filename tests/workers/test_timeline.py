"""What a handler reads since a time, and says once of a customer, on a store of each kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from seamline import Context, Seat, SyncContext
from seamline.events import CallNoted, DealWon, LeadReceived, LeadTriaged
from support.works import event
from workers.conftest import MakeWorks

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_timeline_is_read_since_a_time_newest_first_by_both_kinds_of_handlers(works: MakeWorks) -> None:
    sync, waiting = Seat("sales", owns=["deal.*"]), Seat("boss", informed=["deal.won"])
    read: dict[str, list[str]] = {}

    @sync.on(DealWon)
    def won(event: DealWon, ctx: SyncContext) -> None:
        told = ctx.timeline.since(NOON - timedelta(hours=2), CallNoted)
        read["sync"] = [one.call_id for one in told]
        read["one"] = [one.call_id for one in ctx.timeline.since(NOON - timedelta(hours=2), CallNoted, call_id="2")]
        read["none"] = [one.lead_id for one in ctx.timeline.since(NOON - timedelta(hours=2), LeadReceived)]

    @waiting.on(DealWon)
    async def heard(event: DealWon, ctx: Context) -> None:
        read["async"] = [one.call_id for one in await ctx.timeline.since(NOON - timedelta(hours=2), CallNoted)]

    company = works(sync, waiting)
    for hours, call in ((3, "1"), (2, "2"), (1, "3")):
        at = (NOON - timedelta(hours=hours)).isoformat()
        company.tell(event("call.noted", "dana@acme.example", at=at, call_id=call))
    company.tell(event("deal.won", "dana@acme.example", deal_id="D"))
    company.work()
    assert read == {"sync": ["3", "2"], "one": ["2"], "none": [], "async": ["3", "2"]}


def test_what_is_said_once_of_a_customer_is_one_event_whichever_handoffs_say_it(works: MakeWorks) -> None:
    seat = Seat("sales", owns=["deal.*"], makes=["lead.triaged"])

    @seat.on(DealWon)
    def won(event: DealWon, ctx: SyncContext) -> None:
        said = LeadTriaged(
            lead_id=event.deal_id, bucket="lead", urgency="normal", response_warranted=False, reason="won"
        )
        ids.add(str(ctx.emit(said, key="first", once=True)))
        ctx.emit(said, key="each")

    ids: set[str] = set()
    company = works(seat)
    for name, deals in (("dana@acme.example", "AB"), ("pat@birch.example", "C")):
        for deal in deals:
            company.tell(event("deal.won", name, deal_id=deal))
    company.work()
    kept = company.all("SELECT id FROM events WHERE type = 'lead.triaged'")
    assert len(kept) == 5  # one of each deal, and one of each customer
    assert ids <= {str(UUID(bytes=bytes(row.id))) for row in kept}
    assert len(ids) == 2
