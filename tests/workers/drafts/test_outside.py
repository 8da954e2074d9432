"""A decision by a button at a provider is judged as one at the desk: by whom, of which text, and once."""

from __future__ import annotations

from typing import Any

import pytest

from seamline.adapter import Adapter
from seamline.call import Call, Calls
from seamline.dispatch import NoticeDraft
from seamline_workers.jobs.replay import translate_again
from support.office import MakeOffice, Office, drafting

PEOPLE = {
    "anna": {"email": "anna@ours.example", "slack": "T1/W1", "role": "approver"},
    "olga": {"slack": "T1/W2", "role": "operator"},
}


def press(company: Office, number: int, actor: str = "T1/W1", **more: Any) -> str | None:
    """A button is pressed. Returns why nothing came of it."""
    decision = {
        "request_id": str(number),
        "verdict": "approve",
        "actor": actor,
        "seen_sha256": company.draft(number).sha256,
    } | more
    key = f"press{len(company.works.all('SELECT 1 FROM items'))}"
    company.works.tell({"key": key, "events": [], "decisions": [decision]})
    reason = company.works.one("SELECT reason FROM items WHERE key = :key", key=key)
    return None if reason is None else str(reason)


def test_r71_a_person_with_the_role_approves_by_a_button_and_it_is_sent(office: MakeOffice) -> None:
    company = office(people=PEOPLE)
    number = company.lead()
    assert press(company, number) is None
    company.works.dispatch_some()
    assert (company.draft(number).state, company.draft(number).decided_by) == ("sent", "anna")


def test_a_button_rejects_and_the_first_decision_counts(office: MakeOffice) -> None:
    company = office(people=PEOPLE)
    number = company.lead()
    assert press(company, number, verdict="reject") is None
    assert press(company, number) == f"draft {number} is rejected already by anna"
    assert company.draft(number).state == "rejected"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"actor": "T1/W9"}, "T1/W9 is nobody of [people]"),
        ({"actor": "T2/W1"}, "T2/W1 is nobody of [people]"),
        ({"actor": "T1/W2"}, "this needs the role approver; olga is a operator"),
        ({"seen_sha256": None}, "the button does not say which text was seen"),
        ({"seen_sha256": "0" * 64}, "is no longer the text that you saw"),
        ({"seen_sha256": "0" * 64, "verdict": "reject"}, "is no longer the text that you saw"),
        ({"request_id": "99"}, "there is no draft 99"),
    ],
)
def test_r71_whoever_may_not_or_saw_another_text_decides_nothing(
    office: MakeOffice, more: dict[str, Any], says: str
) -> None:
    company = office(people=PEOPLE)
    number = company.lead()
    assert says in (press(company, number, **more) or "")
    assert company.draft(number).state == "pending"


def test_what_a_guard_refuses_by_a_button_is_written_down_too(office: MakeOffice) -> None:
    company = office(people=PEOPLE)
    number = company.lead()
    company.clock.pass_hours(24 * 8)
    assert "it lapsed at" in (press(company, number) or "")
    assert company.works.types()[-1] == "guard.refused"


def test_r71_an_agent_that_presses_a_button_decides_nothing_and_the_record_tells_of_it(office: MakeOffice) -> None:
    company = office(people={"pepper": {"slack": "T1/W1", "role": "approver"}})
    number = company.lead()
    assert "only a human decides" in (press(company, number) or "")
    assert company.draft(number).state == "pending"
    assert company.works.types()[-1] == "guard.refused"


def test_what_is_asked_besides_is_not_answered_by_a_button(office: MakeOffice) -> None:
    company = office(drafting(missing=["the price list"]), people=PEOPLE)
    number = company.lead()
    assert "its author did not have: the price list" in (press(company, number) or "")
    assert company.draft(number).state == "pending"


def test_whoever_is_refused_is_told_where_the_provider_lets_us(office: MakeOffice) -> None:
    def notice(self: Adapter, recipient: str, text: str, draft: NoticeDraft | None) -> Calls[str]:
        body = {"key": "notice", "to": recipient, "text": text}
        yield Call("notice", company.mailbox.url, method="POST", json=body, secret="api")
        return ""

    company = office(people=PEOPLE)
    company.works.source("chat", notice=notice, hosts=("127.0.0.1",))
    number = company.lead()
    told = {"request_id": str(number), "verdict": "approve", "actor": "T1/W9", "seen_sha256": "0" * 64}
    company.works.tell({"key": "press", "events": [], "decisions": [told]}, source="chat")
    assert company.mailbox.sent == []  # not while the item is written
    answers = company.works.engine.jobs["answers"]
    assert answers.some() is False
    assert company.mailbox.sent == [
        {"key": "notice", "to": "W9", "text": "This was not counted: T1/W9 is nobody of [people]."}
    ]


def test_decisions_among_other_deliveries_are_judged_in_their_order(office: MakeOffice) -> None:
    company = office(people=PEOPLE)
    number = company.lead()
    sha256 = company.draft(number).sha256
    mail = {
        "type": "email.received",
        "party": {"email": "dana@acme.example"},
        "message_id": "M",
        "sender": "d@a.example",
    }
    pressed = {"request_id": str(number), "verdict": "approve", "actor": "T1/W1", "seen_sha256": sha256}
    company.works.deliver({"key": "a", "events": [mail | {"message_id": "M1"}]})
    company.works.deliver({"key": "b", "events": [], "decisions": [pressed]})
    company.works.deliver({"key": "c", "events": [mail | {"message_id": "M2"}]})
    company.works.translate()
    reason = company.works.one("SELECT reason FROM items WHERE key = 'b'")
    assert reason.startswith("a message came after what this text knew")
    assert company.works.types()[-1] == "email.received"


def test_r71_a_press_that_was_refused_approves_nothing_when_somebody_translates_it_again(office: MakeOffice) -> None:
    company = office(people=PEOPLE)
    number = company.lead()
    party = {"email": "dana@acme.example"}
    mail = {"type": "email.received", "party": party, "message_id": "M", "sender": "dana@acme.example"}
    company.works.tell({"key": "mail", "events": [mail]})
    pressed = {"request_id": str(number), "verdict": "approve", "actor": "T1/W1"}
    pressed["seen_sha256"] = company.draft(number).sha256
    delivery = company.works.tell({"key": "press", "events": [], "decisions": [pressed]})
    company.works.edit(number)  # the text stands, by somebody who has read the mail
    with company.works.store.begin() as connection:
        assert translate_again(connection, delivery)
    company.works.translate()
    assert company.draft(number).state == "pending"
    reason = company.works.one("SELECT reason FROM items WHERE key = 'press'")
    assert reason == "it was not counted when it was pressed: press again"
