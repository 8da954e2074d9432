"""Every rule of the company has a test that proves it, and the page that lists them is what the tests are."""

from __future__ import annotations

from seamline.testing import update
from support import rules
from support.house import ROOT

PAGE = ROOT / "docs" / "rules.md"


def test_there_are_ninety_five_rules_and_each_refers_to_one_that_is_there() -> None:
    known = rules.rules()
    assert list(known) == list(range(1, 96))
    assert [n for n, rule in known.items() if not set(rule.get("see", ())) <= set(known)] == []
    assert [n for n, rule in known.items() if ("see" in rule) == ("by" in rule)] == []


def test_every_rule_is_proved_by_a_test_that_names_it() -> None:
    assert rules.unproved() == []


def test_the_page_of_the_rules_is_what_the_tests_are() -> None:
    if update.wanted():
        PAGE.write_text(rules.page(), encoding="utf-8")
    assert PAGE.read_text("utf-8") == rules.page()
