"""Where an account stands, whatever its events were and in whatever order they came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamline.events import catalogue
from seamline.stages import (
    EVERYWHERE,
    MAIN_PATH,
    MAX_MARKS,
    OVERLAYS,
    STAGES,
    TRANSITIONS,
    Fact,
    Move,
    Projection,
    fold,
    moved,
    needs_refold,
    refold,
)

DAY = 86_400_000_000
CONTRACT = {"contract_id": "c1"}
DEAL, OTHER_DEAL = {"deal_id": "d1"}, {"deal_id": "d2"}
PROPOSAL, OTHER_PROPOSAL = {"proposal_id": "p1"}, {"proposal_id": "p2"}
#: What brings a customer into delivery on the usual way.
USUAL: tuple[tuple[str, dict[str, str]], ...] = (
    ("ad.clicked", {}),
    ("lead.received", {}),
    ("deal.created", DEAL),
    ("proposal.sent", PROPOSAL),
    ("proposal.viewed", PROPOSAL),
    ("proposal.accepted", PROPOSAL),
    ("deal.won", DEAL),
    ("contract.signed", CONTRACT),
    ("project.created", {"project_id": "j1", "engagement_id": "e1"}),
    ("onboarding.started", {"project_id": "j1", "contract_id": "c1"}),
    ("kickoff.held", {}),
    ("onboarding.completed", {"project_id": "j1"}),
)


def life(*told: Any, trust: str = "signed") -> Projection:
    """The projection after events, a day apart; each is a type, or a type with its data, or with its trust too."""
    facts = []
    for place, event in enumerate(told):
        kind, data, by = (event, {}, trust) if isinstance(event, str) else (*event, trust)[:3]
        facts.append(Fact(kind, data, place * DAY, f"{place:032x}", by))
    return refold(facts)


def stages(*told: Any) -> list[str | None]:
    return [life(*told[: n + 1]).stage for n in range(len(told))]


def marks(projection: Projection) -> list[tuple[str, str]]:
    return [(kind, event) for kind, _, event, _, _ in projection.marks]


# --- the table -------------------------------------------------------------------------------------------------------


def test_r14_clicks_and_engagement_are_awareness_and_a_form_that_was_filled_is_an_inquiry() -> None:
    assert life(("ad.clicked", {}), ("audience.engaged", {})).stage == "awareness"
    assert life(("ad.clicked", {}), ("lead.received", {})).stage == "inquiry"
    assert {row.event for row in TRANSITIONS if row.to == "awareness"} == {"ad.clicked", "audience.engaged"}


def test_there_are_eight_stages_in_their_order() -> None:
    assert STAGES == (
        "awareness", "inquiry", "proposal", "onboarding", "delivery", "retention", "expansion", "exit",
    )  # fmt: skip
    assert tuple(stage for stage in STAGES if stage not in OVERLAYS) == MAIN_PATH


def test_the_table_speaks_of_known_events_each_once_and_contradicts_itself_nowhere() -> None:
    events = [row.event for row in TRANSITIONS]
    assert len(events) == len(set(events))
    assert set(events) <= set(catalogue())
    assert [row.event for row in TRANSITIONS if set(row.moves) & set(row.stays)] == []
    assert [row.event for row in TRANSITIONS if not set(row.moves) | set(row.stays) <= set(EVERYWHERE)] == []


def test_the_way_leads_back_only_through_a_lost_deal_or_from_the_exit() -> None:
    def place(stage: str | None) -> int:
        return -1 if stage is None else MAIN_PATH.index(stage)

    back = {(row.event, at) for row in TRANSITIONS for at in row.moves if place(row.to) < place(at)}
    assert {event for event, at in back if at != "exit"} == {"deal.lost"}
    assert {event for event, at in back if at == "exit"} == {
        "lead.received",
        "email.triaged",
        "deal.created",
        "proposal.sent",
        "deal.won",
    }


def test_the_exit_is_reachable_from_everywhere() -> None:
    ended = next(row for row in TRANSITIONS if row.event == "relationship.ended")
    assert {*ended.moves, *ended.stays} == set(EVERYWHERE)


# --- the main path ---------------------------------------------------------------------------------------------------


def test_the_usual_way_passes_every_stage_and_leaves_no_mark() -> None:
    way = stages(*USUAL, "relationship.ended")
    assert list(dict.fromkeys(way)) == list(MAIN_PATH)
    assert life(*USUAL).marks == []


def test_an_unknown_account_that_asks_is_in_inquiry() -> None:
    assert life("lead.received").stage == "inquiry"
    assert life(("email.triaged", {"outcome": "lead"})).stage == "inquiry"
    assert life(("email.triaged", {"outcome": "noise"})).stage is None


def test_skipping_forward_is_legal_and_marked() -> None:
    won = life("lead.received", ("deal.won", DEAL))
    assert won.stage == "onboarding"
    assert won.marks == [["skipped", f"{1:032x}", "deal.won", "inquiry", "onboarding"]]


def test_an_account_from_before_our_time_is_in_delivery_once_figures_come() -> None:
    assert life("metrics.snapshot").stage == "delivery"
    assert life("lead.received", "metrics.snapshot").stage == "inquiry"


@pytest.mark.parametrize("event", ["ad.clicked", "lead.received", "email.received", "metrics.snapshot"])
def test_everyday_events_move_no_customer_and_raise_no_flag(event: str) -> None:
    before, after = life(*USUAL), life(*USUAL, event)
    assert (after.stage, after.overlays, after.marks) == (before.stage, before.overlays, before.marks)


def test_a_lost_deal_leads_back_to_inquiry() -> None:
    assert life("lead.received", ("deal.created", DEAL), ("proposal.sent", PROPOSAL), ("deal.lost", DEAL)).stage == (
        "inquiry"
    )


def test_a_lost_deal_changes_nothing_while_another_is_open() -> None:
    both = (("deal.created", DEAL), ("deal.created", OTHER_DEAL), ("proposal.sent", PROPOSAL), ("deal.lost", DEAL))
    assert life(*both).stage == "proposal"
    assert life(*both, ("deal.lost", OTHER_DEAL)).stage == "inquiry"


def test_a_won_deal_that_falls_through_leads_back_but_not_another_one() -> None:
    won = (("deal.created", DEAL), ("deal.won", DEAL))
    assert life(*won, ("deal.lost", OTHER_DEAL)).stage == "onboarding"
    assert life(*won, ("deal.lost", DEAL)).stage == "inquiry"
    assert life(*won, ("contract.signed", CONTRACT), ("deal.lost", DEAL)).stage == "onboarding"


def test_reading_a_lost_proposal_again_is_no_new_proposal_but_sending_one_is() -> None:
    lost = (("deal.created", DEAL), ("proposal.sent", PROPOSAL), ("deal.lost", DEAL))
    assert life(*lost, ("proposal.viewed", PROPOSAL)).stage == "inquiry"
    assert life(*lost, ("proposal.sent", PROPOSAL)).stage == "proposal"


def test_a_proposal_that_is_read_was_sent_even_if_nobody_said_so() -> None:
    assert life("lead.received", ("proposal.viewed", PROPOSAL)).stage == "proposal"


def test_r28_accepting_a_proposal_starts_no_onboarding() -> None:
    assert life("lead.received", ("proposal.accepted", PROPOSAL)).stage == "proposal"


def test_a_returning_customer_goes_from_exit_to_inquiry_and_is_marked() -> None:
    back = life(*USUAL, "relationship.ended", "lead.received")
    assert back.stage == "inquiry"
    assert marks(back) == [("returned", "lead.received")]


def test_a_returning_customer_s_old_deal_and_contract_hold_nothing() -> None:
    again = (*USUAL, "relationship.ended", "lead.received", ("deal.won", OTHER_DEAL), ("deal.lost", OTHER_DEAL))
    assert life(*again).stage == "inquiry"
    assert not life(*again).opens("contract.signed")


@pytest.mark.parametrize(
    ("way", "event"),
    [
        ((*USUAL, "relationship.ended"), "onboarding.completed"),
        ((*USUAL, "relationship.ended"), "project.created"),
        (("lead.received",), ("deal.won", {**DEAL, "engagement": "addendum"})),
        (("lead.received",), "expansion.recommended"),
        ((*USUAL, "relationship.ended"), "contract.signed"),
    ],
)
def test_a_fact_that_fits_no_transition_is_kept_and_marked(way: tuple[Any, ...], event: Any) -> None:
    before, after = life(*way), life(*way, event)
    name = event if isinstance(event, str) else event[0]
    assert after.stage == before.stage
    assert after.count(name) == before.count(name) + 1
    assert marks(after)[len(before.marks) :] == [("misfit", name)]


def test_marks_do_not_grow_without_end() -> None:
    many = life(*["expansion.recommended"] * (MAX_MARKS + 5))
    assert len(many.marks) == MAX_MARKS
    assert many.marks[-1][1] == f"{MAX_MARKS + 4:032x}"


# --- overlays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [("proposal.sent", OTHER_PROPOSAL), ("deal.created", OTHER_DEAL)])
def test_a_proposal_or_deal_in_delivery_is_expansion_and_moves_nobody_back(event: Any) -> None:
    selling = life(*USUAL, event)
    assert (selling.stage, selling.overlays) == ("delivery", ("expansion",))
    assert selling.marks == []


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        (("deal.created", OTHER_DEAL), ("deal.won", {**OTHER_DEAL, "engagement": "addendum"})),
        (("deal.created", OTHER_DEAL), ("deal.lost", OTHER_DEAL)),
        (("proposal.sent", OTHER_PROPOSAL), ("proposal.declined", OTHER_PROPOSAL)),
        (("proposal.sent", OTHER_PROPOSAL), ("proposal.expired", OTHER_PROPOSAL)),
        ("expansion.recommended", "expansion.blocked"),
    ],
)
def test_expansion_ends_with_what_was_being_sold(opening: Any, closing: Any) -> None:
    assert life(*USUAL, opening).overlays == ("expansion",)
    assert life(*USUAL, opening, closing).overlays == ()
    assert life(*USUAL, opening, closing).stage == "delivery"


def test_a_recommendation_is_settled_with_the_deal_that_followed_it() -> None:
    sold = ("expansion.recommended", ("deal.created", OTHER_DEAL), ("deal.won", OTHER_DEAL))
    assert life(*USUAL, *sold).overlays == ()


def test_reading_the_signed_proposal_again_is_no_expansion() -> None:
    assert life(*USUAL, ("proposal.viewed", PROPOSAL)).overlays == ()
    untold = tuple(event for event in USUAL if event[0] != "proposal.accepted")
    assert life(*untold, ("proposal.viewed", PROPOSAL)).overlays == ()


def test_a_second_deal_that_is_still_open_in_delivery_is_expansion() -> None:
    assert life(("deal.created", OTHER_DEAL), *USUAL).overlays == ("expansion",)


def test_retention_stands_beside_delivery_until_the_last_risk_is_cleared() -> None:
    at_risk = (*USUAL, ("risk.flagged", {"flag_id": "1"}), ("risk.flagged", {"flag_id": "2"}))
    assert life(*at_risk).overlays == ("retention",)
    assert life(*at_risk, ("risk.cleared", {"flag_id": "1"})).overlays == ("retention",)
    assert life(*at_risk, ("risk.cleared", {"flag_id": "1"}), ("risk.cleared", {"flag_id": "2"})).overlays == ()


def test_both_overlays_may_stand_and_the_exit_ends_them() -> None:
    both = (*USUAL, ("deal.created", OTHER_DEAL), ("risk.flagged", {"flag_id": "1"}))
    assert life(*both).overlays == ("retention", "expansion")
    assert life(*both, "relationship.ended").overlays == ()


# --- gates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", ["relayed", "unverified", "seat"])
def test_a_word_that_opens_no_gate_signs_no_contract_and_ends_no_relationship(trust: str) -> None:
    told = life("lead.received", ("contract.signed", CONTRACT, trust), ("relationship.ended", {}, trust))
    assert told.stage == "inquiry"
    assert not told.opens("contract.signed")
    assert told.signed_for() == ()
    assert marks(told) == [("untrusted", "contract.signed"), ("untrusted", "relationship.ended")]


@pytest.mark.parametrize("trust", ["signed", "authenticated", "polled", "human"])
def test_a_word_that_counts_opens_the_gate(trust: str) -> None:
    assert life(("contract.signed", CONTRACT, trust)).opens("contract.signed")


def test_a_word_that_opens_no_gate_takes_nothing_from_one_that_did() -> None:
    assert life(("contract.signed", CONTRACT), ("contract.signed", CONTRACT, "relayed")).opens("contract.signed")


@pytest.mark.parametrize("again", ["contract.signed", "contract.voided"])
def test_a_word_that_opens_no_gate_does_not_say_which_deal_a_signed_contract_is_for(again: str) -> None:
    ours, theirs = {**CONTRACT, "deal_id": "d1"}, {**CONTRACT, "deal_id": "d2"}
    for told in (
        [("contract.signed", ours), (again, theirs, "relayed"), ("contract.signed", CONTRACT)],
        [("contract.signed", theirs, "relayed"), ("contract.signed", ours)],
    ):
        assert life(*told).signed_for(deal="d1") == ("c1",)
        assert life(*told).signed_for(deal="d2") == ()
    assert life(("contract.signed", ours), ("contract.signed", theirs, "relayed")).signed_for(deal="d2") == ()


@pytest.mark.parametrize("trust", ["signed", "relayed"])
def test_voiding_closes_the_gate_whoever_says_so_and_only_signing_anew_opens_it(trust: str) -> None:
    voided = (("contract.signed", CONTRACT), ("contract.voided", CONTRACT, trust))
    assert not life(*voided).opens("contract.signed")
    assert not life(*voided, ("contract.signed", CONTRACT, "relayed")).opens("contract.signed")
    assert life(*voided, ("contract.signed", CONTRACT)).opens("contract.signed")


def test_voiding_one_contract_leaves_another_in_force() -> None:
    told = life(
        ("contract.signed", CONTRACT), ("contract.signed", {"contract_id": "c2"}), ("contract.voided", CONTRACT)
    )
    assert told.signed_for() == ("c2",)


def test_a_contract_counts_for_the_engagement_that_it_names() -> None:
    told = life(("contract.signed", {**CONTRACT, "deal_id": "d1"}))
    assert told.signed_for(deal="d1") == ("c1",)
    assert told.signed_for(deal="d1", engagement="e1") == ("c1",)
    assert told.signed_for(deal="d2") == ()
    assert told.signed_for(engagement="e1") == ()
    assert told.signed_for(contract="c1") == ("c1",)
    assert told.signed_for(contract="c2") == ()


def test_a_contract_that_names_nothing_is_for_the_first_project_that_it_starts() -> None:
    signed = (("contract.signed", CONTRACT),)
    assert life(*signed).signed_for(project="j1", deal="d1") == ("c1",)
    started = life(*signed, ("onboarding.started", {"project_id": "j1", "contract_id": "c1"}))
    assert started.signed_for(project="j1") == ("c1",)
    assert started.signed_for(project="j2") == ()


def test_other_gates_count_words_that_count_and_close_when_voided_later() -> None:
    assert not life(("invoice.paid", {}, "relayed")).opens("invoice.paid")
    assert life(("invoice.paid", {}, "relayed"), "invoice.paid").opens("invoice.paid", "invoice.voided")
    assert not life("invoice.paid", ("invoice.voided", {}, "relayed")).opens("invoice.paid", "invoice.voided")
    assert life("invoice.paid", "invoice.voided", "invoice.paid").opens("invoice.paid", "invoice.voided")
    assert not life().opens("invoice.paid")


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_counts_and_newest_are_kept_by_type() -> None:
    told = life("email.received", "ad.clicked", "email.received")
    assert (told.count("email.received"), told.count("deal.won")) == (2, 0)
    assert told.last("email.received") == (2 * DAY, f"{2:032x}")
    assert told.last("deal.won") is None


def test_projects_are_known_with_their_engagement() -> None:
    assert life(*USUAL).projects == {"j1": ["open", "e1"]}
    assert life(*USUAL, ("project.closed", {"project_id": "j1"})).projects == {"j1": ["closed", "e1"]}


def test_folding_changes_nothing_of_what_was_there() -> None:
    before = life(*USUAL)
    kept = before.to_json()
    for row in TRANSITIONS:
        fold(before, row.event, {**DEAL, **PROPOSAL, **CONTRACT, "flag_id": "1"}, 99 * DAY, "f" * 32, "signed")
    assert before.to_json() == kept


def test_what_moved_is_told_with_what_was_passed_over() -> None:
    asked, won = life("lead.received"), life("lead.received", ("deal.won", DEAL))
    assert moved(asked, won) == Move("inquiry", "onboarding", ("proposal",), (), ())
    assert moved(asked, life("lead.received", "lead.received")) is None
    running = life(*USUAL)
    selling, gone = life(*USUAL, ("deal.created", OTHER_DEAL)), life(*USUAL, "relationship.ended")
    assert moved(running, selling) == Move("delivery", "delivery", (), ("expansion",), ())
    assert moved(selling, gone) == Move("delivery", "exit", (), (), ("expansion",))


def test_a_retracted_event_never_happened() -> None:
    ended = Fact("relationship.ended", {}, 50 * DAY, "a" * 32, "signed")
    asked = Fact("lead.received", {}, 40 * DAY, "b" * 32, "signed")
    taken_back = Fact(
        "event.retracted", {"event_id": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"}, 60 * DAY, "c" * 32, "signed"
    )
    assert refold([ended, asked]).stage == "exit"
    told = refold([ended, asked, taken_back])
    assert (told.stage, told.count("relationship.ended"), told.count("event.retracted")) == ("inquiry", 0, 1)
    assert needs_refold(refold([ended, asked]), taken_back.at, taken_back.id, taken_back.type)


# --- any order -------------------------------------------------------------------------------------------------------

TYPES = sorted(
    {row.event for row in TRANSITIONS}
    | {"proposal.declined", "proposal.expired", "contract.voided", "contract.declined", "project.closed"}
    | {"risk.flagged", "risk.cleared", "expansion.blocked", "email.received", "invoice.paid"}
)
IDS = st.sampled_from(["1", "2"])


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Up to 25 events, many at one time and about the same few things, some taken back."""
    facts = []
    for place in range(draw(st.integers(0, 25))):
        data = {
            name: draw(IDS)
            for name in ("deal_id", "proposal_id", "contract_id", "project_id", "flag_id")
            if draw(st.booleans())
        }
        data |= draw(st.sampled_from([{}, {"engagement": "addendum"}, {"outcome": "lead"}, {"engagement_id": "e"}]))
        trust = draw(st.sampled_from(["signed", "relayed", "human"]))
        event_id = f"{draw(st.integers(0, 9))}{place:031x}"
        facts.append(Fact(draw(st.sampled_from(TYPES)), data, draw(st.integers(0, 6)) * DAY, event_id, trust))
    for fact in facts[: draw(st.integers(0, min(2, len(facts))))]:
        facts.append(
            Fact("event.retracted", {"event_id": fact.id}, draw(st.integers(0, 8)) * DAY, f"e{fact.id[1:]}", "signed")
        )
    return facts


def as_they_come(arrivals: Iterable[Fact]) -> Projection:
    """What an engine does: fold what is newer, refold on what is late or taken back."""
    projection, ledger = Projection(), list[Fact]()
    for fact in arrivals:
        ledger.append(fact)
        taken_back = {f.data["event_id"] for f in ledger if f.type == "event.retracted"}
        if needs_refold(projection, fact.at, fact.id, fact.type) or fact.id in taken_back:
            projection = refold(ledger)
        else:
            stored = Projection.from_json(projection.to_json())
            projection = fold(stored, fact.type, fact.data, fact.at, fact.id, fact.trust)
    return projection


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_the_same_events_in_any_order_of_arrival_give_the_same_bytes(data: st.DataObject) -> None:
    facts = data.draw(histories())
    arrivals = data.draw(st.permutations(facts))
    assert as_they_come(arrivals).to_json() == refold(facts).to_json()


@settings(deadline=None, max_examples=150)
@given(histories())
def test_whatever_happens_a_projection_makes_sense(facts: list[Fact]) -> None:
    told = refold(facts)
    assert told.stage in EVERYWHERE
    assert told.stage == "delivery" or told.overlays == ()
    assert Projection.from_json(told.to_json()) == told
    assert Projection.from_json(told.to_json()).to_json() == told.to_json()
    taken_back = {fact.data["event_id"] for fact in facts if fact.type == "event.retracted"}
    signed = [f for f in facts if f.type == "contract.signed" and f.trust != "relayed" and f.id not in taken_back]
    assert signed or not told.opens("contract.signed")
    assert sum(known[0] for known in told.types.values()) == len(facts) - len(taken_back)
