"""Playing a story: samples as they are sent, state, polls, answers, and what the engine would raise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from seamline import (
    Adapter,
    Answer,
    Call,
    Calls,
    Delivery,
    Event,
    Item,
    NeedsHuman,
    Nudge,
    Party,
    RetryLater,
    content_key,
)
from seamline.errors import CallRefused, SecretMissing
from seamline.events import MeetingBooked, MeetingRescheduled
from seamline.signature import Header, SharedToken
from seamline.testing import ABSENT, ContractError, Respond, Sample, Story, adapter_contract, play, run_calls, story
from seamline.testing.play import Bench


class Diary(Adapter):
    """A calendar: a push only says "look", a page of its poll tells meetings, and a move is seen by what was before."""

    name = "diary"
    signature = SharedToken(Header("X-Diary-Token"))
    trust = "authenticated"
    emits = (MeetingBooked, MeetingRescheduled)
    hosts = ("diary.example.com",)
    polls = {"meetings": timedelta(minutes=15)}  # noqa: RUF012  (as an author writes it)

    def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
        if delivery.poll is None:
            yield Nudge("meetings", scope=delivery.query.get("calendar", ""))
            return
        for meeting in delivery.json()["meetings"]:
            if not isinstance(meeting, dict) or not isinstance(meeting.get("id"), str) or "version" not in meeting:
                yield Item(content_key(meeting), meeting)
                continue
            yield Item(f"{meeting['id']}/{json.dumps(meeting['version'])}", meeting, entity=meeting["id"])

    def normalize(self, item: Item) -> Iterator[Event]:
        told, before = item.data, item.before
        base = {"party": Party(email=told["who"]), "calendar_event_id": told["id"], "starts_at": told["at"]}
        if told["type"] != "meeting":
            return
        if before is None:
            yield MeetingBooked.model_validate(base)
        elif before["at"] != told["at"]:
            yield MeetingRescheduled.model_validate(base)

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        query = {"since": cursor or ""}
        for _ in range(500):
            answer = yield Call("page", f"https://diary.example.com/{scope}/meetings", query, secret="api")
            page, query = answer.json(), {}
            if not page["more"]:
                return str(page["cursor"])
        raise NeedsHuman("the diary has more than 500 pages")


MEETING = {"type": "meeting", "id": "m1", "version": 1, "at": "2026-11-20T10:00:00Z", "who": "dana@example.com"}
MOVED = {**MEETING, "version": 2, "at": "2026-11-21T10:00:00Z"}
OTHER = {**MEETING, "id": "m2"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, meetings in {"one": [MEETING, OTHER], "two": [MOVED, OTHER], "same": [MEETING]}.items():
        page = {"meetings": meetings, "more": name == "one", "cursor": f"after {name}"}
        (tmp_path / f"{name}.json").write_text(json.dumps(page))
    (tmp_path / "form.txt").write_text("event=viewed&id=7&id=8")
    return tmp_path


def page(file: str) -> Sample:
    return Sample(file, poll="meetings", scope="work")


RUN = Sample(None, poll="meetings", scope="work")
API = {"api": ["example-token"]}


def asked(*answers: str | Respond) -> dict[str, Any]:
    return {"answers": {"GET /work/meetings": answers}, "secrets": API}


def played(told: Story, root: Path) -> Any:
    return play(Bench.of(Diary(), root, told))


def test_a_push_is_a_nudge_and_a_page_is_told_with_what_was_before(root: Path) -> None:
    told = Story(
        "A meeting moves",
        (Sample(None, query={"calendar": "work"}), page("one.json"), page("two.json")),
        (Nudge, MeetingBooked, MeetingBooked, MeetingRescheduled),
    )
    assert played(told, root).nudges == [Nudge("meetings", "work")]
    polled = Story("The diary is read", (RUN, RUN), (MeetingBooked,) * 2, **asked("one.json", "same.json", "same.json"))
    assert adapter_contract(Diary, root, (told, polled), update_golden=True) > 20
    assert adapter_contract(Diary, root, (told, polled)) > 20


def test_a_poll_is_run_from_where_its_last_run_ended_and_its_first_pull_is_a_baseline(root: Path) -> None:
    found = played(Story("x", (RUN, RUN), **asked("one.json", "same.json", "two.json")), root)
    assert [(run.since, run.until, run.step.baseline) for run in found.runs] == [
        (None, "after same", True),
        ("after same", "after two", False),
    ]
    assert [dict(call.query) for call in found.calls] == [{"since": ""}, {}, {"since": "after same"}]
    assert [event.event_type for event in found.events.values()] == ["meeting.booked"] * 2 + ["meeting.rescheduled"]


def test_a_poll_that_fails_keeps_no_page_and_its_cursor(root: Path) -> None:
    story = Story("x", (RUN, RUN, RUN), **asked("same.json", "one.json", Respond(status=503), "two.json"))
    found = played(story, root)
    assert [type(error) for error in found.raised] == [RetryLater]
    assert [(run.since, run.until) for run in found.runs] == [(None, "after same"), ("after same", "after two")]
    assert set(found.items) == {"m1/1", "m1/2", "m2/1"}


def test_a_poll_without_its_secret_asks_nothing(root: Path) -> None:
    found = played(Story("x", (RUN,), answers={"GET /work/meetings": "same.json"}), root)
    assert [type(error) for error in found.raised] == [SecretMissing]
    assert found.calls == []


def test_a_page_is_what_the_engine_stores_of_it(root: Path) -> None:
    answer = Respond("same.json", headers={"Content-Type": "application/json", "X-More": "1"})
    bench = Bench.of(Diary(), root, Story("x", (RUN,), **asked(answer)))
    (run,) = play(bench).runs
    (page,) = (bench.deliver(page, run.step) for page in run.pages)
    assert (page.method, page.url, page.key) == ("GET", "https://hooks.example.com/polls/meetings/page", "")
    assert dict(page.headers) == {"content-type": "application/json"}
    assert (page.poll, page.scope, page.baseline) == ("meetings", "work", True)


def test_what_came_before_is_kept_by_entity_and_an_item_is_told_once(root: Path) -> None:
    found = played(Story("x", (page("one.json"), page("two.json"), page("two.json"))), root)
    assert [event.event_type for event in found.events.values()] == ["meeting.booked"] * 2 + ["meeting.rescheduled"]
    assert found.items["m1/2"].before == MEETING


def test_a_generator_of_calls_is_run_on_prepared_answers() -> None:
    answers = [Answer(200, b'{"more": true}'), Answer(200, b'{"more": false, "cursor": "c9"}')]
    value, asked = run_calls(Diary().poll("meetings", "work", "c1"), {"GET /work/meetings": answers})
    assert value == "c9"
    assert [dict(call.query) for call in asked] == [{"since": "c1"}, {}]


def test_a_generator_that_never_ends_is_stopped() -> None:
    with pytest.raises(ContractError, match="does the generator ever end"):
        run_calls(Diary().poll("meetings", "work", None), {"GET /work/meetings": Answer(200, b'{"more": true}')})


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, RetryLater), (503, RetryLater), (401, NeedsHuman), (404, CallRefused), (302, CallRefused)],
)
def test_a_status_that_a_call_does_not_accept_raises_what_the_transport_raises(
    status: int, error: type[Exception]
) -> None:
    with pytest.raises(error, match=str(status)):
        run_calls(Diary().poll("meetings", "work", None), {"GET /work/meetings": Answer(status, b"")})


def test_a_missing_answer_says_which_to_add() -> None:
    with pytest.raises(ContractError, match=r"'GET /work/meetings'.*add it to the story's answers"):
        run_calls(Diary().poll("meetings", "work", None), {})


def test_a_patch_sets_and_takes_away_fields_anywhere(root: Path) -> None:
    patch = {"meetings.0.who": "sam@example.com", "meetings.1": ABSENT, "extra.deep": 1, "meetings.0.type": ABSENT}
    body = json.loads(Sample("one.json", patch=patch).body(root))
    expected = {name: value for name, value in MEETING.items() if name != "type"} | {"who": "sam@example.com"}
    assert (body["meetings"], body["extra"]) == ([expected], {"deep": 1})


def test_a_patch_of_a_form_sets_and_takes_away_fields(root: Path) -> None:
    form = "application/x-www-form-urlencoded"
    assert Sample("form.txt", content_type=form, patch={"event": "a b", "id": ABSENT}).body(root) == b"event=a+b"


def test_an_unpatched_sample_is_sent_byte_for_byte(root: Path) -> None:
    assert Sample("form.txt").request(root).body == (root / "form.txt").read_bytes()


def test_keywords_of_a_story_go_to_its_step_or_to_itself() -> None:
    told = story("Two Words!", "a.json", MeetingBooked, headers={"X-A": "1"}, any_order=True, refused=True)
    assert told.slug == "two-words"
    assert (told.steps[0].headers, told.steps[0].refused, told.any_order) == ({"X-A": "1"}, True, True)
    with pytest.raises(TypeError):
        story("x", "a.json", nonsense=1)


def test_an_answer_is_a_file_with_a_status_and_lower_case_headers(root: Path) -> None:
    answer = Respond("same.json", 429, {"Retry-After": "3"}).answer(root)
    assert (answer.status, answer.headers) == (429, {"retry-after": "3"})
    assert answer.json()["meetings"] == [MEETING]
