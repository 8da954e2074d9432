"""``seamline record``: what was coordinated and decided, and whether it is all there and as it was written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.lists import RECORD, make
from seamline_webhooks.cli.output import WANTING, document, line, note

app = make(RECORD, "What was coordinated and decided, chained by hashes.")


@app.command()
def verify(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Follow the chain of hashes from its beginning to its end; exit 1 where an entry is changed or missing."""
    from seamline_workers.store import record

    bar = nullcontext(_silent) if json else _progress()
    with store_of(configuration(config)) as store, store.read() as connection, bar as told:
        found = record.verify(connection, told=told)
    if json:
        document({"ok": found.ok, "entries": found.entries, "first_bad": found.first_bad})
    elif found.ok:
        line(f"the record is whole: {found.entries} entries, the last has the hash {found.head.hex()}")
    else:
        line(f"entry {found.first_bad} is not as it was written, or is missing; {found.entries} before it are good")
    if not found.ok:
        raise typer.Exit(WANTING)


def _silent(_done: int, _of: int) -> None:
    """Say nothing."""


class _progress:
    """A bar on a terminal; elsewhere a line every so many entries."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = Console(stderr=True)
        self._said = 0
        self._bar = None
        if console.is_terminal:
            self._bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console)
            self._task = self._bar.add_task("verifying", total=None)

    def __enter__(self) -> Callable[[int, int], None]:
        if self._bar is not None:
            self._bar.start()
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _tell(self, done: int, of: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=of)
        elif done - self._said >= 100_000:
            self._said = done
            note(f"{done} of {of}")
