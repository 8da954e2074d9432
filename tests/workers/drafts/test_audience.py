"""Who gets a text decides whom it is for: whoever is not surely ours is a customer."""

from __future__ import annotations

import pytest

from seamline_workers.effects.audience import Ours

OURS = Ours(
    frozenset({"ours.example"}),
    frozenset({"anna@home.example", "T111/W111", "W111"}),
    {"chat": frozenset({"C123"}), "mail": frozenset()},
)


@pytest.mark.parametrize(
    ("channel", "recipients"),
    [
        ("mail", ["dana@ours.example"]),
        ("mail", ["Dana@OURS.example", "anna@home.example"]),
        ("mail", ["ANNA@home.example"]),
        ("chat", ["C123"]),
        ("chat", ["W111"]),
    ],
)
def test_r72_r73_only_recipients_that_are_all_ours_make_a_team(channel: str, recipients: list[str]) -> None:
    assert OURS.audience(channel, recipients) == "team"


@pytest.mark.parametrize(
    ("channel", "recipients"),
    [
        ("mail", []),
        ("mail", ["dana@acme.example"]),
        ("mail", ["dana@ours.example", "dana@acme.example"]),
        ("mail", ["dana@ours.example, eve@acme.example"]),
        ("mail", ["dana@ours.example <eve@acme.example>"]),
        ("mail", ['"dana@ours.example" <eve@acme.example>']),
        ("mail", ["dana@ours.example.acme.example"]),
        ("mail", ["dana@sub.ours.example"]),
        ("mail", ["dana@ours.example\n"]),
        ("mail", ["dana@acme.example@ours.example"]),
        ("mail", ["C123"]),
        ("sms", ["C123"]),
        ("chat", ["C1234"]),
        ("chat", ["+15550100"]),
        ("chat", [""]),
    ],
)
def test_r72_whatever_is_unknown_or_odd_is_a_customer(channel: str, recipients: list[str]) -> None:
    assert OURS.audience(channel, recipients) == "customer"
