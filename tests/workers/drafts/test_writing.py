"""A draft is written with its handoff, under its account's lock, at a gate, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seamline import Seat, SyncContext
from seamline.dispatch import Attachment, content_sha256
from seamline.events import ContractSigned, EmailReceived, LeadReceived, LeadTriaged, OfferSent, ResponseSent
from seamline.gate import Gate, StageRow
from seamline_workers.store.handoffs import replay_handoff
from seamline_workers.store.reading.handoffs import handoff_id
from support.office import HOUR, OPEN, MakeOffice, Office, drafting

INQUIRY = StageRow("inquiry", "coo", "warm", ("who we are",), take_within=timedelta(hours=1))


def data(company: Office, type: str) -> list[dict[str, object]]:
    rows = company.works.all("SELECT data FROM events WHERE type = :type ORDER BY seq", type=type)
    return [json.loads(row[0]) for row in rows]


def test_r1_r48_a_draft_waits_with_due_time_tone_and_what_its_author_did_not_have(office: MakeOffice) -> None:
    company = office(drafting(missing=["the price list"]), stages=[INQUIRY])
    number = company.lead()
    row = company.draft(number)
    assert (row.state, row.audience, row.gate, row.tone, row.stage) == (
        "pending", "customer", OPEN.id, "warm", "inquiry",
    )  # fmt: skip
    assert (row.due_at, row.expires_at) == (company.clock.at + HOUR, company.clock.at + 7 * 24 * HOUR)
    [asked] = data(company, "approval.requested")
    assert asked == {
        "draft_id": str(number),
        "draft_sha256": row.sha256,
        "audience": "customer",
        "channel": "mail",
        "due_at": datetime.fromtimestamp(row.due_at / 1e6, UTC).isoformat(),
        "tone": "warm",
        "missing": ["the price list"],
    }


def test_what_an_approval_is_bound_to_is_the_whole_text_with_its_recipients_and_files(office: MakeOffice) -> None:
    company = office(drafting(attachments=[Attachment("a.txt", "text/plain", b"\x00\xff")]))
    row = company.draft(company.lead())
    files = (Attachment("a.txt", "text/plain", b"\x00\xff"),)
    assert row.sha256 == content_sha256("mail", ["dana@acme.example"], row.subject, row.body, files)


@pytest.mark.parametrize("lacks", [{"to": []}, {"to": [" "]}, {"body": " \n"}, {"channel": ""}])
def test_r1_without_recipient_channel_or_text_a_draft_is_incomplete(office: MakeOffice, lacks: dict[str, Any]) -> None:
    company = office(drafting(**lacks), gates=[Gate("any", ("coo",))])
    assert company.draft(company.lead()).state == "incomplete"


def test_r16_r70_r71_r72_where_no_gate_is_the_draft_is_refused_and_a_human_sees_it(office: MakeOffice) -> None:
    company = office(gates=[Gate("team-only", ("coo",), channel="mail", audience="team")])
    company.lead()
    assert company.works.drafts() == []
    [refused] = data(company, "guard.refused")
    assert (refused["code"], refused["actor"]) == ("AGENT_MAY_NOT_SEND", "/seats/pepper")
    [(title, text)] = company.works.all("SELECT title, text FROM tasks WHERE seat = 'pepper'")
    assert (title, "Hello, about L1" in text) == ("A text of pepper has no way out", True)
    assert ("lead.received", "pepper", "done") in company.works.states()
    assert data(company, "approval.requested") == []


def test_r12_r71_a_gate_that_names_no_human_opens_nothing(office: MakeOffice) -> None:
    company = office(gates=[Gate("self-service", ("pepper",), channel="mail")])
    company.lead()
    assert company.works.drafts() == []
    assert data(company, "guard.refused")[0]["code"] == "AGENT_MAY_NOT_SEND"


def test_r73_inside_too_a_text_waits_at_the_gate_of_its_channel_and_audience(office: MakeOffice) -> None:
    company = office(
        drafting(to=["C123"], channel="chat", subject=None, sends=None, fields={}),
        gates=[OPEN, Gate("coaching", ("coo",), channel="chat", audience="team")],
        team={"chat": frozenset({"C123"})},
    )
    row = company.draft(company.lead())
    assert (row.state, row.audience, row.gate) == ("pending", "team", "coaching")


def test_written_again_under_its_key_a_draft_takes_the_place_of_the_one_that_waited(office: MakeOffice) -> None:
    company = office()
    first, second, other = company.lead("L1", part="a"), company.lead("L1", part="b"), company.lead("L2")
    assert [(row.id, row.state) for row in company.works.drafts()] == [
        (first, "superseded"), (second, "pending"), (other, "pending"),
    ]  # fmt: skip
    assert len(data(company, "approval.requested")) == 3


def test_r95_a_handoff_that_is_run_again_writes_no_second_draft(office: MakeOffice) -> None:
    company = office()
    company.lead()
    seq = company.works.one("SELECT seq FROM events WHERE type = 'lead.received'")
    with company.works.store.begin() as connection:
        replay_handoff(connection, handoff_id(seq, "pepper"))
    company.works.work()
    assert [row.state for row in company.works.drafts()] == ["pending"]
    assert len(data(company, "approval.requested")) == 1


def test_two_drafts_of_one_run_without_a_key_do_not_displace_each_other(office: MakeOffice) -> None:
    pepper = Seat("pepper", owns=["lead.*"])

    @pepper.on(LeadReceived)
    def answer(event: LeadReceived, ctx: SyncContext) -> None:
        for who in ("a@acme.example", "b@acme.example"):
            ctx.draft("mail", to=[who], body="Hello")

    company = office(pepper)
    company.lead()
    assert [row.state for row in company.works.drafts()] == ["pending", "pending"]


@pytest.mark.parametrize(
    ("sends", "fields", "reason"),
    [
        (LeadTriaged, {}, "it is a judgement, and a text that is sent makes a fact"),
        (ContractSigned, {"signatories": ["Dana"]}, "sending a text makes one of chat.sent, "),
        (EmailReceived, {"sender": "dana@acme.example"}, "sending a text makes one of chat.sent, "),
        (ResponseSent, {"lead": "L1"}, "lead: Extra inputs are not permitted"),
        (OfferSent, {"amount": 1}, "amount"),
    ],
)
def test_a_draft_that_could_not_make_its_fact_is_the_handlers_fault(
    office: MakeOffice, sends: type, fields: dict[str, object], reason: str
) -> None:
    company = office(drafting(sends=sends, fields=fields))
    company.lead()
    assert company.works.drafts() == []
    [(state, why)] = company.works.all("SELECT state, reason FROM handoffs WHERE seat = 'pepper'")
    assert (state, reason in why) == (5, True)
