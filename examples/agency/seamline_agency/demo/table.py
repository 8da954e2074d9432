"""The live table: when, what came, what the seats did, and what the customer saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

#: What stands in a cell that has nothing to tell.
NOTHING = "-"
HEADINGS = (("when", 3), ("what came", 6), ("what the seats did", 8), ("what the customer saw", 5))


@dataclass(frozen=True)
class Row:
    """One step: lines for each column. ``refused`` says that nothing was taken in."""

    when: str
    came: Sequence[str]
    seats: Sequence[str] = ()
    customer: Sequence[str] = ()
    refused: bool = False


class StoryTable:
    """A table that grows while its story is played; a context manager. Without a terminal it is printed at the end."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._table = Table(title=title, title_justify="left", title_style="bold", show_lines=True, expand=True)
        for heading, ratio in HEADINGS:
            self._table.add_column(heading, ratio=ratio, overflow="fold")
        self._live = Live(self._table, console=console, auto_refresh=False, vertical_overflow="visible")

    def __enter__(self) -> StoryTable:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.refresh()
            self._live.stop()
        else:
            self._console.print(self._table)

    def add(self, row: Row) -> None:
        came = _lines(row.came, "red" if row.refused else "")
        self._table.add_row(row.when, came, _lines(row.seats), _lines(row.customer, "bold green"))
        if self._console.is_terminal:
            self._live.refresh()


def _lines(lines: Sequence[str], style: str = "") -> Text:
    if not lines:
        return Text(NOTHING, style="dim")
    return Text("\n").join(Text(line, style=style or ("red" if "refused" in line else "")) for line in lines)
