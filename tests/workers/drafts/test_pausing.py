"""A channel whose provider is away: a few sendings find it out, the rest waits, one text is tried now and then."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from seamline import Seat
from seamline.events import ExpansionBlocked, OfferSent, ScoreUpdated
from seamline.gate import Gate
from seamline.guard import Holds
from seamline_workers.desk.channel import pause_channel, resume_channel
from seamline_workers.refusal import NoSuch
from seamline_workers.store import channels
from seamline_workers.store.channels import FIRST_PAUSE_US, LONGEST_PAUSE_US, MOST_FAILURES
from seamline_workers.store.reading.backlog import unsent
from seamline_workers.store.reading.channels import list_channels
from seamline_workers.store.reading.why import explain
from seamline_workers.translation.interpret import from_us
from support.office import MakeOffice, Office, drafting
from support.recording import Mailbox
from support.works import event


def approved(company: Office, n: int) -> list[int]:
    """Texts of so many customers, approved."""
    numbers = [company.lead(f"L{one}", f"dana@acme{one}.example") for one in range(n)]
    for number in numbers:
        company.works.approve(number)
    return numbers


def states(company: Office) -> dict[str, int]:
    found = [row.state for row in company.works.drafts()]
    return {state: found.count(state) for state in set(found)}


def standing(company: Office, name: str = "mail") -> channels.Standing:
    with company.works.store.read() as connection:
        return channels.standings(connection)[name]


def try_now(company: Office, channel: str = "mail") -> None:
    """Let the time come at which one text is tried, and see what happens."""
    company.works.write("UPDATE channels SET due = 1 WHERE due IS NOT NULL AND name = :name", name=channel)
    company.works.dispatch_some()


def incidents(company: Office) -> list[tuple[str, str]]:
    query = "SELECT title, state FROM tasks WHERE kind = 'incident' ORDER BY id"
    return [(title, state) for title, state in company.works.all(query)]


def away(told: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 503, {}


def back(told: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 200, {"id": f"m-{told['key']}"}


def test_r92_an_outage_leaves_a_few_in_doubt_and_the_rest_goes_out_after_it(office: MakeOffice) -> None:
    company = office()
    approved(company, 12)
    company.mailbox.answer = away
    company.works.dispatch_some()
    company.works.dispatch_some()
    assert states(company) == {"unknown": MOST_FAILURES, "approved": 12 - MOST_FAILURES}
    assert incidents(company) == [("The channel mail is paused", "open")]
    for _ in range(3):
        try_now(company)
    assert states(company) == {"unknown": MOST_FAILURES + 3, "approved": 9 - MOST_FAILURES}
    assert (standing(company).pauses, incidents(company)) == (1, [("The channel mail is paused", "open")])
    company.mailbox.answer = back
    company.works.dispatch_some()
    assert len(company.mailbox.sent) == MOST_FAILURES + 3  # its time has not come
    try_now(company)
    assert states(company) == {"unknown": MOST_FAILURES + 3, "sent": 9 - MOST_FAILURES}
    assert len({one["key"] for one in company.mailbox.sent}) == len(company.mailbox.sent) == 12
    assert (standing(company).failures, standing(company).paused_at) == (0, None)
    assert incidents(company) == [("The channel mail is paused", "done")]


def test_each_pause_is_longer_than_the_last_up_to_the_longest(office: MakeOffice) -> None:
    company = office()
    approved(company, 11)
    company.mailbox.answer = away
    company.works.dispatch_some()
    waits = []
    for _ in range(7):
        before = company.works.one("SELECT due - paused_at FROM channels")
        waits.append(before)
        with company.works.store.begin() as connection:
            due = standing(company).due
            assert due is not None
            assert not channels.admit(connection, "mail", due - 1)
            assert channels.admit(connection, "mail", due)  # whatever becomes of it, also where its process dies
            assert not channels.admit(connection, "mail", due)
    assert waits[:3] == [FIRST_PAUSE_US, 3 * FIRST_PAUSE_US, 7 * FIRST_PAUSE_US]
    assert waits[6] - waits[5] == LONGEST_PAUSE_US


def test_of_several_processes_one_tries(office: MakeOffice) -> None:
    company = office()
    approved(company, 4)
    company.mailbox.answer = away
    company.works.dispatch_some()
    due = standing(company).due
    assert due is not None

    def admitted(_: int) -> bool:
        with company.works.store.begin() as connection:
            return channels.admit(connection, "mail", due)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(admitted, range(4))) == 1


HOLD = Holds((OfferSent,), "pulse", ScoreUpdated, ExpansionBlocked)


def test_r53_a_hold_that_came_while_the_channel_was_paused_is_asked_about_again(office: MakeOffice) -> None:
    company = office(drafting(sends=OfferSent, fields={}), Seat("pulse"), guards=[HOLD])
    numbers = []
    for n in range(5):
        email = f"dana@acme{n}.example"
        at = from_us(company.clock()).isoformat()
        company.works.tell(event(ScoreUpdated.event_type, email, score=80, at=at))
        numbers.append(company.lead(f"L{n}", email))
        company.works.approve(numbers[-1])
    company.mailbox.answer = away
    company.works.dispatch_some()
    assert states(company) == {"unknown": MOST_FAILURES, "approved": 2}
    company.mailbox.answer = back
    company.clock.pass_hours(40)  # nobody has looked for longer than a day and a half
    sent = len(company.mailbox.sent)
    try_now(company)
    assert states(company) == {"unknown": MOST_FAILURES, "pending": 2}
    assert len(company.mailbox.sent) == sent
    assert company.works.types().count("expansion.blocked") == 2
    assert standing(company).paused_at is not None  # what a guard stops tries nothing


def test_r74_what_lapses_while_its_channel_is_paused_is_given_back_in_time(office: MakeOffice) -> None:
    company = office()
    numbers = approved(company, 5)
    company.mailbox.answer = away
    company.works.dispatch_some()
    company.clock.pass_hours(8 * 24)
    sent = len(company.mailbox.sent)
    company.works.dispatch_some()
    assert [company.draft(number).state for number in numbers[3:]] == ["expired", "expired"]
    assert len(company.mailbox.sent) == sent


def test_a_paused_channel_holds_up_no_other_of_the_same_customer(office: MakeOffice, provider: Mailbox) -> None:
    channels_of = {name: provider.channel(name) for name in ("mail", "other")}
    company = office(channels=channels_of, gates=[Gate("any", ("coo",))])
    approved(company, 4)
    company.mailbox.answer = away
    company.works.dispatch_some()
    company.mailbox.answer = back
    waits = company.works.drafts("approved")[0]
    company.works.write("UPDATE tasks SET state = 'done'")
    number = company.lead("L9", json.loads(waits.recipients)[0])
    company.works.write("UPDATE drafts SET channel = 'other' WHERE id = :id", id=number)
    company.works.edit(number)
    company.works.approve(number, confirm=["conflicts"])
    company.works.dispatch_some()
    assert company.draft(number).state == "sent"
    assert company.draft(waits.id).state == "approved"
    said = explain(company.works.store, "draft", str(waits.id))[0]["text"]
    assert "its channel is paused since" in said
    assert "answered 503" in said


def test_credentials_that_fail_give_back_a_few_and_not_all(office: MakeOffice) -> None:
    company = office()
    approved(company, 8)
    company.mailbox.answer = lambda _: (401, {})
    company.works.dispatch_some()
    assert states(company) == {"pending": MOST_FAILURES, "approved": 8 - MOST_FAILURES}


def test_what_the_provider_puts_off_itself_pauses_nothing(office: MakeOffice) -> None:
    company = office()
    approved(company, 5)
    company.mailbox.answer = lambda _: (429, {})
    company.mailbox.headers["Retry-After"] = "3600"
    company.works.dispatch_some()
    assert company.works.all("SELECT * FROM channels") == []
    assert states(company) == {"approved": 5}


def test_one_in_doubt_now_and_then_pauses_nothing(office: MakeOffice) -> None:
    company = office()
    approved(company, 12)
    answers = iter([away, back, back] * 4)
    company.mailbox.answer = lambda told: next(answers)(told)
    company.works.dispatch_some()
    assert states(company) == {"unknown": 4, "sent": 8}
    assert standing(company).pauses == 0


def test_a_human_pauses_a_channel_and_only_a_human_resumes_it(office: MakeOffice) -> None:
    company = office()
    approved(company, 2)
    with company.works.store.begin() as connection:
        pause_channel(connection, ("mail",), "mail", "anna")
        pause_channel(connection, ("mail",), "mail", "anna")
        with pytest.raises(NoSuch):
            resume_channel(connection, ("mail",), "male")
    company.works.dispatch_some()
    assert (states(company), standing(company).due) == ({"approved": 2}, None)
    assert (standing(company).paused_by, standing(company).pauses) == ("anna", 1)
    with company.works.store.begin() as connection:
        resume_channel(connection, ("mail",), "mail")
    company.works.dispatch_some()
    assert states(company) == {"sent": 2}


def test_a_channel_that_a_human_resumes_during_an_outage_tries_one_text_at_once(office: MakeOffice) -> None:
    company = office()
    approved(company, 6)
    company.mailbox.answer = away
    company.works.dispatch_some()
    with company.works.store.begin() as connection:
        resume_channel(connection, (), "mail")
    company.works.dispatch_some()
    assert states(company) == {"unknown": MOST_FAILURES + 1, "approved": 5 - MOST_FAILURES}


def test_channels_and_drafts_on_their_way_are_counted(office: MakeOffice) -> None:
    company = office()
    approved(company, 5)
    company.lead("L9", "eve@beta.example")
    company.mailbox.answer = away
    company.works.dispatch_some()
    company.clock.pass_hours(2)
    waiting = unsent(company.works.store)
    assert {kind: one.count for kind, one in waiting.items()} == {
        "drafts_waiting": 1,
        "drafts_approved": 2,
        "drafts_dispatching": 0,
        "drafts_unknown": 3,
    }
    assert {waiting[f"drafts_{kind}"].age_s(company.clock()) for kind in ("waiting", "approved", "unknown")} == {7200.0}
    mail, spare = list_channels(company.works.store, {"mail": "recording", "spare": "recording"})
    assert (mail["state"], mail["approved"], mail["unknown"], mail["pauses"]) == ("paused", 2, 3, 1)
    assert (spare["state"], spare["approved"], spare["due_at"]) == ("open", 0, None)
