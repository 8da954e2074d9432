"""Dispatch: every guard again at the instant of sending, one provider's word each, and nothing twice."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from seamline import Seat
from seamline.events import ExpansionBlocked, OfferSent, ScoreUpdated
from seamline.gate import Gate
from seamline.guard import Holds
from seamline_workers.outbound.outbound import Human
from seamline_workers.refusal import Conflict
from seamline_workers.store import processes
from seamline_workers.store.reading.why import explain
from seamline_workers.store.store import now_us
from seamline_workers.translation.interpret import from_us
from support.office import HOUR, MakeOffice, Office, drafting
from support.recording import Mailbox
from support.works import COO, event


def told(company: Office, type: str) -> list[dict[str, Any]]:
    rows = company.works.all("SELECT data FROM events WHERE type = :type ORDER BY seq", type=type)
    return [json.loads(row[0]) for row in rows]


def tasks(company: Office) -> list[tuple[str, str]]:
    query = "SELECT kind, state FROM tasks WHERE title NOT LIKE 'guard.refused%' ORDER BY id"
    return [(kind, state) for kind, state in company.works.all(query)]


def approved(company: Office, lead: str = "L1", email: str = "dana@acme.example") -> int:
    number = company.lead(lead, email)
    company.works.approve(number)
    return number


# --- guards, once more ----------------------------------------------------------------------------------------------


def test_r2_a_message_between_approval_and_dispatch_brings_the_draft_back(office: MakeOffice) -> None:
    company = office()
    number = approved(company)
    company.works.tell(event("chat.received", message_id="M1", channel="chat"))
    company.works.dispatch_some()
    row = company.draft(number)
    assert (row.state, row.decided_by, row.approval, company.mailbox.sent) == ("pending", None, None, [])
    assert [one["code"] for one in told(company, "guard.refused")] == ["STALE_CONTEXT"]
    company.works.edit(number)
    company.works.dispatch_some()
    assert company.mailbox.sent == []  # its approval is used up
    company.works.approve(number)
    company.works.dispatch_some()
    assert len(company.mailbox.sent) == 1


def test_r74_approved_and_not_sent_in_time_it_is_never_sent_late(office: MakeOffice) -> None:
    company = office(drafting(not_before=from_us(0)))
    number = approved(company)
    company.clock.pass_hours(8 * 24)
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == ("expired", [])
    assert len(told(company, "approval.expired")) == 1
    assert told(company, "guard.refused")[0]["code"] == "EXPIRED"


@pytest.mark.parametrize(
    "changed",
    [
        "body = 'Buy now'",
        "recipients = '[\"eve@beta.example\"]'",
        "subject = NULL",
        "channel = 'other'",
    ],
)
def test_r49_r71_a_text_that_was_changed_past_the_desk_is_not_sent(
    office: MakeOffice, provider: Mailbox, changed: str
) -> None:
    channels = {name: provider.channel(name) for name in ("mail", "other")}
    company = office(channels=channels, gates=[Gate("any", ("coo",))])
    number = approved(company)
    company.works.write(f"UPDATE drafts SET {changed}")
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == ("pending", [])
    assert told(company, "guard.refused")[0]["rule"] in ("R49", "R71")


def test_r71_a_row_that_only_says_that_it_is_approved_is_not_sent(office: MakeOffice) -> None:
    company = office()
    number = company.lead()
    company.works.write("UPDATE drafts SET state = 'approved', decided_by = 'eve', wake_at = 0")
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == ("pending", [])


def test_r49_r71_an_approval_of_another_text_authorizes_nothing(office: MakeOffice) -> None:
    company = office()
    one, other = approved(company, "L1"), company.lead("L2", "eve@beta.example")
    approval = company.draft(one).approval
    company.works.write(
        "UPDATE drafts SET state = 'approved', decided_by = 'coo', wake_at = 0, approval = :approval WHERE id = :id",
        approval=approval,
        id=other,
    )
    company.works.dispatch_some()
    assert [row.state for row in company.works.drafts()] == ["sent", "pending"]


def test_the_gate_that_was_closed_meanwhile_lets_nothing_out(office: MakeOffice) -> None:
    company = office()
    number = approved(company)
    company.works.roster.gates = [Gate("chat", ("coo",), channel="chat")]
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == ("pending", [])
    assert told(company, "guard.refused")[0]["code"] == "AGENT_MAY_NOT_SEND"


HOLD = Holds((OfferSent,), "pulse", ScoreUpdated, ExpansionBlocked)


def test_r53_a_hold_at_the_instant_of_sending_stops_an_approved_offer(office: MakeOffice) -> None:
    dirk = drafting(sends=OfferSent, fields={})
    company = office(dirk, Seat("pulse"), guards=[HOLD])
    company.works.tell(looked(company))
    number = approved(company)
    company.clock.pass_hours(40)  # nobody has looked for longer than a day and a half
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == ("pending", [])
    assert [one["code"] for one in told(company, "guard.refused")] == ["PULSE_HOLD"]
    assert len(told(company, "expansion.blocked")) == 1


def looked(company: Office) -> dict[str, Any]:
    return event(ScoreUpdated.event_type, score=80, at=from_us(company.clock()).isoformat())


# --- when -----------------------------------------------------------------------------------------------------------


def test_r27_an_approved_text_waits_for_the_time_that_its_author_named_unless_the_human_says_now(
    office: MakeOffice,
) -> None:
    company = office()
    later = from_us(company.clock()) + timedelta(hours=4)
    waits = drafting(not_before=later)
    company.works.roster.seat("pepper").handlers.update(waits.handlers)
    first, second = company.lead("L1"), company.lead("L2", "eve@beta.example")
    company.works.approve(first)
    company.works.approve(second, now=True)
    company.works.dispatch_some()
    assert [row.state for row in company.works.drafts()] == ["approved", "sent"]
    company.clock.pass_hours(4)
    company.works.dispatch_some()
    assert company.draft(first).state == "sent"


def test_one_customers_texts_go_out_one_after_another_as_they_were_approved(office: MakeOffice) -> None:
    company = office()
    numbers = [company.lead(f"L{n}") for n in range(4)]
    for number in reversed(numbers):
        company.works.approve(number)
        company.clock.at += 1
    company.works.dispatch_some()
    assert [one["key"].split("-")[0] for one in company.mailbox.sent] == [str(n) for n in reversed(numbers)]


# --- what the provider says -----------------------------------------------------------------------------------------


def test_a_provider_that_is_busy_is_asked_again_later_and_once(office: MakeOffice) -> None:
    company = office()
    number = approved(company)
    company.mailbox.answer = lambda _: (429, {})
    company.mailbox.headers["Retry-After"] = "3600"
    before = now_us()
    company.works.dispatch_some()
    row = company.draft(number)
    assert (row.state, row.lease) == ("approved", None)
    assert before + HOUR <= row.again_at <= now_us() + HOUR
    said = explain(company.works.store, "draft", str(number))[0]["text"]
    assert "answered 429; tried 1 times, again at " in said
    tried = len(company.mailbox.sent)
    company.mailbox.answer = lambda _: (200, {"id": "m-1"})
    company.works.dispatch_some()
    assert len(company.mailbox.sent) == tried
    company.works.write("UPDATE drafts SET again_at = 1")
    company.works.dispatch_some()
    assert (company.draft(number).state, len(company.mailbox.sent)) == ("sent", tried + 1)
    assert company.draft(number).reason is None
    assert len(told(company, "draft.dispatched")) == 1


def test_what_a_provider_refuses_has_failed_and_a_human_may_mend_and_send_it(office: MakeOffice) -> None:
    company = office()
    number = approved(company)
    company.mailbox.answer = lambda _: (422, {})
    company.works.dispatch_some()
    assert company.draft(number).state == "failed"
    assert [one["result"] for one in told(company, "draft.dispatched")] == ["failed"]
    assert told(company, "response.sent") == []
    assert ("task", "open") in tasks(company)
    company.mailbox.answer = lambda _: (200, {"id": "m-1"})
    company.works.edit(number, recipients=["d@acme.example"])
    company.works.approve(number)
    company.works.dispatch_some()
    assert company.draft(number).state == "sent"


def test_credentials_that_are_not_valid_bring_it_back_to_the_humans(office: MakeOffice) -> None:
    company = office()
    number = approved(company)
    company.mailbox.answer = lambda _: (401, {})
    company.works.dispatch_some()
    assert (company.draft(number).state, company.draft(number).approval) == ("pending", None)
    assert told(company, "draft.dispatched") == []
    assert ("task", "open") in tasks(company)


@pytest.mark.parametrize("answer", [None, (500, {}), (200, {"odd": 1})])
def test_r92_what_may_have_been_sent_is_unknown_and_never_sent_again_by_itself(
    office: MakeOffice, answer: tuple[int, dict[str, Any]] | None
) -> None:
    company = office()
    number = approved(company)
    company.mailbox.answer = lambda _: answer
    company.works.dispatch_some()
    company.clock.pass_hours(48)
    company.works.dispatch_some()
    assert (company.draft(number).state, len(company.mailbox.sent)) == ("unknown", 1)
    assert ("unknown_send", "open") in tasks(company)
    assert [one["result"] for one in told(company, "draft.dispatched")] == ["unknown"]
    with pytest.raises(Conflict, match="unknown"):
        company.works.approve(number)


@pytest.mark.parametrize("result", ["sent", "failed"])
def test_a_human_resolves_what_is_unknown_with_a_reason(office: MakeOffice, result: Any) -> None:
    company = office()
    number = approved(company)
    company.mailbox.answer = lambda _: None
    company.works.dispatch_some()
    company.works.resolve(number, result)
    with pytest.raises(Conflict, match="only one that is unknown or approved"):
        company.works.resolve(number, result)
    assert company.draft(number).state == result
    assert [one["result"] for one in told(company, "draft.dispatched")] == ["unknown", result]
    assert len(told(company, "response.sent")) == (result == "sent")
    assert ("unknown_send", "done") in tasks(company)


@pytest.mark.parametrize("result", ["sent", "failed"])
def test_what_is_approved_in_a_restored_copy_and_went_out_before_is_resolved_and_not_sent(
    office: MakeOffice, result: Any
) -> None:
    company = office()
    number = approved(company)
    company.works.resolve(number, result)
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == (result, [])
    assert [(one["result"], one["by"]) for one in told(company, "draft.dispatched")] == [(result, COO.name)]
    assert len(told(company, "response.sent")) == (result == "sent")
    waiting = company.lead("L2")
    with pytest.raises(Conflict, match="only one that is unknown or approved"):
        company.works.resolve(waiting, result)


def test_r75_a_sending_whose_process_died_is_unknown(office: MakeOffice) -> None:
    company = office()
    number = approved(company)
    engine = company.works.engine
    lost = engine.worker_id << 32 | 7
    company.works.write("UPDATE drafts SET state = 'dispatching', lease = :lease", lease=lost)
    company.works.dispatch_some()
    assert company.draft(number).state == "dispatching"  # its process lives
    with company.works.store.begin() as connection:
        connection.execute(text("DELETE FROM workers WHERE id = :id"), {"id": engine.worker_id})
    company.works.dispatch_some()
    assert (company.draft(number).state, company.mailbox.sent) == ("unknown", [])
    with company.works.store.begin() as connection:
        engine.worker_id = processes.register(connection, "again")


def test_r34_the_sender_is_the_human_who_approved_or_the_company_and_never_a_seat(office: MakeOffice) -> None:
    company = office(people={"anna": {"name": "Anna Example", "email": "anna@ours.example"}})
    first = company.lead("L1")
    company.works.approve(first, by=Human("anna", "approver"))
    second = company.lead("L2", "eve@beta.example")
    company.works.approve(second)
    company.works.dispatch_some()
    assert [one["from"] for one in company.mailbox.sent] == ["Anna Example <anna@ours.example>", None]
    told_outside = json.dumps([{k: v for k, v in one.items() if k != "body"} for one in company.mailbox.sent])
    assert "pepper" not in told_outside
    company.works.outbound.channels["mail"] = company.mailbox.channel(sender="Acme <hello@ours.example>")  # type: ignore[index]
    third = approved(company, "L3", "fay@gamma.example")
    company.works.dispatch_some()
    assert (company.draft(third).state, company.mailbox.sent[-1]["from"]) == ("sent", "Acme <hello@ours.example>")
