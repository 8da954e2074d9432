"""PostgreSQL arrays as text, for set-based statements.

The driver adapts a list element by element: 256 texts of 150 characters took it 7.4 ms, this form takes 0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

#: What no text of PostgreSQL may hold, so it can stand between them.
_NUL = "\x00"


def array(values: Sequence[int | str | bytes | None]) -> str:
    """The literal of an array of one kind: integers, texts or bytes, any of them NULL."""
    kind = next((type(value) for value in values if value is not None), int)
    one: Callable[[Any], str] = _text if kind is str else _bytes if kind is bytes else _number
    whole: Sequence[Any] = values
    if None in values:
        return "{" + ",".join(["NULL" if value is None else one(value) for value in whole]) + "}"
    return _texts(whole) if kind is str else "{" + ",".join(map(one, whole)) + "}"


def _texts(values: Sequence[str]) -> str:
    """Escaped all at once. A NUL in one of them is left to PostgreSQL to refuse."""
    joined = _NUL.join(values)
    if not values or joined.count(_NUL) != len(values) - 1:
        return "{" + ",".join(map(_text, values)) + "}"
    return '{"' + _escaped(joined).replace(_NUL, '","') + '"}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _text(value: str) -> str:
    return f'"{_escaped(value)}"'


def _bytes(value: bytes) -> str:
    return f'"\\\\x{value.hex()}"'


def _number(value: int) -> str:
    return str(int(value))
