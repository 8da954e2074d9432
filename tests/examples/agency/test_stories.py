"""The first floor's stories, through the real doors and the real engine, on both stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from seamline import Event, Party
from seamline.events import (
    BuyingSignalDetected,
    ContractSigned,
    ContractVoided,
    DealWon,
    GuardRefused,
    KickoffBooked,
    LeadReceived,
    LeadTriaged,
    OnboardingStarted,
    ProjectCreated,
    ProposalAccepted,
    ProposalCommented,
    ProposalSent,
    ProposalViewed,
)
from seamline.testing import Sample
from seamline_agency.demo import cast
from seamline_agency.seats.pepper import pepper
from support.agency import BEGAN, Agency

DANA = Party(name="Dana Whitfield", email="dana@harborlane.example.com", company="Harbor Lane Dental")
WAITING = "waiting for contract"


def at(hours: float) -> Any:
    return BEGAN + timedelta(hours=hours)


def a_lead(fact: str = "lead-1") -> LeadReceived:
    return LeadReceived(party=DANA, occurred_at=at(0), fact=fact, lead_id=fact, channel="form")


def viewed(hours: float) -> ProposalViewed:
    return ProposalViewed(party=DANA, occurred_at=at(hours), fact=f"viewed-{hours}", proposal_id="P1")


def commented(comment: str) -> ProposalCommented:
    return ProposalCommented(party=DANA, occurred_at=at(30), fact=comment, proposal_id="P1", comment_id=comment)


def won(fact: str = "won-1", deal: str = "D1", hours: float = 48, **fields: Any) -> DealWon:
    return DealWon.model_validate(
        {"party": DANA, "occurred_at": at(hours), "fact": fact, "deal_id": deal, "engagement": "new"} | fields
    )


def signed(contract: str = "K1", hours: float = 72, **fields: Any) -> ContractSigned:
    told = {"party": DANA, "occurred_at": at(hours), "fact": f"signed-{contract}-{hours}", "contract_id": contract}
    return ContractSigned.model_validate(told | fields)


def voided(contract: str = "K1", hours: float = 80) -> ContractVoided:
    return ContractVoided(party=DANA, occurred_at=at(hours), fact=f"voided-{contract}-{hours}", contract_id=contract)


def told(agency: Agency, *facts: Event) -> None:
    """Tell facts one after another, and work after each."""
    for fact in facts:
        agency.tell(fact)
        agency.work()


def asking(agency: Agency) -> list[tuple[str, str | None]]:
    """How Crystal's asking for onboardings stands."""
    return [(one.state, one.reason) for one in agency.handed("project.created") if one.seat == "crystal"]


# --- leads ----------------------------------------------------------------------------------------------------------


def test_r15_pepper_alone_is_handed_a_lead_and_the_others_hear_of_it_after_her_triage(agency: Agency) -> None:
    agency.send("leads", Sample("leadgen_single.json", patch={"entry.0.changes.0.value.created_time": _unix(0)}))
    agency.work()
    assert [(one.seat, one.state) for one in agency.handed("lead.received")] == [("pepper", "done")]
    assert {(one.seat, one.state) for one in agency.handed("lead.triaged")} == {("dirk", "done"), ("pulse", "done")}
    [lead], [triaged] = agency.ledger("lead.received"), agency.ledger("lead.triaged")
    assert isinstance(lead, LeadReceived)
    assert isinstance(triaged, LeadTriaged)
    assert (lead.party.name, lead.party.email) == (cast.DANA.name, cast.DANA.email)
    assert triaged.envelope.source == "/seats/pepper"
    assert triaged.envelope.causation == lead.id
    assert triaged.response_warranted
    assert triaged.reason
    [task] = agency.rows("tasks")
    assert (task.assignee, task.rule) == ("coo", "R17")


def test_r15_a_triage_that_fails_moves_nobody_up(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pepper.handlers, "lead.received", lambda _event, ctx: ctx.needs_human("cannot tell"))
    told(agency, a_lead())
    assert [(one.seat, one.state) for one in agency.handed("lead.received")] == [("pepper", "needs_human")]
    assert agency.handed("lead.triaged") == []
    assert [task.kind for task in agency.rows("tasks")] == ["needs_human"]


def test_r87_a_lead_that_is_told_twice_is_triaged_once(agency: Agency) -> None:
    sample = Sample("leadgen_single.json", patch={"entry.0.changes.0.value.created_time": _unix(0)})
    assert [agency.send("leads", sample) for _ in range(2)] == [False, True]
    agency.work()
    assert agency.send("leads", sample)
    agency.work()
    assert [kind for kind in agency.types() if kind.startswith("lead.")] == ["lead.received", "lead.triaged"]
    assert len(agency.rows("tasks")) == 1


def test_r94_a_seat_that_a_human_has_taken_over_gets_tasks_instead(start: Callable[..., Agency]) -> None:
    agency = start(SEATS__PEPPER__KIND="human", SEATS__PEPPER__ASSIGNEE="robin@northwind.example.com")
    told(agency, a_lead())
    assert [kind for kind in agency.types() if kind.startswith("lead.")] == ["lead.received"]
    [task] = agency.rows("tasks")
    assert (task.seat, task.assignee) == ("pepper", "robin@northwind.example.com")


# --- proposals ------------------------------------------------------------------------------------------------------


def test_r25_views_count_up_in_one_flag_and_each_comment_has_its_own(agency: Agency) -> None:
    told(agency, viewed(2), commented("C1"), viewed(1), viewed(2), commented("C2"), commented("C1"))
    flags = {(flag.seat, flag.name, flag.key): (flag.count, flag.state) for flag in agency.rows("flags")}
    assert flags == {
        ("dirk", "proposal-viewed", "P1"): (2, "open"),
        ("dirk", "proposal-commented", "C1"): (1, "open"),
        ("dirk", "proposal-commented", "C2"): (1, "open"),
    }
    assert len(agency.ledger("buying_signal.detected")) == 2


def test_r25_a_duplicate_and_a_replay_change_nothing(agency: Agency) -> None:
    told(agency, viewed(1), viewed(2), viewed(3), commented("C1"))
    before = (agency.types(), [(flag.name, flag.count) for flag in agency.rows("flags")])
    told(agency, viewed(1), viewed(3), commented("C1"))
    agency.replay("proposal.viewed", "dirk")
    agency.replay("proposal.commented", "dirk")
    agency.work()
    assert (agency.types(), [(flag.name, flag.count) for flag in agency.rows("flags")]) == before


def test_r25_views_that_come_at_once_count_as_those_that_come_one_by_one(agency: Agency) -> None:
    agency.tell(viewed(1), viewed(2), viewed(3))
    agency.work()
    assert [(flag.name, flag.count) for flag in agency.rows("flags")] == [("proposal-viewed", 3)]
    [signal] = agency.ledger("buying_signal.detected")
    assert isinstance(signal, BuyingSignalDetected)
    assert signal.signal == "third view"
    assert len(signal.evidence) == 3


# --- projects -------------------------------------------------------------------------------------------------------


def test_r23_a_proposal_that_goes_out_moves_the_stage_once_and_dirk_is_who_logs_it(agency: Agency) -> None:
    lead = LeadReceived(party=DANA, occurred_at=at(1), fact="l1", lead_id="L1", channel="form")
    sent = ProposalSent(party=DANA, occurred_at=at(20), fact="s1", proposal_id="P1")
    told(agency, lead, sent, sent)
    [move] = [one for one in agency.ledger("stage.changed") if one.model_dump()["to_stage"] == "proposal"]
    [cause] = agency.ledger("proposal.sent")
    said = move.model_dump()
    assert (said["from_stage"], said["actor"], said["cause"]) == ("inquiry", "/seats/dirk", str(cause.id))


def test_r30_one_project_however_often_the_deal_is_told_and_whatever_is_replayed(agency: Agency) -> None:
    twins = [
        Sample(f"{file}.json", patch={"0.occurredAt": _unix(48) * 1000}) for file in ("twin_classic", "twin_generic")
    ]
    for sample in [*twins, *twins]:
        agency.send("crm", sample)
    agency.work()
    agency.replay("deal.won", "crystal")
    agency.work()
    assert len(agency.ledger("deal.won")) == 1
    [project] = agency.ledger("project.created")
    assert isinstance(project, ProjectCreated)
    assert project.engagement_id == str(cast.DANA.deal)
    assert project.kickoff_milestone_id
    agency.tell(won("won-again", str(cast.DANA.deal), 50), won("won-once-more", str(cast.DANA.deal), 49))
    agency.work()
    assert len(agency.ledger("deal.won")) == 3
    assert len(agency.ledger("project.created")) == 1


def test_r30_of_two_deals_won_in_one_request_each_gets_its_project(agency: Agency) -> None:
    agency.tell(won("w1", "D1"), won("w2", "D1"), won("w3", "D2"), won("w4", "D2", engagement="unknown"))
    agency.work()
    made = agency.ledger("project.created")
    assert [project.deal_id for project in made if isinstance(project, ProjectCreated)] == ["D1", "D2"]


def test_r30_an_addendum_gets_no_project(agency: Agency) -> None:
    told(agency, won(), won("w2", "D2", engagement="addendum"))
    assert len(agency.ledger("project.created")) == 1


# --- onboarding -----------------------------------------------------------------------------------------------------


def test_r4_onboarding_waits_for_the_contract_visibly_and_then_starts_once(agency: Agency) -> None:
    told(agency, won(), ProposalAccepted(party=DANA, occurred_at=at(50), fact="accepted", proposal_id="P1"))
    assert asking(agency) == [("parked", WAITING)]
    assert agency.ledger("onboarding.started") == []
    [refused] = agency.ledger("guard.refused")
    [project] = agency.ledger("project.created")
    assert isinstance(refused, GuardRefused)
    assert (refused.rule, refused.code, refused.reason) == ("R4", "NO_CONTRACT", WAITING)
    assert refused.envelope.causation == project.id
    told(agency, signed(), signed(), signed())
    assert asking(agency) == [("done", None)]
    [started] = agency.ledger("onboarding.started")
    assert isinstance(started, OnboardingStarted)
    assert started.contract_id == "K1"
    types = agency.types()
    assert types.index("contract.signed") < types.index("onboarding.started")
    assert [task.assignee for task in agency.rows("tasks") if task.rule == "R4"] == ["onboarding_team"]


def test_r4_a_contract_that_is_already_signed_lets_onboarding_start_at_once(agency: Agency) -> None:
    told(agency, signed(hours=40), won())
    assert len(agency.ledger("onboarding.started")) == 1
    assert agency.ledger("guard.refused") == []


def test_r4_all_in_one_request_and_in_the_wrong_order_starts_once(agency: Agency) -> None:
    agency.tell(signed(), won(), won("won-2", hours=49))
    agency.work()
    assert len(agency.ledger("onboarding.started")) == 1


def test_r4_whoever_asks_again_is_refused_again_and_seen(agency: Agency) -> None:
    told(agency, won())
    for n in (2, 3):
        agency.replay("project.created", "crystal")
        agency.work()
        assert len(agency.ledger("guard.refused")) == n
    assert asking(agency) == [("parked", WAITING)]
    assert {one.state for one in agency.handed("guard.refused")} == {"done"}


def test_r4_a_parked_start_blocks_nothing_else_of_the_account(agency: Agency) -> None:
    told(agency, won())
    booked = KickoffBooked(party=DANA, occurred_at=at(60), fact="booked", calendar_event_id="E1", starts_at=at(100))
    told(agency, booked, won("won-2", "D2", hours=61))
    assert [one.state for one in agency.handed("kickoff.booked")] == ["done"]
    assert len(agency.ledger("project.created")) == 2
    assert asking(agency) == [("parked", WAITING)] * 2


def test_r4_a_replay_of_what_has_started_starts_nothing_and_refuses_nothing(agency: Agency) -> None:
    told(agency, won(), signed())
    before = agency.types()
    for event_type in ("deal.won", "project.created", "onboarding.started"):
        agency.replay(event_type, "crystal")
        agency.work()
    assert agency.types() == before
    assert len([task for task in agency.rows("tasks") if task.rule == "R4"]) == 1


def test_r4_a_relay_signs_no_contract(agency: Agency) -> None:
    told(agency, won())
    relayed = {"type": "contract.signed", "id": "z1", "party": {"email": DANA.email}, "data": {"contract_id": "K9"}}
    agency.send("relay", Sample("one.json", patch=relayed | {"occurred_at": at(60).isoformat()}))
    agency.work()
    assert len(agency.ledger("contract.signed")) == 1
    assert agency.ledger("onboarding.started") == []
    [(state, reason)] = asking(agency)
    assert state == "parked"
    assert reason == f"{WAITING}; contract.signed was told only by a source whose word opens no gate"
    told(agency, signed())
    [started] = agency.ledger("onboarding.started")
    assert isinstance(started, OnboardingStarted)
    assert started.contract_id == "K1"


def test_r4_a_contract_that_was_withdrawn_opens_nothing_and_a_new_one_does(agency: Agency) -> None:
    told(agency, voided(), won(), signed())
    assert agency.ledger("onboarding.started") == []
    assert asking(agency) == [("parked", WAITING)]
    told(agency, signed("K2", 90))
    [started] = agency.ledger("onboarding.started")
    assert isinstance(started, OnboardingStarted)
    assert started.contract_id == "K2"


def test_r4_withdrawn_after_the_start_it_is_flagged_and_what_was_written_stays(agency: Agency) -> None:
    told(agency, won(), signed(), voided())
    assert len(agency.ledger("onboarding.started")) == 1
    assert "contract-voided-after-start" in [flag.name for flag in agency.rows("flags")]


def test_r4_one_contract_starts_one_project_though_two_wait_for_it(agency: Agency) -> None:
    agency.tell(won("w1", "D1"), won("w2", "D2"))
    agency.work()
    assert asking(agency) == [("parked", WAITING)] * 2
    told(agency, signed())
    [started] = agency.ledger("onboarding.started")
    assert isinstance(started, OnboardingStarted)
    assert [state for state, _ in asking(agency)] == ["done", "parked"]
    told(agency, signed("K2", 90, deal_id="D2"))
    assert [state for state, _ in asking(agency)] == ["done", "done"]
    contracts = [one.contract_id for one in agency.ledger("onboarding.started") if isinstance(one, OnboardingStarted)]
    assert contracts == ["K1", "K2"]


def test_r4_the_contract_of_another_deal_is_not_this_ones(agency: Agency) -> None:
    told(agency, won(), signed("K2", deal_id="D2"))
    assert asking(agency) == [("parked", WAITING)]
    told(agency, signed("K1", 90, deal_id="D1"))
    assert len(agency.ledger("onboarding.started")) == 1


def _unix(hours: float) -> int:
    return int(at(hours).timestamp())
