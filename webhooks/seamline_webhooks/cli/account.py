"""``seamline account``: one customer."""

from __future__ import annotations

import json as jsons
from typing import Annotated, Any

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.lists import (
    CursorOption,
    LimitOption,
    SeatOption,
    SinceOption,
    TypeOption,
    UntilOption,
    words,
)
from seamline_webhooks.cli.output import WANTING, document, fail, line, note, plain, table, whole
from seamline_webhooks.cli.server import Server, address, to_server

app = typer.Typer(help="One customer.", no_args_is_help=True)
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="An id, e-mail, phone, domain, or provider:kind:id.")]


@app.command()
def show(
    key: KeyArgument,
    type: TypeOption = None,
    seat: SeatOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 100,
    cursor: CursorOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show a customer and their timeline, oldest first."""
    from seamline_workers.clock import business_clock
    from seamline_workers.store.reading.accounts import show_account
    from seamline_workers.store.reading.query import Query
    from seamline_workers.store.reading.timeline import FILTERS, timeline

    found = configuration(config)
    asked = words(type=type, seat=seat, since=since, until=until, limit=str(limit), cursor=cursor)
    query = Query.read(asked, filters=FILTERS, prefix=found.company.event_prefix, now=business_clock()())
    with store_of(found) as store:
        try:
            account = show_account(store, key, unmasked=True)
        except LookupError as error:
            fail(WANTING, str(error))
        told = None if account is None else timeline(store, account["id"], query, unmasked=True)
    if account is None or told is None:
        fail(WANTING, f"nobody has the id or key {plain(key)}")
    if json:
        document({"account": account, **told})
        return
    whole(account)
    line("")
    columns = ("at", "kind", "seat", "text", "id")
    table(columns, ([dict(item)[column] for column in columns] for item in told["items"]))
    if told["next"]:
        note(f"there is more: --cursor {told['next']}")


@app.command()
@to_server
def tell(
    key: KeyArgument,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The type of a fact, such as relationship.ended.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Its data; a value is JSON, else text.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="When it happened (RFC 3339); else now.")] = None,
    *,
    server: Server,
) -> None:
    """State a fact about a customer, as the human behind the token."""
    body: dict[str, Any] = {"type": event, "data": dict(map(_field, fields or ()))}
    if at is not None:
        body["occurred_at"] = at
    server.carry_out(address("accounts", key, "events"), body)


@app.command()
@to_server
def settle(
    key: KeyArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Of an exit's checklist: pixel, campaign, invoice …")],
    reason: Annotated[str, typer.Option("--reason", help="Why: handed over, not ours, switched off by hand.")],
    *,
    server: Server,
) -> None:
    """Settle an item of a leaving customer's checklist by hand."""
    server.carry_out(address("accounts", key, "exit", item), {"reason": reason})


@app.command()
@to_server
def grade(
    snapshot: Annotated[str, typer.Argument(metavar="SNAPSHOT", help="The id of a metrics.snapshot.")],
    grade: Annotated[str, typer.Argument(metavar="GRADE", help="trusted, provisional or untrusted.")],
    reason: Annotated[str, typer.Option("--reason", help="Why its figures can be trusted, or cannot.")],
    *,
    server: Server,
) -> None:
    """Override how far a customer's figures can be trusted."""
    body = {"grade": grade, "reason": reason}
    server.carry_out(address("snapshots", snapshot, "grade"), body)


def _field(text: str) -> tuple[str, Any]:
    """A field as told: ``reason=moved on``, ``amount=1200``, ``signers=["Dana"]``."""
    name, given, value = text.partition("=")
    if not given:
        raise typer.BadParameter(f"write NAME=VALUE, not {plain(text)}")
    try:
        return name, jsons.loads(value)
    except ValueError:
        return name, value
