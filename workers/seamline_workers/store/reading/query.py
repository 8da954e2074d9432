"""What a list is asked for: filters, limit and cursor, read from the words of a URL or a command line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, literal

from seamline.errors import SeamlineError
from seamline_workers.store.reading import moment
from seamline_workers.store.reading.page import key_of

#: Rows of a page: as asked for, at most, and where nothing is said.
MAX_LIMIT, DEFAULT_LIMIT = 1_000, 100
#: The filters that lists know; each list takes some of them.
FILTERS = ("source", "type", "account", "seat", "state", "since", "until")
_PAGING = ("limit", "cursor")
_Kind = type
_TYPE = re.compile(r"[a-z0-9_.*?]{1,200}")
_VERSION = re.compile(r"(.+)\.v(\d{1,4})")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f]{1,500}")


class InvalidQuery(SeamlineError):
    """Raised when a list is asked for wrongly; ``errors`` names each parameter and what it allows."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{error['path']}: {error['message']}" for error in errors))
        self.errors = errors


@dataclass(frozen=True)
class TypeGlob:
    """An event type or a glob of types; ``version`` only where the outside named one."""

    pattern: str
    version: int | None = None

    @classmethod
    def read(cls, value: str, prefix: str) -> TypeGlob:
        """From ``proposal.viewed``, ``proposal.*`` or ``seamline.proposal.viewed.v1``. Raises ValueError."""
        name = value.strip().removeprefix(f"{prefix}.") if prefix else value.strip()
        version = None
        if found := _VERSION.fullmatch(name):
            name, version = found[1], int(found[2])
        if not _TYPE.fullmatch(name):
            raise ValueError("write an event type such as proposal.viewed, or a glob such as proposal.*")
        return cls(name, version)

    def fits(self, name: ColumnElement[Any], version: ColumnElement[Any] | None = None) -> ColumnElement[bool]:
        """The condition on a column of types, and where there is one, of versions."""
        if "*" in self.pattern or "?" in self.pattern:
            like = re.sub(r"([\\%_])", r"\\\1", self.pattern).replace("*", "%").replace("?", "_")
            found: ColumnElement[bool] = cast(name, Text).like(literal(like), escape="\\")
        else:
            found = name == self.pattern
        if self.version is not None and version is not None:
            return and_(found, version == self.version)
        return found


@dataclass(frozen=True)
class Query:
    """Filters and a page. Times are microseconds since 1970; ``since`` is inclusive, ``until`` exclusive."""

    source: str | None = None
    type: TypeGlob | None = None
    account: str | None = None
    seat: str | None = None
    state: str | None = None
    since: int | None = None
    until: int | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    @classmethod
    def read(
        cls,
        words: Mapping[str, str],
        *,
        filters: Collection[str] = FILTERS,
        states: Collection[str] = (),
        prefix: str = "seamline",
        now: int,
    ) -> Query:
        """Read the words of a request. Raises InvalidQuery, which names every word that does not fit."""
        values: dict[str, Any] = {}
        errors: list[dict[str, str]] = []
        for name, word in words.items():
            try:
                if name not in filters and name not in _PAGING:
                    raise ValueError(f"is not known here; there are {', '.join((*filters, *_PAGING))}")
                values[name] = _value(name, word, states, prefix, now)
            except ValueError as error:
                errors.append({"path": name, "message": str(error)})
        if errors:
            raise InvalidQuery(errors)
        return cls(**values)

    def within(self, column: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """The conditions of ``since`` and ``until`` on a column of microseconds."""
        found: list[ColumnElement[bool]] = []
        if self.since is not None:
            found.append(column >= self.since)
        if self.until is not None:
            found.append(column < self.until)
        return found

    def after(self, noun: str, *kinds: _Kind) -> tuple[Any, ...] | None:
        """The key to go on after; None: the first page. Raises InvalidQuery."""
        if self.cursor is None:
            return None
        try:
            return key_of(noun, self.cursor, kinds)
        except ValueError as error:
            raise InvalidQuery([{"path": "cursor", "message": str(error)}]) from None


def _value(name: str, word: str, states: Collection[str], prefix: str, now: int) -> Any:
    if name == "limit":
        if not re.fullmatch(r"\d{1,6}", word, re.ASCII) or not 1 <= int(word) <= MAX_LIMIT:
            raise ValueError(f"write a whole number from 1 to {MAX_LIMIT}")
        return int(word)
    if not _PLAIN.fullmatch(word):
        raise ValueError("is empty, too long, or holds control characters")
    if name in ("since", "until"):
        return moment.read(word, now)
    if name == "type":
        return TypeGlob.read(word, prefix)
    if name == "state" and states and word not in states:
        raise ValueError(f"write one of {', '.join(states)}")
    if name == "source":
        return word.removeprefix("/sources/")
    return word


def row_id(value: str) -> int | None:
    """A row's number from an id of the outside; None: it is none."""
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None
