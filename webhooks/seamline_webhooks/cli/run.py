"""``seamline serve``, ``worker`` and ``demo``: what goes on until it is ended."""

from __future__ import annotations

from typing import Annotated

import typer

from seamline.errors import ConfigError
from seamline_webhooks.cli.company import ConfigOption, configuration, create_store, demand_file
from seamline_webhooks.cli.output import note


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8000,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Start a worker too; both end together.")] = True,
    config: ConfigOption = None,
) -> None:
    """Serve the front door, the API, health and metrics, with a worker beside them."""
    from seamline_webhooks.serve import serve as run

    found = configuration(config)
    if made := create_store(found):
        note(f"made the store {made}")
    raise typer.Exit(run(found.path, host=host, port=port, with_worker=worker))


def worker(
    processes: Annotated[int | None, typer.Option(min=1, max=64, help="As configured where nothing is said.")] = None,
    threads: Annotated[int | None, typer.Option(min=3, max=256, help="As configured where nothing is said.")] = None,
    seats: Annotated[str | None, typer.Option(help="Only these seats, separated by commas.")] = None,
    config: ConfigOption = None,
) -> None:
    """Translate deliveries and run handoffs, until ended."""
    from seamline_workers.company.process import load_process
    from seamline_workers.running.worker import run_processes, run_worker

    found = configuration(config)
    demand_file(found)
    wanted = [name.strip() for name in seats.split(",") if name.strip()] if seats else None
    if wanted is not None:
        process = load_process(found)
        for name in wanted if process.routed else ():
            process.roster.seat(name)
    many = processes or found.worker.processes
    if many == 1:
        raise typer.Exit(run_worker(found.path, threads=threads, seats=wanted))
    arguments = [*(("--threads", str(threads)) if threads else ()), *(("--seats", seats) if seats else ())]
    raise typer.Exit(run_processes(found.path, many, arguments))


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it is served; 0 takes any free one.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="Play to the end; exit 0 only if all was as expected.")] = False,
    story: Annotated[int | None, typer.Option(min=1, help="Play only the story of this number.")] = None,
    name: Annotated[str, typer.Option(help="Which example company.")] = "agency",
) -> None:
    """Run an example company on an embedded store, with simulated providers that send real, signed HTTP."""
    from importlib.metadata import entry_points

    found = {entry.name: entry for entry in entry_points(group="seamline.demo")}
    if name not in found:
        raise ConfigError(f"there is no demo {name!r}; there are: {', '.join(sorted(found)) or 'none'}")
    raise typer.Exit(int(found[name].load()(port=port, once=once, story=story) or 0))
