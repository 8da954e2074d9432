"""``seamline record``: what was coordinated and decided, and whether it is all there and as it was written."""

from __future__ import annotations

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.lists import RECORD, make
from seamline_webhooks.cli.output import WANTING, document, line
from seamline_webhooks.cli.progress import Progress

app = make(RECORD, "What was coordinated and decided, chained by hashes.")


@app.command()
def verify(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Follow the chain of hashes from its beginning to its end; exit 1 where an entry is changed or missing."""
    from seamline_workers.store import record

    progress = Progress("verifying", every=100_000, quiet=json)
    with store_of(configuration(config)) as store, store.read() as connection, progress:
        found = record.verify(connection, told=progress.tell)
    if json:
        document({"ok": found.ok, "entries": found.entries, "first_bad": found.first_bad})
    elif found.ok:
        line(f"the record is whole: {found.entries} entries, the last has the hash {found.head.hex()}")
    else:
        line(f"entry {found.first_bad} is not as it was written, or is missing; {found.entries} before it are good")
    if not found.ok:
        raise typer.Exit(WANTING)
