"""Why something does not fit, in words that hold nothing of what was sent."""

from __future__ import annotations

import pytest

from seamline.events import LeadReceived
from seamline.events.base import reasons


def refused(**fields: object) -> str:
    with pytest.raises(ValueError) as caught:
        LeadReceived.model_validate({"lead_id": "1", "channel": "form", **fields})
    return reasons(caught.value)


def test_a_field_is_named_and_its_value_is_not() -> None:
    told = refused(channel="carrier pigeon of Jo")
    assert told.startswith("channel: ")
    assert "pigeon" not in told


@pytest.mark.parametrize("name", ["jo@example.com", "Jo Doe", "a\0b", "x" * 500, "line\nbreak"])
def test_a_name_that_the_sender_chose_is_not_repeated(name: str) -> None:
    assert refused(**{name: 1}) == "…: Extra inputs are not permitted"


def test_a_place_in_a_list_is_told_by_its_number() -> None:
    assert refused(others=[{}, {"email": "none"}]).startswith("others.1.email: ")
