"""Two attempts without an answer: found once, in whatever order it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamline.events import (
    CallCompleted,
    ChatReceived,
    ChatSent,
    EmailDeliveryChanged,
    EmailReceived,
    EmailSent,
    Envelope,
    Event,
    KickoffBooked,
    MeetingBooked,
    MeetingCancelled,
    OutreachAnswered,
    OutreachSent,
    ProposalCommented,
    ProposalViewed,
)
from seamline.silence import PATIENCE, Contact, Heard, Silence, contacts, heard, unanswered, when_due

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG = START + timedelta(days=365)


def at(hours: float, kind: Heard, name: str = "") -> Contact:
    return Contact(START + HOUR * hours, kind, name or f"{kind}-{hours}")


def keyed(silence: Silence | None) -> str | None:
    return silence.key if silence else None


FIRST, SECOND = at(0, "attempt", "a1"), at(80, "attempt", "a2")


def test_r46_two_attempts_each_waited_for_are_a_silence() -> None:
    silence = unanswered([FIRST, SECOND], START + 80 * HOUR + PATIENCE)
    assert silence is not None
    assert (silence.first, silence.second, silence.evidence) == (FIRST, SECOND, ("a1", "a2"))
    assert silence.due == START + 152 * HOUR


def test_r46_it_is_found_when_it_is_due_and_not_before() -> None:
    due = when_due([FIRST, SECOND])
    assert due is not None
    assert unanswered([FIRST, SECOND], due - timedelta(microseconds=1)) is None
    assert unanswered([FIRST, SECOND], due) is not None
    assert when_due([FIRST, SECOND], HOUR) == START + 81 * HOUR
    assert unanswered([FIRST, SECOND], START + 81 * HOUR, HOUR) is not None


def test_r46_one_attempt_never_is_one() -> None:
    assert unanswered([FIRST], LONG) is None
    assert unanswered([FIRST, FIRST], LONG) is None
    assert when_due([FIRST]) is None
    assert when_due([]) is None


@pytest.mark.parametrize("hours", [0, 1, 79, 80, 81, 500])
def test_r46_an_answer_after_the_first_attempt_resets(hours: float) -> None:
    facts = [FIRST, SECOND, at(hours, "answer")]
    assert unanswered(facts, LONG) is None


def test_r46_after_an_answer_two_new_attempts_are_needed() -> None:
    facts = [FIRST, SECOND, at(100, "answer"), at(200, "attempt", "a3")]
    assert unanswered(facts, LONG) is None
    again = unanswered([*facts, at(300, "attempt", "a4")], LONG)
    assert keyed(again) == "a3+a4"


def test_r46_further_attempts_do_not_make_a_second_signal() -> None:
    facts = [FIRST, SECOND, *(at(100 + hours, "attempt") for hours in range(5))]
    assert keyed(unanswered(facts, LONG)) == "a1+a2"
    assert when_due(facts) == START + 152 * HOUR


def test_r46_an_attempt_that_is_told_twice_with_two_times_counts_once_from_the_first() -> None:
    again = FIRST._replace(at=START + 90 * HOUR)
    assert when_due([FIRST, again, SECOND]) == when_due([again, SECOND, FIRST]) == START + 152 * HOUR
    assert keyed(unanswered([again, SECOND, FIRST], LONG)) == "a1+a2"


moments = st.lists(
    st.builds(at, st.integers(0, 400), st.sampled_from(["attempt", "attempt", "answer"])),
    max_size=12,
    unique_by=lambda fact: fact.id,
)


@given(moments, st.randoms(), st.integers(0, 600))
def test_r46_neither_order_nor_repetition_of_facts_matters(facts: list[Contact], chance: Random, hours: int) -> None:
    shuffled = [*facts, *facts[::2]]
    chance.shuffle(shuffled)
    now = START + HOUR * hours
    assert unanswered(shuffled, now) == unanswered(facts, now)
    assert when_due(shuffled) == when_due(facts)


@given(moments)
def test_r46_it_is_what_reading_the_facts_in_their_order_gives(facts: list[Contact]) -> None:
    """The same rule as a machine: answers clear, attempts add up."""
    waiting: list[Contact] = []
    for fact in sorted(facts, key=lambda fact: (fact.at, fact.kind == "answer")):
        waiting = [] if fact.kind == "answer" else [*waiting, fact]
    expected = f"{waiting[0].id}+{waiting[1].id}" if len(waiting) > 1 else None
    assert keyed(unanswered(facts, LONG)) == expected


@given(moments)
def test_r46_looked_for_at_every_hour_each_silence_is_found_under_one_key_until_an_answer(
    facts: list[Contact],
) -> None:
    keys: list[str] = []
    for hours in range(0, 480, 4):
        now = START + HOUR * hours
        silence = unanswered([fact for fact in facts if fact.at <= now], now)
        if silence and silence.key not in keys:
            keys.append(silence.key)
    answers = sum(fact.kind == "answer" for fact in facts)
    assert len(keys) <= answers + 1


# --- what events are -------------------------------------------------------------------------------------------------


def call(direction: Literal["inbound", "outbound"], outcome: Literal["answered", "missed", "voicemail"]) -> Event:
    return CallCompleted(call_id="c", direction=direction, outcome=outcome)


def mail(auto: Literal["none", "bounce", "out_of_office", "list"]) -> Event:
    return EmailReceived(message_id="m", sender="ann@example.com", auto=auto)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (OutreachSent(message_ref="m1", channel="email"), "attempt"),
        (call("outbound", "missed"), "attempt"),
        (call("outbound", "voicemail"), "attempt"),
        (call("outbound", "answered"), "answer"),
        (call("inbound", "answered"), "answer"),
        (call("inbound", "missed"), "answer"),
        (mail("none"), "answer"),
        (mail("bounce"), None),
        (mail("out_of_office"), None),
        (mail("list"), None),
        (ChatReceived(message_id="m", channel="sms"), "answer"),
        (MeetingBooked(calendar_event_id="e", starts_at=START), "answer"),
        (KickoffBooked(calendar_event_id="e", starts_at=START), "answer"),
        (ProposalCommented(proposal_id="p", comment_id="c"), "answer"),
        (OutreachAnswered(message_ref="m1", channel="email"), "answer"),
        (ProposalViewed(proposal_id="p"), None),
        (MeetingCancelled(calendar_event_id="e"), None),
        (EmailSent(message_id="m"), None),
        (ChatSent(message_id="m", channel="sms"), None),
        (EmailDeliveryChanged(message_id="m", status="bounced"), None),
        (EmailDeliveryChanged(message_id="m", status="opened"), None),
    ],
    ids=repr,
)
def test_r46_what_an_event_is_in_the_exchange(event: Event, expected: Heard | None) -> None:
    assert heard(event) == expected


def placed(event: Event, hours: float, number: int) -> Event:
    when = START + HOUR * hours
    return event.with_envelope(
        Envelope(
            id=UUID(int=number),
            source="s",
            sequence=number,
            account="a",
            stage=None,
            time=when,
            timebasis="provider",
            received_at=when,
            trust="signed",
        )
    )


def test_r46_an_out_of_office_note_between_two_attempts_by_two_people_changes_nothing() -> None:
    events = [
        placed(OutreachSent(message_ref="m1", channel="email"), 0, 1),
        placed(mail("out_of_office"), 1, 2),
        placed(call("outbound", "missed"), 80, 3),
    ]
    silence = unanswered(contacts(events), LONG)
    assert silence is not None
    assert silence.evidence == (str(UUID(int=1)), str(UUID(int=3)))


@pytest.mark.parametrize(("permanent", "reached"), [(None, 1), (True, 1), (False, 2)])
def test_r46_outreach_that_bounced_reached_nobody(permanent: bool | None, reached: int) -> None:
    events = [
        placed(OutreachSent(message_ref="m1", channel="email"), 0, 1),
        placed(EmailDeliveryChanged(message_id="m1", status="bounced", permanent=permanent), 1, 2),
        placed(OutreachSent(message_ref="m2", channel="email"), 80, 3),
    ]
    assert len(contacts(events)) == reached
