"""``seamline db``: migrations."""

from __future__ import annotations

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, create_store, demand_file, store_of
from seamline_webhooks.cli.output import WANTING, document, line

app = typer.Typer(help="Migrations of the store.", no_args_is_help=True)


@app.command()
def upgrade(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Bring the store to the version that this program needs; makes an embedded one that is not there yet."""
    from seamline_workers.store.migrate import upgrade as migrate

    found = configuration(config)
    made = create_store(found)
    with store_of(found, behind=True) as store:
        before, after = migrate(store)
    if json:
        document({"before": None if made else before, "after": after})
    elif made:
        line(f"made the store {made}, version {after}")
    else:
        line(f"the store is at version {after}" + ("" if before == after else f", was {before or 'empty'}"))


@app.command()
def current(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say which version the store has, and which this program needs; exit 1 where they differ."""
    from seamline_workers.store.version import NEWEST
    from seamline_workers.store.version import current as of

    found = configuration(config)
    demand_file(found)
    with store_of(found, behind=True) as store:
        have, need = of(store), NEWEST
    if json:
        document({"current": have, "newest": need})
    else:
        line(f"the store has version {have or 'none'}, this program needs {need}")
    if have != need:
        raise typer.Exit(WANTING)
