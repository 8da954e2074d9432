"""What waits shows itself: reminders once, whom it escalates to, and the end without a decision."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from seamline import Seat
from seamline.events import CoachingPosted
from seamline.gate import Gate
from seamline_workers.outbound.outbound import Human
from seamline_workers.store import channels
from seamline_workers.translation.interpret import from_us
from support.office import HOUR, MakeOffice, Office, drafting

SEATS = (Seat("closer", kind="human", assignee="anna@ours.example"), Seat("backup", kind="human"))
GATE = Gate("g", ("closer",), escalates_to="backup", remind=timedelta(hours=1))


def reminders(company: Office) -> list[tuple[str, str]]:
    rows = company.works.all("SELECT assignee, state FROM tasks WHERE title LIKE 'Decide on%' ORDER BY id")
    return [(assignee, state) for assignee, state in rows]


def test_r75_the_approver_is_reminded_once_before_it_is_due_and_so_is_whom_it_escalates_to(office: MakeOffice) -> None:
    company = office(drafting(), *SEATS, gates=[GATE])
    number = company.lead()  # due in four hours
    company.clock.pass_hours(2.9)
    company.works.dispatch_some()
    assert reminders(company) == []
    company.clock.pass_hours(0.1)
    for _ in range(2):
        company.works.dispatch_some()
        company.clock.pass_hours(1)
    assert reminders(company) == [("anna@ours.example", "open"), ("backup", "open")]
    company.works.approve(number)
    assert reminders(company) == [("anna@ours.example", "done"), ("backup", "done")]


def test_r75_nobody_is_reminded_of_what_they_were_only_just_shown(office: MakeOffice) -> None:
    company = office(drafting(), *SEATS, gates=[replace(GATE, remind=timedelta(hours=4))])
    company.lead()  # due in four hours
    company.clock.pass_hours(1.9)
    company.works.dispatch_some()
    assert reminders(company) == []
    company.clock.pass_hours(0.1)
    company.works.dispatch_some()
    assert len(reminders(company)) == 2


@pytest.mark.parametrize("escalates_to", ["backup", None])
@pytest.mark.parametrize("approved", [False, True])
def test_r75_a_text_that_lapses_is_told_to_a_human_where_no_seat_owns_that(
    office: MakeOffice, escalates_to: str | None, approved: bool
) -> None:
    company = office(drafting(), *SEATS, gates=[replace(GATE, escalates_to=escalates_to)])
    number = company.lead()
    if approved:
        with company.works.store.begin() as connection:
            channels.hold(connection, "mail", "coo", 1)
        company.works.approve(number, by=Human("closer", "approver"))
    for _ in range(3):
        company.clock.pass_hours(80)
        company.works.dispatch_some()
    assert company.draft(number).state == "expired"
    told = company.works.all("SELECT assignee, state FROM tasks WHERE title LIKE '%lapsed%'")
    assert [tuple(row) for row in told] == [(escalates_to or "anna@ours.example", "open")]


def test_r75_a_seat_that_owns_the_end_of_a_text_hears_of_it_instead(office: MakeOffice) -> None:
    desk = Seat("desk", kind="human", owns=["approval.expired"])
    company = office(drafting(), *SEATS, desk, gates=[GATE])
    company.lead()
    company.clock.pass_hours(200)
    company.works.dispatch_some()
    company.works.work()
    assert company.works.all("SELECT 1 FROM tasks WHERE title LIKE '%lapsed%'") == []
    assert len(company.works.all("SELECT 1 FROM handoffs WHERE seat = 'desk'")) == 1


def test_a_reminder_that_was_due_while_everything_was_down_is_given_once(office: MakeOffice) -> None:
    company = office(drafting(), *SEATS, gates=[GATE])
    company.lead()
    company.clock.pass_hours(40)
    company.works.dispatch_some()
    company.works.dispatch_some()
    assert len(reminders(company)) == 2


def test_r74_notes_that_nobody_approved_before_the_shift_are_never_sent(office: MakeOffice) -> None:
    now = 1_795_176_000_000_000
    shift = now + 8 * HOUR
    notes = drafting(
        to=["C123"],
        channel="chat",
        subject=None,
        sends=CoachingPosted,
        fields={"shift_start": from_us(shift), "audience": "call center"},
        due_at=from_us(shift - HOUR),
        expires_at=from_us(shift),
    )
    company = office(notes, gates=[Gate("coaching", ("coo",), channel="chat")], team={"chat": frozenset({"C123"})})
    number = company.lead()
    assert company.draft(number).due_at == shift - HOUR
    company.clock.pass_hours(8)
    company.works.dispatch_some()
    row = company.draft(number)
    assert (row.state, row.wake_at, company.mailbox.sent) == ("expired", None, [])
    [data] = company.works.all("SELECT data FROM events WHERE type = 'approval.expired'")
    assert json.loads(data[0]) == {
        "draft_id": str(number),
        "draft_sha256": row.sha256,
        "audience": "team",
        "channel": "chat",
        "due_at": from_us(shift - HOUR).isoformat(),
    }


def test_r75_no_time_that_passes_approves_anything(office: MakeOffice) -> None:
    company = office()
    numbers = [company.lead("L1"), company.lead("L2", "eve@beta.example")]
    company.works.snooze(numbers[1], company.clock() + HOUR)
    for _ in range(10):
        company.clock.pass_hours(20)
        company.works.dispatch_some()
    assert [row.state for row in company.works.drafts()] == ["expired", "expired"]
    assert company.mailbox.sent == []
