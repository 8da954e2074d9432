"""What a seat that lives elsewhere may ask for: what a handler may, and nothing that sends or decides."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from seamline.context import SyncContext
from seamline.effect import Done, Draft, Emit, Flag, Log, Message, Task
from seamline.errors import NeedsHuman, PayloadError, RetryLater
from seamline.events import ResponseSent, RiskFlagged
from seamline.remote import read_effects

PAGE = Path(__file__).parents[2] / "docs" / "bus.md"


def asked(*effects: Any, **more: Any) -> dict[str, Any]:
    return {"schema": "effects.v1", "effects": list(effects)} | more


def test_r64_the_page_s_example_is_read_as_what_it_says() -> None:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    effects = read_effects(json.loads(found[1]))
    assert [type(effect) for effect in effects] == [Flag, Message, Emit, Draft, Task, Done, Log]
    emitted = effects[2]
    assert isinstance(emitted, Emit)
    assert emitted.event == RiskFlagged(flag_id="F1", severity="watch")


def test_effects_are_those_that_a_handler_would_ask_for() -> None:
    draft = {
        "kind": "draft",
        "channel": "mail",
        "to": ["a@example.com"],
        "body": "x",
        "sends": "response.sent",
        "key": "k",
    }
    (found,) = read_effects(asked(draft))
    assert isinstance(found, Draft)
    assert (found.recipients, found.sends, found.key) == (("a@example.com",), ResponseSent, "k")
    (told,) = read_effects(asked({"kind": "message", "to": "dirk", "topic": "t", "body": "b", "reply_to": "7"}))
    assert isinstance(told, Message)
    assert (told.kind, told.reply_to) == ("INFORM", "7")
    once = {"kind": "emit", "type": "risk.flagged", "data": {"flag_id": "F1", "severity": "watch"}, "once": True}
    (emitted,) = read_effects(asked(once | {"key": "F1"}))
    assert isinstance(emitted, Emit)
    assert (emitted.key, emitted.once) == ("F1", True)
    with pytest.raises(PayloadError, match="once needs a key"):
        read_effects(asked(once))


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "effects",
        {"effects": []} | {"approve": "D1"},
        asked({"kind": "send", "channel": "mail"}),
        asked({"kind": "approve", "draft": "1"}),
        asked({"kind": "emit", "type": "no.such"}),
        asked({"kind": "emit", "type": "risk.flagged", "data": {"flag_id": "F1"}}),
        asked({"kind": "draft", "channel": "mail", "to": [], "body": "x", "sends": "no.such"}),
        asked({"kind": "draft", "channel": "mail", "to": [], "body": "x", "state": "approved"}),
        asked({"kind": "task", "title": "x", "due_at": "2026-11-20T12:00:00"}),
        asked({"kind": "message", "to": "dirk", "topic": "t", "body": "b", "type": "ORDER"}),
        asked(*[{"kind": "log", "text": "x"}] * 1001),
        {"schema": "effects.v2", "effects": []},
    ],
)
def test_r71_nothing_else_is_taken(told: Any) -> None:
    with pytest.raises(PayloadError):
        read_effects(told)


def test_a_seat_may_want_a_human_or_another_try() -> None:
    with pytest.raises(NeedsHuman, match="odd"):
        read_effects(asked(needs_human="odd"))
    with pytest.raises(RetryLater) as later:
        read_effects(asked(retry_after_s=90))
    assert later.value.after == timedelta(seconds=90)
    assert read_effects(asked()) == []


def test_r71_a_seat_elsewhere_has_no_word_that_a_handler_has_not() -> None:
    kinds = {"flag", "task", "message", "draft", "emit", "log"}
    assert all(callable(getattr(SyncContext, kind)) for kind in kinds)
    for kind in ("send", "approve", "dispatch", "decide", "reply"):
        assert not hasattr(SyncContext, kind)
