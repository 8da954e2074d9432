"""Numbers of metrics in prose, as far as a machine can be sure of them.

Read are a number next to a metric's word: ``42 leads``, ``leads: 42``, ``spend of $1,234.50``. What may mean something
else (ranges, percentages, ``1.2k``, ``1.234,50``) is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from seamline.figure import MONEY

#: The words of each metric.
WORDS: Mapping[str, Sequence[str]] = {
    "leads": ("leads", "lead"),
    "spend": ("ad spend", "spend", "spent"),
    "cpl": ("cost per lead", "cpl"),
    "calls_booked": ("calls booked", "booked calls", "bookings"),
}

_VALUE = r"(?:(?P<{sign}>(?:US|A|C)?[$€£¥])\s?)?(?P<{number}>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)"
# Not the beginning of another number, a date, a range, a share or a word.
_ENDS = r"(?![\w/]|[.,:]\d|\s?[-\u2013→]\s?\d|[ \u00a0\u202f]\d{3}(?!\d)|\s+to\s+\d|\s?%|\s+percent)"
_CODE = r"(?: ?(?P<{code}>€|(?-i:USD|EUR|GBP|CHF|CAD|AUD|NZD|SEK|NOK|DKK|PLN|JPY|INR|BRL|MXN|ZAR)\b))?"
_STARTS = r"(?<![\w.,\-\u2013/:$€£¥])"
_JOINED = r"(?:(?P<colon>\s*[:=]\s*)|\s+(?:(?:was|were|is|are|of|at|came to|comes to)\s+)?)"
#: What may stand before a number that is then no value: the end of a range, a round number, a list's length.
_LOOSE = re.compile(
    r"(?:\d\s+(?:to|or|and)|~"
    r"|\b(?:about|around|over|under|almost|nearly|than|least|most|up to|top|last|first|next))\s*$",
    re.IGNORECASE,
)


def stated_in(
    text: str, metrics: Mapping[str, Sequence[str]] = WORDS, *, minor_digits: int = 2
) -> list[tuple[str, int | float]]:
    """The values that a text states by metric, in its order. Money in minor units of so many digits.

    ``metrics``: the words of each; of several that begin at one place the longest is meant.
    """
    words = {word.lower(): metric for metric, said in metrics.items() for word in said}
    if not words:
        return []
    pattern, at, found = _pattern(tuple(words)), 0, []
    while match := pattern.search(text, at):
        metric = words[" ".join((match["after"] or match["before"]).lower().split())]
        meant = _meant(match, money=metric in MONEY)
        if meant:
            value = float((match["first"] or match["second"]).replace(",", ""))
            found.append((metric, _number(value, metric, minor_digits)))
        # The word after a number that is not its own may have another one behind it.
        at = match.end() if meant or not match["first"] else match.end("first")
    return found


def _meant(match: re.Match[str], *, money: bool) -> bool:
    """Whether a number is surely the metric's: money has a currency or a colon, a count has no currency."""
    marked = any(match[name] for name in ("sign1", "code1", "sign2", "code2"))
    start = match.start("sign1") if match["sign1"] else match.start("first")
    loose = match["first"] and _LOOSE.search(match.string, max(0, start - 20), start)
    return not loose and (bool(marked or match["colon"]) if money else not marked)


def _number(value: float, metric: str, minor_digits: int) -> int | float:
    if metric in MONEY:
        minor: int = 10**minor_digits
        return round(value * minor)
    return int(value) if value.is_integer() else value


@lru_cache(maxsize=32)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    longest = sorted(words, key=lambda word: (-len(word), word))
    alternatives = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in longest)
    first, second = (
        _VALUE.format(sign=f"sign{place}", number=number) + _ENDS + _CODE.format(code=f"code{place}")
        for place, number in ((1, "first"), (2, "second"))
    )
    number_first = rf"{_STARTS}{first}\s+(?:(?:new|total)\s+)?(?P<after>{alternatives})\b"
    word_first = rf"(?<![\w-])(?P<before>{alternatives})\b{_JOINED}{second}"
    return re.compile(f"{number_first}|{word_first}", re.IGNORECASE)
