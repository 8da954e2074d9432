"""What is wrong with a process before it touches a customer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from seamline import ConfigError, Gate, Holds, Requires, Roster, Seat, StageRow, SyncContext
from seamline.events import (
    ContractSigned,
    DealLost,
    DealWon,
    KickoffBooked,
    KickoffOverdue,
    OnboardingStarted,
    ProposalViewed,
)
from seamline.events.base import STAGES
from seamline.lint import lint
from seamline_agency.roster import roster as agency


def _agent(**fields: object) -> Seat:
    told: dict[str, object] = {"owns": ["deal.*"], "does_not_own": ["contract.*"], "reports_to": "coo"}
    return Seat("dirk", **(told | fields))  # type: ignore[arg-type]


COO = Seat("coo", kind="human", facing="customer_facing", does_not_own=["deal.*"])
STAGED = tuple(StageRow(stage, "coo", tone="plain", must_know=("who we are",)) for stage in STAGES)


def _found(roster: Roster, *channels: str) -> set[tuple[str, str, str]]:
    return {(one.level, one.code, one.subject) for one in lint(roster, channels)}


def test_r12_the_agencys_process_is_in_order() -> None:
    assert lint(agency, ("mail", "slack")) == []


def test_r12_an_event_that_somebody_consumes_has_an_owner() -> None:
    dirk = _agent(owns=[])
    dirk.on(DealWon)(lambda _event, _ctx: None)
    assert ("error", "no-owner", "deal.won") in _found(Roster([dirk, COO], stages=STAGED))
    assert _found(Roster([_agent(), COO], stages=STAGED)) == set()


def test_a_seat_that_a_human_takes_over_breaks_no_process_by_what_it_is_informed_of() -> None:
    """Its code handles nothing of it, so nobody needed to own it."""
    dirk = _agent(informed=["message.*"])
    dirk.on(DealWon)(lambda _event, _ctx: None)
    assert _found(Roster([dirk, COO], stages=STAGED)) == set()
    dirk.kind = "human"
    told = {("warning", "no-owner", f"message.{one}") for one in ("answered", "dead_lettered", "delivered")}
    assert _found(Roster([dirk, COO], stages=STAGED)) == told
    without_code = Seat("radar", kind="human", informed=["message.answered"], does_not_own=["deal.*"])
    found = _found(Roster([_agent(), COO, without_code], stages=STAGED))
    assert ("error", "no-owner", "message.answered") in found


@pytest.mark.parametrize("stage", STAGES)
def test_r7_r12_r60_a_stage_without_a_handoff_is_an_error(stage: str) -> None:
    left = tuple(row for row in STAGED if row.stage != stage)
    assert _found(Roster([_agent(), COO], stages=left)) == {("error", "handoff", f"stages.{stage}")}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"to_seat": "nobody"}, "there is no such seat"),
        ({"tone": " "}, "says no tone"),
        ({"must_know": ()}, "says no must_know"),
        ({"required": ("contract.sinned",)}, "requires contract.sinned"),
    ],
)
def test_r7_a_handoff_that_says_too_little_is_an_error(change: dict[str, object], told: str) -> None:
    stages = (replace(STAGED[0], **change), *STAGED[1:])  # type: ignore[arg-type]
    (finding,) = lint(Roster([_agent(), COO], stages=stages))
    assert (finding.level, finding.subject) == ("error", "stages.awareness")
    assert told in finding.message


def test_a_roster_without_any_stages_is_warned_once() -> None:
    assert _found(Roster([_agent(), COO])) == {("warning", "no-stages", "stages")}
    assert lint(Roster(())) == []


@pytest.mark.parametrize("approvers", [(), ("dirk",), ("nobody",), ("coo", "dirk")])
def test_r12_r71_a_gate_is_opened_by_humans_only(approvers: tuple[str, ...]) -> None:
    roster = Roster([_agent(), COO], gates=[Gate("mail", approvers)], stages=STAGED)
    assert _found(roster) == {("error", "gate", "gates.mail")}


def test_r71_nor_does_a_gate_escalate_to_an_agent() -> None:
    gates = [Gate("mail", ("coo",), escalates_to="dirk")]
    assert ("error", "gate", "gates.mail") in _found(Roster([_agent(), COO], gates=gates, stages=STAGED))


def test_r12_r70_a_way_out_without_a_gate_is_an_error() -> None:
    roster = Roster([_agent(), COO], gates=[Gate("mail", ("coo",), channel="mail")], stages=STAGED)
    assert _found(roster, "mail") == set()
    assert _found(roster, "mail", "slack") == {("error", "no-gate", "channels.slack")}


def test_a_gate_for_a_channel_that_is_none_is_a_warning() -> None:
    gates = [Gate("mail", ("coo",), channel="mial"), Gate("any", ("coo",), channel="*")]
    roster = Roster([_agent(), COO], gates=gates, stages=STAGED)
    assert _found(roster, "mail") == set()  # nobody has said which channels there will be
    [found] = lint(roster, (), ("mail", "slack"))
    assert (found.level, found.subject) == ("warning", "gates.mail")
    assert "there are: mail, slack" in found.fix


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"owns": ["deal.*", "laed.*"]}, ("owns names laed.*", "Did you mean lead.*?")),
        ({"informed": ["meeting.bookd"]}, ("informed names meeting.bookd", "Did you mean meeting.booked?")),
        ({"makes": ["zzz"]}, ("makes names zzz", "Write a type of docs/events.md")),
    ],
)
def test_an_event_that_a_seat_misspells_is_a_warning(names: dict[str, list[str]], said: tuple[str, str]) -> None:
    [found] = lint(Roster([_agent(**names), COO], stages=STAGED))
    assert (found.level, found.code, found.subject) == ("warning", "no-event", "dirk")
    assert found.message.startswith(said[0])
    assert found.fix.startswith(said[1])


def test_two_gates_and_two_guards_of_one_id_are_errors() -> None:
    gate = Gate("mail", ("coo",))
    guard = Requires(OnboardingStarted, ContractSigned, rule="R4", reason="waiting")
    roster = Roster([_agent(), COO], guards=[guard, guard], gates=[gate, gate], stages=STAGED)
    assert {(level, code) for level, code, _ in _found(roster)} == {("error", "gate"), ("error", "guard")}


def test_a_guard_that_waits_for_nobody_is_an_error() -> None:
    held = Roster([_agent(), COO], guards=[Holds((OnboardingStarted,), "puls", DealWon)], stages=STAGED)
    assert _found(held) == {("error", "guard", "priority.puls.R53")}


def test_r12_a_seat_that_does_not_say_what_is_not_its_business_is_a_warning() -> None:
    seats = [_agent(does_not_own=[]), COO]
    assert _found(Roster(seats, stages=STAGED)) == {("warning", "does-not-own", "dirk")}


def test_r12_an_expectation_that_nobody_receives_is_a_warning() -> None:
    dirk = _agent()
    dirk.expect(KickoffBooked, after=DealWon, within=timedelta(hours=48), otherwise=KickoffOverdue)
    assert _found(Roster([dirk, COO], stages=STAGED)) == {("warning", "unheard", "dirk")}


def test_an_agent_that_answers_to_no_human_is_a_warning() -> None:
    alone = _agent(reports_to=None)
    assert _found(Roster([alone, COO], stages=STAGED)) == {("warning", "no-human", "dirk")}


def test_whoever_escalates_to_a_human_answers_to_one_over_however_many_agents() -> None:
    alone = _agent(reports_to=None, escalates_to="coo")
    assert _found(Roster([alone, COO], stages=STAGED)) == set()
    below = Seat("pepper", reports_to="dirk", does_not_own=["deal.*"])
    assert _found(Roster([alone, below, COO], stages=STAGED)) == set()


def test_r82_a_seat_of_which_nobody_said_its_side_is_an_error() -> None:
    lost = Seat("team", kind="human", facing="unclassified", does_not_own=["deal.*"])
    assert _found(Roster([_agent(), COO, lost], stages=STAGED)) == {("error", "unclassified", "team")}


def written_as_text(event: DealWon | DealLost, ctx: SyncContext) -> None: ...


def test_a_handler_of_a_union_is_registered_for_its_members_only() -> None:
    dirk = Seat("dirk")
    dirk.on(DealWon)(written_as_text)
    dirk.on(DealLost)(written_as_text)
    with pytest.raises(ConfigError, match=r"takes DealWon \| DealLost but is registered for ProposalViewed"):
        dirk.on(ProposalViewed)(written_as_text)

    def typed(event: object, ctx: SyncContext) -> None: ...

    typed.__annotations__["event"] = DealWon | DealLost
    with pytest.raises(ConfigError, match="is registered for ProposalViewed"):
        dirk.on(ProposalViewed)(typed)
