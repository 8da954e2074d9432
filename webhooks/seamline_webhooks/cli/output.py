"""What commands print: documents for programs, tables for people, and nothing else on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import typer

#: Exit codes.
DONE, WANTING, WRONG_USE, NOT_REACHABLE = range(4)


def document(value: object) -> None:
    """Print one JSON document."""
    line(json_text(value, indent=2))


def record(value: object) -> None:
    """Print one line of a stream of JSON, at once."""
    line(json_text(value, separators=(",", ":")))
    sys.stdout.flush()


def json_text(value: object, **how: Any) -> str:
    """JSON whose texts a terminal cannot take for orders: what is not printable stands there as an escape."""
    return "\n".join(_escaped(one) for one in json.dumps(value, ensure_ascii=False, **how).split("\n"))


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def line(text: str) -> None:
    """Print a line on standard output. Where nobody reads any more, the command ends quietly."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(DONE) from None


def note(text: str) -> None:
    """Tell a person something on standard error."""
    sys.stderr.write(text + "\n")


def fail(code: int, text: str) -> NoReturn:
    """End with an exit code and a word on standard error."""
    note(f"seamline: {text}")
    raise typer.Exit(code)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(plain(cell)) for cell in row))
    # Elsewhere than on a terminal nothing is cut: width is what the widest row needs.
    console = Console(width=None if sys.stdout.isatty() else 400, highlight=False, soft_wrap=False)
    console.print(shown)


def whole(thing: Mapping[str, Any]) -> None:
    """Print one thing for people, a field a line; a text of several lines, such as a draft's, as it is read."""
    width = max(map(len, thing))
    for name, value in thing.items():
        parts = value.replace("\r\n", "\n").split("\n") if isinstance(value, str) else [value]
        for n, part in enumerate(parts):
            text = json_text(part) if isinstance(part, (dict, list)) else plain(part)
            line(f"{'' if n else name:<{width}}  {text}")


def shown(thing: Mapping[str, Any], as_json: bool) -> None:
    """Print one thing: for a program, or for people."""
    if as_json:
        document(thing)
    else:
        whole(thing)


def plain(cell: Any) -> str:
    """A cell as text. What came from outside may hold control characters; a terminal must not obey them."""
    if cell is None:
        return ""
    text = ", ".join(map(str, cell)) if isinstance(cell, (list, tuple)) else str(cell)
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
