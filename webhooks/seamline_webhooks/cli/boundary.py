"""``seamline boundary``: the boundary map that holds, what a changed one would change, and the COO's word for it."""

from __future__ import annotations

import json as jsons
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.output import WANTING, document, fail, line, plain
from seamline_webhooks.cli.server import Server, to_server

if TYPE_CHECKING:
    from seamline_workers.company.config import Config
    from seamline_workers.store.reading.shapes import Boundary

app = typer.Typer(help="Where agents run, where humans gate, and what happens at the seam.", no_args_is_help=True)


@app.command()
def show(
    stage: Annotated[str | None, typer.Option(help="Only what is about this stage.")] = None,
    opa: Annotated[bool, typer.Option("--opa", help="As data for Rego rules.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the map that holds."""
    from seamline.mapping import BoundaryMap

    told = _standing(configuration(config))["in_force"]
    if told is None:
        fail(WANTING, "no map holds yet; the first start proposes one: seamline serve")
    held = BoundaryMap.model_validate(told["map"])
    shown = held if stage is None else held.of_stage(stage)
    if json or opa:
        document(shown.to_opa_data() if opa else told | {"map": shown.model_dump(mode="json")})
        return
    line(f"version {told['sha256']}, confirmed by {told['confirmed_by']} at {told['confirmed_at']}")
    for name, section in (
        ("where agents run", shown.runs),
        ("where humans gate", shown.gates),
        ("what happens at the seam", (*shown.seams.handoffs, *shown.seams.priorities, *shown.seams.guards)),
        ("what is expected", shown.seams.expectations),
    ):
        line(f"\n{name}")
        for row in section:
            line(f"  {row.id}: {_words(row.model_dump(mode='json', exclude={'id'}, exclude_defaults=True))}")


@app.command()
def diff(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show what the map that waits would change; exit 1 where one waits."""
    told = _standing(configuration(config))
    waits = told["proposed"]
    if json:
        document({"proposed": None if waits is None else waits["sha256"], "diff": told["diff"]})
    elif waits is None:
        line("no map waits")
    else:
        line(f"version {waits['sha256']} waits since {waits['proposed_at']}")
        for change in told["diff"]:
            line(f"  {change['change']} {plain(change['row'])}{_fields(change)}")
    if waits is not None:
        raise typer.Exit(WANTING)


@app.command()
@to_server
def confirm(
    sha256: Annotated[str | None, typer.Argument(help="The version that you saw; else it is shown now.")] = None,
    *,
    server: Server,
) -> None:
    """Put the map that waits in force, as the COO."""
    version = sha256 or _seen(server.config, server.json)
    told = server.order("boundary/confirm", {"sha256": version})
    if server.json:
        document(told)
    else:
        line(f"version {plain(told['sha256'])} holds now, confirmed by {plain(told['confirmed_by'])}")


def _standing(config: Config) -> Boundary:
    from seamline_workers.outbound.boundary_reading import list_versions

    with store_of(config) as store:
        return list_versions(store)


def _seen(config: Config, json: bool) -> str:
    """Show what would change and ask: nobody confirms what they have not seen."""
    told = _standing(config)
    if told["proposed"] is None:
        fail(WANTING, "no map waits")
    version = told["proposed"]["sha256"]
    if json:
        fail(WANTING, f"say which map you saw: seamline boundary confirm {version}")
    for change in told["diff"]:
        line(f"{change['change']} {plain(change['row'])}{_fields(change)}")
    if not typer.confirm("Let this map hold?", err=True):
        raise typer.Exit
    return version


def _fields(change: dict[str, Any]) -> str:
    return "".join(
        f"\n    {name}: {_word(was)} -> {_word(now)}" for name, (was, now) in change.get("fields", {}).items()
    )


def _words(row: dict[str, Any]) -> str:
    return "; ".join(f"{name} {_word(value)}" for name, value in row.items() if value not in (None, "", [], {}))


def _word(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_word, value)) or "nothing"
    return plain(jsons.dumps(value, ensure_ascii=False)) if isinstance(value, dict) else plain(value) or "nothing"
