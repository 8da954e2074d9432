"""Seats in memory: what a handler may read, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seamline import Context, Park, Party, Roster, Seat, SyncContext
from seamline.context import Emit, Flag, Task
from seamline.events import (
    BuyingSignalDetected,
    ContractSigned,
    DealWon,
    Event,
    LeadQualified,
    ProposalDeclined,
    ProposalExpired,
    ProposalViewed,
)
from seamline.gate import Gate
from seamline.testing import ACCOUNT, FakeClock, run_handler

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)

dirk = Seat("dirk", owns=["proposal.*", "deal.*", "buying_signal.*"])


@dirk.on(ProposalViewed)
async def viewed(event: ProposalViewed, ctx: Context) -> None:
    ctx.flag("proposal-viewed", key=event.proposal_id, text=f"{event.party.name} opened it", evidence=[event])
    if await ctx.timeline.count(ProposalViewed, proposal_id=event.proposal_id) == 3:
        ctx.emit(BuyingSignalDetected(proposal_id=event.proposal_id, signal="third view", evidence=(str(event.id),)))


@dirk.on(DealWon)
def won(event: DealWon, ctx: SyncContext) -> None:
    if not ctx.facts.known(ContractSigned):
        ctx.park(until=ContractSigned, reason="no contract yet")
    last = ctx.timeline.last(ContractSigned)
    ctx.task(f"Start {last.contract_id if last else '?'} in stage {ctx.account.stage}", due_at=ctx.now)


def view(proposal: str = "p1", minutes: int = 0) -> ProposalViewed:
    at = AT + timedelta(minutes=minutes)
    return ProposalViewed(party=Party(name="Dana"), proposal_id=proposal, occurred_at=at)


def test_an_async_handler_sees_the_history_and_its_own_event() -> None:
    (flag,) = run_handler(dirk, view(), [view(minutes=-2)])
    assert isinstance(flag, Flag)
    assert flag.text == "Dana opened it"
    flag, signal = run_handler(dirk, view(), [view(minutes=-2), view(minutes=-1)])
    assert isinstance(flag, Flag)
    assert isinstance(signal, Emit)
    assert isinstance(signal.event, BuyingSignalDetected)
    assert signal.event.evidence == flag.evidence


def test_what_was_viewed_elsewhere_does_not_count() -> None:
    assert len(run_handler(dirk, view(), [view("p2"), view("p2")])) == 1


def test_a_handler_that_parks_raises_what_it_waits_for() -> None:
    with pytest.raises(Park) as caught:
        run_handler(dirk, DealWon(deal_id="d1", occurred_at=AT))
    assert caught.value.awaits == "contract.signed"


def test_a_plain_handler_reads_the_newest_fact_and_the_account() -> None:
    history: list[Event] = [ContractSigned(contract_id="c1"), ContractSigned(contract_id="c2")]
    account = replace(ACCOUNT, stage="proposal")
    (task,) = run_handler(dirk, DealWon(deal_id="d1", occurred_at=AT), history, account=account)
    assert task == Task("Start c2 in stage proposal", due_at=AT)


def test_business_time_is_an_argument() -> None:
    late = AT + timedelta(days=3)
    (task,) = run_handler(dirk, DealWon(deal_id="d1", occurred_at=AT), [ContractSigned(contract_id="c1")], now=late)
    assert isinstance(task, Task)
    assert task.due_at == late


def test_a_type_without_a_handler_is_named() -> None:
    with pytest.raises(LookupError, match=r"dirk does not handle contract\.signed; it handles proposal\.viewed"):
        run_handler(dirk, ContractSigned(contract_id="c1"))


@dirk.on(ProposalDeclined)
def declined(event: ProposalDeclined, ctx: SyncContext) -> None:
    ctx.emit(DealWon(deal_id="d1"))


@dirk.on(ProposalExpired)
def expired(event: ProposalExpired, ctx: SyncContext) -> None:
    ctx.emit(LeadQualified(lead_id="l1", result="qualified", score=90))


def test_what_the_engine_would_not_take_from_a_seat_fails_its_test_and_says_why() -> None:
    with pytest.raises(AssertionError, match=r"may not emit deal\.won: .* a provider's or a human's word"):
        run_handler(dirk, ProposalDeclined(proposal_id="p1"))
    assert len(run_handler(dirk, ProposalExpired(proposal_id="p1"))) == 1  # nobody's
    company = Roster([dirk, Seat("pepper", owns=["lead.*"])])
    with pytest.raises(AssertionError, match=r"may not emit lead\.qualified: .* pepper's; name it under owns or makes"):
        run_handler(dirk, ProposalExpired(proposal_id="p1"), roster=company)


def test_a_clock_moves_only_forwards_and_only_when_it_is_told() -> None:
    clock = FakeClock(AT)
    assert clock() == clock() == AT
    assert clock.advance(timedelta(hours=48)) == clock.now == AT + timedelta(hours=48)
    with pytest.raises(ValueError, match="which is after"):
        clock.move_to(AT)
    with pytest.raises(ValueError, match="aware"):
        FakeClock(datetime(2026, 1, 1))  # noqa: DTZ001


# --- what would come to nothing ---------------------------------------------------------------------------------------


def asking(ask: Callable[[SyncContext], None]) -> Seat:
    """A seat that asks for this whenever it is told of a won deal."""
    seat = Seat("dirk", owns=["deal.*"])

    @seat.on(DealWon)
    def won(event: DealWon, ctx: SyncContext) -> None:
        ask(ctx)

    return seat


def company(seat: Seat) -> Roster:
    gates = [Gate("mail-to-customers", ("coo",), channel="mail", stage="proposal")]
    return Roster([seat, Seat("coo", kind="human")], gates=gates)


WON = DealWon(deal_id="d1", occurred_at=AT)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda ctx: ctx.message("pulze", topic="look", body="now"), "no seat is named so: there are dirk, coo"),
        (lambda ctx: ctx.draft("male", to=["d@acme.example"], body="x"), "no gate opens it: give the roster a Gate"),
        (lambda ctx: ctx.deadline("call", at=AT), "write @dirk.due\\('call'\\)"),
        (lambda ctx: ctx.draft("mail", to=["d@acme.example"], body="x", sends=ContractSigned), "which it cannot make"),
        (lambda ctx: ctx.draft("mail", to=["d@acme.example"], body="x\x00"), "the body of a draft holds a NUL"),
        (lambda ctx: ctx.draft("mail", to=["d@acme.example"] * 51, body="x"), "at most 50 recipients, not 51"),
    ],
)
def test_what_would_come_to_nothing_is_refused_with_what_to_do(ask: Callable[[SyncContext], None], told: str) -> None:
    seat, account = asking(ask), replace(ACCOUNT, stage="proposal")
    with pytest.raises(AssertionError, match=told):
        run_handler(seat, WON, account=account, roster=company(seat))


def test_what_the_company_knows_is_taken() -> None:
    def ask(ctx: SyncContext) -> None:
        ctx.message("coo", topic="look", body="now")
        ctx.draft("mail", to=["d@acme.example"], body="x")
        ctx.deadline("call", at=AT)

    seat, account = asking(ask), replace(ACCOUNT, stage="proposal")
    seat.due("call")(lambda _event, _ctx: None)
    assert len(run_handler(seat, WON, account=account, roster=company(seat))) == 3
    with pytest.raises(AssertionError, match="in stage delivery"):
        run_handler(seat, WON, account=replace(ACCOUNT, stage="delivery"), roster=company(seat))
    assert len(run_handler(seat, WON)) == 3  # without a roster nobody knows who else there is
