"""Times as providers write them, made aware. The unit is always said, never guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from seamline.errors import PayloadError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise PayloadError("a time is not a number")
    try:
        return float(value)
    except ValueError:
        raise PayloadError("a time is not a number") from None


def unix_s(value: int | float | str) -> datetime:
    """An aware time from seconds since 1970. Raises PayloadError."""
    try:
        return _EPOCH + timedelta(seconds=_number(value))
    except (OverflowError, ValueError):
        raise PayloadError("a time in seconds is out of range") from None


def unix_ms(value: int | float | str) -> datetime:
    """An aware time from milliseconds since 1970. Raises PayloadError."""
    try:
        return _EPOCH + timedelta(milliseconds=_number(value))
    except (OverflowError, ValueError):
        raise PayloadError("a time in milliseconds is out of range") from None


def rfc3339(at: datetime) -> str:
    """An aware time as RFC 3339 in UTC, ending in Z; a fraction only where there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
