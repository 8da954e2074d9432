"""How far long work is: a bar on a terminal, plain lines elsewhere, on standard error."""

from __future__ import annotations

from seamline_webhooks.cli.output import note


class Progress:
    """A context in which ``tell`` is called as often as anything is known. ``quiet`` says nothing.

    ``every``: elsewhere than on a terminal there is a line whenever so many more are done.
    """

    def __init__(self, doing: str, *, total: int | None = None, every: int = 1, quiet: bool = False) -> None:
        self._every = every
        self._quiet = quiet
        self._next = every - 1
        self._bar = None
        if quiet:
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = Console(stderr=True)
        if console.is_terminal:
            self._bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console)
            self._task = self._bar.add_task(doing, total=total)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, done: int, total: int, doing: str = "") -> None:
        """So many of so many are done; ``doing`` says what is being done, where that has changed."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, description=doing or None)
        elif not self._quiet and done >= self._next:
            self._next = done + self._every
            note(f"{doing}: {done} of {total}" if doing else f"{done} of {total}")
