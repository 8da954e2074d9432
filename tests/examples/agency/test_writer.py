"""The writer: templates by default, any other by a setting, and no seat in any letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from seamline.errors import ConfigError, NeedsHuman, RetryLater
from seamline_agency import writer
from seamline_agency.roster import AGENTS
from seamline_agency.settings import settings
from seamline_agency.stages import STAGES
from seamline_agency.template import OPENINGS, TEMPLATES
from seamline_agency.writer import TemplateWriter, Text, compose

#: Words of the inside: a customer never meets one.
INSIDE = (*(seat.name for seat in AGENTS), "seamline", "agent", "ledger", "triage", "draft")


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_r34_no_letter_names_a_seat_or_a_word_of_the_bus(kind: str) -> None:
    template = TEMPLATES[kind]
    words = " ".join((*template.subjects, *template.paragraphs, template.greeting, *OPENINGS.values())).lower()
    assert not [word for word in INSIDE if word in words]


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_a_letter_of_which_nothing_is_known_still_reads_as_one(kind: str) -> None:
    text = TemplateWriter().write(kind, {})
    assert "{" not in text.subject + text.body
    assert text.body.endswith("Kind regards")
    assert text.body.splitlines()[0] in ("Hello,", "Good morning.")


def test_the_tone_is_the_stages_and_only_of_stages_that_there_are() -> None:
    assert set(OPENINGS) <= {row.stage for row in STAGES}
    bodies = {TemplateWriter().write("reply", {"stage": stage}).body for stage in OPENINGS}
    assert len(bodies) == len(OPENINGS)


def test_what_a_customer_wrote_is_quoted_and_never_filled_in() -> None:
    text = TemplateWriter().write("reply", {"asked": "what is {name}?", "subject": "{x}"})
    assert "You wrote: what is {name}?" in text.body
    assert text.subject == "Re: {x}"


class Poet:
    """Another writer, as a company may have one."""

    def write(self, kind: str, facts: Mapping[str, Any]) -> Text:
        return Text(kind, f"A poem for {facts['name']}")


class Away:
    def __init__(self) -> None:
        self.raised: Exception = TimeoutError("the model is away")

    def write(self, _kind: str, _facts: Mapping[str, Any]) -> Text:
        raise self.raised


silent = type("Silent", (), {"write": lambda _self, _kind, _facts: Text("", " ")})
away = Away()
no_writer = object()


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Choose the writer that the setting names."""

    def chosen(named: str) -> None:
        changed = replace(settings(), writer=named)
        monkeypatch.setattr(writer, "settings", lambda: changed)

    return chosen


def test_another_writer_is_a_setting(choose: Any) -> None:
    choose(f"{__name__}:Poet")
    assert compose("reply", name="Dana") == Text("reply", "A poem for Dana")


def test_a_writer_that_fails_is_asked_again_later_and_one_that_needs_a_human_gets_one(choose: Any) -> None:
    choose(f"{__name__}:away")
    with pytest.raises(RetryLater, match="TimeoutError"):
        compose("reply")
    away.raised = NeedsHuman("the key has expired")
    with pytest.raises(NeedsHuman):
        compose("reply")
    away.raised = RetryLater("busy")
    with pytest.raises(RetryLater, match="busy"):
        compose("reply")


def test_a_writer_that_writes_nothing_has_failed(choose: Any) -> None:
    choose(f"{__name__}:silent")
    with pytest.raises(RetryLater, match="nothing"):
        compose("reply")


@pytest.mark.parametrize("named", ["nowhere:Writer", f"{__name__}:nobody", f"{__name__}:no_writer", "no colon"])
def test_a_writer_that_is_none_is_refused_and_says_what_to_write(choose: Any, named: str) -> None:
    choose(named)
    with pytest.raises(ConfigError, match="SEAMLINE_AGENCY_WRITER"):
        compose("reply")
