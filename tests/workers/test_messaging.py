"""The bus: seats inform, ask and answer each other without a human, until they do not come to an end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from seamline import Context, Seat, SyncContext
from seamline.events import DealCreated, EmailReceived, MessageDelivered, ProposalViewed
from seamline_workers.store.reading.query import Query
from seamline_workers.store.reading.record import list_record
from support.clocks import SetClock
from support.works import Works, event, viewed

MakeWorks = Callable[..., Works]
ROWS = "SELECT id, kind, from_seat, to_seat, exchange, in_reply_to, state FROM messages ORDER BY id"


def pepper_and_dirk(on_viewed: Any) -> tuple[Seat, Seat]:
    pepper, dirk = Seat("pepper", owns=["proposal.*"]), Seat("dirk", owns=["deal.*"], escalates_to="coo")
    pepper.on(ProposalViewed)(on_viewed)
    return pepper, dirk


def ask(_: ProposalViewed, ctx: SyncContext) -> None:
    ctx.message("dirk", topic="price", body="May I name the price?", kind="REQUEST", key="price")


def rows(company: Works) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in company.all(ROWS)]


def test_r62_r67_a_message_wakes_its_receiver_alone_and_says_all_that_was_said(works: MakeWorks) -> None:
    pepper, dirk = pepper_and_dirk(ask)
    heard: list[MessageDelivered] = []

    @dirk.on_message("price")
    def hear(message: MessageDelivered, ctx: SyncContext) -> None:
        heard.append(message)
        assert [one.id for one in ctx.messages.all()] == [message.id]

    @dirk.on_message()
    def other(_: MessageDelivered, ctx: SyncContext) -> None:
        raise AssertionError

    crystal = Seat("crystal", owns=["*"])
    crystal.on(MessageDelivered)(other)
    company = works(pepper, dirk, crystal)
    company.tell(viewed())
    company.work()
    assert [state for state in company.states() if state[0] == "message.delivered"] == [
        ("message.delivered", "dirk", "done")
    ]
    (message,) = heard
    assert (message.from_seat, message.topic, message.body, message.exchange) == (
        "pepper", "price", "May I name the price?", 1,
    )  # fmt: skip
    assert message.message_id == str(company.one("SELECT id FROM messages"))
    assert message.envelope.causation is not None
    assert company.one("SELECT count(*) FROM tasks") == 0


def test_r65_r68_an_answer_cites_its_question_and_the_record_says_who_asked_and_who_answered(works: MakeWorks) -> None:
    pepper, dirk = pepper_and_dirk(ask)
    answers: list[MessageDelivered] = []

    @dirk.on_message("price")
    def answer(message: MessageDelivered, ctx: SyncContext) -> None:
        ctx.message("pepper", topic="price", body="Yes", kind="RESPONSE", reply_to=message.message_id)

    @pepper.on_message()
    def hear(message: MessageDelivered, ctx: SyncContext) -> None:
        answers.append(message)

    company = works(pepper, dirk)
    company.tell(viewed())
    company.work()
    (asked, answered) = rows(company)
    assert asked[1:] == ("REQUEST", "pepper", "dirk", 1, None, "answered")
    assert answered[1:] == ("RESPONSE", "dirk", "pepper", 2, str(asked[0]), "delivered")
    assert [message.in_reply_to for message in answers] == [str(asked[0])]
    assert company.one("SELECT count(DISTINCT conversation) FROM messages") == 1
    entries = list_record(company.store, Query(), unmasked=True)["items"]
    told = [(one["actor"]["id"], one["action"], (one["content"] or {})["message_id"]) for one in reversed(entries)]
    assert told == [
        ("pepper", "message.delivered", str(asked[0])),
        ("dirk", "message.delivered", str(answered[0])),
        ("dirk", "message.answered", str(asked[0])),
    ]


def test_r62_each_of_two_seats_knows_what_the_other_knows(works: MakeWorks) -> None:
    pepper, dirk = Seat("pepper", owns=["email.*"]), Seat("dirk", owns=["deal.*", "proposal.*"])
    known: dict[str, Any] = {}

    @pepper.on(EmailReceived)
    async def flag(mail: EmailReceived, ctx: Context) -> None:
        deal = await ctx.timeline.last(DealCreated)
        known["pepper"] = deal and deal.deal_id
        ctx.message("dirk", topic="complaint", body=f"Unhappy: {mail.message_id}")

    @dirk.on(ProposalViewed)
    async def read(_: ProposalViewed, ctx: Context) -> None:
        told = await ctx.messages.last("complaint", from_seat="pepper")
        known["dirk"] = told and (told.body, str(told.envelope.causation))
        assert await ctx.messages.all("other") == []

    company = works(pepper, dirk)
    company.tell(event("deal.created", deal_id="D1"))
    company.tell(event("email.received", message_id="M1", sender="dana@acme.example"))
    company.work()
    company.tell(viewed())
    company.work()
    mail = company.one("SELECT id FROM events WHERE type = 'email.received'")
    assert known == {"pepper": "D1", "dirk": ("Unhappy: M1", str(UUID(bytes=bytes(mail))))}


@pytest.mark.parametrize("cites", [True, False])
def test_r67_the_fourth_exchange_on_one_matter_goes_to_a_human_instead(works: MakeWorks, cites: bool) -> None:
    pepper, dirk = pepper_and_dirk(ask)

    def quarrel(message: MessageDelivered, ctx: SyncContext) -> None:
        reply = message.message_id if cites else None
        ctx.message(message.from_seat, topic="price", body=f"No, {message.exchange}", kind="REQUEST", reply_to=reply)

    dirk.on_message()(quarrel)
    pepper.on_message()(quarrel)
    coo = Seat("coo", kind="human", assignee="robin")
    company = works(pepper, dirk, coo)
    company.tell(viewed())
    company.work()
    assert [(row[2], row[4], row[6]) for row in rows(company)] == [
        ("pepper", 1, "delivered"),
        ("dirk", 2, "delivered"),
        ("pepper", 3, "delivered"),
        ("dirk", 4, "escalated"),
    ]
    ((title, said, assignee, rule),) = [tuple(r) for r in company.all("SELECT title, text, assignee, rule FROM tasks")]
    assert "dirk and pepper" in title
    assert "No, 3" in said
    assert (assignee, rule) == ("robin", "R67")
    assert company.types().count("message.delivered") == 3
    assert company.types().count("message.dead_lettered") == 1


def test_r67_three_seats_that_pass_a_matter_on_in_a_circle_do_not_go_on_for_ever(works: MakeWorks) -> None:
    pepper, dirk = pepper_and_dirk(ask)
    pulse = Seat("pulse", escalates_to="coo")

    def pass_on(message: MessageDelivered, ctx: SyncContext) -> None:
        following = {"dirk": "pulse", "pulse": "pepper", "pepper": "dirk"}
        ctx.message(following[ctx.seat], topic="price", body="What do you say?")

    for seat in (pepper, dirk, pulse):
        seat.on_message()(pass_on)
    company = works(pepper, dirk, pulse, Seat("coo", kind="human"))
    company.tell(viewed())
    company.work()
    assert [row[6] for row in rows(company)] == ["delivered", "delivered", "delivered", "escalated"]


def test_r94_a_message_to_a_human_seat_is_a_task_and_is_handed_to_nobody(works: MakeWorks) -> None:
    def tell(_: ProposalViewed, ctx: SyncContext) -> None:
        ctx.message("coo", topic="price", body="They ask for the price")

    pepper, _ = pepper_and_dirk(tell)
    company = works(pepper, Seat("coo", kind="human", role="COO", assignee="robin", owns=["message.*"]))
    company.tell(viewed())
    company.work()
    assert [tuple(row) for row in company.all("SELECT title, text, assignee, state FROM tasks")] == [
        ("pepper to COO: price", "They ask for the price", "robin", "open")
    ]
    assert [state[0] for state in company.states()] == ["proposal.viewed"]


@pytest.mark.parametrize(
    ("reply_to", "kind"), [("999", "RESPONSE"), ("no number", "INFORM"), ("²", "INFORM"), (None, "RESPONSE")]
)
def test_who_answers_what_nobody_asked_has_failed_and_nothing_of_it_is_written(
    works: MakeWorks, reply_to: str | None, kind: Any
) -> None:
    def answer(_: ProposalViewed, ctx: SyncContext) -> None:
        ctx.flag("seen", text="seen")
        ctx.message("dirk", topic="price", body="Yes", kind=kind, reply_to=reply_to)

    company = works(*pepper_and_dirk(answer))
    company.tell(viewed())
    company.work()
    assert company.states() == [("proposal.viewed", "pepper", "dead")]
    assert "reply_to" in company.one("SELECT reason FROM handoffs")
    assert company.one("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM flags)") == 0


def test_a_message_that_no_envelope_can_hold_is_not_said_and_a_long_key_is_no_such(works: MakeWorks) -> None:
    def tell(seen: ProposalViewed, ctx: SyncContext) -> None:
        topic = "t" * (201 if seen.proposal_id == "P1" else 200)
        ctx.message("dirk", topic=topic, body="x", key=f"{seen.proposal_id}{'k' * 5_000}")

    company = works(*pepper_and_dirk(tell))
    company.tell(viewed(1), viewed(2, "sam@other.example"), viewed(3, "kim@third.example"))
    company.work()
    assert sorted(state for _, _, state in company.states()) == ["dead", "done", "done"]
    assert "topic" in company.one("SELECT reason FROM handoffs WHERE reason IS NOT NULL")
    names = [row[0] for row in company.all("SELECT conversation FROM messages")]
    assert len(set(names)) == 2
    assert all(len(name) <= 200 for name in names)


def test_nobody_answers_a_message_about_another_account(works: MakeWorks) -> None:
    def first_or_reply(seen: ProposalViewed, ctx: SyncContext) -> None:
        if seen.proposal_id == "P1":
            ctx.message("dirk", topic="price", body="May I?")
        else:
            ctx.message("dirk", topic="price", body="And here?", reply_to="1")

    company = works(*pepper_and_dirk(first_or_reply))
    company.tell(viewed(1), viewed(2, "ben@other.example"))
    company.work()
    assert len(rows(company)) == 1
    assert sorted(state for _, _, state in company.states()) == ["dead", "done"]


def test_a_handoff_that_is_run_again_says_nothing_twice(works: MakeWorks) -> None:
    company = works(*pepper_and_dirk(ask))
    company.tell(viewed())
    company.work()
    company.write("UPDATE handoffs SET state = 0, done_at = NULL")
    company.write(
        "INSERT INTO lanes (kind, key, seat, done, last) SELECT 2, account_id, seat, 0, event_seq FROM handoffs"
    )
    company.work()
    assert company.states() == [("proposal.viewed", "pepper", "done")]
    assert len(rows(company)) == 1
    assert company.types().count("message.delivered") == 1


# --- answers that are needed by a time --------------------------------------------------------------------------------

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BY = NOON + timedelta(hours=2)
TASKS = "SELECT title, assignee, state FROM tasks ORDER BY id"


def urgent(_: ProposalViewed, ctx: SyncContext) -> None:
    ctx.message("dirk", topic="price", body="May I?", kind="REQUEST", needs_response_by=BY)


def asking(works: MakeWorks, dirk: Seat) -> tuple[Works, SetClock]:
    clock = SetClock(NOON)
    pepper = Seat("pepper", owns=["proposal.*"])
    pepper.on(ProposalViewed)(urgent)
    coo = Seat("coo", kind="human", assignee="robin")
    company = works(pepper, dirk, coo, clock=clock)
    company.tell(viewed())
    company.work()
    return company, clock


def test_r67_a_question_that_nobody_answers_in_time_is_a_dead_letter_and_a_human_s_once(works: MakeWorks) -> None:
    company, clock = asking(works, Seat("dirk", reports_to="coo"))
    company.sweep()
    assert [row[6] for row in rows(company)] == ["delivered"]
    clock.set(NOON + timedelta(hours=2, seconds=1))
    company.sweep()
    company.sweep()
    assert [row[6] for row in rows(company)] == ["dead"]
    assert [tuple(row) for row in company.all(TASKS)] == [("dirk has not answered pepper: price", "robin", "open")]
    assert company.types()[-2:] == ["deadline.fired", "message.dead_lettered"]
    assert "message.dead_lettered" in [row[0] for row in company.all("SELECT action FROM record")]


def test_a_question_that_was_answered_in_time_disturbs_nobody(works: MakeWorks) -> None:
    dirk = Seat("dirk", reports_to="coo")

    @dirk.on_message()
    def answer(message: MessageDelivered, ctx: SyncContext) -> None:
        assert message.needs_response_by == BY
        ctx.message(message.from_seat, topic="price", body="Yes", kind="RESPONSE")

    company, clock = asking(works, dirk)
    clock.set(NOON + timedelta(days=1))
    company.sweep()
    assert [row[6] for row in rows(company)] == ["answered", "delivered"]
    assert company.all(TASKS) == []
    assert company.one("SELECT state FROM deadlines") == "cancelled"
    assert "message.dead_lettered" not in company.types()


def test_an_answer_that_comes_late_takes_the_task_back(works: MakeWorks) -> None:
    dirk = Seat("dirk", owns=["deal.*"], reports_to="coo")

    @dirk.on(DealCreated)
    def answer(_: DealCreated, ctx: SyncContext) -> None:
        asked = ctx.messages.last("price")
        assert asked is not None
        ctx.message("pepper", topic="price", body="Yes", kind="RESPONSE", reply_to=asked.message_id)

    company, clock = asking(works, dirk)
    clock.set(NOON + timedelta(hours=3))
    company.sweep()
    assert [row[2] for row in company.all(TASKS)] == ["open"]
    company.tell(event("deal.created", deal_id="D1"))
    company.work()
    assert [row[6] for row in rows(company)] == ["answered", "delivered"]
    assert [row[2] for row in company.all(TASKS)] == ["done"]
    assert company.one("SELECT state FROM deadlines") == "resolved"
