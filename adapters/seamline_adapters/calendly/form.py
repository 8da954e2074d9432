"""A routing form's submission: it has no fields for name or address, only the company's own questions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seamline import Party
from seamline_adapters import told
from seamline_adapters.calendly.booking import invitee_ref

_COMPANY = re.compile(r"\b(company|business|organi[sz]ation|firm)\b", re.IGNORECASE)
_NAME = re.compile(r"\bname\b", re.IGNORECASE)
_PHONE = re.compile(r"\b(phone|mobile|telephone|cell)\b", re.IGNORECASE)
_MAIL = re.compile(r"e-?mail", re.IGNORECASE)


def submitter(answers: Mapping[str, Any], invitee: Any) -> Party:
    """Who filled in a form, by the words of its questions; ``invitee`` is their booking's URI, if they made one."""
    asked = {question: text for question, answer in answers.items() if (text := told.text(answer)) is not None}
    return told.party(
        name=_answer(asked, _NAME, unless=_COMPANY),
        address=_answer(asked, _MAIL) or next((text for text in asked.values() if told.email(text)), None),
        number=_answer(asked, _PHONE),
        company=_answer(asked, _COMPANY),
        refs=[] if told.text(invitee) is None else [invitee_ref(invitee)],
    )


def _answer(asked: Mapping[str, str], about: re.Pattern[str], unless: re.Pattern[str] | None = None) -> str | None:
    for question, text in asked.items():
        if about.search(question) and not (unless and unless.search(question)):
            return text
    return None
