"""What is declared or asked for wrongly is said at once, with what to write."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from seamline import Gate, Seat, SyncContext
from seamline.errors import ConfigError
from seamline.events import DealWon, FollowupMissed, KickoffBooked, KickoffOverdue, LeadReceived
from seamline.testing import run_handler


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"approvers": "boss"}, "approvers is a list"),
        ({"approvers": ("boss",), "audience": "customers"}, "audience is one of customer, team"),
        ({"approvers": ("boss",), "stage": "sales"}, "there is no stage 'sales'"),
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
        ({"otherwise": FollowupMissed}, "nothing fills proposal_id, earliest, latest of FollowupMissed: DealWon"),
    ],
)
def test_an_expectation_that_could_not_be_judged_is_refused(wrong: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"after": DealWon, "within": timedelta(hours=48), "otherwise": KickoffOverdue}
    with pytest.raises(ConfigError, match=said):
        Seat("crystal").expect(KickoffBooked, **(given | wrong))


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
