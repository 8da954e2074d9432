"""Driving a generator of calls with any send function."""

from __future__ import annotations

import pytest

from seamline.call import Answer, Call, Calls, drive
from seamline.errors import RetryLater


def answer(call: Call) -> Answer:
    return Answer(200, call.url.encode())


def test_answers_are_collected_by_name_and_the_value_is_given() -> None:
    def calls() -> Calls[str]:
        first = yield Call("a", "https://example.com/1")
        yield Call("b", "https://example.com/2")
        return first.body.decode()

    value, answers = drive(calls(), answer)
    assert value == "https://example.com/1"
    assert {name: a.body for name, a in answers.items()} == {
        "a": b"https://example.com/1",
        "b": b"https://example.com/2",
    }


def test_a_generator_without_calls_gives_no_answers() -> None:
    def calls() -> Calls[None]:
        return
        yield

    assert drive(calls(), answer) == (None, {})


def test_what_sending_raises_is_raised_at_the_yield_and_may_be_caught_there() -> None:
    def send(call: Call) -> Answer:
        if call.name == "first":
            raise RetryLater("busy")
        return answer(call)

    def calls() -> Calls[bool]:
        try:
            yield Call("first", "https://example.com/1")
        except RetryLater:
            yield Call("second", "https://example.com/2")
            return True
        return False

    value, answers = drive(calls(), send)
    assert value is True
    assert list(answers) == ["second"]


def test_what_is_not_caught_ends_the_generator_and_its_cleanup_runs() -> None:
    cleaned = []

    def send(call: Call) -> Answer:
        raise RetryLater("busy")

    def calls() -> Calls[None]:
        try:
            yield Call("first", "https://example.com/1")
        finally:
            cleaned.append(True)

    with pytest.raises(RetryLater):
        drive(calls(), send)
    assert cleaned == [True]
