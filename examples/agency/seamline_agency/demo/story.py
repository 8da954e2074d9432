"""A story: its customer, how it is played, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seamline_agency.demo.cast import Customer
from seamline_agency.demo.outcome import Expected
from seamline_agency.demo.scene import Scene


@dataclass(frozen=True)
class Story:
    """One story. Each is of a customer of its own (None: of the company itself), so that any can be played alone."""

    number: int
    title: str
    customer: Customer | None
    play: Callable[[Scene], None]
    expected: Sequence[Expected]

    @property
    def heading(self) -> str:
        return f"{self.number}. {self.title}"
