"""``seamline account``: one customer."""

from __future__ import annotations

from typing import Annotated

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.lists import (
    CursorOption,
    LimitOption,
    SeatOption,
    SinceOption,
    TypeOption,
    UntilOption,
    whole,
)
from seamline_webhooks.cli.output import WANTING, document, fail, line, note, plain, table

app = typer.Typer(help="One customer.", no_args_is_help=True)


@app.callback()
def _only() -> None:
    """One customer."""


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="An id, e-mail, phone, domain, or provider:kind:id.")],
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
    from seamline_workers.store.reading.accounts import show_account
    from seamline_workers.store.reading.query import Query
    from seamline_workers.store.reading.timeline import FILTERS, timeline
    from seamline_workers.store.store import now_us

    found = configuration(config)
    given = {"type": type, "seat": seat, "since": since, "until": until, "limit": str(limit), "cursor": cursor}
    words = {name: word for name, word in given.items() if word is not None}
    query = Query.read(words, filters=FILTERS, prefix=found.company.event_prefix, now=now_us())
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
