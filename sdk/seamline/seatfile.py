"""Seats in a TOML file: roles without handlers, as an import writes them and a human completes them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from seamline.errors import ConfigError
from seamline.seat import Seat

#: What a seat's table may hold: what the seat is, and what is kept for people and for the way back.
_SEAT = (
    "kind",
    "facing",
    "role",
    "owns",
    "does_not_own",
    "makes",
    "informed",
    "reports_to",
    "escalates_to",
    "assignee",
)
_KEPT = ("accountabilities", "not_accountable", "external_id", "kept")


def load_seats(path: str | Path) -> list[Seat]:
    """The seats of a file. Raises ConfigError. One that nobody has classified is an error of the process check."""
    try:
        told = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"the seats of {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the seats of {path} are not TOML: {error}") from None
    seats = told.pop("seats", {})
    if told or not isinstance(seats, dict):
        raise ConfigError(f"{path} holds tables [seats.NAME] and nothing else")
    return [_seat(path, name, given) for name, given in seats.items()]


def _seat(path: str | Path, name: str, given: Any) -> Seat:
    if not isinstance(given, dict):
        raise ConfigError(f"{path}: seats.{name} is a table")
    unknown = sorted(given.keys() - {*_SEAT, *_KEPT})
    if unknown:
        raise ConfigError(f"{path}: seats.{name} has no {unknown[0]}; allowed are: {', '.join((*_SEAT, *_KEPT))}")
    return Seat(name, **{key: value for key, value in given.items() if key in _SEAT})


__all__ = ["load_seats"]
