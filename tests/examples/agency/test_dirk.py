"""Dirk: stages, flags, the follow-up at the right moment, and offers that wait for Pulse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from seamline import Event
from seamline.context import Deadline, Draft, Effect, Flag, Log
from seamline.events import (
    CallCompleted,
    ContractSigned,
    DealLost,
    DealStageChanged,
    DealWon,
    EmailSent,
    EmailTriaged,
    ExpansionBlocked,
    ExpansionClearanceGranted,
    ExpansionClearanceRequested,
    ExpansionHeld,
    ExpansionRecommended,
    FollowupDue,
    FollowupMissed,
    FollowupWindowOpened,
    LeadTriaged,
    MessageDelivered,
    OfferSent,
    OnboardingStarted,
    ProjectCreated,
    ProposalAccepted,
    ProposalCommented,
    ProposalDeclined,
    ProposalExpired,
    ProposalSent,
    ProposalViewed,
    RiskCleared,
    StageChanged,
)
from seamline.guard import Asked
from seamline.projection import Projection
from seamline.testing import run_handler, run_timer
from seamline_agency.guards import StillOpen
from seamline_agency.roster import roster
from seamline_agency.seats.dirk import dirk
from seamline_agency.seats.dirk.log import LINES
from seamline_agency.settings import Settings
from seamline_agency.window import after_look, unopened
from support.agency import BEGAN, Agency
from support.handlers import DANA, NOW, a_lead, customer, drafted, of, only, said

H = timedelta(hours=1)


def sent(**fields: Any) -> ProposalSent:
    told = {"party": DANA, "occurred_at": NOW - H, "proposal_id": "P1", "fact": "sent", "title": "More patients"}
    return ProposalSent.model_validate(told | fields)


def viewed(n: int = 1, at: datetime = NOW, proposal: str = "P1") -> ProposalViewed:
    return ProposalViewed(party=DANA, occurred_at=at, proposal_id=proposal, fact=f"view {proposal} {n}")


def commented(at: datetime = NOW) -> ProposalCommented:
    return ProposalCommented(
        party=DANA, occurred_at=at, proposal_id="P1", comment_id="C1", text="Too dear?", fact="comment"
    )


def opened(at: datetime = NOW) -> FollowupWindowOpened:
    return FollowupWindowOpened(
        occurred_at=at, proposal_id="P1", earliest=at + 4 * H, latest=at + 48 * H, fact="opened"
    )


# --- the window -----------------------------------------------------------------------------------------------------


def test_r27_the_first_view_opens_the_window_four_to_forty_eight_hours_later() -> None:
    [window] = said(run_handler(dirk, viewed(), [sent()]), FollowupWindowOpened)
    assert (window.earliest, window.latest) == (NOW + 4 * H, NOW + 48 * H)


def test_r27_a_comment_opens_it_too_and_whatever_comes_later_does_not_push_its_end() -> None:
    looks: list[Event] = [viewed(1), viewed(2, NOW + H), commented(NOW + 2 * H)]
    for order in permutations(looks):
        told = [said(run_handler(dirk, order[n], [sent(), *order[:n]]), FollowupWindowOpened) for n in range(3)]
        assert [len(one) for one in told] == [1, 0, 0]


@pytest.mark.parametrize(
    ("look", "earliest", "latest"),
    [
        ("2026-11-23T16:00", "2026-11-23T20:00", "2026-11-25T16:00"),  # Monday, within the hours of both days
        ("2026-11-23T21:00", "2026-11-24T15:00", "2026-11-26T15:00"),  # late on Monday: from Tuesday's opening on
        ("2026-11-27T20:00", "2026-11-30T15:00", "2026-12-02T15:00"),  # Friday afternoon: over the weekend
    ],
)
def test_r27_a_window_begins_and_ends_in_business_hours(look: str, earliest: str, latest: str) -> None:
    def utc(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    window = after_look(utc(look), Settings().hours)
    assert window == (utc(earliest), utc(latest))
    assert unopened(utc(earliest), Settings().hours).earliest == utc(earliest)


def test_r27_a_proposal_that_nobody_opens_has_a_window_of_its_own_after_three_days() -> None:
    deadline = only(run_handler(dirk, sent()), Deadline)
    assert (deadline.name, deadline.key, deadline.at) == ("proposal-unopened", "P1", NOW - H + timedelta(days=3))
    assert said(run_timer(dirk, "proposal-unopened", [sent()], key="P1", now=deadline.at), FollowupWindowOpened)
    for then in (viewed(), commented(), opened()):
        effects = run_timer(dirk, "proposal-unopened", [sent(), then], key="P1", now=deadline.at)
        assert said(effects, FollowupWindowOpened) == []


def test_r27_the_two_ends_are_deadlines_and_the_letter_waits_for_the_first() -> None:
    effects = run_handler(dirk, opened(), [sent(), viewed(), commented()], account=customer("proposal"))
    ends = {deadline.name: deadline.at for deadline in of(effects, Deadline)}
    assert ends == {"followup-due": NOW + 4 * H, "followup-missed": NOW + 48 * H}
    draft = drafted(effects)
    assert (draft.not_before, draft.sends, draft.under) == (NOW + 4 * H, EmailSent, FollowupDue)
    assert (draft.recipients, draft.subject) == (("dana@example.com",), "More patients: your questions")
    assert "Too dear?" in draft.body


def ended(name: str, history: list[Event]) -> list[Effect]:
    return run_timer(dirk, name, history, key="P1", now=NOW + 48 * H)


def test_r27_due_at_the_start_and_missed_at_the_end_where_nobody_has_followed_up() -> None:
    history = [sent(), viewed(), opened()]
    assert said(ended("followup-due", history), FollowupDue)
    [missed] = said(ended("followup-missed", history), FollowupMissed)
    assert missed.latest == NOW + 48 * H
    assert only(run_handler(dirk, missed), Flag).name == "followup-missed"


CLOSED = [
    ProposalAccepted(proposal_id="P1", fact="closed"),
    ProposalDeclined(proposal_id="P1", fact="closed"),
    ProposalExpired(proposal_id="P1", fact="closed"),
    DealWon(deal_id="D1", fact="closed"),
    DealLost(deal_id="D1", fact="closed"),
]


@pytest.mark.parametrize("end", CLOSED, ids=lambda end: end.event_type)
def test_r27_r28_what_is_settled_is_neither_due_nor_missed(end: Event) -> None:
    history = [sent(deal_id="D1"), viewed(), opened(), end]
    assert said(ended("followup-due", history), FollowupDue) == []
    assert said(ended("followup-missed", history), FollowupMissed) == []
    assert said(run_handler(dirk, viewed(2), [*history[:1], end]), FollowupWindowOpened) == []


def test_r27_another_proposal_or_deal_that_is_settled_settles_nothing_here() -> None:
    for other in (ProposalAccepted(proposal_id="P2", fact="x"), DealLost(deal_id="D2", fact="x")):
        history = [sent(deal_id="D1"), viewed(), opened(), other]
        assert said(ended("followup-missed", history), FollowupMissed)


def test_r27_a_proposal_that_is_sent_again_has_a_window_again() -> None:
    history = [sent(), viewed(), opened(), ProposalDeclined(proposal_id="P1", fact="no"), sent(fact="again")]
    effects = run_handler(dirk, viewed(2, NOW + 90 * H), history)
    assert len(said(effects, FollowupWindowOpened)) == 1


@pytest.mark.parametrize(
    ("word", "counts"),
    [
        (EmailSent(occurred_at=NOW + H, message_id="M", fact="w"), True),
        (EmailSent(occurred_at=NOW - 2 * H, message_id="M", fact="w"), False),
        (CallCompleted(occurred_at=NOW + H, call_id="K", direction="outbound", outcome="answered", fact="w"), True),
        (CallCompleted(occurred_at=NOW + H, call_id="K", direction="outbound", outcome="missed", fact="w"), False),
        (CallCompleted(occurred_at=NOW + H, call_id="K", direction="inbound", outcome="answered", fact="w"), False),
    ],
)
def test_r27_whoever_spoke_to_them_in_the_window_has_followed_up(word: Event, counts: bool) -> None:
    missed = said(ended("followup-missed", [sent(), viewed(), opened(), word]), FollowupMissed)
    assert len(missed) == (0 if counts else 1)


@pytest.mark.parametrize("state", ["accepted", "declined", "expired", "past"])
def test_r27_an_approved_letter_about_a_settled_proposal_is_refused_at_the_door(state: str) -> None:
    def refusal(proposal: str) -> object:
        known = Projection(proposals={"P1": state, "P2": "open"})
        return StillOpen().refuse(Asked("followup.due", {"proposal_id": proposal}, known, NOW))

    assert refusal("P1") is not None
    assert refusal("P2") is None
    assert refusal("P3") is None


def test_r27_through_the_engine_it_is_due_and_missed_once_each_at_its_times(agency: Agency) -> None:
    began = BEGAN
    agency.tell(sent(occurred_at=began), viewed(at=began + H))
    agency.work()
    [window] = agency.ledger("followup.window_opened")
    assert isinstance(window, FollowupWindowOpened)
    agency.sweep(window.earliest - timedelta(seconds=1))
    assert agency.ledger("followup.due") == []
    agency.sweep(window.earliest)
    assert len(agency.ledger("followup.due")) == 1
    agency.tell(viewed(2, began + 5 * H))
    agency.work()
    agency.sweep(window.latest - timedelta(seconds=1))
    assert agency.ledger("followup.missed") == []
    agency.sweep(window.latest + 200 * H)
    assert len(agency.ledger("followup.missed")) == 1
    assert len(agency.ledger("followup.window_opened")) == 1
    [draft] = agency.rows("drafts")
    assert (draft.seat, draft.sends, draft.gate) == ("dirk", "email.sent", "followups")


def test_r27_accepted_in_time_nothing_is_due_and_nothing_missed(agency: Agency) -> None:
    accepted = ProposalAccepted(party=DANA, occurred_at=BEGAN + 2 * H, proposal_id="P1", fact="yes")
    agency.tell(sent(occurred_at=BEGAN), viewed(at=BEGAN + H), accepted)
    agency.work()
    agency.sweep(BEGAN + 300 * H)
    assert agency.ledger("followup.due") == agency.ledger("followup.missed") == []
    assert agency.ledger("onboarding.started") == []


def test_r23_a_proposal_moves_a_prospect_from_inquiry_and_dirk_is_the_actor(agency: Agency) -> None:
    agency.tell(a_lead(occurred_at=BEGAN))
    agency.tell(sent(occurred_at=BEGAN + H), sent(occurred_at=BEGAN + H), viewed(at=BEGAN + 2 * H))
    agency.work()
    moves = agency.ledger("stage.changed")
    [move] = [one for one in moves if isinstance(one, StageChanged) and one.to_stage == "proposal"]
    [told] = agency.ledger("proposal.sent")
    assert (move.from_stage, move.actor, move.cause) == ("inquiry", "/seats/dirk", str(told.id))


def test_r28_an_accepted_proposal_starts_nothing() -> None:
    effects = run_handler(dirk, ProposalAccepted(proposal_id="P1"), [sent()])
    assert of(effects, Draft) == []
    assert said(effects, OnboardingStarted) == []
    assert said(effects, ProjectCreated) == []


#: What Dirk only writes down, and the line that it makes.
WRITTEN: list[tuple[Event, str]] = [
    (
        LeadTriaged(lead_id="L1", bucket="lead", urgency="normal", response_warranted=True, reason="r"),
        "In the pipeline: lead, normal.",
    ),
    (ProposalAccepted(proposal_id="P1"), "Proposal P1 accepted. That is no contract yet."),
    (ProposalDeclined(proposal_id="P1"), "Proposal P1 declined."),
    (ProposalExpired(proposal_id="P1"), "Proposal P1 lapsed."),
    (
        FollowupDue(proposal_id="P1", earliest=NOW, latest=NOW + H),
        "Now is the time to follow up proposal P1, until 2026-11-23 17:00 UTC.",
    ),
    (DealStageChanged(deal_id="D1", to_stage="offer"), "Deal D1 moved to offer."),
    (DealWon(deal_id="D1"), "Deal D1 won."),
    (DealLost(deal_id="D1"), "Deal D1 lost."),
    (ContractSigned(contract_id="C1"), "Contract C1 signed (told by a source of trust 'signed')."),
]


@pytest.mark.parametrize(("event", "line"), WRITTEN, ids=[event.event_type for event, _ in WRITTEN])
def test_what_is_only_written_down_names_what_it_is_about(event: Event, line: str) -> None:
    assert [written.text for written in of(run_handler(dirk, event), Log)] == [line]


def test_every_line_of_the_log_is_tried() -> None:
    assert {type(event) for event, _ in WRITTEN} == set(LINES)


def test_mail_is_written_down_while_something_is_open_and_says_what() -> None:
    mail = EmailTriaged(message_id="M1", outcome="lead", reason="somebody new")
    [written] = of(run_handler(dirk, mail, [sent()]), Log)
    assert written.text == "Mail while proposal P1 is open: lead."
    assert run_handler(dirk, mail, [sent(), ProposalDeclined(party=DANA, proposal_id="P1", fact="no")]) == []


def test_r62_what_pepper_flagged_is_shown_beside_what_is_open() -> None:
    told = MessageDelivered(
        message_id="7",
        from_seat="pepper",
        to_seat="dirk",
        kind="INFORM",
        topic="mail",
        body="Mail while deal D1 is open",
    )
    handler = dirk.answering("mail")
    assert handler is not None
    flag = only(run_handler(dirk, told), Flag)
    assert (flag.name, flag.key) == ("mail-while-open", "7")


# --- offers ---------------------------------------------------------------------------------------------------------

RECOMMENDED = ExpansionRecommended(party=DANA, score=88, performance={"cpl": 31.5}, fact="recommended")


def granted(request: str) -> ExpansionClearanceGranted:
    return ExpansionClearanceGranted(request_id=request, evidence=["looked"], fact="granted")


def test_r52_a_recommendation_is_asked_about_before_anything_is_written() -> None:
    effects = run_handler(dirk, RECOMMENDED, account=customer("delivery"), roster=roster)
    [asked] = said(effects, ExpansionClearanceRequested)
    assert asked.request_id
    assert of(effects, Draft) == []


def test_r52_r65_only_what_is_cleared_is_written_and_it_cites_what_cleared_it() -> None:
    [asked] = said(run_handler(dirk, RECOMMENDED, roster=roster), ExpansionClearanceRequested)
    draft = drafted(run_handler(dirk, granted(asked.request_id), [RECOMMENDED], account=customer("delivery")))
    assert (draft.sends, draft.recipients) == (OfferSent, ("dana@example.com",))
    assert "looked" in draft.sources
    assert asked.request_id in draft.sources


def test_r40_an_offer_states_no_figure_that_nobody_has_graded() -> None:
    draft = drafted(run_handler(dirk, granted("R"), [RECOMMENDED], account=customer("delivery")))
    assert "31" not in draft.body
    assert "88" not in draft.body


def test_r65_what_is_held_is_said_by_pulses_own_words_and_nothing_is_written() -> None:
    held = ExpansionHeld(request_id="R", flag_ids=("F9",), reason="a risk is open", evidence=["E7"])
    effects = run_handler(dirk, held)
    assert [type(effect) for effect in effects] == [Log]
    for cited in ("F9", "E7", "a risk is open"):
        assert cited in only(effects, Log).text


def test_r53_an_offer_that_is_stopped_is_shown() -> None:
    flag = only(run_handler(dirk, ExpansionBlocked(request_id="R", reason="a risk is open")), Flag)
    assert "a risk is open" in flag.text


def test_r53_what_was_held_is_asked_again_when_the_last_risk_is_cleared_and_not_before() -> None:
    cleared = RiskCleared(flag_id="F1", by="anna", reason="they called", fact="cleared")
    [again] = said(run_handler(dirk, cleared, [RECOMMENDED], roster=roster), ExpansionClearanceRequested)
    assert (
        said(
            run_handler(dirk, cleared, [RECOMMENDED], account=customer("delivery", risks={"F2": "watch"})),
            ExpansionClearanceRequested,
        )
        == []
    )
    history = [RECOMMENDED, granted(again.request_id)]
    assert said(run_handler(dirk, cleared, history), ExpansionClearanceRequested) == []
    assert run_handler(dirk, cleared) == []
