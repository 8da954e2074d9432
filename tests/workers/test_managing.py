"""Who looks after a customer is what was said last, whenever it is heard."""

from __future__ import annotations

from collections.abc import Callable

from seamline import Seat
from support.works import Works, event

MakeWorks = Callable[..., Works]


def test_r38_an_account_has_the_manager_that_was_named_last(works: MakeWorks) -> None:
    company = works(Seat("dash", owns=["metrics.*"]))
    company.tell(event("contact.assigned", manager="mario", at="2026-11-20T12:00:00Z"))
    company.tell(event("contact.assigned", manager="zoe", at="2026-11-21T12:00:00Z"))
    company.tell(event("contact.assigned", manager="ben", at="2026-11-19T12:00:00Z"))
    assert company.one("SELECT manager FROM accounts") == "zoe"
