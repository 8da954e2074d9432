"""PostgreSQL arrays as text, for set-based statements.

The driver adapts a list element by element: 256 texts of 150 characters took it 7.4 ms, this form takes 0.3.
"""

from __future__ import annotations

from collections.abc import Sequence


def array(values: Sequence[int | str | bytes | None]) -> str:
    """The literal of an array of one kind: integers, texts or bytes, any of them NULL."""
    kind = next((type(value) for value in values if value is not None), int)
    if kind is str:
        return "{" + ",".join([_text(value) for value in values]) + "}"  # type: ignore[arg-type]
    if kind is bytes:
        return "{" + ",".join([_bytes(value) for value in values]) + "}"  # type: ignore[arg-type]
    return "{" + ",".join(["NULL" if value is None else str(int(value)) for value in values]) + "}"


def _text(value: str | None) -> str:
    return "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bytes(value: bytes | None) -> str:
    return "NULL" if value is None else '"\\\\x' + value.hex() + '"'
