"""``seamline channels``: the ways out, which of them are paused, and going on with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of, whoami
from seamline_webhooks.cli.output import WANTING, document, fail, line, table

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from sqlalchemy import Connection

_COLUMNS = ("name", "adapter", "state", "due_at", "approved", "unknown", "pauses", "reason")
NameArgument = Annotated[str, typer.Argument(metavar="CHANNEL", help="The name of a channel.")]

app = typer.Typer(help="The ways out, and how sending by each goes.", no_args_is_help=True)


@app.command("list")
def every(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List them, by name."""
    from seamline_workers.store.reading.channels import list_channels

    found = configuration(config)
    with store_of(found) as store:
        shown = list_channels(store, {name: section.adapter for name, section in found.channels.items()})
    if json:
        document({"items": shown, "next": None})
    else:
        table(_COLUMNS, ([one[column] for column in _COLUMNS] for one in shown))  # type: ignore[literal-required]


@app.command()
def pause(channel: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Let nothing go out by a channel; what is approved waits."""
    from seamline_workers.desk.channel import pause_channel

    _order(channel, lambda connection, known: pause_channel(connection, known, channel, whoami()), config, json)


@app.command()
def resume(channel: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Go on with a channel; where it paused by itself, one text is tried at once."""
    from seamline_workers.desk.channel import resume_channel

    _order(channel, lambda connection, known: resume_channel(connection, known, channel), config, json)


def _order(name: str, work: Callable[[Connection, Container[str]], str], config: ConfigOption, json: bool) -> None:
    from seamline_workers.refusal import NoSuch
    from seamline_workers.store.reading.channels import list_channels

    found = configuration(config)
    adapters = {name: section.adapter for name, section in found.channels.items()}
    with store_of(found) as store:
        try:
            with store.begin() as connection:
                work(connection, adapters)
        except NoSuch as error:
            fail(WANTING, f"{error}; seamline channels list shows those that there are")
        one = next(one for one in list_channels(store, adapters) if one["name"] == name)
    if json:
        document(one)
    else:
        tried = "" if one["due_at"] is None else f"; one text is tried at {one['due_at']}"
        line(f"{name} is {one['state']}{tried}")
