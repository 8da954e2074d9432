"""Whether golden files are written anew: ``pytest --update-golden``."""

from __future__ import annotations

_wanted = False


def wanted() -> bool:
    return _wanted


def want(update: bool) -> None:
    """Write golden files anew from now on, or no longer."""
    global _wanted
    _wanted = update
