"""``seamline seats``: the chart, and charts from and for elsewhere as OOS files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from seamline.errors import ConfigError
from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration
from seamline_webhooks.cli.output import document, line, table

app = typer.Typer(help="The seats of the company: its organisation chart.", no_args_is_help=True)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)]


@app.command("list")
def listed(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the seats: which face the customer, which are internal, and who answers to whom."""
    from seamline.chart import org_chart
    from seamline.map import boundary_map
    from seamline_workers.company.process import load_process

    chart = org_chart(boundary_map(load_process(configuration(config)).roster))
    if json:
        document(chart.model_dump(mode="json"))
        return
    columns = ("seat", "kind", "facing", "role", "reports_to")
    table(columns, ([seat.id, seat.kind, seat.facing, seat.role, seat.reports_to] for seat in chart.seats))


@app.command("export")
def exported(file: FileArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Write the chart as an OOS file: seats with their side and their gates, and what the boundary map claims."""
    from seamline.map import boundary_map
    from seamline.oos import write_oos
    from seamline_webhooks.mcp.view import slug_of
    from seamline_workers.company.process import load_process

    found = configuration(config)
    told = boundary_map(load_process(found).roster)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    _write(file, write_oos(told, slug=slug_of(found.company.name), generated_at=now))
    _said(json, file, [seat.id for seat in told.seats], [])


@app.command("import")
def imported(
    file: FileArgument,
    out: Annotated[Path, typer.Option(help="Where the seats are written; never over a file.")] = Path("seats.toml"),
    keep_contacts: Annotated[bool, typer.Option("--keep-contacts", help="Keep how people are reached.")] = False,
    json: JsonOption = False,
) -> None:
    """Write the seats of an OOS file as TOML for a human to complete. The company that runs is not changed."""
    from seamline.oos import LARGEST, read_oos, skeleton

    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    charted = read_oos(content, keep_contacts=keep_contacts)
    _write(out, skeleton(charted, file.name))
    left = [seat.name for seat in charted.seats if seat.facing == "unclassified"]
    _said(json, out, [seat.name for seat in charted.seats], left)


def _write(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises ConfigError."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already; name another file") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def _said(json: bool, path: Path, seats: list[str], left: list[str]) -> None:
    if json:
        document({"file": str(path), "seats": seats, "unclassified": left})
        return
    line(f"wrote {path}: {len(seats)} seats")
    for name in left:
        line(f"say of {name} whether it is customer_facing or internal_operations")
