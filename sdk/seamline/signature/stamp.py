"""Stamps: how old a signature may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from seamline.errors import ConfigError, SignatureError

#: How a stamp is written: seconds or milliseconds since 1970, or ISO 8601 with an offset.
Unit = Literal["s", "ms", "iso"]

#: What schemes allow unless told otherwise; most providers document five minutes.
FIVE_MINUTES = timedelta(minutes=5)

#: More digits than any stamp in milliseconds has before the year 5000.
MAX_DIGITS = 14

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCALE = {"s": 1, "ms": 1000}


def seconds(now: datetime) -> float:
    """Seconds since 1970 of an aware time."""
    return (now - _EPOCH).total_seconds()


def read(text: str, unit: Unit) -> float:
    """Seconds since 1970 of a stamp. Raises SignatureError.

    Numbers are ASCII digits and nothing else: no sign, no fraction, no NaN, no exponent.
    """
    if unit == "iso":
        return _read_iso(text)
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise SignatureError("the timestamp is not a whole number")
    return int(text) / _SCALE[unit]


def _read_iso(text: str) -> float:
    try:
        when = datetime.fromisoformat(text) if text.isascii() and len(text) <= 40 else None
        if when is None or when.tzinfo is None:
            raise SignatureError("the timestamp is not an ISO 8601 time with an offset")
        return seconds(when)
    except (ValueError, OverflowError):
        raise SignatureError("the timestamp is not an ISO 8601 time with an offset") from None


def write(now: datetime, unit: Unit) -> str:
    """``now`` as a stamp."""
    if unit == "iso":
        return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(int(seconds(now) * _SCALE[unit]))


def fresh(stamp: float, now: datetime, max_age: float, max_future: float) -> None:
    """Raise SignatureError unless the stamp lies in the window around ``now``; all in seconds."""
    age = seconds(now) - stamp
    if age > max_age:
        raise SignatureError(f"timestamp {age:.0f} s old")
    if -age > max_future:
        raise SignatureError(f"timestamp {-age:.0f} s in the future")


#: What a scheme without a stamp says when its author gave no reason: shown on its page and by ``seamline check``.
UNSAID = "its author does not say why"


def explained(scheme: object, no_stamp: str) -> None:
    """Raise ConfigError where a scheme has neither a stamp nor a word on why it has none."""
    if not no_stamp.strip():
        raise ConfigError(
            f"{type(scheme).__name__} has no stamp, so an old request can be sent again: name the stamp's place, "
            'or say why there is none with no_stamp="…"'
        )
