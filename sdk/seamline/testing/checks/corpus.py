"""Odd bodies: what a provider never sends, and one day does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

from seamline.delivery import Request

#: A value that must never be seen in an error.
MARKER = "odd-value-3f7c"

#: Most leaves of a body that are bent, one at a time.
MAX_LEAVES = 60

MALFORMED: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b'"text"',
    b"[null]",
    b"[[]]",
    b"[{}]",
    b'{"a":',
    b"\xff\xfe\x00{",
    b'{"a": "\xc3\x28"}',
    b"[" * 100_000,
    b'{"a":' * 5_000,
    b"[" * 70 + b"]" * 70,
    b"NaN",
    b'{"a": NaN}',
    b"[Infinity]",
)

ODD_ELEMENTS: tuple[Any, ...] = (7, "odd", None, True, [], {}, {"odd": MARKER})

_TEXTS = (MARKER, "", "a\x00b\n", "x" * 2_000)
BENT: tuple[Any, ...] = (*_TEXTS, 7, -1, 1e300, True, None, [], {}, [MARKER], {"odd": MARKER})

Path = tuple[str | int, ...]


def malformed(body: bytes) -> Iterator[bytes]:
    """Bodies that say nothing, and this one cut short."""
    yield from MALFORMED
    for cut in sorted({1, len(body) // 2, max(len(body) - 1, 0)}):
        yield body[:cut]
    if body:
        yield body + b"\x00"
        yield b"\xef\xbb\xbf" + body


def bent(request: Request) -> Iterator[bytes]:
    """The body with one field of another type, or without it."""
    if request.media_type == "multipart/form-data":
        return
    if request.is_form:
        yield from _bent_form(request.body)
        return
    value = parsed(request.body)
    for path in list(leaves(value))[:MAX_LEAVES]:
        for odd in BENT:
            yield dump(replaced(value, path, odd))
        yield dump(removed(value, path))


def parsed(body: bytes) -> Any:
    """The body as JSON; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def leaves(value: Any, at: Path = ()) -> Iterator[Path]:
    """The paths of all values in a JSON value, containers too, the shallow ones first."""
    level = [(at, value)]
    while level:
        below: list[tuple[Path, Any]] = []
        for path, node in level:
            if path:
                yield path
            if isinstance(node, dict):
                below += [((*path, name), child) for name, child in node.items()]
            elif isinstance(node, list):
                below += [((*path, index), child) for index, child in enumerate(node)]
        level = below


def look(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy with another value at a path; what lies beside the path is shared."""
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


def removed(value: Any, path: Path) -> Any:
    """A copy without what stands at a path."""
    parent = copy.copy(look(value, path[:-1]))
    del parent[path[-1]]
    return replaced(value, path[:-1], parent)


def lists(value: Any) -> list[Path]:
    """The paths of all lists that hold something."""
    found = [path for path in leaves(value) if isinstance(look(value, path), list) and look(value, path)]
    return ([()] if isinstance(value, list) and value else []) + found[:MAX_LEAVES]


def _bent_form(body: bytes) -> Iterator[bytes]:
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    for at in range(min(len(fields), MAX_LEAVES)):
        name = fields[at][0]
        for odd in (*_TEXTS, "7", "{", "[]", "null", '{"odd": 1}'):
            yield urlencode([*fields[:at], (name, odd), *fields[at + 1 :]]).encode()
        yield urlencode([*fields[:at], *fields[at + 1 :]]).encode()
