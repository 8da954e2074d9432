"""The live table: what came in, what it became, what the seats did, and what the customer saw."""

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


@dataclass(frozen=True)
class Row:
    """One step: lines for each column. ``refused`` says that nothing was taken in."""

    came: Sequence[str]
    became: Sequence[str] = ()
    seats: Sequence[str] = ()
    customer: Sequence[str] = ()
    refused: bool = False


class Story:
    """A table that grows while its story is played; a context manager. Without a terminal it is printed at the end."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._table = Table(title=title, title_justify="left", title_style="bold", show_lines=True, expand=True)
        for heading, ratio in (
            ("came in", 5),
            ("became", 4),
            ("what the seats did", 6),
            ("what the customer saw", 3),
        ):
            self._table.add_column(heading, ratio=ratio, overflow="fold")
        self._live = Live(self._table, console=console, auto_refresh=False, vertical_overflow="visible")

    def __enter__(self) -> Story:
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
        self._table.add_row(came, _lines(row.became), _lines(row.seats), _lines(row.customer, "bold green"))
        if self._console.is_terminal:
            self._live.refresh()


def _lines(lines: Sequence[str], style: str = "") -> Text:
    if not lines:
        return Text(NOTHING, style="dim")
    return Text("\n").join(Text(line, style=style or ("red" if "refused" in line else "")) for line in lines)
