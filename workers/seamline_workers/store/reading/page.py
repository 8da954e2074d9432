"""Pages by key: a cursor is the key of a page's last row, opaque to the outside."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from seamline_workers.store.reading.shapes import Page

R = TypeVar("R")
T = TypeVar("T")


def cursor_of(noun: str, key: Sequence[int | str]) -> str:
    """The cursor after the row with this key."""
    raw = json.dumps([noun, *key], separators=(",", ":")).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def key_of(noun: str, cursor: str, kinds: Sequence[type]) -> tuple[Any, ...]:
    """The key in a cursor of ``noun``. Raises ValueError for anything else."""
    try:
        found = json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise ValueError("this is no cursor; give back what `next` said, unchanged") from None
    fits = isinstance(found, list) and len(found) == len(kinds) + 1 and found[0] == noun
    if not fits or any(type(value) is not kind for value, kind in zip(found[1:], kinds, strict=True)):
        raise ValueError("this cursor belongs to another list; give back what `next` said, unchanged")
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in found[1:]):
        raise ValueError("this is no cursor; give back what `next` said, unchanged")
    return tuple(found[1:])


def page(
    noun: str,
    rows: Sequence[R],
    limit: int,
    key: Callable[[R], Sequence[int | str]],
    shape: Callable[[list[R]], list[T]],
) -> Page[T]:
    """A page of at most ``limit`` of the rows; one row more than that means that another page follows."""
    kept = list(rows[:limit])
    more = len(rows) > limit
    return {"items": shape(kept), "next": cursor_of(noun, key(kept[-1])) if more and kept else None}
