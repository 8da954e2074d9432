"""The boundary map of a roster: its three sections, its version, and what changes it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest

from seamline import ConfigError, Gate, Holds, Requires, Roster, Seat, SyncContext
from seamline.events import (
    ContractSigned,
    DealWon,
    KickoffBooked,
    KickoffOverdue,
    OfferSent,
    OnboardingStarted,
    ProposalViewed,
    RiskFlagged,
)
from seamline.events.base import STAGES
from seamline.guard import Guard
from seamline.map import boundary_map, difference, gate_of
from seamline.mapping import BoundaryMap
from seamline_agency.roster import roster as agency


def _roster(*gates: Gate) -> Roster:
    dirk = Seat("dirk", role="Pipeline", owns=["proposal.*", "deal.*", "offer.*", "kickoff.*"], reports_to="coo")
    coo = Seat("coo", role="COO", kind="human", facing="customer_facing")

    @dirk.on(ProposalViewed, requires=["contact.email"])
    def viewed(event: ProposalViewed, ctx: SyncContext) -> None: ...

    dirk.expect(KickoffBooked, after=DealWon, within=timedelta(hours=48), otherwise=KickoffOverdue, rule="R32")
    guards: list[Guard] = [
        Requires(OnboardingStarted, ContractSigned, rule="R4", reason="waiting for contract"),
        Holds((OfferSent,), winner="coo", look=RiskFlagged),
    ]
    return Roster((dirk, coo), guards=guards, gates=gates)


def test_r76_the_map_has_the_three_sections_and_every_row_an_id_of_its_own() -> None:
    told = boundary_map(agency)
    document = json.loads(told.canonical)
    assert set(document) == {"seats", "runs", "gates", "seams"}
    ids = Counter(
        row["id"] for section in (document["runs"], document["gates"], *document["seams"].values()) for row in section
    )
    assert max(ids.values()) == 1
    assert set(ids) <= told.rows().keys()


def test_r70_where_an_agent_runs_is_what_it_declares() -> None:
    run = next(row for row in boundary_map(_roster()).runs if row.seat == "dirk")
    assert run.handles == ("proposal.viewed",)
    assert {"deal.won", "proposal.viewed", "offer.sent"} <= set(run.owns)
    assert "kickoff.overdue" in run.makes
    assert run.requires == {"proposal.viewed": ("contact.email",)}
    assert "draft" not in run.capability
    opened = boundary_map(_roster(Gate("all", ("coo",))))
    assert "draft" in next(row for row in opened.runs if row.seat == "dirk").capability


def test_r19_r76_gates_are_opened_by_humans_one_by_one_and_never_for_good() -> None:
    for gate in boundary_map(agency).gates:
        assert gate.human_only
        assert not gate.standing_approval
        assert not gate.batch_approval
    inquiry = next(gate for gate in boundary_map(agency).gates if gate.stage == "inquiry")
    assert inquiry.approvers == ("coo",)


def test_r6_r7_r60_each_of_the_eight_stages_hands_on_with_tone_and_what_the_customer_knows() -> None:
    handoffs = boundary_map(agency).seams.handoffs
    assert tuple(row.stage for row in handoffs) == STAGES
    assert all(row.tone and row.must_know and row.to_seat for row in handoffs)
    onboarding = next(row for row in handoffs if row.stage == "onboarding")
    assert "proposal" in onboarding.from_stages
    assert "dirk" in onboarding.from_seats


def test_what_happens_at_the_seam_names_who_wins_what_waits_and_what_is_expected() -> None:
    seams = boundary_map(_roster()).seams
    assert [(row.winner, row.losers, row.events) for row in seams.priorities] == [("coo", ("dirk",), ("offer.sent",))]
    assert [(row.rule, row.events, row.needs) for row in seams.guards] == [
        ("R4", ("onboarding.started",), ("contract.signed",))
    ]
    (expected,) = seams.expectations
    assert (expected.rule, expected.within_s, expected.receiver) == ("R32", 172_800, "dirk")


def test_r82_every_seat_is_on_one_side_and_agents_are_inside() -> None:
    seats = boundary_map(agency).seats
    assert Counter(seat.id for seat in seats) == Counter(seat.name for seat in agency.seats)
    assert {seat.facing for seat in seats if seat.kind == "agent"} == {"internal_operations"}
    assert {seat.facing for seat in seats} == {"internal_operations", "customer_facing"}
    with pytest.raises(ConfigError, match="write customer_facing or internal_operations"):
        boundary_map(Roster([Seat("new", kind="human", facing="unclassified")]))


def test_the_version_is_that_of_what_the_map_says() -> None:
    one, same = boundary_map(_roster()), boundary_map(_roster())
    assert one.version == same.version
    assert boundary_map(_roster(Gate("all", ("coo",)))).version != one.version
    assert BoundaryMap.model_validate_json(one.canonical).version == one.version


def test_what_a_map_changes_is_told_row_by_row() -> None:
    old = boundary_map(_roster(Gate("mail", ("coo",)), Gate("chat", ("coo",), channel="chat")))
    new = boundary_map(_roster(Gate("mail", ("coo",), four_eyes=True), Gate("post", ("coo",), channel="post")))
    assert difference(old, new) == [
        {"row": "chat", "change": "removed"},
        {"row": "mail", "change": "changed", "fields": {"four_eyes": [False, True]}},
        {"row": "post", "change": "added"},
    ]
    assert difference(old, old) == []


def test_a_gate_is_the_same_after_it_was_stored() -> None:
    stored = BoundaryMap.model_validate_json(boundary_map(agency).canonical)
    assert {gate.id: gate for gate in agency.gates} == {row.id: gate_of(row) for row in stored.gates}


def test_rego_rules_find_each_row_by_its_id() -> None:
    data = boundary_map(agency).to_opa_data()["seamline"]["boundary"]
    assert data["gates"]["inquiry"]["approvers"] == ["coo"]
    assert data["seats"]["pepper"]["facing"] == "internal_operations"
    assert data["seams"]["handoffs"]["stage.exit"]["to_seat"] == "crystal"


def test_a_stage_shows_its_own_gates_and_its_handoff() -> None:
    told = boundary_map(agency).of_stage("inquiry")
    assert {gate.stage for gate in told.gates} == {"inquiry", "*"}
    assert [row.stage for row in told.seams.handoffs] == ["inquiry"]
