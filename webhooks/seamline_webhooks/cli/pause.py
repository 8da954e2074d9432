"""``seamline pause`` and ``resume``: what a source sends is taken in, and waits."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.output import WANTING, document, fail, line

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="The name of a source.")]


def pause(source: SourceArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Stop handing out a source's work; nothing is lost."""
    _set(source, "paused", config, json)


def resume(source: SourceArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Go on with a paused source."""
    _set(source, "active", config, json)


def _set(source: str, state: Literal["active", "paused"], config: ConfigOption, json: bool) -> None:
    from seamline_workers.desk.source import set_source
    from seamline_workers.refusal import NoSuch

    with store_of(configuration(config)) as store, store.begin() as connection:
        try:
            set_source(connection, source, state)
        except NoSuch as error:
            fail(WANTING, f"{error}; the first seamline serve enters those that are configured")
    if json:
        document({"name": source, "state": state})
    else:
        line(f"{source} is {state}")
