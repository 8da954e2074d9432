"""Letters: what is proposed to the human who writes to a customer. Nothing leaves without that human."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seamline.events import Figure
from seamline_agency.brief import spoken
from seamline_agency.totals import told_period


class Letter(NamedTuple):
    subject: str
    body: str


def summary(figures: Sequence[Figure]) -> Letter:
    """A summary of a call; ``figures`` are trusted."""
    lines = [
        f"- {figure.metric}: {spoken(figure)}" + (f" ({told_period(figure.period)})" if figure.period else "")
        for figure in figures
    ]
    told = "\n".join(["The figures that we spoke about:", *lines]) if lines else "The figures follow."
    return Letter("Our call", f"Hello,\n\nthank you for the call.\n\n{told}\n\nKind regards")


def outreach(client: str | None) -> Letter:
    """A few words to a client who may be unhappy: a question, nothing that is sold."""
    who = f" for {client}" if client else ""
    asked = f"how do you find what we do{who}? We would like to hear it from you; when may we call?"
    return Letter("How are things going?", f"Hello,\n\n{asked}\n\nKind regards")
