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
)
from seamline.errors import CallRefused
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
            if not isinstance(meeting, dict) or not isinstance(meeting.get("id"), str):
                yield Item(f"odd {json.dumps(meeting)}", meeting)
                continue
            yield Item(f"{meeting['id']}/{meeting.get('version')}", meeting, entity=meeting["id"])

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
        answer = yield Call(
            "page", f"https://diary.example.com/{scope}/meetings", {"since": cursor or ""}, secret="api"
        )
        while answer.json().get("more"):
            answer = yield Call("page", f"https://diary.example.com/{scope}/meetings", secret="api")
        return str(answer.json()["cursor"])


MEETING = {"type": "meeting", "id": "m1", "version": 1, "at": "2026-11-20T10:00:00Z", "who": "dana@example.com"}
MOVED = {**MEETING, "version": 2, "at": "2026-11-21T10:00:00Z"}
OTHER = {**MEETING, "id": "m2"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, meetings in {"one": [MEETING, OTHER], "two": [MOVED, OTHER], "same": [MEETING]}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"meetings": meetings}))
    (tmp_path / "form.txt").write_text("event=viewed&id=7&id=8")
    return tmp_path


def page(file: str) -> Sample:
    return Sample(file, poll="meetings", scope="work")


def played(told: Story, root: Path) -> Any:
    return play(Bench.of(Diary(), root, told))


def test_a_push_is_a_nudge_and_a_page_is_told_with_what_was_before(root: Path) -> None:
    told = Story(
        "A meeting moves",
        (Sample(None, query={"calendar": "work"}), page("one.json"), page("two.json")),
        (Nudge, MeetingBooked, MeetingBooked, MeetingRescheduled),
    )
    assert played(told, root).nudges == [Nudge("meetings", "work")]
    assert adapter_contract(Diary, root, (told,), update_golden=True) > 20
    assert adapter_contract(Diary, root, (told,)) > 20


def test_what_came_before_is_kept_by_entity_and_an_item_is_told_once(root: Path) -> None:
    found = played(Story("x", (page("one.json"), page("two.json"), page("two.json"))), root)
    assert [event.event_type for event in found.events.values()] == ["meeting.booked"] * 2 + ["meeting.rescheduled"]
    assert found.items["m1/2"].before == MEETING


def test_a_generator_of_calls_is_run_on_prepared_answers() -> None:
    answers = [Answer(200, b'{"more": true}'), Answer(200, b'{"cursor": "c9"}')]
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
    assert body == {"meetings": [expected], "extra": {"deep": 1}}


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
    assert answer.json() == {"meetings": [MEETING]}
