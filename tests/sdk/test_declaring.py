"""What is declared or asked for wrongly is said at once, with what to write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from seamline import Gate, Holds, Requires, Roster, Seat, Settled, StageRow, SyncContext, Trusted
from seamline.errors import ConfigError
from seamline.events import (
    ContractSigned,
    DealLost,
    DealWon,
    FollowupMissed,
    KickoffBooked,
    KickoffOverdue,
    LeadReceived,
    OfferSent,
    OnboardingStarted,
    RiskFlagged,
)
from seamline.testing import run_handler


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"approvers": "boss"}, "approvers is a list"),
        ({"approvers": ("boss",), "audience": "customers"}, "audience is one of customer, team"),
        ({"approvers": ("boss",), "stage": "sales"}, "there is no stage 'sales'"),
        ({"approvers": ("boss",), "expires": 3}, "gate g: expires is a timedelta"),
        ({"approvers": ("boss",), "remind": timedelta(hours=-1)}, "gate g: remind is a timedelta"),
    ],
)
def test_a_gate_that_would_never_fit_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Gate("g", **wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"within": 3}, "within is a timedelta"),
        ({"same": ("deel_id",)}, "DealWon has no field 'deel_id'"),
        ({"otherwise": "kickoff.overdue"}, "takes event types"),
        ({"started": "won_at"}, "DealWon has no field 'won_at'"),
        ({"each": "deal_id"}, r"each is a tuple, such as \('deal_id',\)"),
        ({"unless": DealLost}, r"unless is a tuple, such as \(DealLost,\)"),
        ({"undone": "kickoff.cancelled"}, "takes event types"),
        ({"otherwise": FollowupMissed}, "nothing fills proposal_id, earliest, latest of FollowupMissed: DealWon"),
    ],
)
def test_an_expectation_that_could_not_be_judged_is_refused(wrong: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"after": DealWon, "within": timedelta(hours=48), "otherwise": KickoffOverdue}
    with pytest.raises(ConfigError, match=said):
        Seat("crystal").expect(KickoffBooked, **(given | wrong))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Requires(_any("onboarding.started"), ContractSigned, "r", "waits"), "not 'onboarding.started'"),
        (lambda: Requires(OnboardingStarted, ContractSigned, "r", "waits", voided_by=_any("x")), "not 'x'"),
        (lambda: Holds(_any(OfferSent), "pulse", RiskFlagged), "events is a tuple of event types"),
        (lambda: Holds((OfferSent,), "pulse", _any("look")), "not 'look'"),
        (lambda: Settled(_any("exit.completed"), ("billing",)), "Settled takes event types"),
        (lambda: Trusted(_any(OfferSent)), "Trusted: events is a tuple"),
    ],
)
def test_a_guard_of_what_is_no_event_type_is_refused(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seats": Seat("sales")}, r"seats of a Roster is a list, such as \[sales, boss\]; it is a Seat"),
        ({"seats": ["sales"]}, "in it is a str"),
        ({"gates": Gate("g", ("boss",))}, "gates of a Roster is a list"),
        ({"guards": [OfferSent]}, "in it is OfferSent"),
        ({"stages": [Gate("g", ("boss",))]}, "in it is a Gate"),
    ],
)
def test_a_roster_is_made_of_lists_of_its_own_things(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Roster(**({"seats": [Seat("boss", kind="human")]} | wrong))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"must_know": "when the kickoff is"}, r"must_know is a list, such as \('when the kickoff is',\)"),
        ({"required": "contact.email"}, "required is a list"),
        ({"take_within": 4}, "take_within is a timedelta"),
        ({"patience": 4}, "patience is a timedelta"),
    ],
)
def test_a_stage_that_could_not_be_handed_on_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"stage onboarding: {said}"):
        StageRow(**({"stage": "onboarding", "to_seat": "dana", "tone": "warm", "must_know": ("x",)} | wrong))


@pytest.mark.parametrize("word", ["reports_to", "escalates_to", "assignee"])
def test_a_seat_names_another_by_its_name(word: str) -> None:
    with pytest.raises(ConfigError, match=f"{word} is a name, not a Seat"):
        Seat("sales", **{word: _any(Seat("boss", kind="human"))})


def test_messages_are_heard_by_their_topic() -> None:
    with pytest.raises(ConfigError, match="takes a topic, such as 'price'"):
        Seat("sales").on_message(_any(LeadReceived))


@pytest.mark.parametrize(
    "wrong", [{"after": "deal.won"}, {"after": DealWon, "until": DealLost}, {"after": DealWon, "until": ["deal.lost"]}]
)
def test_a_daily_is_about_what_event_types_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"daily 'figures' takes event types|until is a list"):
        Seat("dash").daily("figures", at=time(8), **wrong)(lambda _event, _ctx: None)


def test_a_seat_faces_one_of_two_sides() -> None:
    with pytest.raises(ConfigError, match="facing is 'customer_facing', 'internal_operations'"):
        Seat("boss", kind="human", facing=_any("customer"))


@pytest.mark.parametrize("where", [{"inbox": "dir:bus"}, {"endpoint": "https://pulse.example.com/"}])
def test_a_seat_that_lives_elsewhere_has_no_handler_that_would_never_run(where: dict[str, Any]) -> None:
    pulse = Seat("pulse", owns=["lead.*"], **where)

    def handler(_event: Any, _ctx: Any) -> None: ...

    for register in (
        pulse.on(LeadReceived),
        pulse.on_message("price"),
        pulse.due("look"),
        pulse.daily("d", at=time(8)),
    ):
        with pytest.raises(ConfigError, match="handler of seat pulse would never run"):
            register(handler)


def _any(value: Any) -> Any:
    """What a type checker would not let pass."""
    return value


def test_what_fills_the_rest_makes_an_expectation_whole() -> None:
    told = Seat("dirk").expect(
        KickoffBooked, after=DealWon, within=timedelta(hours=48), otherwise=FollowupMissed, fill=lambda *_: {}
    )
    assert told.otherwise is FollowupMissed


def test_a_daily_is_at_a_time_of_day() -> None:
    at: Any = "08:00"

    def figures(_event: object, _ctx: object) -> None: ...

    with pytest.raises(ConfigError, match="is at a time"):
        Seat("dash").daily("figures", at=at)(figures)
    assert Seat("dash").daily("figures", at=time(8))(figures) is figures


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda ctx: ctx.draft("mail", to="dana@example.com", body="Hello"), "to is a list"),
        (lambda ctx: ctx.draft("mail", to=["d@example.com"], body="Hi", missing="notes"), "missing is a list"),
        (lambda ctx: ctx.flag("odd", text="odd", evidence="abc"), "evidence is a list"),
        (lambda ctx: ctx.flag("odd", text="odd", severity="high"), "severity is one of"),
        (lambda ctx: ctx.message("boss", topic="x", body="y", kind="request"), "kind is one of"),
        (lambda ctx: ctx.task("x", due_at="tomorrow"), "due_at is a datetime"),
        (lambda ctx: ctx.facts.known("deal.won"), "takes an event type, such as DealWon, not 'deal.won'"),
        (lambda ctx: ctx.timeline.count("deal.won"), "takes an event type"),
        (lambda ctx: ctx.timeline.last("deal.won"), "takes an event type"),
        (lambda ctx: ctx.timeline.all("deal.won"), "takes an event type"),
        (lambda ctx: ctx.timeline.since(ctx.now, "deal.won"), "takes an event type"),
        (lambda ctx: ctx.park("contract.signed", "waits"), "takes an event type"),
        (lambda ctx: ctx.deadline("x", at=datetime(2026, 1, 1)), "without an offset"),  # noqa: DTZ001
    ],
)
def test_what_a_handler_asks_for_wrongly_is_its_own_fault_at_once(ask: Any, said: str) -> None:
    seat = Seat("pepper", owns=["lead.*"])

    @seat.on(LeadReceived)
    def lead(_event: LeadReceived, ctx: SyncContext) -> None:
        ask(ctx)

    with pytest.raises(TypeError, match=said):
        run_handler(seat, LeadReceived(lead_id="l1", channel="form"))
