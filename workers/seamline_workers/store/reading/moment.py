"""Times as the outside writes them: RFC 3339, or a span back from now."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from seamline.times import rfc3339

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Microseconds of each unit of a span.
_UNIT_US = {"s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6, "w": 7 * 86400 * 10**6}
#: A time needs seconds and a zone; a date alone is its midnight in UTC.
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def aware(us: int) -> datetime:
    """An aware time from microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def written(us: int) -> str:
    """A time in microseconds since 1970 as RFC 3339, ending in Z."""
    return rfc3339(aware(us))


def written_or_none(us: int | None) -> str | None:
    """The same; null and 0 are no time."""
    return written(us) if us else None


def micros(moment: datetime) -> int:
    """An aware time in microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def read(value: str, now: int) -> int:
    """Microseconds since 1970 from RFC 3339, a date, or a span such as ``2h`` back from ``now``.

    Raises ValueError, which says what is allowed.
    """
    text = value.strip()
    try:
        if span := _SPAN.fullmatch(text):
            return micros(aware(now - int(span[1]) * _UNIT_US[span[2]]))
        if _STAMP.fullmatch(text):
            fraction = re.sub(r"(\.\d{6})\d+", r"\1", text)
            # Also in UTC it is of a year that can be written.
            return micros(datetime.fromisoformat(fraction.upper().replace(" ", "T")).astimezone(UTC))
        if not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError("write a time as 2026-11-22T09:00:00Z, or a span back from now such as 2h or 7d") from None
    return micros(datetime(day.year, day.month, day.day, tzinfo=UTC))
