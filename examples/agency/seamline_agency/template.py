"""The templates of letters: plain words, which a human makes their own. No seat is ever named in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Template(NamedTuple):
    """A letter. Of ``subjects`` the first counts of which everything is known; so does ``greeting`` with a name."""

    subjects: tuple[str, ...]
    paragraphs: tuple[str, ...]
    greeting: str = "Hello {name},"


#: The first sentence by stage: the tone in which a customer is spoken to there.
OPENINGS: Mapping[str, str] = {
    "inquiry": "Thank you for writing to us. A person has read your message, and a person answers it.",
    "proposal": "Thank you for the time that you give to our proposal.",
    "onboarding": "Welcome. We are glad to begin.",
    "delivery": "Here is what you should know, in short.",
    "retention": "We would like to hear how you see things.",
    "expansion": "We look at your figures every day, and want to share a thought.",
    "exit": "Thank you for the time in which we worked together.",
}

TEMPLATES: Mapping[str, Template] = {
    "answer": Template(
        ("{company} and us: your question", "Your question"),
        (
            "You wrote: {asked}",
            "Tell us which day suits you for a short call, or write what matters most to you, and we go from there.",
        ),
    ),
    "reply": Template(
        ("Re: {subject}", "Your message"),
        ("You wrote: {asked}", "We look into it and come back to you with a clear answer."),
    ),
    "urgent reply": Template(
        ("Re: {subject}", "Your message"),
        (
            "You wrote: {asked}",
            "We are sorry that this gave you reason to write. We look into it now, before anything else, and tell you "
            "today what we found.",
        ),
    ),
    "followup": Template(
        ("{title}: your questions", "Our proposal: your questions"),
        (
            "On {comment}",
            "Is there anything in it that we should explain, or that should be different? A few lines are enough, or "
            "name a time and we call.",
        ),
    ),
    "welcome": Template(
        ("Welcome, {company}", "Welcome"),
        (
            "What we agreed on: {scope}.",
            "Your kickoff is on {kickoff}.",
            "{invitation}",
            "{manager} looks after you from here on.",
        ),
    ),
    "offer": Template(
        ("An idea for {company}", "An idea"),
        (
            "We think that more of what works would pay off for you, and would like to show you what it costs and what "
            "it should bring. Would you like to see it?",
        ),
    ),
    "summary": Template(
        ("Our call: {company}", "Our call"),
        ("The figures that we spoke about:\n{figures}", "If anything here is not as you remember it, tell us."),
    ),
    "outreach": Template(
        ("How are things going?",),
        ("How do you find what we do for {company}? We would like to hear it from you. When may we call?",),
    ),
    "last letter": Template(
        ("The end of our work for {company}", "The end of our work together"),
        (
            "Our work for you ends on {ended_on}.",
            "We see to it that no pixel, campaign or invoice of ours goes on after that. What was made for you is "
            "yours to keep; tell us where to send what you still need.",
        ),
    ),
    "coaching": Template(
        ("Before the shift of {day}",),
        ("Since the last note: {figures}.", "{missed}", "{unknown}", "{heard}"),
        greeting="Good morning.",
    ),
}
