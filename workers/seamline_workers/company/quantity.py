"""Sizes and durations as people write them in a configuration: ``1MiB``, ``25 KiB``, ``5m``, ``90d``."""

from __future__ import annotations

import re
from datetime import timedelta

_SIZE = re.compile(r"(\d{1,9})\s*(KiB|MiB)")
_UNITS = {"KiB": 1024, "MiB": 1024 * 1024}
_DURATION = re.compile(r"(\d{1,9})\s*(ms|s|m|h|d)")
_STEPS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def read_size(value: object) -> int:
    """Bytes of a size. Raises ValueError."""
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        return int(found[1]) * _UNITS[found[2]]
    raise ValueError('write a size such as "512KiB" or "1MiB"')


def read_duration(value: object) -> timedelta:
    """A duration. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        return int(found[1]) * _STEPS[found[2]]
    raise ValueError('write a duration such as "30s", "5m", "48h" or "90d" (or "25ms")')
