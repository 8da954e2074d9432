"""The root command, and how errors become exit codes."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from seamline.errors import SeamlineError
from seamline_webhooks.cli import (
    account,
    adapter,
    boundary,
    channels,
    check,
    database,
    drafts,
    folder,
    lists,
    mcp,
    pause,
    queue,
    record,
    replay,
    run,
    seats,
    send,
    tail,
    why,
)
from seamline_webhooks.cli.output import NOT_REACHABLE, WRONG_USE, fail


class Root(TyperGroup):
    """Turns our errors into a word on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except SeamlineError as error:
            fail(WRONG_USE, str(error))
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except Exception as error:
            if _is_store(error):
                # The class alone: a database error's text holds the values of its statement.
                reason = type(getattr(error, "orig", None) or error).__name__
                fail(NOT_REACHABLE, f"the store cannot be used ({reason}); see store.url, and whether it runs")
            raise


def _is_store(error: Exception) -> bool:
    return any(kind.__module__.startswith("sqlalchemy.") for kind in type(error).__mro__)


app = typer.Typer(
    cls=Root,
    name="seamline",
    help="Webhooks as customer lifecycle events, and the seats that handle them.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", is_eager=True, help="Say which version this is.")) -> None:
    if version:
        from importlib.metadata import version as of

        typer.echo(f"seamline {of('seamline')}")
        raise typer.Exit


app.command("init")(folder.init)
app.command("serve")(run.serve)
app.command("worker")(run.worker)
app.command("demo")(run.demo)
app.command("check")(check.check)
app.add_typer(database.app, name="db")
app.add_typer(adapter.app, name="adapters")
app.add_typer(adapter.app, name="adapter", hidden=True)
app.command("send")(send.send)
app.command("tail")(tail.tail)
app.add_typer(lists.deliveries, name="deliveries")
app.add_typer(lists.events, name="events")
app.add_typer(lists.handoffs, name="handoffs")
app.add_typer(lists.dead, name="dead")
app.add_typer(drafts.app, name="drafts")
app.add_typer(channels.app, name="channels")
app.add_typer(account.app, name="account")
app.add_typer(account.app, name="accounts", hidden=True)
app.add_typer(queue.tasks, name="tasks")
app.add_typer(queue.flags, name="flags")
app.add_typer(record.app, name="record")
app.command("replay")(replay.replay)
app.command("why")(why.why)
app.add_typer(boundary.app, name="boundary")
app.add_typer(seats.app, name="seats")
app.command("mcp")(mcp.mcp)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
