"""Two clocks: what the company's rules are about is dated by business time, what the machine does by the wall clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from seamline import Evidence, Ref, Seat, SyncContext
from seamline.call import Answer, Call, Calls
from seamline.errors import NeedsHuman, RetryLater
from seamline.events import LeadReceived, MessageDelivered, RelationshipEnded, StageChanged
from seamline.gate import StageRow
from seamline_workers.handoff.run import Run, Work
from seamline_workers.store.columns import metadata
from seamline_workers.store.store import now_us
from seamline_workers.translation.interpret import from_us
from support.office import HOUR, MakeOffice, Office, drafting
from support.works import Works, event

WEEK = 7 * 24 * HOUR
#: Columns that hold a time and are dated by the wall clock, or by the database's.
WALL = {
    "alerts": {"due"},
    "channels": {"paused_at", "due"},
    "checks": {"again_at"},
    "commands": {"at"},
    "drafts": {"again_at"},
    "handoffs": {"due", "created_at", "done_at"},
    "items": {"due"},
    "lanes": {"due"},
    "notices": {"due"},
    "polls": {"due", "done_at"},
    "refusals": {"at"},
    "replays": {"created_at", "due"},
    "replies": {"at"},
    "tallies": {"hour"},
    "workers": {"started_at", "beat_at"},
}
#: Columns that hold a time and are dated by business time.
BUSINESS = {
    "accounts": {"created_at", "last_event_at"},
    "boundary_maps": {"proposed_at", "confirmed_at"},
    "checks": {"due_at"},
    "contacts": {"created_at"},
    "deadlines": {"due_at", "created_at", "fired_at"},
    "deliveries": {"received_at"},
    "drafts": {"created_at", "due_at", "expires_at", "not_before", "wake_at", "remind_at", "decided_at", "sent_at"},
    "effects": {"at"},
    "events": {"occurred_at", "received_at"},
    "flags": {"raised_at", "cleared_at"},
    "links": {"made_at", "undone_at"},
    "messages": {"needs_response_by", "created_at"},
    "record": {"at"},
    "sources": {"live_from", "created_at"},
    "tasks": {"due_at", "created_at", "done_at"},
}


@pytest.fixture(params=[-3 * WEEK, 3 * WEEK], ids=["behind", "ahead"])
def shift(request: pytest.FixtureRequest) -> int:
    """By how much business time is away from the wall clock, in microseconds."""
    return int(request.param)


def wait_over(company: Works) -> None:
    """Let the wall clock have come to where back-off ends."""
    for table in ("drafts", "checks"):
        company.write(f"UPDATE {table} SET again_at = 1 WHERE again_at IS NOT NULL")


def task(company: Works, kind: str) -> Any:
    """The only task of a kind."""
    [row] = company.all("SELECT * FROM tasks WHERE kind = :kind", kind=kind)
    return row


def is_time(name: str) -> bool:
    return name.endswith("_at") or name in ("at", "due", "hour", "live_from", "not_before", "needs_response_by")


def test_every_column_of_a_time_is_of_one_clock() -> None:
    found = {table.name: {one.name for one in table.columns if is_time(one.name)} for table in metadata.sorted_tables}
    assert {name: times for name, times in found.items() if times} == {
        name: BUSINESS.get(name, set()) | WALL.get(name, set()) for name in BUSINESS | WALL
    }
    assert not [name for name in BUSINESS if BUSINESS[name] & WALL.get(name, set())]


# --- back-off -------------------------------------------------------------------------------------------------------


def test_a_sending_that_was_put_off_waits_by_the_wall_clock(office: MakeOffice, shift: int) -> None:
    company = office(at=now_us() + shift)
    number = company.lead()
    company.works.approve(number)
    company.mailbox.answer = lambda _: (429, {})
    company.mailbox.headers["Retry-After"] = "3600"
    company.works.dispatch_some()
    row = company.draft(number)
    assert abs(row.again_at - now_us() - HOUR) < HOUR / 2
    tried = len(company.mailbox.sent)
    company.mailbox.answer = lambda _: (200, {"id": "m-1"})
    company.clock.pass_hours(2)  # it would be over, were it business time
    company.works.dispatch_some()
    assert (company.draft(number).state, len(company.mailbox.sent)) == ("approved", tried)
    wait_over(company.works)
    company.works.dispatch_some()
    row = company.draft(number)
    assert (row.state, row.sent_at, row.again_at) == ("sent", company.clock.at, None)


def test_a_draft_that_lapses_while_it_is_put_off_is_given_back_in_business_time(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    company.works.approve(number)
    company.mailbox.answer = lambda _: (429, {})
    company.mailbox.headers["Retry-After"] = "3600"
    company.works.dispatch_some()
    company.clock.at = company.draft(number).expires_at
    company.works.dispatch_some()
    assert company.draft(number).state == "expired"


def test_an_approval_anew_is_not_put_off_by_what_the_last_one_met(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    company.works.approve(number)
    company.mailbox.answer = lambda _: (429, {})
    company.mailbox.headers["Retry-After"] = "3600"
    company.works.dispatch_some()
    company.works.write("UPDATE drafts SET state = 'pending', again_at = 1")
    company.works.write("UPDATE drafts SET again_at = :later", later=2**60)
    company.works.approve(number)
    company.mailbox.answer = lambda _: (200, {"id": "m-1"})
    company.works.dispatch_some()
    assert company.draft(number).state == "sent"


def test_a_task_about_a_sending_has_its_times_by_the_business_clock(office: MakeOffice, shift: int) -> None:
    company = office(at=now_us() + shift)
    number = company.lead()
    company.works.approve(number)
    company.mailbox.answer = lambda _: None
    company.works.dispatch_some()
    assert task(company.works, "unknown_send").created_at == company.clock.at
    company.clock.pass_hours(5)
    company.works.resolve(number, "sent")
    assert task(company.works, "unknown_send").done_at == company.clock.at


def test_a_paused_channel_waits_by_the_wall_clock_and_is_told_of_in_business_time(
    office: MakeOffice, shift: int
) -> None:
    company = office(at=now_us() + shift)
    company.mailbox.answer = lambda _: (503, {})
    for n in range(3):
        company.works.approve(company.lead(f"L{n}", f"dana@acme{n}.example"))
    company.works.dispatch_some()
    row = company.works.all("SELECT paused_at, due FROM channels")[0]
    assert abs(row.paused_at - now_us()) < HOUR
    assert task(company.works, "incident").created_at == company.clock.at


# --- evidence -------------------------------------------------------------------------------------------------------


def _status(self: Any, ref: Ref) -> Calls[Evidence]:
    answer = yield Call("GET", f"https://api.example.com/things/{ref.id}")
    return Evidence(ref.id, answer.json()["reason"], from_us(now_us()), settled=True)


class Api:
    """A provider's API that a test makes fail."""

    fails: Exception | None = None
    asked = 0

    def sender(self, _adapter: Any, _secrets: Any) -> Any:
        def send(_call: Call) -> Answer:
            self.asked += 1
            if self.fails is not None:
                raise self.fails
            return Answer(200, b'{"reason": "off"}', {})

        return send


def leaving() -> Seat:
    crystal = Seat("crystal", owns=["relationship.*", "exit.*"])

    @crystal.on(RelationshipEnded)
    def ended(_: RelationshipEnded, ctx: SyncContext) -> None:
        ctx.check("campaign", ref=Ref(of="account", kind="campaign", id="c", provider="teller"))

    return crystal


@pytest.fixture
def exiting(office: MakeOffice, shift: int) -> tuple[Office, Api]:
    """A company with a look that is due, at a provider that a test makes fail."""
    company, api = office(leaving(), at=now_us() + shift), Api()
    company.works.source("ads", status=_status)
    company.works.engine.jobs["check"].transport = api  # type: ignore[attr-defined]
    company.works.tell(event("lead.received", lead_id="L1", channel="form"))
    company.works.tell(event("relationship.ended", reason="budget"))
    company.works.work()
    return company, api


def look(company: Office) -> None:
    while company.works.engine.do(Run(Work("check", ""))):
        pass


def test_a_look_that_failed_is_had_again_by_the_wall_clock(exiting: tuple[Office, Api]) -> None:
    company, api = exiting
    api.fails = RetryLater("busy", timedelta(minutes=30))
    look(company)
    row = company.works.all("SELECT * FROM checks")[0]
    assert (row.reason, row.due_at, api.asked) == ("busy", company.clock.at, 1)
    assert abs(row.again_at - now_us() - HOUR / 2) < HOUR / 4
    api.fails = None
    company.clock.pass_hours(2)
    look(company)
    assert api.asked == 1
    wait_over(company.works)
    look(company)
    assert api.asked == 2
    row = company.works.all("SELECT * FROM checks")[0]
    # Looked at again a day later, in business time.
    assert (row.state, row.again_at, row.due_at) == ("settled", None, company.clock.at + 24 * HOUR)


def test_news_about_an_item_ends_its_back_off(exiting: tuple[Office, Api]) -> None:
    company, api = exiting
    api.fails = RetryLater("busy", timedelta(minutes=30))
    look(company)
    api.fails = None
    company.works.tell(event("campaign.status_changed", campaign_id="c", platform="meta", status="paused"))
    look(company)
    assert api.asked == 2


def test_a_task_about_a_look_is_given_in_business_time(exiting: tuple[Office, Api]) -> None:
    company, api = exiting
    api.fails = NeedsHuman("no access")
    look(company)
    assert task(company.works, "needs_human").created_at == company.clock.at


# --- everything at once ---------------------------------------------------------------------------------------------


def telling() -> tuple[Seat, ...]:
    pepper = drafting()
    crystal = Seat("crystal", reports_to="coo", escalates_to="coo")
    dirk = Seat("dirk", owns=["deal.*"], escalates_to="coo")

    @dirk.on(LeadReceived)
    def ask(lead: LeadReceived, ctx: SyncContext) -> None:
        ctx.flag("seen", key=lead.lead_id, text="x")
        ctx.message("crystal", topic="price", body="?", kind="REQUEST", needs_response_by=ctx.now + timedelta(hours=1))
        ctx.log("asked")

    @crystal.on(StageChanged)
    def take(_: StageChanged, ctx: SyncContext) -> None:
        raise RetryLater("not yet")

    @crystal.on_message("price")
    def hear(_: MessageDelivered, ctx: SyncContext) -> None:
        ctx.task("Answer it", due_at=ctx.now + timedelta(hours=1))

    return pepper, crystal, dirk


def test_each_column_of_a_time_holds_the_time_of_its_clock(office: MakeOffice, shift: int) -> None:
    row = StageRow("onboarding", "crystal", tone="warm", must_know=())
    company = office(*telling(), stages=[row], at=now_us() + shift)
    works, began = company.works, now_us()
    received, told_at = company.clock.at, from_us(company.clock.at).isoformat()
    works.tell(event("lead.received", lead_id="L1", channel="form", at=told_at), received_at=received)
    works.work()
    works.tell(event("deal.won", deal_id="D1", at=told_at), received_at=received)
    works.work()
    works.approve(works.drafts()[-1].id)
    works.dispatch_some()
    company.clock.pass_hours(48)
    works.sweep()  # nobody has answered, and nobody has taken the account over
    assert len(works.all("SELECT id FROM tasks")) >= 3
    seen: set[str] = set()
    for clocks, at in ((WALL, began), (BUSINESS, company.clock.at)):
        for table, columns in clocks.items():
            for column in columns:
                times = [one for (one,) in works.all(f"SELECT {column} FROM {table} WHERE {column} > 1")]
                seen |= {f"{table}.{column}"} if times else set()
                assert [one for one in times if abs(one - at) > 10 * 24 * HOUR] == [], f"{table}.{column}"
    assert seen >= {
        "accounts.created_at", "deadlines.fired_at", "drafts.sent_at", "events.received_at", "flags.raised_at",
        "handoffs.created_at", "handoffs.done_at", "messages.created_at", "record.at", "tasks.created_at",
    }  # fmt: skip
