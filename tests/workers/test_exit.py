"""An exit's checklist: settled by what providers say, looked at again later, and reopened with an alarm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from seamline import Evidence, Ref, Seat, SyncContext
from seamline.call import Answer, Call, Calls
from seamline.errors import CallRefused, RetryLater
from seamline.events import ExitItemVerified, ExitLogged, RelationshipEnded
from seamline.guard import Settled
from seamline_workers.desk.exit import settle_item
from seamline_workers.handoff.run import Run, Work
from seamline_workers.refusal import Conflict
from support.works import Works, event

MakeWorks = Callable[..., Works]
HOUR = 3_600_000_000
ITEMS = ("pixel", "campaign")
#: A few hours after the customer has left, in microseconds.
LEFT = 1_795_620_000_000_000


def status(self: Any, ref: Ref) -> Calls[Evidence]:
    answer = yield Call("state", f"https://api.example.com/{ref.id}", secret="api")
    told = answer.json()["reason"]
    return Evidence(ref.id, told, datetime(2026, 11, 25, tzinfo=UTC), settled=told == "off")


class Provider:
    """A provider's API that says of each thing what a test has written down, and a clock that a test moves."""

    def __init__(self) -> None:
        self.states: dict[str, str | Exception] = {}
        self.now = LEFT
        self.asked: list[str] = []

    def sender(self, _adapter: Any, _secrets: Any) -> Callable[[Call], Answer]:
        def send(call: Call) -> Answer:
            thing = call.url.rsplit("/", 1)[1]
            self.asked.append(thing)
            state = self.states[thing]
            if isinstance(state, Exception):
                raise state
            return Answer(200, f'{{"reason": "{state}"}}'.encode())

        return send


def crystal() -> Seat:
    seat = Seat("crystal", owns=["relationship.*", "exit.*"], does_not_own=["deal.*"])

    @seat.on(RelationshipEnded)
    def ended(_event: RelationshipEnded, ctx: SyncContext) -> None:
        for item in ITEMS:
            ctx.check(item, ref=Ref(of="account", kind=item, id=f"{item}-1", provider="teller"))

    @seat.on(ExitItemVerified)
    def verified(told: ExitItemVerified, ctx: SyncContext) -> None:
        # One that waited for the others finds that a later one says the same.
        if ctx.timeline.last(ExitItemVerified) == told:
            ctx.emit(ExitLogged(reason="moved on", ended_on=told.envelope.time.date(), by="coo"))

    return seat


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def company(works: MakeWorks, provider: Provider) -> Works:
    made = works(crystal(), guards=[Settled(ExitLogged, ITEMS)], clock=lambda: provider.now)
    made.source("ads", status=status)
    made.engine.jobs["check"].transport = provider  # type: ignore[attr-defined]
    return made


def leave(company: Works) -> None:
    company.tell(event("lead.received", lead_id="L1", channel="form"))
    company.tell(event("relationship.ended", reason="budget", at="2026-11-25T12:00:00Z"))
    company.work()


def look(company: Works) -> None:
    """Ask about everything that is due, and let the seat hear of it."""
    while company.engine.do(Run(Work("check", ""))):
        pass
    company.work()


def said(company: Works) -> list[str]:
    return [kind for kind in company.types() if kind.startswith("exit.")]


def test_r58_an_exit_is_logged_only_when_every_item_is_settled_by_evidence(company: Works, provider: Provider) -> None:
    provider.states = {"pixel-1": "off", "campaign-1": "ACTIVE"}
    leave(company)
    look(company)
    assert said(company) == ["exit.item_verified"]
    refused = company.all("SELECT data FROM events WHERE type = 'guard.refused'")
    assert "still open: campaign" in refused[-1][0]
    provider.states["campaign-1"] = "off"
    provider.now += HOUR
    look(company)
    assert said(company) == ["exit.item_verified", "exit.item_verified", "exit.logged"]


def test_r58_a_campaign_that_runs_again_after_a_day_reopens_the_exit_with_an_alarm(
    company: Works, provider: Provider
) -> None:
    provider.states = {"pixel-1": "off", "campaign-1": "off"}
    leave(company)
    look(company)
    asked = len(provider.asked)
    provider.now += 24 * HOUR - 1
    look(company)
    assert len(provider.asked) == asked, "not before a day has passed"
    provider.now += 1
    provider.states["campaign-1"] = "ACTIVE"
    look(company)
    assert said(company)[-1] == "exit.item_reopened"
    flags = company.all("SELECT name, key, severity, state, text FROM flags")
    expected = ("exit-reopened", "campaign", "risk", "open", "campaign of a former customer runs again: ACTIVE")
    assert [tuple(flag) for flag in flags] == [expected]
    assert company.one("SELECT count(*) FROM tasks WHERE kind = 'incident'") == 1


def test_r58_what_stays_off_is_looked_at_after_a_day_and_after_thirty_and_then_no_more(
    company: Works, provider: Provider
) -> None:
    provider.states = {"pixel-1": "off", "campaign-1": "off"}
    leave(company)
    look(company)
    looks = []
    for days in (1, 29, 1, 400):
        provider.now += days * 24 * HOUR
        before = len(provider.asked)
        look(company)
        looks.append(len(provider.asked) - before)
    assert looks == [2, 0, 2, 0]
    assert said(company).count("exit.item_verified") == 2


def test_r58_news_about_an_item_is_a_reason_to_look_at_once(company: Works, provider: Provider) -> None:
    provider.states = {"pixel-1": "off", "campaign-1": "ACTIVE"}
    leave(company)
    look(company)
    provider.states["campaign-1"] = "off"
    company.tell(event("campaign.status_changed", campaign_id="c", platform="meta", status="paused"))
    look(company)
    assert said(company).count("exit.item_verified") == 2


def test_a_provider_that_is_away_is_asked_again_and_one_that_refuses_is_a_humans(
    company: Works, provider: Provider
) -> None:
    provider.states = {"pixel-1": RetryLater("busy"), "campaign-1": CallRefused("gone", 404)}
    leave(company)
    look(company)
    assert said(company) == []
    reasons = {row.item: row.reason for row in company.all("SELECT item, reason FROM checks")}
    assert reasons == {"pixel": "busy", "campaign": "gone"}
    provider.states = {"pixel-1": "off", "campaign-1": "off"}
    company.write("UPDATE checks SET again_at = 1")
    look(company)
    assert said(company).count("exit.item_verified") == 2


def test_r58_a_human_settles_what_nobody_can_be_asked_about_with_a_reason(company: Works, provider: Provider) -> None:
    provider.states = {"pixel-1": "off", "campaign-1": "ACTIVE"}
    leave(company)
    look(company)
    settle(company, "campaign", "handed over to the customer")
    company.work()
    assert said(company)[-1] == "exit.logged"
    told = company.all("SELECT data, source FROM events WHERE type = 'exit.item_verified'")[-1]
    assert "handed over to the customer" in told.data
    assert told.source == "/people/anna"
    with pytest.raises(Conflict, match="settled already"):
        settle(company, "campaign", "again")
    provider.now += 48 * HOUR
    before = provider.asked.count("campaign-1")
    look(company)
    assert provider.asked.count("campaign-1") == before


def settle(company: Works, item: str, reason: str) -> None:
    with company.store.begin() as connection:
        plan = company.engine.plan
        settle_item(connection, plan, "dana@acme.example", item, by="anna", reason=reason, now=LEFT)


def test_an_item_is_not_settled_by_hand_while_the_customer_is_one(company: Works) -> None:
    company.tell(event("lead.received", lead_id="L1", channel="form"))
    with pytest.raises(Conflict, match=r"first state relationship\.ended"):
        settle(company, "pixel", "not ours")
