"""What becomes of a handoff: every outcome, and that effects are written with it, once."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from seamline import Context, Seat, SyncContext
from seamline.boundary import Requires
from seamline.errors import NeedsHuman, Park, PayloadError, RetryLater
from seamline.events import (
    BuyingSignalDetected,
    ContractSigned,
    DealWon,
    EmailReceived,
    Event,
    LeadQualified,
    OnboardingStarted,
    ProposalCommented,
    ProposalViewed,
    RiskCleared,
    RiskFlagged,
)
from seamline.events.base import event_id
from seamline_workers.backoff import FIRST_BACKOFF, backoff
from seamline_workers.handoff.run import Run, Work
from seamline_workers.handoff.runner import MAX_HOPS
from seamline_workers.running import engine
from seamline_workers.store import lanes, ledger, processes
from seamline_workers.store.handoffs import cancel_handoff, replay_handoff
from seamline_workers.store.reading.handoffs import show_handoff
from seamline_workers.store.store import now_us
from support.works import Works, event, signed, viewed

MakeWorks = Callable[..., Works]
Handler = Callable[[Any, SyncContext], None]
MINUTE = 60_000_000


def nothing(event: Any, ctx: SyncContext) -> None:
    """Handle by doing nothing."""


def dirk(handler: Handler, on: type[Event] = ProposalViewed, **fields: Any) -> Seat:
    """A seat with one handler."""
    seat = Seat("dirk", **({"owns": ["proposal.*", "buying_signal.*"]} | fields))
    seat.on(on)(lambda event, ctx: handler(event, ctx))
    return seat


def state(works: Works) -> str:
    ((_, _, found),) = works.states()
    return found


def hold_ends(works: Works) -> None:
    """What waits until some time has waited long enough."""
    with works.store.begin() as connection:
        later = now_us() + 400 * 86_400_000_000
        lanes.wake_due(connection, later)
        ledger.wake_parked(connection, later)


def test_effects_are_written_with_done_and_remembered(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("viewed", text="Dana read it", severity="risk")
        ctx.task("Call Dana", key="call", assignee="coo")
        ctx.message("pepper", topic="proposal", body="read it", key="m")
        ctx.log("noted")
        ctx.emit(BuyingSignalDetected(proposal_id=event.proposal_id, signal="viewed_often", party=event.party))

    company = works(dirk(handle), Seat("pepper"))
    company.tell(viewed())
    company.work()
    assert state(company) == "done"
    assert company.types() == ["proposal.viewed", "buying_signal.detected", "message.delivered"]
    assert [tuple(r) for r in company.all("SELECT name, severity, count FROM flags")] == [("viewed", "risk", 1)]
    assert [tuple(r) for r in company.all("SELECT title, assignee, kind FROM tasks")] == [("Call Dana", "coo", "task")]
    assert company.one("SELECT to_seat FROM messages") == "pepper"
    kinds = [tuple(r) for r in company.all("SELECT kind, key FROM effects ORDER BY kind")]
    assert kinds == [(1, "viewed/"), (2, "call"), (3, "pepper/m"), (4, "buying_signal.detected/#1"), (5, "1")]
    emitted = company.all("SELECT source, cause, correlation, hops, trust FROM events WHERE seq = 2")[0]
    cause = company.one("SELECT id FROM events WHERE seq = 1")
    assert (emitted.source, bytes(emitted.cause), emitted.hops) == ("/seats/dirk", bytes(cause), 1)
    assert bytes(emitted.correlation) == bytes(cause)


def test_two_effects_under_one_key_are_one(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.task("First", key="same")
        ctx.task("Second", key="same")
        ctx.flag("seen", text="once")
        ctx.flag("seen", text="twice")

    company = works(dirk(handle))
    company.tell(viewed())
    company.work()
    assert [tuple(r) for r in company.all("SELECT title FROM tasks")] == [("Second",)]
    assert [tuple(r) for r in company.all("SELECT text, count FROM flags")] == [("twice", 1)]


def test_a_key_that_looks_like_an_ordinal_takes_no_other_effect_s_place(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        for key in ("2", "#4", "##4"):
            ctx.task(f"The task {key}", key=key)
        ctx.task("The fourth task")
        ctx.emit(BuyingSignalDetected(proposal_id="2", signal="keyed"), key="2")
        ctx.emit(BuyingSignalDetected(proposal_id="p", signal="the second"))
        ctx.flag("a", key="b/c", text="one")
        ctx.flag("a/b", key="c", text="another")

    company = works(dirk(handle))
    company.tell(viewed())
    company.work()
    assert company.one("SELECT count(*) FROM tasks") == 4
    assert company.types().count("buying_signal.detected") == 2
    assert company.one("SELECT count(*) FROM flags") == 2


def test_what_a_handler_calls_wrongly_is_told_by_the_handlers_own_line(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.deadline("x", at=datetime(2026, 1, 1))  # noqa: DTZ001

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    line = handle.__code__.co_firstlineno + 1
    reason = company.one("SELECT reason FROM handoffs")
    assert re.fullmatch(rf"TypeError at handle:{line} \(in _aware:\d+\)", reason)


def test_r89_a_handler_that_raises_is_tried_again_with_full_jitter_and_then_dead(works: MakeWorks) -> None:
    runs = []

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", text="never written")
        runs.append(event.proposal_id)
        if event.proposal_id == "P1":
            raise RuntimeError("dana@acme.example must not stand in a reason")

    company = works(dirk(handle), max_attempts=3)
    company.tell(viewed(1), viewed(2))
    company.work()
    assert [s for _, _, s in company.states()] == ["retrying", "ready"]
    row = company.all("SELECT attempts, due, reason FROM handoffs WHERE state = 1")[0]
    assert row.attempts == 1
    assert row.due <= now_us() + FIRST_BACKOFF * 1_000_000
    assert row.reason.startswith("RuntimeError at handle:")
    assert "dana" not in row.reason
    for _ in range(2):
        hold_ends(company)
        company.work()
    assert [s for _, _, s in company.states()] == ["dead", "done"]
    assert company.one("SELECT attempts FROM handoffs WHERE state = 5") == 3
    assert runs == ["P1", "P1", "P1", "P2"]
    assert company.one("SELECT count(*) FROM flags") == 1


def test_a_customer_s_later_events_do_not_overtake_one_that_fails_for_hours(works: MakeWorks) -> None:
    runs = []

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        runs.append(event.proposal_id)
        if event.proposal_id == "P1" and len(runs) < 10:
            raise RuntimeError

    company = works(dirk(handle))
    company.tell(viewed(1), viewed(2))
    for _ in range(9):
        company.work()
        assert [s for _, _, s in company.states()] == ["retrying", "ready"]
        hold_ends(company)
    company.work()
    assert runs == ["P1"] * 10 + ["P2"]


def test_r89_back_off_doubles_with_full_jitter() -> None:
    assert [backoff(n, lambda: 1.0) for n in (1, 2, 3)] == [40.0, 80.0, 160.0]
    assert backoff(5, lambda: 0.0) == 0.0
    assert 20 * 3600 < sum(backoff(n, lambda: 1.0) for n in range(1, 12)) < 26 * 3600


def test_a_short_wait_holds_the_lane_and_a_long_one_lets_it_go(works: MakeWorks) -> None:
    waits = {"P1": timedelta(minutes=15), "P3": timedelta(minutes=16)}

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        if event.proposal_id in waits:
            ctx.retry_later("the provider asks for patience", waits.pop(event.proposal_id))

    company = works(dirk(handle))
    company.tell(viewed(1), viewed(2), viewed(3, "ben@other.example"), viewed(4, "ben@other.example"))
    company.work()
    assert [s for _, _, s in company.states()] == ["retrying", "ready", "parked", "done"]
    rows = company.all("SELECT due, attempts FROM handoffs WHERE due > 0 ORDER BY event_seq")
    assert [round((row.due - now_us()) / MINUTE) for row in rows] == [15, 16]
    assert [row.attempts for row in rows] == [1, 1]
    hold_ends(company)
    company.work()
    assert [s for _, _, s in company.states()] == ["done"] * 4


@pytest.mark.parametrize("after", [timedelta.max, timedelta(seconds=-5), timedelta(0)])
def test_no_wait_that_a_handler_asks_for_breaks_the_store(works: MakeWorks, after: timedelta) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        raise RetryLater("odd", after)

    company = works(dirk(handle))
    company.tell(viewed())
    company.engine.do(Run(Work("seat", "dirk")))
    assert state(company) == ("parked" if after > timedelta(0) else "retrying")


def test_r79_what_needs_a_human_becomes_a_task_and_lets_the_lane_go(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        if event.proposal_id == "P1":
            ctx.needs_human("the amount is odd")

    company = works(dirk(handle, assignee="coo"))
    company.tell(viewed(1), viewed(2))
    company.work()
    assert [s for _, _, s in company.states()] == ["needs_human", "done"]
    task = company.all("SELECT kind, text, assignee, seat FROM tasks")[0]
    assert tuple(task) == ("needs_human", "the amount is odd", "coo", "dirk")


def test_a_parked_handoff_is_released_by_its_fact_in_the_fact_s_transaction(works: MakeWorks) -> None:
    seen = []

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        seen.append(ctx.facts.known(ContractSigned))
        if not seen[-1]:
            ctx.park(ContractSigned, "no contract yet")

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    assert state(company) == "parked"
    company.tell(signed(1, "somebody@else.example"))
    assert state(company) == "parked"
    company.tell(signed(1))
    assert state(company) == "ready"
    company.work()
    assert state(company) == "done"
    assert seen == [False, True]


def test_a_fact_that_comes_while_the_handler_runs_releases_it_at_once(works: MakeWorks) -> None:
    seen = []

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        seen.append(ctx.facts.known(ContractSigned))
        if len(seen) == 1:
            company.tell(signed(1))
        if not seen[-1]:
            ctx.park(ContractSigned, "no contract yet")

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    assert state(company) == "done"
    assert seen == [False, True]


def test_a_seat_that_emits_what_is_not_its_own_is_dead_at_once_and_emits_nothing(works: MakeWorks) -> None:
    forbidden = [
        ContractSigned(contract_id="C1"),
        RiskCleared(flag_id="F1", by="robin", reason="I say so"),
        event_of_another_seat(),
    ]

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", text="goes with it")
        ctx.emit(forbidden.pop())

    pepper = Seat("pepper", owns=["lead.*"])
    company = works(dirk(handle), pepper)
    company.tell(viewed(1), viewed(2), viewed(3))
    company.work()
    assert [s for _, _, s in company.states()] == ["dead"] * 3
    assert company.types() == ["proposal.viewed"] * 3
    assert company.one("SELECT count(*) FROM flags") == 0
    assert "may not emit" in company.all("SELECT reason FROM handoffs")[0].reason


def test_r53_a_seat_s_judgement_from_far_ahead_is_dead_for_nothing_until_then_could_change_it(works: MakeWorks) -> None:
    ahead = [datetime(9999, 12, 31, tzinfo=UTC), datetime.now(UTC) + timedelta(hours=2)]

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.emit(RiskFlagged(flag_id=event.proposal_id, severity="at_risk", occurred_at=ahead.pop(0)))

    company = works(dirk(handle, owns=["proposal.*", "risk.*"]))
    company.tell(viewed(1), viewed(2))
    company.work()
    assert company.types() == ["proposal.viewed", "proposal.viewed", "risk.flagged"]
    assert sorted(state for kind, _, state in company.states() if kind == "proposal.viewed") == ["dead", "done"]
    reason = company.one("SELECT reason FROM handoffs WHERE event_seq = 1")
    assert reason.startswith("risk.flagged happens more than a day from now")


def test_a_message_to_a_seat_that_does_not_exist_is_dead_and_says_which_there_are(works: MakeWorks) -> None:
    company = works(dirk(lambda _, ctx: ctx.message("peper", topic="proposal", body="read it")), Seat("pepper"))
    company.tell(viewed())
    company.work()
    assert state(company) == "dead"
    assert company.one("SELECT reason FROM handoffs") == "no seat is named 'peper': there are dirk, pepper"


def test_a_due_time_without_an_offset_is_a_fault_of_the_handler(works: MakeWorks) -> None:
    company = works(dirk(lambda _, ctx: ctx.task("Call", due_at=datetime(2026, 11, 20, 9))))  # noqa: DTZ001
    company.tell(viewed())
    company.work()
    assert state(company) == "retrying"
    assert company.one("SELECT reason FROM handoffs").startswith("TypeError")


def test_a_judgement_that_nobody_owns_is_kept_and_handed_to_nobody(works: MakeWorks) -> None:
    seat = Seat("dirk", owns=["proposal.*", "deal.*"], does_not_own=["onboarding.*"])

    @seat.on(ProposalViewed)
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.emit(BuyingSignalDetected(proposal_id=event.proposal_id, signal="third view", evidence=[event.id]))

    company = works(seat)
    company.tell(viewed())
    company.work()
    assert state(company) == "done"
    assert company.types() == ["proposal.viewed", "buying_signal.detected"]


def event_of_another_seat() -> Event:
    return LeadQualified(lead_id="L1", result="qualified", score=50)


GUARD = Requires(OnboardingStarted, ContractSigned, "R4", "no contract is signed")


def crystal(emitted: list[str]) -> Seat:
    seat = Seat("crystal", owns=["deal.won", "onboarding.*"])

    @seat.on(DealWon)
    def start(event: DealWon, ctx: SyncContext) -> None:
        emitted.append(event.deal_id)
        ctx.flag("starting", text="goes with it")
        ctx.emit(OnboardingStarted(project_id="P1", sequence_id="S1", contract_id="C1", party=event.party))

    return seat


def won(email: str = "dana@acme.example") -> dict[str, Any]:
    return event("deal.won", email, deal_id="D1", closed_at="2026-11-20T11:00:00Z")


def test_nothing_is_started_before_the_contract_is_signed_and_then_it_is_once_R4(works: MakeWorks) -> None:
    runs: list[str] = []
    company = works(crystal(runs), guards=[GUARD])
    company.tell(won())
    company.work()
    assert [s for t, _, s in company.states() if t == "deal.won"] == ["parked"]
    assert "onboarding.started" not in company.types()
    assert company.types().count("guard.refused") == 1
    assert company.one("SELECT count(*) FROM flags") == 0
    assert company.one("SELECT awaits FROM handoffs WHERE state = 3") == "contract.signed"
    company.tell(signed(1), source="crm")
    company.work()
    assert [s for t, _, s in company.states() if t == "deal.won"] == ["done"]
    assert company.types().count("onboarding.started") == 1
    assert company.one("SELECT count(*) FROM flags") == 1
    assert runs == ["D1", "D1"]


def test_a_contract_on_somebody_s_mere_word_opens_no_gate_R4(works: MakeWorks) -> None:
    runs: list[str] = []
    company = works(crystal(runs), guards=[GUARD])
    company.source("hook", trust="relayed")
    company.tell(won())
    company.work()
    company.tell(signed(1), source="hook")
    company.work()
    assert [s for t, _, s in company.states() if t == "deal.won"] == ["parked"]
    assert "onboarding.started" not in company.types()
    company.tell(signed(1), source="crm")
    company.work()
    assert company.types().count("onboarding.started") == 1


def test_a_chain_of_more_than_sixteen_events_waits_for_a_human(works: MakeWorks) -> None:
    seat = Seat("dirk", owns=["buying_signal.*", "proposal.*"])

    def again(event: Any, ctx: SyncContext) -> None:
        ctx.emit(BuyingSignalDetected(proposal_id=event.proposal_id, signal="viewed_often", party=event.party))

    seat.on(ProposalViewed)(again)
    seat.on(BuyingSignalDetected)(again)
    company = works(seat)
    company.tell(viewed(1))
    company.work(rounds=60)
    assert company.types().count("buying_signal.detected") == MAX_HOPS
    assert [s for _, _, s in company.states()] == ["done"] * MAX_HOPS + ["needs_human"]
    assert company.one("SELECT count(*) FROM tasks") == 1


def test_r89_a_replay_runs_the_same_handoff_and_repeats_no_effect(works: MakeWorks) -> None:
    runs = []

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        runs.append(event.id)
        ctx.flag("seen", text=f"run {len(runs)}")
        ctx.task("Call", key="call")
        ctx.task("Without a key")
        ctx.log("a line")
        ctx.emit(BuyingSignalDetected(proposal_id="P1", signal="viewed_often", party=event.party))
        if len(runs) == 2:
            ctx.task("New in the second run", key="new")

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    with company.store.begin() as connection:
        replay_handoff(connection, "1.dirk")
    assert company.states()[0][2] == "ready"
    company.work()
    assert company.states()[0][2] == "done"
    assert len(runs) == 2
    assert runs[0] == runs[1]
    assert [tuple(r) for r in company.all("SELECT count, text FROM flags")] == [(1, "run 1")]
    titles = sorted(row[0] for row in company.all("SELECT title FROM tasks"))
    assert titles == ["Call", "New in the second run", "Without a key"]
    assert company.types().count("buying_signal.detected") == 1


def test_what_is_cancelled_while_it_runs_has_no_effect_and_what_waits_behind_it_goes_on(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", key=event.proposal_id, text="x")
        if event.proposal_id == "P1":
            with company.store.begin() as connection:
                cancel_handoff(connection, "1.dirk", by="coo", now=now_us(), wall=now_us())

    company = works(dirk(handle))
    company.tell(viewed(1), viewed(2))
    company.work()
    assert [s for _, _, s in company.states()] == ["cancelled", "done"]
    assert [row[0] for row in company.all("SELECT key FROM flags")] == ["P2"]


def test_all_of_a_lane_cancelled_settles_it(works: MakeWorks) -> None:
    company = works(dirk(nothing))
    company.tell(viewed(1), viewed(2))
    with company.store.begin() as connection:
        for seq in (1, 2):
            cancel_handoff(connection, f"{seq}.dirk", by="coo", now=now_us(), wall=now_us())
    company.work()
    assert company.one("SELECT count(*) FROM lanes WHERE kind = 2 AND last > done") == 0


def test_a_human_s_handoff_is_done_when_its_task_is_durable(works: MakeWorks) -> None:
    company = works(Seat("coo", role="COO", kind="human", owns=["proposal.*"], assignee="robin"))
    company.tell(viewed(1))
    company.work()
    assert state(company) == "done"
    task = company.all("SELECT title, assignee, state, cause FROM tasks")[0]
    assert (task.title, task.assignee, task.state) == ("proposal.viewed for COO", "robin", "open")
    assert task.cause == str(event_of(company, 1))


def event_of(company: Works, seq: int) -> Any:
    return UUID(bytes=bytes(company.one("SELECT id FROM events WHERE seq = :seq", seq=seq)))


def test_a_seat_that_a_human_took_over_gets_tasks_for_what_was_planned_before(works: MakeWorks) -> None:
    agent = dirk(lambda _event, ctx: ctx.flag("seen", text="by the agent"))
    before = works(agent)
    before.tell(viewed(1))
    after = works(replace(agent, kind="human", assignee="robin"), name="after")
    after.tell(viewed(2))
    after.work()
    assert [s for _, _, s in after.states()] == ["done", "done"]
    assert after.one("SELECT count(*) FROM tasks") == 2
    assert after.one("SELECT count(*) FROM flags") == 0


def test_an_async_handler_reads_awaits_and_asks(works: MakeWorks) -> None:
    seat = Seat("dirk", owns=["proposal.*"])

    @seat.on(ProposalViewed)
    async def handle(event: ProposalViewed, ctx: Context) -> None:
        ctx.flag("seen", text=f"view {await ctx.timeline.count(ProposalViewed)}")

    company = works(seat)
    company.tell(viewed(1), viewed(2))
    company.work()
    assert [tuple(r) for r in company.all("SELECT text, count FROM flags")] == [("view 2", 2)]


@pytest.mark.parametrize("exit", [SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError])
def test_whatever_a_handler_raises_is_an_outcome(works: MakeWorks, exit: type[BaseException]) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        raise exit

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    assert state(company) == "retrying"


@pytest.mark.parametrize("exit", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_whatever_an_async_handler_raises_its_seat_goes_on(works: MakeWorks, exit: type[BaseException]) -> None:
    seat = Seat("dirk", owns=["proposal.*"])

    @seat.on(ProposalViewed)
    async def handle(event: ProposalViewed, ctx: Context) -> None:
        if event.proposal_id == "P1":
            raise exit

    company = works(seat)
    company.tell(viewed(1, "a@a.example"), viewed(2, "b@b.example"))
    company.work()
    assert [state for _, _, state in company.states()] == ["retrying", "done"]


class _Unmade(NeedsHuman):
    """A word of a company's own that forgets what it is made of."""

    def __init__(self) -> None: ...


@pytest.mark.parametrize(
    "ask",
    [
        lambda: RetryLater("busy", 60),  # type: ignore[arg-type]
        lambda: NeedsHuman(ValueError("dana@example.com")),  # type: ignore[arg-type]
        lambda: Park(ContractSigned, "no contract"),  # type: ignore[arg-type]
        _Unmade,
    ],
    ids=["a wait in seconds", "an exception as the reason", "a class for a name", "without a reason"],
)
def test_asking_wrongly_is_an_outcome_that_holds_up_no_other_lane(
    works: MakeWorks, ask: Callable[[], Exception]
) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        raise ask()

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    assert state(company) == "retrying"
    assert "dana" not in str(company.one("SELECT reason FROM handoffs"))


def test_waiting_for_what_can_never_be_told_is_dead_at_once_and_says_so(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        raise Park("contract.singed", "no contract")

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    assert state(company) == "dead"
    assert "'contract.singed'" in str(company.one("SELECT reason FROM handoffs"))


def test_r89_a_payload_that_the_handler_cannot_read_is_dead_at_once(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        raise PayloadError("no amount")

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    assert state(company) == "dead"


def test_a_handler_reads_as_of_its_event_s_place_in_the_ledger(works: MakeWorks) -> None:
    seen = []

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        last = ctx.timeline.last(ProposalViewed)
        assert last is not None
        seen.append((ctx.timeline.count(ProposalViewed), last.proposal_id, ctx.account.facts["proposal.viewed"]))

    company = works(dirk(handle))
    company.tell(viewed(1), viewed(2), viewed(3))
    company.work()
    assert seen == [(1, "P1", 1), (2, "P2", 2), (3, "P3", 3)]


def test_a_handler_finds_events_by_any_value_and_is_told_of_a_field_that_is_not_there(works: MakeWorks) -> None:
    found: list[int] = []

    def handle(event: EmailReceived, ctx: SyncContext) -> None:
        wanted: list[dict[str, Any]] = [
            {"auto": "none"},
            {"auto": "bounce"},
            {"recipients": event.recipients},
            {"text": None},
        ]
        found.extend(ctx.timeline.count(EmailReceived, **where) for where in wanted)
        with pytest.raises(TypeError, match=r"EmailReceived has no field 'sendr'; there are: .*sender"):
            ctx.timeline.last(EmailReceived, sendr="dana@example.com")

    company = works(dirk(handle, EmailReceived))
    company.tell(event("email.received", message_id="m1", sender="dana@example.com", recipients=["team@example.com"]))
    company.work()
    assert found == [1, 0, 1, 1]


def test_owner_and_informed_each_get_one_handoff_and_nobody_else(works: MakeWorks) -> None:
    owner = dirk(nothing)
    informed = Seat("pulse")
    informed.on(ProposalViewed)(nothing)
    deaf = Seat("arin", owns=["call.*"])
    deaf.on(ProposalCommented)(nothing)
    company = works(owner, informed, deaf)
    company.tell(viewed(1))
    rows = company.all("SELECT seat, owner FROM handoffs ORDER BY seat")
    assert [tuple(row) for row in rows] == [("dirk", 1), ("pulse", 0)]


# --- what no store takes --------------------------------------------------------------------------------------------

UNWRITABLE: list[Callable[[SyncContext], None]] = [
    lambda ctx: ctx.task(None),  # type: ignore[arg-type]
    lambda ctx: ctx.task("A title", assignee={"a": 1}),  # type: ignore[arg-type]
    lambda ctx: ctx.flag("seen", text=["a", "list"]),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("number", range(len(UNWRITABLE)))
def test_what_no_store_takes_fails_alone_and_spoils_no_other_of_its_batch(works: MakeWorks, number: int) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", key=event.proposal_id, text="x")
        if event.proposal_id == "P2":
            UNWRITABLE[number](ctx)

    company = works(dirk(handle), max_attempts=2)
    company.tell(viewed(1), viewed(2), viewed(3), viewed(4, "ben@other.example"))
    company.work()
    assert [s for _, _, s in company.states()] == ["done", "retrying", "ready", "done"]
    hold_ends(company)
    company.work()
    assert [s for _, _, s in company.states()] == ["done", "dead", "done", "done"]
    assert sorted(row[0] for row in company.all("SELECT key FROM flags")) == ["P1", "P3", "P4"]
    assert "cannot be written" in company.one("SELECT reason FROM handoffs WHERE state = 5")


UNSTORABLE: list[tuple[str, Callable[[SyncContext], None]]] = [
    ("the text of a flag", lambda ctx: ctx.flag("seen", text="a \x00")),
    ("the name of a flag", lambda ctx: ctx.flag("seen\x00", text="a")),
    ("the title of a task", lambda ctx: ctx.task("a \x00")),
    ("the body of a message", lambda ctx: ctx.message("dirk", topic="t", body="half \ud800")),
    ("the topic of a message", lambda ctx: ctx.message("dirk", topic="t\x00", body="x")),
    ("the subject of a draft", lambda ctx: ctx.draft("mail", to=["d@acme.example"], subject="a\x00", body="x")),
    ("the recipients of a draft", lambda ctx: ctx.draft("mail", to=["\x00@acme.example"], body="x")),
    ("the body of a draft", lambda ctx: ctx.draft("mail", to=["d@acme.example"], body="Dear \x00")),
    ("the fields of a draft", lambda ctx: ctx.draft("mail", to=[], body="x", fields={"note": ["\x00"]})),
    ("the text of a log", lambda ctx: ctx.log("\x00")),
    ("the key of a done", lambda ctx: ctx.done("\x00")),
    ("a draft has at most 50 recipients", lambda ctx: ctx.draft("mail", to=["d@acme.example"] * 51, body="x")),
]


@pytest.mark.parametrize(("says", "ask"), UNSTORABLE, ids=[says for says, _ in UNSTORABLE])
def test_what_no_store_takes_or_no_list_bears_is_refused_at_once_on_both_by_its_name(
    works: MakeWorks, says: str, ask: Callable[[SyncContext], None]
) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", key=event.proposal_id, text="plain")
        if event.proposal_id == "P1":
            ask(ctx)

    company = works(dirk(handle))
    company.tell(viewed(1), viewed(2))
    company.work()
    assert [s for _, _, s in company.states()] == ["dead", "done"]
    assert says in company.one("SELECT reason FROM handoffs WHERE state = 5")
    assert [row[0] for row in company.all("SELECT key FROM flags")] == ["P2"]


def test_a_null_character_of_a_provider_stands_in_no_humans_way(works: MakeWorks) -> None:
    def handle(event: EmailReceived, ctx: SyncContext) -> None:
        ctx.needs_human(f"who is {event.subject}?")

    seat = Seat("pepper", owns=["email.*"])
    seat.on(EmailReceived)(handle)
    company = works(seat, Seat("coo", kind="human", informed=["email.*"]), max_attempts=1)
    company.tell(event("email.received", message_id="M1", sender="dana@acme.example", subject="Da\x00na"))
    company.work()
    assert sorted(s for _, _, s in company.states()) == ["done", "needs_human"]
    told = [row[0] for row in company.all("SELECT text FROM tasks")]
    assert "who is Dana?" in told
    assert any("subject: Dana" in one for one in told)


# --- time limits and fences -----------------------------------------------------------------------------------------


def test_a_run_that_was_declared_dead_writes_and_emits_nothing(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", text="x")
        ctx.emit(
            BuyingSignalDetected(proposal_id="P1", signal="viewed_often", evidence=(), party=event.party),
            key=f"run {len(runs)}",
        )
        runs.append(1)
        if len(runs) == 1:
            with company.store.begin() as connection:
                processes.bury_named(connection, "test")
            company.engine.enter("test")
            while company.engine.run_suspect():
                pass

    runs: list[int] = []
    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    assert len(runs) == 2
    assert company.states()[0] == ("proposal.viewed", "dirk", "done")
    assert company.types() == ["proposal.viewed", "buying_signal.detected"]
    assert company.one("SELECT count FROM flags") == 1
    assert bytes(company.one("SELECT id FROM events WHERE seq = 2")) == (
        event_id("/seats/dirk", "buying_signal.detected", f"{event_of(company, 1)}/buying_signal.detected/run 1").bytes
    )


def test_a_handler_out_of_time_loses_its_lease_and_what_it_says_later_counts_for_nothing(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", key=event.proposal_id, text="x")
        if event.proposal_id == "P2" and not revoked:
            run.handler_since = run.handler_since and run.handler_since - 10.0
            company.engine.watch([run])
            revoked.append(company.engine.stuck())

    revoked: list[int] = []
    run = Run(Work("seat", "dirk"))
    company = works(dirk(handle), time_limit="5s")
    company.tell(viewed(1), viewed(2), viewed(3))
    company.engine.do(run)
    assert revoked == [1]
    assert company.engine.stuck() == 0
    assert [s for _, _, s in company.states()] == ["done", "retrying", "ready"]
    assert "timed out" in company.one("SELECT reason FROM handoffs WHERE state = 1")
    assert [row[0] for row in company.all("SELECT key FROM flags")] == ["P1"]
    hold_ends(company)
    company.work()
    assert [s for _, _, s in company.states()] == ["done"] * 3
    assert company.one("SELECT count(*) FROM flags") == 3


def test_no_second_run_starts_in_a_process_until_the_first_has_returned(works: MakeWorks) -> None:
    starts = []

    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        starts.append(event.proposal_id)
        if event.proposal_id == "P2" and len(starts) == 2:
            run.handler_since = run.handler_since and run.handler_since - 10.0
            company.engine.watch([run])
            hold_ends(company)
            company.engine.do(Run(Work("seat", "dirk")))

    run = Run(Work("seat", "dirk"))
    company = works(dirk(handle), time_limit="5s")
    company.tell(viewed(1), viewed(2))
    company.engine.do(run)
    assert starts == ["P1", "P2"]
    hold_ends(company)
    company.work()
    assert starts == ["P1", "P2", "P2"]


def test_an_async_handler_that_does_not_heed_its_cancelling_keeps_its_thread(works: MakeWorks) -> None:
    seat, begun, go_on = Seat("dirk", owns=["proposal.*"]), threading.Event(), threading.Event()

    @seat.on(ProposalViewed)
    async def handle(event: ProposalViewed, ctx: Context) -> None:
        begun.set()
        go_on.wait(30)  # the whole loop is held up

    run = Run(Work("seat", "dirk"))
    company = works(seat, time_limit="5s")
    company.tell(viewed(1))
    thread = threading.Thread(target=company.engine.do, args=(run,))
    thread.start()
    assert begun.wait(30)
    run.handler_since = run.handler_since and run.handler_since - 10.0
    company.engine.watch([run])
    assert company.engine.stuck() == 1
    hold_ends(company)
    company.engine.do(Run(Work("seat", "dirk")))
    assert company.engine.stuck() == 1
    assert state(company) == "retrying"
    go_on.set()
    thread.join(30)
    assert company.engine.stuck() == 0
    hold_ends(company)
    company.work()
    assert state(company) == "done"


def test_lanes_behind_a_slow_handler_are_given_back_and_what_is_done_is_written(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", key=event.proposal_id, text="x")
        if event.proposal_id == "P2" and not looked:
            run.handler_since = run.handler_since and run.handler_since - 1.0
            company.engine.watch([run])
            looked.append(company.states())

    looked: list[Any] = []
    run = Run(Work("seat", "dirk"))
    company = works(dirk(handle))
    company.tell(viewed(1, "a@a.example"), viewed(2, "b@b.example"), viewed(3, "c@c.example"))
    company.engine.do(run)
    assert [s for _, _, s in looked[0]] == ["done", "ready", "ready"]
    company.work()
    assert [s for _, _, s in company.states()] == ["done"] * 3
    assert company.one("SELECT count(*) FROM lanes WHERE lease IS NOT NULL") == 0


def test_leases_whose_giving_back_failed_are_given_back_when_the_store_answers_again(
    works: MakeWorks, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = works(dirk(nothing))
    company.tell(viewed(1))

    def away(*_: object) -> int:
        raise OSError("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(type(company.engine.completer), "commit", away)
        assert company.engine.do(Run(Work("seat", "dirk"))) is False
    assert company.one("SELECT count(*) FROM lanes WHERE lease IS NOT NULL") == 1
    company.engine.orphans.give_back()
    company.work()
    assert state(company) == "done"


def test_a_store_that_is_full_is_asked_again_in_a_moment_and_fills_no_log(
    works: MakeWorks, monkeypatch: pytest.MonkeyPatch
) -> None:
    company, rested = works(dirk(nothing)), list[float]()
    company.tell(viewed(1))

    def full(*_: object) -> int:
        raise OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(type(company.engine.completer), "commit", full)
        patch.setattr(time, "sleep", rested.append)
        for _ in range(50):
            assert company.engine.do(Run(Work("seat", "dirk"))) is False
            company.engine.orphans.give_back()
    assert rested == [engine.STORE_PAUSE_S] * 50
    assert 1 <= len([line for line in lines if line["event"] == "run_failed"]) < 25  # one every few seconds
    company.work()
    assert state(company) == "done"


def test_a_suspect_at_a_seat_that_nobody_here_has_is_given_back_as_it_was(works: MakeWorks) -> None:
    company = works(dirk(nothing))
    company.tell(viewed(1))
    with company.store.begin() as connection:
        worker = processes.register(connection, "other")
        lanes.lease_lanes(connection, "dirk", (worker << processes.TOKEN_BITS) + 1, 1, 1)
        processes.bury_named(connection, "other")
    elsewhere = works(Seat("pepper", owns=["lead.*"]), name="elsewhere")
    assert elsewhere.engine.run_suspect()
    assert not elsewhere.engine.run_suspect()
    company.work()
    assert state(company) == "done"


def test_a_human_is_asked_again_when_a_replayed_handoff_needs_one_again(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        raise NeedsHuman("still odd")

    company = works(dirk(handle))
    company.tell(viewed(1))
    company.work()
    company.write("UPDATE tasks SET state = 'done', done_at = 1, done_by = 'robin'")
    with company.store.begin() as connection:
        replay_handoff(connection, "1.dirk")
    company.work()
    assert state(company) == "needs_human"
    assert [tuple(r) for r in company.all("SELECT state, done_by FROM tasks")] == [("open", None)]


def test_r10_a_run_s_record_lists_the_ids_of_what_it_read(works: MakeWorks) -> None:
    def handle(event: ProposalViewed, ctx: SyncContext) -> None:
        if event.proposal_id == "P3":
            assert ctx.timeline.count(ProposalViewed, proposal_id="P1") == 1
            assert ctx.timeline.last(ProposalViewed) is not None

    company = works(dirk(handle))
    company.tell(viewed(1), viewed(2), viewed(3))
    company.work()
    first, third = show_handoff(company.store, "1.dirk"), show_handoff(company.store, "3.dirk")
    ids = [str(UUID(bytes=bytes(row[0]))) for row in company.all("SELECT id FROM events ORDER BY seq")]
    assert first is not None
    assert third is not None
    assert first["reads"] == []
    assert third["reads"] == [ids[2], ids[0]]
