"""What waits for a decision is shown to approvers where they work: at least once, and nothing waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from seamline import Seat
from seamline.boundary import Roster
from seamline.errors import ConfigError
from seamline.events import CoachingPosted
from seamline.gate import Gate
from seamline.lint import lint
from seamline_workers.company.config import Approvals, Config, Person
from seamline_workers.company.process import ways_out
from seamline_workers.effects.audience import Ours
from seamline_workers.handoff.run import Run, Work
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.store import notices
from seamline_workers.store.store import now_us
from support.office import HOUR, HUMANS, MakeOffice, Office, drafting
from support.recording import Mailbox
from support.showing import showing
from support.works import event

TEAM = {"cards": frozenset({"C9", "W1"})}
ROOM = Approvals(channel="cards", to="C9")
PEOPLE = {
    "anna": {"slack": "T1/W1", "role": "approver"},
    "eve": {"slack": "T2/W2", "role": "approver"},  # of a workspace that is not ours
    "olga": {"slack": "T1/W3", "role": "operator"},
}


@pytest.fixture
def shown(office: MakeOffice, provider: Mailbox) -> MakeOffice:
    """Makes a company whose approvers are shown what waits, in the room C9."""

    def make(*pepper: Seat, **settings: Any) -> Office:
        channels = {"mail": provider.channel(), "cards": showing(provider)}
        told = {"channels": channels, "approvals": ROOM, "team": TEAM} | settings
        return office(*pepper, **told)

    return make


def post(company: Office) -> None:
    """Post every notice that is owed, also what waits for its next attempt."""
    company.works.write("UPDATE notices SET due = 1 WHERE due IS NOT NULL")
    while company.works.engine.do(Run(Work("notice", ""))):
        pass


def cards(company: Office) -> list[dict[str, Any]]:
    return [told for told in company.mailbox.sent if told["key"] == "card"]


def owed(company: Office) -> list[tuple[str, str]]:
    return [tuple(row) for row in company.works.all("SELECT recipient, state FROM notices ORDER BY id")]


# --- what is shown --------------------------------------------------------------------------------------------------


def test_r75_a_draft_that_waits_is_shown_once_with_its_text_and_its_sha256(shown: MakeOffice) -> None:
    company = shown()
    number = company.lead()
    post(company)
    post(company)
    row = company.draft(number)
    [card] = cards(company)
    assert (card["to"], card["draft"], card["sha256"], card["body"]) == ("C9", str(number), row.sha256, row.body)
    assert "without a decision it is never sent" in card["text"]
    assert (row.state, owed(company)) == ("pending", [("C9", "sent")])


def test_what_its_author_writes_into_a_line_above_a_draft_makes_no_line_of_ours(shown: MakeOffice) -> None:
    false = "Draft 1 of anna, by mail to anna@ours.example.com"
    company = shown(drafting(missing=[f"the budget\n{false}", f"\u2028{false}"]))
    company.lead()
    post(company)
    [card] = cards(company)
    assert [line for line in card["text"].splitlines() if line.startswith("Draft ")] == [
        "Draft 1 of pepper, by mail to dana@acme.example"
    ]


def test_an_edit_is_shown_anew_with_the_sha256_of_the_new_text(shown: MakeOffice) -> None:
    company = shown()
    number = company.lead()
    before = company.draft(number).sha256
    post(company)
    company.works.edit(number, body="Another text")
    post(company)
    assert [card["sha256"] for card in cards(company)] == [before, company.draft(number).sha256]
    assert cards(company)[1]["body"] == "Another text"


def test_what_was_edited_before_it_was_shown_is_shown_once_as_it_is(shown: MakeOffice) -> None:
    company = shown()
    number = company.lead()
    company.works.edit(number, body="Another text")
    post(company)
    assert [card["sha256"] for card in cards(company)] == [company.draft(number).sha256]


def test_a_text_that_was_read_and_stands_is_not_shown_again(shown: MakeOffice) -> None:
    company = shown()
    number = company.lead()
    post(company)
    company.works.edit(number)
    post(company)
    assert len(cards(company)) == 1


def test_what_is_decided_before_it_was_shown_is_shown_to_nobody(shown: MakeOffice) -> None:
    company = shown()
    company.works.reject(company.lead())
    post(company)
    assert (cards(company), owed(company)) == ([], [("C9", "void")])


def test_an_approval_that_is_used_up_shows_the_draft_again(shown: MakeOffice) -> None:
    company = shown()
    number = company.lead()
    post(company)
    company.works.approve(number)
    company.works.tell(event("chat.received", message_id="M1", channel="chat"))
    company.works.dispatch_some()
    post(company)
    assert company.draft(number).state == "pending"
    assert [card["draft"] for card in cards(company)] == [str(number)] * 2
    assert cards(company)[1]["text"].startswith("It was approved and not sent: a message came")


def test_r75_what_its_channel_could_not_send_is_shown_again_and_can_be_approved_again(shown: MakeOffice) -> None:
    company = shown()
    number = company.lead()
    post(company)
    company.works.approve(number)
    company.mailbox.answer = lambda told: (200, {"id": "m-1"}) if told["key"] == "card" else (401, {})
    company.works.dispatch_some()
    post(company)
    row = company.draft(number)
    assert (row.state, row.approval) == ("pending", None)
    first, again = cards(company)
    assert (again["draft"], again["sha256"]) == (str(number), first["sha256"])
    assert again["text"].startswith("It was approved and not sent: ")
    company.mailbox.answer = lambda _: (200, {"id": "m-2"})
    company.works.approve(number, sha256=again["sha256"])
    company.works.dispatch_some()
    assert company.draft(number).state == "sent"


def test_r75_the_reminder_and_the_end_of_a_snooze_show_it_again(shown: MakeOffice) -> None:
    company = shown(gates=[Gate("mail", ("coo",), channel="mail", remind=timedelta(hours=1))])
    number = company.lead()
    post(company)
    company.works.snooze(number, company.clock() + HOUR)
    company.clock.pass_hours(1)
    company.works.dispatch_some()
    post(company)
    company.clock.pass_hours(2)
    for _ in range(2):
        company.works.dispatch_some()
        post(company)
    assert [card["text"].partition("\n")[0] for card in cards(company)] == [
        "A text waits for a decision.",
        "A text that was put aside waits again.",
        "A text still waits for a decision.",
    ]


def test_what_has_no_recipient_yet_is_shown_without_buttons(shown: MakeOffice) -> None:
    company = shown(drafting(to=[]), gates=[Gate("any", ("coo",))])
    company.lead()
    post(company)
    [card] = cards(company)
    assert "draft" not in card
    assert "edit it at the desk" in card["text"]


def test_r73_notes_to_our_own_team_are_shown_to_their_reviewer_and_posted_to_nobody_before(shown: MakeOffice) -> None:
    notes = drafting(
        to=["C123"],
        channel="chat",
        subject=None,
        sends=CoachingPosted,
        fields={"shift_start": "2026-11-21T08:00:00Z", "audience": "call center"},
    )
    team = TEAM | {"chat": frozenset({"C123"})}
    company = shown(notes, gates=[Gate("coaching", ("coo",), channel="chat")], team=team)
    number = company.lead()
    post(company)
    company.works.dispatch_some()
    assert [(told["key"], told["to"]) for told in company.mailbox.sent] == [("card", "C9")]
    assert company.draft(number).audience == "team"


# --- to whom --------------------------------------------------------------------------------------------------------


def test_each_approver_who_is_ours_is_shown_it_where_no_room_is_named(shown: MakeOffice) -> None:
    company = shown(people=PEOPLE, approvals=Approvals(channel="cards"))
    company.lead()
    post(company)
    assert [card["to"] for card in cards(company)] == ["W1"]


def test_r73_whoever_is_not_ours_when_it_is_posted_is_shown_nothing(shown: MakeOffice) -> None:
    company = shown()
    company.lead()
    company.works.write("UPDATE notices SET recipient = 'C666'")
    post(company)
    assert (cards(company), owed(company)) == ([], [("C666", "failed")])


def test_nothing_is_shown_without_a_channel_of_approvals(shown: MakeOffice) -> None:
    company = shown(people=PEOPLE, approvals=Approvals())
    company.works.edit(company.lead(), body="Another text")
    post(company)
    assert (owed(company), company.mailbox.sent) == ([], [])


@pytest.mark.parametrize(
    ("approvals", "says"),
    [
        (Approvals(to="C9"), "name the channel"),
        (Approvals(channel="other", to="C9"), "no channel is named 'other'"),
        (Approvals(channel="mail", to="C9"), "recording tells colleagues nothing"),
        (Approvals(channel="cards", to="C666"), "C666 is nobody of ours"),
        (Approvals(channel="cards"), "no approver of"),
    ],
)
def test_approvals_that_could_reach_nobody_or_a_stranger_are_a_mistake_at_the_start(
    provider: Mailbox, approvals: Approvals, says: str
) -> None:
    channels, people = {"mail": provider.channel(), "cards": showing(provider)}, {"olga": Person(slack="T1/W3")}
    with pytest.raises(ConfigError, match=says):
        Outbound(Roster(HUMANS), channels, Ours(team=TEAM), people, approvals=approvals)


def test_r12_a_channel_that_only_shows_drafts_is_no_way_out_that_a_gate_must_open() -> None:
    section = {"adapter": "slack", "team": ["C9"]}
    told = {"channels": {"cards": section, "other": section}, "approvals": {"channel": "cards", "to": "C9"}}
    findings = lint(Roster(HUMANS), ways_out(Config.model_validate(told)))
    assert [found.subject for found in findings if found.code == "no-gate"] == ["channels.other"]


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_r75_a_provider_that_is_down_is_shown_it_later_and_no_decision_waits_for_it(shown: MakeOffice) -> None:
    company = shown()
    company.mailbox.answer = lambda told: (429, {}) if told["key"] == "card" else (200, {"id": "m-1"})
    first, second = company.lead("L1"), company.lead("L2", "eve@beta.example")
    post(company)
    company.works.approve(first)
    company.works.dispatch_some()
    assert company.draft(first).state == "sent"
    company.mailbox.answer = lambda _: (200, {"id": "m-2"})
    before = len(cards(company))
    post(company)
    assert [card["draft"] for card in cards(company)[before:]] == [str(second)]
    assert owed(company) == [("C9", "void"), ("C9", "sent")]


def test_a_card_that_may_have_been_posted_is_posted_three_times_at_most(shown: MakeOffice) -> None:
    company = shown()
    company.mailbox.answer = lambda _: None
    company.lead()
    for _ in range(6):
        post(company)
    assert (len(cards(company)), owed(company)) == (3, [("C9", "sent")])


def test_a_provider_that_always_refuses_is_given_up(shown: MakeOffice) -> None:
    company = shown()
    company.mailbox.answer = lambda _: (403, {})
    number = company.lead()
    company.works.write("UPDATE notices SET attempts = 29")
    post(company)
    assert (owed(company), company.draft(number).state) == ([("C9", "failed")], "pending")


def test_a_card_whose_process_died_is_posted_by_another(shown: MakeOffice) -> None:
    company = shown()
    company.lead()
    with company.works.store.begin() as connection:
        assert notices.take(connection, 7, now_us()) is not None
    assert not company.works.engine.do(Run(Work("notice", "")))
    post(company)
    assert (len(cards(company)), owed(company)) == (1, [("C9", "sent")])


def test_what_is_owed_once_more_while_it_is_posted_is_posted_once_more(shown: MakeOffice) -> None:
    company = shown()
    number = company.lead()
    edited: list[str] = []

    def editing(told: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if not edited:
            edited.append(company.works.edit(number, body="Another text"))
        return 200, {"id": "m-1"}

    company.mailbox.answer = editing
    post(company)
    assert [card["body"] == "Another text" for card in cards(company)] == [False, True]
    assert owed(company) == [("C9", "sent")]
