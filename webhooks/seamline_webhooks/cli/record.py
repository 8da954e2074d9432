"""``seamline record``: what was coordinated and decided, and whether it is all there and as it was written."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.lists import RECORD, make
from seamline_webhooks.cli.output import WANTING, document, line
from seamline_webhooks.cli.progress import Progress

app = make(RECORD, "What was coordinated and decided, chained by hashes.")
_HASH = re.compile("[0-9a-f]{64}")


@app.command()
def verify(
    kept: Annotated[str | None, typer.Option(help="A hash that was printed earlier and kept elsewhere.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Follow the chain of hashes from its beginning to its end, beside the ledger; exit 1 where an entry is changed or
    missing, or none has the hash that was kept."""
    from seamline_workers.store import record

    if kept is not None and _HASH.fullmatch(kept) is None:
        raise typer.BadParameter("write the 64 characters that verify printed", param_hint="--kept")
    noted = None if kept is None else bytes.fromhex(kept)
    progress = Progress("verifying", every=100_000, quiet=json)
    with store_of(configuration(config)) as store, store.read() as connection, progress:
        found = record.verify(connection, told=progress.tell, kept=noted)
    if json:
        document(found._asdict() | {"head": found.head.hex()})
    elif found.first_bad is not None:
        line(f"entry {found.first_bad} is not as it was written, or is missing; {found.entries} before it are good")
    elif found.unrecorded is not None:
        line(f"event {found.unrecorded} of the ledger is in no entry: the record is cut, or somebody wrote past it")
    elif found.kept is False:
        line(f"no entry has the hash {kept}: this is not the record that it was kept of, or its end is cut off")
    else:
        erased = f", {found.erased} of them erased" if found.erased else ""
        line(f"the record is whole: {found.entries} entries{erased}, the last has the hash {found.head.hex()}")
    if not found.ok:
        raise typer.Exit(WANTING)
