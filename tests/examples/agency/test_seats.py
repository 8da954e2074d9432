"""The handlers, one by one, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, TypeVar

import pytest

from seamline import Event, Party
from seamline.context import Effect, Emit, Flag, Log, Message, Task
from seamline.events import (
    BuyingSignalDetected,
    CallCompleted,
    ContractSigned,
    ContractVoided,
    DealStageChanged,
    DealWon,
    EmailDeliveryChanged,
    EmailReceived,
    EmailTriaged,
    KickoffBooked,
    KickoffCancelled,
    LeadReceived,
    LeadTriaged,
    MeetingBooked,
    MeetingCancelled,
    MeetingRescheduled,
    OnboardingStarted,
    ProjectCreated,
    ProjectNoted,
    ProposalCommented,
    ProposalViewed,
)
from seamline.testing import ACCOUNT, run_handler
from seamline_agency.seats.arin import arin
from seamline_agency.seats.crystal import NO_CONTRACT, crystal
from seamline_agency.seats.dash import dash
from seamline_agency.seats.dirk import dirk
from seamline_agency.seats.pepper import pepper
from seamline_agency.seats.pulse import pulse

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DANA = Party(name="Dana Whitfield", email="dana@example.com", company="Harbor Lane Dental")
T = TypeVar("T")


def only(effects: Sequence[Effect], kind: type[T]) -> T:
    """The one effect of a kind."""
    found = [effect for effect in effects if isinstance(effect, kind)]
    assert len(found) == 1, effects
    return found[0]


def emitted(effects: Sequence[Effect]) -> list[Event]:
    return [effect.event for effect in effects if isinstance(effect, Emit)]


def signals(effects: Sequence[Effect]) -> list[Event]:
    return [event for event in emitted(effects) if isinstance(event, BuyingSignalDetected)]


def in_stage(stage: str) -> Any:
    return replace(ACCOUNT, stage=stage, name="Harbor Lane Dental")


def a_lead(**fields: Any) -> LeadReceived:
    told = {"party": DANA, "occurred_at": NOW, "lead_id": "L1", "channel": "ad_form", "platform": "facebook"}
    return LeadReceived.model_validate(told | fields)


def a_mail(**fields: Any) -> EmailReceived:
    told = {"party": DANA, "occurred_at": NOW, "message_id": "M1", "sender": "dana@example.com", "subject": "Hello"}
    return EmailReceived.model_validate(told | fields)


# --- Pepper ---------------------------------------------------------------------------------------------------------


def test_r17_a_lead_is_triaged_and_the_coo_gets_source_contact_company_history_and_urgency() -> None:
    effects = run_handler(pepper, a_lead(fields={"budget": "2k, please call today"}))
    triaged = only(effects, Emit).event
    assert isinstance(triaged, LeadTriaged)
    assert (triaged.lead_id, triaged.bucket, triaged.response_warranted) == ("L1", "lead", True)
    assert triaged.urgency == "urgent"
    task = only(effects, Task)
    assert (task.assignee, task.rule) == ("coo", "R17")
    for word in ("ad form on facebook", "dana@example.com", "Harbor Lane Dental", "new to us", "urgent", "2k"):
        assert word in task.text


def test_r18_whoever_wants_to_sell_to_us_gets_no_answer_and_no_task() -> None:
    effects = run_handler(pepper, a_lead(fields={"message": "We offer backlinks"}))
    triaged = only(effects, Emit).event
    assert isinstance(triaged, LeadTriaged)
    assert (triaged.bucket, triaged.response_warranted) == ("team_or_vendor", False)
    assert "backlinks" in triaged.reason
    assert not [effect for effect in effects if isinstance(effect, Task)]


def test_a_thin_lead_is_shown_at_once_and_says_that_nothing_could_be_read() -> None:
    effects = run_handler(pepper, a_lead(party=Party()))
    assert "look at the provider" in only(effects, Task).text


def test_the_history_of_a_lead_is_what_was_known_before_it() -> None:
    earlier = a_lead(lead_id="L0", fact="earlier")
    effects = run_handler(pepper, a_lead(), [earlier], account=in_stage("inquiry"))
    assert "1 events before, now in inquiry" in only(effects, Task).text


@pytest.mark.parametrize(
    ("mail", "stage", "outcome", "assignee"),
    [
        (a_mail(), None, "lead", "coo"),
        (a_mail(text="We sell link building"), None, "team_or_vendor", None),
        (a_mail(auto="out_of_office"), None, "noise", None),
        (a_mail(text="Thanks!"), "delivery", "client_routine", "account_manager"),
        (a_mail(text="This is unacceptable"), "delivery", "client_urgent", "account_manager"),
        (a_mail(text="I sell link building"), "proposal", "client_routine", "account_manager"),
        (a_mail(auto="out_of_office"), "proposal", "client_routine", None),
    ],
)
def test_r21_mail_gets_exactly_one_outcome(
    mail: EmailReceived, stage: str | None, outcome: str, assignee: str | None
) -> None:
    effects = run_handler(pepper, mail, account=in_stage(stage) if stage else ACCOUNT)
    triaged = only(effects, Emit).event
    assert isinstance(triaged, EmailTriaged)
    assert (triaged.message_id, triaged.outcome) == ("M1", outcome)
    assert [effect.assignee for effect in effects if isinstance(effect, Task)] == ([assignee] if assignee else [])


def test_a_mail_of_ours_that_bounced_is_a_humans_business_and_one_that_arrived_is_not() -> None:
    changed = EmailDeliveryChanged(party=DANA, message_id="M9", status="bounced", reason="mailbox full")
    assert only(run_handler(pepper, changed), Task).text == "mailbox full"
    arrived = changed.model_copy(update={"status": "delivered"})
    assert not [effect for effect in run_handler(pepper, arrived) if isinstance(effect, Task)]


# --- Dirk -----------------------------------------------------------------------------------------------------------


def views(*hours: float) -> list[ProposalViewed]:
    return [
        ProposalViewed(party=DANA, occurred_at=NOW + timedelta(hours=hour), proposal_id="P1", fact=f"view {hour}")
        for hour in hours
    ]


def test_r25_each_view_raises_the_one_flag_of_its_proposal() -> None:
    for n in range(1, 4):
        told = views(*range(n))
        flag = only(run_handler(dirk, told[-1], told[:-1]), Flag)
        assert (flag.name, flag.key) == ("proposal-viewed", "P1")
        assert flag.text == "Dana Whitfield opened the proposal"
        assert len(flag.evidence) == 1


def test_r25_each_comment_is_a_flag_of_its_own_and_a_buying_signal() -> None:
    keys = set()
    for comment in ("C1", "C2"):
        event = ProposalCommented(party=DANA, occurred_at=NOW, proposal_id="P1", comment_id=comment)
        effects = run_handler(dirk, event)
        keys.add(only(effects, Flag).key)
        assert len(signals(effects)) == 1
    assert keys == {"C1", "C2"}


@pytest.mark.parametrize(("n", "told_of"), [(1, 0), (2, 0), (3, 1), (4, 0)])
def test_r24_the_third_view_tells_a_buyer_and_no_other(n: int, told_of: int) -> None:
    told = views(*range(n))
    assert len(signals(run_handler(dirk, told[-1], told[:-1]))) == told_of


def test_r24_a_view_after_seven_quiet_days_tells_a_buyer() -> None:
    first, later = views(0, 7 * 24 + 0.1)
    assert len(signals(run_handler(dirk, later, [first]))) == 1
    assert signals(run_handler(dirk, views(0, 7 * 24)[1], [first])) == []


def test_a_view_that_came_late_breaks_no_silence() -> None:
    old, new = views(0, 8 * 24)
    assert signals(run_handler(dirk, old, [new])) == []


def test_views_of_another_proposal_do_not_count() -> None:
    other = [view.model_copy(update={"proposal_id": "P2"}) for view in views(0, 1)]
    assert signals(run_handler(dirk, views(2)[0], other)) == []


def test_mail_concerns_dirk_while_something_is_being_sold_and_not_later() -> None:
    triaged = EmailTriaged(message_id="M1", outcome="client_routine", reason="known")
    moved = DealStageChanged(deal_id="D1", to_stage="negotiation")
    assert run_handler(dirk, triaged, [moved], account=in_stage("proposal"))
    assert not run_handler(dirk, triaged, [moved, DealWon(deal_id="D1")], account=in_stage("delivery"))
    assert not run_handler(dirk, triaged, account=in_stage("inquiry"))


def test_a_contract_that_is_withdrawn_is_flagged_as_a_risk() -> None:
    assert only(run_handler(dirk, ContractVoided(contract_id="K1")), Flag).severity == "risk"


# --- Crystal --------------------------------------------------------------------------------------------------------


def won(deal: str = "D1", n: int = 1, **fields: Any) -> DealWon:
    told = {"party": DANA, "occurred_at": NOW + timedelta(minutes=n), "deal_id": deal, "fact": f"won {deal} {n}"}
    return DealWon.model_validate(told | fields)


def signed(contract: str = "K1", at: int = 0, **fields: Any) -> ContractSigned:
    told = {"occurred_at": NOW + timedelta(minutes=at), "contract_id": contract, "fact": f"signed {contract} {at}"}
    return ContractSigned.model_validate(told | fields)


def voided(contract: str = "K1", at: int = 0) -> ContractVoided:
    return ContractVoided(occurred_at=NOW + timedelta(minutes=at), contract_id=contract, fact=f"voided {contract} {at}")


PROJECT = ProjectCreated(
    project_id="project-D1", engagement_id="D1", kickoff_milestone_id="project-D1/kickoff", deal_id="D1"
)


def asked(history: Sequence[Event]) -> str:
    """The contract with which Crystal asks for the onboarding of the project."""
    event = only(run_handler(crystal, PROJECT, history, now=NOW), Emit).event
    assert isinstance(event, OnboardingStarted)
    assert event.project_id == "project-D1"
    return event.contract_id


@pytest.mark.parametrize("engagement", ["new", "unknown"])
def test_r30_a_won_deal_makes_a_project_with_a_kickoff_milestone(engagement: str) -> None:
    project = only(run_handler(crystal, won(engagement=engagement)), Emit).event
    assert isinstance(project, ProjectCreated)
    assert (project.engagement_id, project.deal_id, project.name) == ("D1", "D1", "Harbor Lane Dental")
    assert project.kickoff_milestone_id


def test_r30_an_addendum_makes_none() -> None:
    assert emitted(run_handler(crystal, won(engagement="addendum"))) == []


def test_r30_of_several_that_tell_one_engagement_exactly_one_makes_the_project() -> None:
    told = [won(n=1), won(n=2), won(n=3), won(n=4, engagement="addendum"), won("D2", engagement_id="D1")]
    for order in permutations(told):
        made = [n for n in range(len(order)) if emitted(run_handler(crystal, order[n], order[:n]))]
        assert len(made) == 1


def test_r30_another_engagement_gets_a_project_of_its_own() -> None:
    assert len(emitted(run_handler(crystal, won("D2"), [won("D1")]))) == 1


def test_r4_without_a_contract_crystal_asks_with_none_and_leaves_the_rest_to_the_guard() -> None:
    assert asked([]) == NO_CONTRACT


def test_r4_crystal_asks_with_the_contract_that_was_signed_last() -> None:
    assert asked([signed("K1", 1), signed("K2", 2)]) == "K2"
    assert asked([signed("K2", 2), signed("K1", 1)]) == "K2"


def test_r4_a_contract_that_was_withdrawn_afterwards_is_none() -> None:
    assert asked([signed("K1", 1), voided("K1", 2)]) == NO_CONTRACT
    assert asked([voided("K1", 2), signed("K1", 1)]) == NO_CONTRACT
    assert asked([voided("K1", 1), signed("K1", 2)]) == "K1"


def test_r4_a_contract_for_another_deal_or_another_project_is_not_for_this_one() -> None:
    assert asked([signed("K1", deal_id="D2")]) == NO_CONTRACT
    assert asked([signed("K1", engagement_id="E2")]) == NO_CONTRACT
    used = OnboardingStarted(project_id="project-D0", sequence_id="s", contract_id="K1")
    assert asked([signed("K1"), used]) == NO_CONTRACT
    assert asked([signed("K1", deal_id="D1"), used.model_copy(update={"contract_id": "K0"})]) == "K1"


def test_the_welcome_is_a_humans_to_write() -> None:
    started = OnboardingStarted(project_id="project-D1", sequence_id="s", contract_id="K1")
    assert only(run_handler(crystal, started, account=in_stage("onboarding")), Task).assignee == "onboarding_team"


def test_a_contract_that_is_withdrawn_after_the_start_is_flagged_and_before_it_is_not() -> None:
    started = OnboardingStarted(project_id="project-D1", sequence_id="s", contract_id="K1")
    assert only(run_handler(crystal, voided("K1"), [started]), Flag).severity == "risk"
    assert run_handler(crystal, voided("K2"), [started]) == []


def test_a_kickoff_that_is_booked_is_noted_and_one_that_is_called_off_is_flagged() -> None:
    booked = KickoffBooked(calendar_event_id="E1", starts_at=NOW)
    assert "2026-11-22 12:00" in only(run_handler(crystal, booked), Log).text
    assert only(run_handler(crystal, KickoffCancelled(calendar_event_id="E1")), Flag).key == "E1"


def test_mail_concerns_crystal_once_there_is_a_project() -> None:
    triaged = EmailTriaged(message_id="M1", outcome="client_routine", reason="known")
    assert run_handler(crystal, triaged) == []
    [noted] = emitted(run_handler(crystal, triaged, [PROJECT]))
    assert isinstance(noted, ProjectNoted)
    assert noted.project_id == PROJECT.project_id


# --- the others -----------------------------------------------------------------------------------------------------


def test_a_meeting_is_dirks_before_there_is_a_project_and_dashs_after() -> None:
    booked = MeetingBooked(calendar_event_id="E1", starts_at=NOW, title="Review")
    assert run_handler(dirk, booked)
    assert run_handler(dash, booked, account=in_stage("proposal")) == []
    assert run_handler(dirk, booked, [PROJECT]) == []
    assert "Review" in only(run_handler(dash, booked, [PROJECT], account=in_stage("onboarding")), Log).text


def test_dash_follows_what_becomes_of_a_clients_meeting() -> None:
    moved = MeetingRescheduled(calendar_event_id="E1", starts_at=NOW)
    off = MeetingCancelled(calendar_event_id="E1", cancelled_by="Dana")
    for event in (moved, off):
        assert run_handler(dash, event, account=in_stage("proposal")) == []
        assert only(run_handler(dash, event, account=in_stage("delivery")), Log)


@pytest.mark.parametrize("outcome", ["missed", "voicemail"])
def test_a_call_that_nobody_took_is_called_back_and_pepper_hears_of_an_unknown_caller(outcome: str) -> None:
    call = CallCompleted.model_validate(
        {"party": {"phone": "+12025550147"}, "call_id": "C1", "direction": "inbound", "outcome": outcome}
    )
    effects = run_handler(arin, call)
    assert only(effects, Task).assignee == "call_center_team"
    assert "+12025550147" in only(effects, Task).text
    assert only(effects, Message).to == "pepper"
    known = run_handler(arin, call, account=in_stage("delivery"))
    assert not [effect for effect in known if isinstance(effect, Message)]


def test_a_call_that_was_answered_is_only_noted() -> None:
    call = CallCompleted(call_id="C1", direction="inbound", outcome="answered")
    assert isinstance(only(run_handler(arin, call, account=in_stage("delivery")), Log), Log)
    assert len(run_handler(arin, call, account=in_stage("delivery"))) == 1


def test_pulse_notes_that_a_customer_writes_and_no_vendor() -> None:
    assert run_handler(pulse, EmailTriaged(message_id="M1", outcome="client_urgent", reason="r"))
    assert run_handler(pulse, EmailTriaged(message_id="M1", outcome="team_or_vendor", reason="r")) == []
    triaged = LeadTriaged(lead_id="L1", bucket="lead", urgency="normal", response_warranted=True, reason="r")
    assert only(run_handler(pulse, triaged), Log)
    assert only(run_handler(pulse, won()), Log)
