"""Every type that the catalogue promises, and how its models behave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

import seamline.events
from seamline.errors import ConfigError, PayloadError
from seamline.events import (
    BuyingSignalDetected,
    DealWon,
    EmailReceived,
    Event,
    LeadReceived,
    Party,
    catalogue,
    event_id,
    upcast,
)
from seamline.events.base import is_personal
from support.events import example

#: The language that adapters, seats and other programs rely on: nothing here is ever renamed.
PROMISED = {
    "awareness": """
        ad.clicked audience.engaged campaign.status_changed
    """,
    "inquiry": """
        lead.received lead.triaged lead.untriaged lead.qualified email.received email.delivery_changed call.completed
        email.triaged email.sent chat.received chat.sent response.sent contact.assigned contact.changed contact.merged
        contact.erased
    """,
    "proposal": """
        proposal.created proposal.sent proposal.viewed proposal.commented proposal.accepted proposal.declined
        proposal.expired buying_signal.detected followup.window_opened followup.due followup.missed
        deal.amount_changed deal.created deal.stage_changed deal.won deal.lost contract.signed
        contract.declined contract.voided
    """,
    "onboarding": """
        project.created project.noted project.closed onboarding.started kickoff.booked kickoff.cancelled
        kickoff.held kickoff.overdue milestone.completed onboarding.completed task.changed
    """,
    "delivery": """
        metrics.snapshot metrics.trust_assessed metrics.corrected metrics.missing meeting.booked
        meeting.rescheduled meeting.cancelled meeting.no_show meeting.no_show_reversed meeting.held call.noted
        brief.issued summary.sent invoice.issued invoice.paid invoice.failed invoice.voided
        subscription.changed
    """,
    "retention": """
        signal.detected outreach.sent outreach.answered risk.flagged risk.cleared score.updated
    """,
    "expansion": """
        expansion.recommended expansion.clearance_requested expansion.clearance_granted expansion.held
        expansion.blocked offer.sent
    """,
    "exit": """
        relationship.ended exit.item_verified exit.item_reopened exit.correspondence_sent exit.logged
        exit.adhoc_detected account.status_changed
    """,
    None: """
        event.retracted approval.requested approval.decided approval.expired draft.dispatched stage.changed
        guard.refused deadline.armed deadline.fired deadline.cancelled message.delivered message.answered
        message.dead_lettered identity.linked identity.unlinked identity.conflict briefing.issued
        coaching.posted pixel.status_changed boundary.changed
    """,
}

#: What only the engine may say; the rest of the table is told by sources, humans or seats.
CONTROL = (
    "approval.", "draft.", "stage.", "guard.", "deadline.", "identity.", "message.", "boundary.changed",
    "event.retracted", "risk.cleared", "expansion.clearance_granted", "expansion.held", "expansion.blocked",
    "exit.item_",
)  # fmt: skip


def promised() -> dict[str, str | None]:
    return {name: stage for stage, names in PROMISED.items() for name in names.split()}


def builtin() -> dict[str, type[Event]]:
    return {n: e for n, e in catalogue().items() if e.__module__.startswith("seamline.events.")}


def test_the_catalogue_is_exactly_what_is_promised_stage_by_stage() -> None:
    assert {name: event.event_stage for name, event in builtin().items()} == promised()


@pytest.mark.parametrize("name", sorted(promised()))
def test_a_class_is_named_after_its_type_and_exported(name: str) -> None:
    camel = "".join(word.capitalize() for word in re.split(r"[._]", name))
    assert getattr(seamline.events, camel) is builtin()[name]
    assert camel in seamline.events.__all__


def test_only_what_the_engine_alone_may_say_is_control() -> None:
    control = {name for name, event in builtin().items() if event.nature == "control"}
    assert control == {name for name in promised() if name.startswith(CONTROL)}


def test_no_source_can_open_a_project_start_onboarding_or_judge_a_lead() -> None:
    judged = ("project.created", "onboarding.started", "lead.triaged", "expansion.recommended", "exit.logged")
    assert {builtin()[name].nature for name in judged} == {"judgement"}


def test_every_event_says_in_one_line_what_it_means() -> None:
    unsaid = [
        name
        for name, event in builtin().items()
        if not (event.__doc__ or "").strip().split("\n")[0].endswith((".", "?"))
    ]
    assert unsaid == []


def fields() -> Iterator[tuple[str, type[BaseModel], str]]:
    """Every field of every model that an event is made of."""
    for name, event in builtin().items():
        for field in event.model_fields:
            yield name, event, field


def test_r31_a_project_without_a_kickoff_milestone_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="kickoff_milestone_id"):
        catalogue()["project.created"].model_validate({"project_id": "P1", "engagement_id": "E1"})
    with pytest.raises(PayloadError):
        Event.load("project.created", 1, {"project_id": "P1", "engagement_id": "E1", "kickoff_milestone_id": ""})


def test_money_goes_with_a_currency() -> None:
    alone = [
        (name, field)
        for name, model, field in fields()
        if field in ("amount", "spend", "open_balance") and "currency" not in model.model_fields
    ]
    assert alone == []


def test_fields_about_persons_and_their_words_are_personal_everywhere() -> None:
    persons = {
        "sender", "recipient", "recipients", "attendees", "viewer", "author", "signers", "by", "override_by",
        "confirmed_by", "cancelled_by", "agent", "text", "subject", "fields", "changes", "answers", "attachments",
    }  # fmt: skip
    open_ones = [(n, f) for n, m, f in fields() if f in persons and not is_personal(m.model_fields[f])]
    assert open_ones == []
    assert {f for f in Party.model_fields if is_personal(Party.model_fields[f])} == {"name", "email", "phone"}


def test_numbers_are_no_ids_and_no_times() -> None:
    with pytest.raises(ValueError, match="deal_id"):
        DealWon.model_validate({"deal_id": 7})
    for number in (1_700_000_000, "1700000000", " -1700000000.5", "20261122", "2026"):
        with pytest.raises(ValueError, match="unix_s or"):
            DealWon.model_validate({"deal_id": "7", "closed_at": number})


def test_money_is_never_a_fraction() -> None:
    with pytest.raises(ValueError, match="amount"):
        DealWon.model_validate({"deal_id": "7", "amount": 12.5})


def test_a_time_is_stored_in_one_spelling_whatever_zone_the_sender_wrote() -> None:
    here = DealWon(deal_id="7", closed_at="2026-03-01T09:30:00+02:00")
    there = DealWon(deal_id="7", closed_at="2026-03-01T07:30:00Z")
    assert here.model_dump_json() == there.model_dump_json()


def test_a_time_that_no_zone_can_hold_is_a_fault_of_the_item_not_of_ours() -> None:
    with pytest.raises(ValueError, match="out of range"):
        DealWon(deal_id="7", closed_at="9999-12-31T23:59:59-12:00")


def test_a_malformed_address_in_mail_is_kept_and_a_domain_lowered() -> None:
    mail = EmailReceived(message_id="m", sender="Ann@EXAMPLE.com", recipients=["undisclosed-recipients:;"])
    assert (mail.sender, mail.recipients) == ("Ann@example.com", ("undisclosed-recipients:;",))


def test_neither_an_event_nor_its_fault_shows_personal_values() -> None:
    told = LeadReceived(
        party=Party(name="Ann Example", email="ann@example.com", company="Example"),
        lead_id="l",
        channel="form",
        fields={"note": "call me"},
        text="hello there",
    )
    shown = f"{told!r} {told} {[told]}"
    assert "Example" in shown
    assert not any(word in shown for word in ("Ann", "ann@", "call me", "hello"))
    with pytest.raises(ValueError, match="email") as fault:
        LeadReceived.model_validate({"lead_id": "l", "channel": "form", "party": {"email": "Ann at example"}})
    assert "Ann" not in str(fault.value)


def test_evidence_may_be_given_as_event_ids() -> None:
    seen = UUID(int=7)
    signal = BuyingSignalDetected(proposal_id="p", signal="third view", evidence=[seen, "task-1"])
    assert signal.evidence == (str(seen), "task-1")


@pytest.mark.parametrize("name", sorted(promised()))
def test_what_is_stored_is_read_back_equal(name: str) -> None:
    told = example(builtin()[name])
    assert Event.load(name, told.event_version, told.model_dump(mode="json")) == told


def test_fields_of_a_newer_release_are_read_over() -> None:
    assert Event.load("deal.won", 1, {"deal_id": "7", "from_next_year": True}) == DealWon(deal_id="7")


def test_an_unknown_type_or_version_is_quarantined_with_a_reason() -> None:
    with pytest.raises(PayloadError, match=r"unknown event type no\.such v1"):
        Event.load("no.such", 1, {})
    with pytest.raises(PayloadError, match=r"unknown event type deal\.won v9"):
        Event.load("deal.won", 9, {})


def test_an_older_version_is_lifted_to_the_newest() -> None:
    class Thing(Event, type="test.thing", version=1):
        old_name: str

    class NewThing(Event, type="test.thing", version=2):
        new_name: str

    @upcast("test.thing", 1)
    def _lift(data: dict[str, Any]) -> dict[str, Any]:
        return {"new_name": data["old_name"]}

    assert Event.load("test.thing", 1, Thing(old_name="a").model_dump()) == NewThing(new_name="a")


def test_two_classes_cannot_declare_one_type() -> None:
    with pytest.raises(ConfigError, match=r"deal\.won v1 is declared twice"):

        class Won(Event, type="deal.won"):
            pass


def test_an_id_depends_on_source_type_and_key_and_on_nothing_else() -> None:
    ids = {event_id(s, t, k) for s in ("a", "b") for t in ("deal.won", "deal.lost") for k in ("1", "2")}
    assert len(ids) == 8
    assert event_id("a", "deal.won", "1") == UUID("db9c6ae0-064d-544f-aeb5-a062084642f9")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"type": "complaint"}, "words with dots"),
        ({"type": "Complaint.Made"}, "words with dots"),
        ({"type": "complaint made.today"}, "words with dots"),
        ({"type": "complaint.made", "stage": "delivry"}, "there is no stage 'delivry'"),
        ({"type": "complaint.made", "nature": "opinion"}, "fact, judgement, control"),
    ],
)
def test_a_type_that_nothing_could_name_is_refused_where_it_is_declared(words: dict[str, str], told: str) -> None:
    declare: Any = type(Event)
    with pytest.raises(ConfigError, match=told):
        declare("Complaint", (Event,), {"__module__": __name__}, **words)
    assert words["type"] not in catalogue()
