"""One page of a list."""

from __future__ import annotations

from typing import Generic, TypedDict, TypeVar

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """One page of a list; ``next`` is the cursor of the page after it, null at the end."""

    items: list[T]
    next: str | None
