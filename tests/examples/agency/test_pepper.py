"""Pepper: leads and mail first, in one outcome each, with a draft where one is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seamline.context import Draft, Flag, Log, Message, Task
from seamline.events import (
    DealCreated,
    DealWon,
    EmailReceived,
    EmailSent,
    EmailTriaged,
    ExitCorrespondenceSent,
    LeadTriaged,
    LeadUntriaged,
    ProjectNoted,
    ProposalDeclined,
    ProposalSent,
    RelationshipEnded,
    ResponseSent,
)
from seamline.testing import run_handler
from seamline_agency.roster import roster
from seamline_agency.seats.pepper import pepper
from support.agency import BEGAN, Agency
from support.handlers import DANA, NOW, a_lead, customer, drafted, of, only, said

DEAL = DealCreated(party=DANA, deal_id="D1", fact="deal")


def a_mail(**fields: Any) -> EmailReceived:
    told = {"party": DANA, "occurred_at": NOW, "message_id": "M1", "sender": "dana@example.com", "subject": "Hello"}
    return EmailReceived.model_validate(told | {"text": "When do we start?"} | fields)


# --- leads ----------------------------------------------------------------------------------------------------------


def test_r18_a_draft_exists_if_and_only_if_a_response_is_warranted() -> None:
    for text, warranted in (("Two practices, please call", True), ("We offer backlinks", False)):
        effects = run_handler(pepper, a_lead(text=text))
        [triaged] = said(effects, LeadTriaged)
        assert triaged.response_warranted is warranted
        assert triaged.reason
        assert len(of(effects, Draft)) == (1 if warranted else 0)


def test_r18_the_draft_answers_this_lead_by_mail_within_a_business_hour() -> None:
    draft = drafted(run_handler(pepper, a_lead(fields={"question": "What does it cost?"})))
    assert (draft.channel, draft.recipients, draft.sends) == ("mail", ("dana@example.com",), ResponseSent)
    assert draft.fields == {"lead_id": "L1"}
    assert draft.due_at == NOW + timedelta(hours=1)
    assert "Hello Dana Whitfield," in draft.body
    assert "What does it cost?" in draft.body
    assert len(draft.sources) == 1


def test_r20_an_answer_to_a_lead_of_the_night_is_due_an_hour_after_the_office_opens() -> None:
    night = datetime(2026, 11, 24, 5, tzinfo=UTC)
    draft = drafted(run_handler(pepper, a_lead(occurred_at=night)))
    assert draft.due_at == datetime(2026, 11, 24, 16, tzinfo=UTC)  # ten o'clock in Chicago


def test_r18_a_lead_without_an_address_is_drafted_for_and_says_what_is_missing() -> None:
    draft = drafted(run_handler(pepper, a_lead(party={"name": "Dana", "phone": "+13125550100"})))
    assert draft.recipients == ()
    assert set(draft.missing) == {"contact.email", "what they want to know"}


def test_r17_a_lead_that_is_not_triaged_within_five_minutes_is_the_coos_as_it_came(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_event: object, _ctx: object) -> None:
        raise RuntimeError("no triage today")

    monkeypatch.setitem(pepper.handlers, "lead.received", fail)
    agency.tell(a_lead(occurred_at=BEGAN, fields={"budget": "2k"}))
    agency.work()
    [lead] = agency.ledger("lead.received")
    agency.sweep(lead.envelope.received_at + timedelta(minutes=5))
    assert agency.ledger("lead.untriaged") == []
    agency.sweep(lead.envelope.received_at + timedelta(minutes=5, seconds=1))
    [raw] = agency.ledger("lead.untriaged")
    assert isinstance(raw, LeadUntriaged)
    assert (raw.lead_id, raw.channel, raw.fields) == ("L1", "form", {"budget": "2k"})
    assert [one.seat for one in agency.handed("lead.untriaged")] == ["coo"]
    assert agency.handed("lead.triaged") == []
    [task] = [task for task in agency.rows("tasks") if task.title.startswith("lead.untriaged")]
    assert "budget" in task.text


def test_r17_a_lead_that_is_triaged_in_time_is_nobodys_alarm_though_its_webhook_was_late(agency: Agency) -> None:
    agency.tell(a_lead(occurred_at=BEGAN))
    agency.work()
    [lead] = agency.ledger("lead.received")
    agency.sweep(lead.envelope.received_at + timedelta(hours=1))
    assert agency.ledger("lead.untriaged") == []
    assert len(agency.ledger("lead.triaged")) == 1


def test_r19_an_answer_waits_for_the_coo_at_the_gate_of_inquiry(agency: Agency) -> None:
    agency.tell(a_lead(occurred_at=BEGAN))
    agency.work()
    [draft] = agency.rows("drafts")
    assert (draft.seat, draft.state, draft.sends, draft.gate) == ("pepper", "pending", "response.sent", "inquiry")
    assert draft.audience == "customer"
    assert len(agency.ledger("approval.requested")) == 1
    assert agency.ledger("response.sent") == []


# --- mail -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["inquiry", "proposal", "onboarding", "delivery", "exit"])
def test_r21_mail_of_somebody_known_is_never_noise(stage: str) -> None:
    for auto in ("none", "bounce", "out_of_office", "list"):
        [triaged] = said(run_handler(pepper, a_mail(auto=auto), account=customer(stage)), EmailTriaged)
        assert triaged.outcome in ("client_urgent", "client_routine")


def test_mail_that_wants_an_answer_gets_a_draft_in_its_own_conversation() -> None:
    draft = drafted(run_handler(pepper, a_mail(thread_id="T1"), account=customer("delivery")))
    assert (draft.thread, draft.in_reply_to, draft.subject) == ("T1", "M1", "Re: Hello")
    assert (draft.sends, draft.recipients) == (EmailSent, ("dana@example.com",))
    assert draft.due_at == NOW + timedelta(hours=24)  # a business day of eight hours from ten o'clock


def test_an_upset_client_is_flagged_and_answered_soon() -> None:
    effects = run_handler(pepper, a_mail(text="The wrong invoice, again"), account=customer("delivery"))
    assert only(effects, Flag).name == "client-urgent"
    assert drafted(effects).due_at == NOW + timedelta(hours=1)
    assert "sorry" in drafted(effects).body


def test_two_mails_of_one_conversation_make_one_draft_and_another_conversation_its_own() -> None:
    keys = [
        drafted(run_handler(pepper, a_mail(message_id=message, thread_id=thread), account=customer("delivery"))).key
        for message, thread in (("M1", "T1"), ("M2", "T1"), ("M3", "T2"))
    ]
    assert keys[0] == keys[1] != keys[2]


def test_whoever_waits_for_an_answer_to_a_lead_gets_one_answer_to_all_they_wrote() -> None:
    triaged = LeadTriaged(
        lead_id="L1", bucket="lead", urgency="normal", response_warranted=True, reason="asks", fact="triaged"
    )
    effects = run_handler(pepper, a_mail(), [a_lead(), triaged], account=customer("inquiry"))
    assert of(effects, Draft) == []
    assert "one answer to both" in only(effects, Task).text
    answered = ResponseSent(message_ref="m", lead_id="L1", fact="answered")
    assert drafted(run_handler(pepper, a_mail(), [a_lead(), triaged, answered], account=customer("inquiry")))


def test_mail_that_nobody_wrote_gets_no_draft_and_no_task() -> None:
    effects = run_handler(pepper, a_mail(auto="out_of_office"), account=customer("delivery"))
    assert of(effects, Draft) == []
    assert of(effects, Task) == []


def test_r62_dirk_is_told_of_mail_while_something_is_open_and_of_none_otherwise() -> None:
    sent = ProposalSent(party=DANA, proposal_id="P1", fact="sent")
    for history, told in (
        ([DEAL], True),
        ([sent], True),
        ([], False),
        ([DEAL, DealWon(party=DANA, deal_id="D1", fact="won")], False),
        ([sent, ProposalDeclined(party=DANA, proposal_id="P1", fact="no")], False),
        ([ProposalDeclined(party=DANA, proposal_id="P1", fact="no"), sent], True),
    ):
        effects = run_handler(pepper, a_mail(), history, account=customer("proposal"))
        assert [message.to for message in of(effects, Message)] == (["dirk"] if told else [])


def test_r62_the_message_names_the_mail_and_what_is_open_and_so_does_the_humans_task() -> None:
    effects = run_handler(pepper, a_mail(text="I want to cancel"), [DEAL], account=customer("proposal"))
    message = only(effects, Message)
    assert (message.kind, message.topic) == ("INFORM", "mail")
    assert "deal D1" in message.body
    assert "client_urgent" in message.body
    assert "deal D1" in only(effects, Task).text


def test_r62_dirk_has_peppers_message_before_anybody_can_approve_an_answer(agency: Agency) -> None:
    agency.tell(DEAL.model_copy(update={"occurred_at": BEGAN}))
    agency.tell(a_mail(occurred_at=BEGAN, text="This is unacceptable", fact="mail"))
    agency.work()
    assert ("dirk", "mail-while-open") in {(flag.seat, flag.name) for flag in agency.rows("flags")}
    [told] = agency.ledger("message.delivered")
    assert told.model_dump(include={"from_seat", "to_seat", "topic"}) == {
        "from_seat": "pepper",
        "to_seat": "dirk",
        "topic": "mail",
    }
    assert agency.ledger("approval.decided") == []


def test_r66_the_human_sees_what_crystal_logged_newest_first_with_ids() -> None:
    notes = [ProjectNoted(project_id="X", text=f"line {n}", fact=f"n{n}") for n in range(7)]
    effects = run_handler(pepper, a_mail(), notes, account=customer("onboarding"))
    lines = [line for line in only(effects, Task).text.splitlines() if line.startswith("Project log")]
    assert [line.split()[3] for line in lines] == ["6", "5", "4", "3", "2"]
    assert all(line.endswith(")") for line in lines)
    assert len(drafted(effects).sources) == 1 + len(lines)


# --- the last letter ------------------------------------------------------------------------------------------------


def an_end(n: int = 1, **fields: Any) -> RelationshipEnded:
    told = {"party": DANA, "occurred_at": NOW + timedelta(hours=n), "fact": f"end {n}", "reason": "budget"}
    return RelationshipEnded.model_validate(told | fields)


def test_r56_the_last_letter_is_drafted_once_whoever_tells_the_end() -> None:
    draft = drafted(run_handler(pepper, an_end(), account=customer("exit")))
    assert (draft.sends, draft.recipients) == (ExitCorrespondenceSent, ("dana@example.com",))
    assert "Harbor Lane Dental" in (draft.subject or "")
    again = run_handler(pepper, an_end(2), [an_end(1)], account=customer("exit"))
    assert of(again, Draft) == []
    assert only(again, Log)


def test_r56_a_customer_who_came_back_and_leaves_again_gets_a_letter_again() -> None:
    back = a_lead(fact="back")
    assert drafted(run_handler(pepper, an_end(2), [an_end(1), back], account=customer("exit")))


def test_r15_pepper_is_the_only_one_who_may_triage() -> None:
    assert roster.maker("lead.triaged") is pepper
    assert roster.maker("lead.untriaged") is pepper
