"""Deciding: of exactly what was seen, by whom the gate names, the first counts, and guards are asked again."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from seamline import Seat, SyncContext
from seamline.events import LeadReceived
from seamline.gate import Gate
from seamline_workers.company.channel import Channel
from seamline_workers.desk import draft as desk
from seamline_workers.desk.once import Order
from seamline_workers.outbound.outbound import Human
from seamline_workers.refusal import Conflict, Forbidden, NoSuch, Refused, Stale
from support.office import HOUR, OPEN, MakeOffice, Office, drafting
from support.recording import Recording
from support.works import COO, event

OTHER = "0" * 64


def told(company: Office, type: str) -> list[dict[str, Any]]:
    rows = company.works.all("SELECT data FROM events WHERE type = :type ORDER BY seq", type=type)
    return [json.loads(row[0]) for row in rows]


# --- what was seen --------------------------------------------------------------------------------------------------


def test_r49_r71_only_the_text_that_was_seen_can_be_approved(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    with pytest.raises(Stale):
        company.works.approve(number, sha256=OTHER)
    seen = company.draft(number).sha256
    company.works.edit(number, body="Something else")
    with pytest.raises(Stale):
        company.works.approve(number, sha256=seen)
    assert company.draft(number).state == "pending"


def test_r49_edited_and_approved_the_new_text_goes_out_and_the_old_one_is_kept(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    before = company.draft(number)
    company.works.edit(number, body="By hand", recipients=["d@acme.example"])
    company.works.approve(number)
    company.works.dispatch_some()
    [sent] = company.mailbox.sent
    assert (sent["body"], sent["to"], sent["subject"]) == ("By hand", ["d@acme.example"], before.subject)
    [edit] = json.loads(company.draft(number).edits)
    assert (edit["body"], edit["sha256"], edit["by"]) == (before.body, before.sha256, "coo")
    [decided] = told(company, "approval.decided")
    assert (decided["edited"], decided["draft_sha256"]) == (True, company.draft(number).sha256)


@pytest.mark.parametrize(
    "recipient",
    ["dana@acme.example\r\nBcc: eve@evil.example", "\u202eelpmaxe.emca@anad", "dana@acme\u200b.example"],
)
def test_r71_nobody_approves_a_recipient_that_holds_what_cannot_be_seen(office: MakeOffice, recipient: str) -> None:
    company = office()
    number = company.lead()
    company.works.edit(number, recipients=[recipient])
    with pytest.raises(Conflict, match="cannot be seen"):
        company.works.approve(number)
    company.works.dispatch_some()
    assert company.mailbox.sent == []


def test_an_edit_to_a_recipient_of_another_audience_needs_the_gate_of_that_audience(office: MakeOffice) -> None:
    gate = Gate("team-mail", ("coo",), channel="mail", audience="team")
    company = office(drafting(to=["anna@ours.example"]), gates=[gate], domains=("ours.example",))
    number = company.lead()
    with pytest.raises(Refused) as refused:
        company.works.edit(number, recipients=["dana@acme.example"])
    assert refused.value.code == "AGENT_MAY_NOT_SEND"
    assert json.loads(company.draft(number).recipients) == ["anna@ours.example"]


# --- who ------------------------------------------------------------------------------------------------------------

PEOPLE = {
    "anna": {"email": "anna@ours.example", "slack": "T1/W1"},
    "carl": {"email": "carl@ours.example"},
}
SEATED = (
    drafting(),
    Seat("closer", kind="human", assignee="anna@ours.example"),
    Seat("backup", kind="human", assignee="carl"),
)


@pytest.mark.parametrize("name", ["anna", "anna@ours.example", "T1/W1", "closer"])
def test_r72_whoever_holds_the_seat_that_the_gate_names_may_decide(office: MakeOffice, name: str) -> None:
    company = office(*SEATED, gates=[Gate("g", ("closer",))], people=PEOPLE)
    number = company.lead()
    company.works.approve(number, Human(name, "approver"))
    assert company.draft(number).decided_by == name


@pytest.mark.parametrize(
    ("name", "role"),
    [("carl", "approver"), ("backup", "approver"), ("anna", "operator"), ("pepper", "approver"), ("pepper", "admin")],
)
def test_r71_r72_nobody_else_decides_and_never_an_agent(office: MakeOffice, name: str, role: str) -> None:
    company = office(*SEATED, gates=[Gate("g", ("closer",))], people=PEOPLE)
    number = company.lead()
    by = Human(name, role)
    with pytest.raises(Forbidden):
        company.works.approve(number, by)
    with pytest.raises(Forbidden):
        company.works.edit(number, by, body="mine")
    with pytest.raises(Forbidden):
        company.works.reject(number, by)
    assert company.draft(number).state == "pending"


@pytest.mark.parametrize("name", ["Pepper", " pepper ", "pepper@ours.example"])
def test_r71_an_agent_decides_under_none_of_its_names(office: MakeOffice, name: str) -> None:
    people = {"pepper": {"email": "pepper@ours.example", "role": "approver"}}
    company = office(gates=[Gate("g", ("coo",))], people=people)
    number = company.lead()
    for role in ("approver", "admin"):
        with pytest.raises(Forbidden, match="only a human decides"):
            company.works.approve(number, Human(name, role))
    assert company.draft(number).state == "pending"


def test_admins_and_whom_a_gate_escalates_to_may_decide(office: MakeOffice) -> None:
    gate = Gate("g", ("closer",), escalates_to="backup")
    company = office(*SEATED, gates=[gate], people=PEOPLE)
    first, second = company.lead("L1"), company.lead("L2", "eve@beta.example")
    company.works.approve(first, Human("carl", "approver"))
    company.works.approve(second, Human("boss", "admin"))
    assert [row.state for row in company.works.drafts()] == ["approved", "approved"]


def test_four_eyes_whoever_edited_does_not_approve(office: MakeOffice) -> None:
    company = office(gates=[Gate("g", ("coo",), four_eyes=True)])
    number = company.lead()
    company.works.edit(number, body="By hand")
    with pytest.raises(Forbidden, match="four eyes"):
        company.works.approve(number)
    company.works.approve(number, Human("cfo", "approver"))
    assert company.draft(number).state == "approved"


def test_four_eyes_are_not_those_of_one_human_under_two_names(office: MakeOffice) -> None:
    company = office(gates=[Gate("g", ("coo",), four_eyes=True)], people=PEOPLE)
    number = company.lead()
    company.works.edit(number, Human("anna@ours.example", "approver"), body="By hand")
    with pytest.raises(Forbidden, match="four eyes"):
        company.works.approve(number, Human("anna", "approver"))
    assert company.draft(number).state == "pending"


# --- once -----------------------------------------------------------------------------------------------------------


def test_r75_of_two_humans_at_once_the_first_counts(office: MakeOffice) -> None:
    company = office()
    for n in range(8):
        number, together = company.lead(f"L{n}"), Barrier(2)

        def decide(name: str, number: int = number, together: Barrier = together) -> str:
            by = Human(name, "approver")
            together.wait()
            try:
                if name == "anna":
                    company.works.approve(number, by)
                else:
                    company.works.reject(number, by)
            except Conflict:
                return "late"
            return name

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(decide, ["anna", "bob"]))
        assert outcomes.count("late") == 1
        row = company.draft(number)
        assert (row.decided_by, row.state) in (("anna", "approved"), ("bob", "rejected"))
        assert row.decided_by in outcomes
        assert len([one for one in told(company, "approval.decided") if one["draft_id"] == str(number)]) == 1


def test_an_order_with_a_key_is_carried_out_once_and_a_refused_one_is_judged_anew(office: MakeOffice) -> None:
    company = office(drafting(missing=["notes"]))
    number = company.lead()
    seen = company.draft(number).sha256

    def order(**more: Any) -> str:
        approval = desk.Approval(seen, **more)
        work = lambda c: desk.approve(c, company.works.outbound, str(number), approval, COO)  # noqa: E731
        return desk.ordered(company.works.store, company.works.outbound, Order("coo", str(more), "key 1"[:3]), work)

    with pytest.raises(Refused):
        order()
    assert order(confirm=["missing"]) == order(confirm=["missing"]) == f"drafts/{number}"
    assert len(told(company, "approval.decided")) == 1


def test_what_is_decided_is_decided(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    company.works.reject(number, reason="not now")
    with pytest.raises(Conflict, match="rejected already by coo"):
        company.works.approve(number)
    with pytest.raises(Conflict, match="rejected"):
        company.works.edit(number, body="again")
    with pytest.raises(NoSuch):
        company.works.order(lambda c: desk.approve(c, company.works.outbound, "77", desk.Approval(OTHER), COO))
    assert company.draft(number).reason == "not now"


def test_a_snoozed_draft_comes_back_and_may_be_approved_meanwhile(office: MakeOffice) -> None:
    company = office()
    number, at = company.lead(), company.clock
    for wrong in (at() - 1, at() + 8 * 24 * HOUR):
        with pytest.raises(Conflict):
            company.works.snooze(number, wrong)
    company.works.snooze(number, at() + 2 * HOUR)
    company.works.dispatch_some()
    assert company.draft(number).state == "snoozed"
    at.pass_hours(2)
    company.works.dispatch_some()
    assert company.draft(number).state == "pending"
    company.works.snooze(number, at() + 2 * HOUR)
    company.works.approve(number)
    assert company.draft(number).state == "approved"


# --- what stands against it -----------------------------------------------------------------------------------------


def refused(company: Office, number: int, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        company.works.approve(number, **more)
    assert company.draft(number).state in ("pending", "incomplete", "snoozed", "expired")
    return caught.value


@pytest.mark.parametrize("thread", ["T1", None])
def test_r2_a_message_that_the_text_did_not_know_sends_it_back(office: MakeOffice, thread: str | None) -> None:
    company = office(drafting(thread=thread))
    number = company.lead()
    company.works.tell(
        event("email.received", message_id="M1", thread_id="T1", sender="dana@acme.example", subject="One more thing")
    )
    error = refused(company, number)
    assert (error.code, error.map_row, len(error.refusal.evidence)) == ("STALE_CONTEXT", OPEN.id, 1)
    assert told(company, "guard.refused")[0]["code"] == "STALE_CONTEXT"
    company.works.edit(number)  # seen, and the text stands
    company.works.approve(number)
    assert company.draft(number).state == "approved"


@pytest.mark.parametrize(
    "news",
    [
        {"auto": "out_of_office"},
        {"auto": "bounce"},
        {"thread_id": "T2"},
    ],
)
def test_r2_neither_an_automatic_answer_nor_another_thread_makes_it_stale(
    office: MakeOffice, news: dict[str, str]
) -> None:
    company = office(drafting(thread="T1"))
    number = company.lead()
    mail = {"message_id": "M1", "thread_id": "T1", "sender": "dana@acme.example"} | news
    company.works.tell(event("email.received", **mail))
    company.works.approve(number)
    assert company.draft(number).state == "approved"


def test_r2_what_came_while_somebody_edited_was_not_seen(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    read = company.works.one("SELECT seq FROM ledger_head")
    company.works.tell(event("email.received", message_id="M1", sender="dana@acme.example"))
    company.works.edit(number, body="Written before it came", seen=read)
    assert refused(company, number).code == "STALE_CONTEXT"


def test_r74_r75_expired_it_is_not_approved_any_more(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    company.clock.pass_hours(7 * 24)
    assert refused(company, number).code == "EXPIRED"
    company.works.dispatch_some()
    assert company.draft(number).state == "expired"
    assert refused(company, number).code == "EXPIRED"
    assert [one["draft_id"] for one in told(company, "approval.expired")] == [str(number)]


def test_r1_incomplete_it_is_not_approved_and_an_edit_mends_it(office: MakeOffice) -> None:
    company = office(drafting(to=[]))
    number = company.lead()
    assert refused(company, number).code == "INCOMPLETE"
    company.works.edit(number, recipients=["dana@acme.example"])
    company.works.approve(number)
    assert company.draft(number).state == "approved"


def test_r1_r78_what_its_author_missed_is_acknowledged_and_locks_nobody_out(office: MakeOffice) -> None:
    company = office(drafting(missing=["the price list"]))
    number = company.lead()
    error = refused(company, number)
    assert (error.code, error.refusal.missing) == ("INCOMPLETE", ("the price list",))
    assert told(company, "guard.refused") == []  # a question, and no refusal
    company.works.approve(number, confirm=["missing"])
    assert json.loads(company.draft(number).confirmed) == {"missing": ["the price list"]}


def second_seat() -> Seat:
    pulse = Seat("pulse", informed=["lead.*"])

    @pulse.on(LeadReceived)
    def write(event: LeadReceived, ctx: SyncContext) -> None:
        ctx.draft("mail", to=["dana@acme.example"], body="From somebody else")

    return pulse


def test_r63_two_seats_texts_are_approved_together_only_by_a_yes_to_both(office: MakeOffice) -> None:
    company = office(drafting(), second_seat())
    company.lead()
    one, other = (row.id for row in company.works.drafts())
    for number, beside in ((one, other), (other, one)):
        error = refused(company, number)
        assert (error.code, error.refusal.rule, error.refusal.evidence) == ("CONFLICT", "R63", (str(beside),))
    company.works.approve(one, confirm=["conflicts"])
    company.works.dispatch_some()
    assert refused(company, other).code == "CONFLICT"  # the first went out within a day
    assert json.loads(company.draft(one).confirmed) == {"conflicts": [str(other)]}
    company.clock.pass_hours(24)
    company.works.approve(other)
    assert company.draft(other).state == "approved"


def call(**figure: Any) -> dict[str, Any]:
    return event("call.noted", call_id="K1", stated_figures=[figure])


def test_r3_a_number_that_a_call_contradicts_is_picked_by_a_human(office: MakeOffice) -> None:
    company = office(drafting(body="You had 42 leads."))
    company.works.tell(call(metric="leads", value=40))
    number = company.lead()
    error = refused(company, number)
    assert (error.code, error.refusal.rule, error.refusal.evidence) == ("CONFLICT", "R3", ("42", "40"))
    assert told(company, "guard.refused")[0]["rule"] == "R3"
    assert "which the text does not say" in str(refused(company, number, picks={"leads": 40}))
    company.works.approve(number, picks={"leads": 42})
    assert json.loads(company.draft(number).confirmed)["picks"] == {"leads": 42}
    company.works.dispatch_some()
    assert company.draft(number).state == "sent"


def test_r3_another_call_after_the_pick_holds_the_text_back(office: MakeOffice) -> None:
    company = office(drafting(body="You had 42 leads."))
    company.works.tell(call(metric="leads", value=40))
    number = company.lead()
    company.works.approve(number, picks={"leads": 42})
    company.works.tell(event("call.noted", call_id="K2", stated_figures=[{"metric": "leads", "value": 50}]))
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == ("pending", [])


def test_r3_the_same_number_and_other_metrics_contradict_nothing(office: MakeOffice) -> None:
    company = office(drafting(body="You had 42 leads."))
    company.works.tell(call(metric="leads", value=42), call(metric="spend", value=7))
    number = company.lead()
    company.works.approve(number)
    assert company.draft(number).state == "approved"


# --- the channel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        ({}, r"no channel is named 'mail'.*\[channels.mail\]"),
        ({"mail": Channel("mail", Recording({"most": 3}), {"api": ("key",)})}, "the text is too long"),
        ({"mail": Channel("mail", Recording(), {})}, r"no secret 'api'; write it under \[channels.mail.secrets\]"),
    ],
)
def test_what_the_channel_would_refuse_is_never_approved(
    office: MakeOffice, channels: dict[str, Channel], says: str
) -> None:
    company = office(channels=channels)
    number = company.lead()
    with pytest.raises(Conflict, match=says):
        company.works.approve(number)
    assert (company.draft(number).state, told(company, "approval.decided")) == ("pending", [])


def test_r34_a_channel_may_not_send_in_the_name_of_an_agents_seat(office: MakeOffice) -> None:
    from seamline.errors import ConfigError

    with pytest.raises(ConfigError, match=r"channels.mail.sender: Pepper is an agent's seat"):
        office(channels={"mail": Channel("mail", Recording(), {}, "Pepper")})
