"""``seamline drafts``: what waits for a human. Lists read the store; decisions speak HTTP, with the human's token."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamline.errors import ConfigError
from seamline_webhooks.cli.company import store_of
from seamline_webhooks.cli.lists import (
    AccountOption,
    Listed,
    SeatOption,
    SinceOption,
    UntilOption,
    make,
    words,
)
from seamline_webhooks.cli.output import DONE, WANTING, document, fail, line, note, plain, table, whole
from seamline_webhooks.cli.server import Server, address, to_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seamline_workers.company.config import Config
    from seamline_workers.store.reading.query import Query
    from seamline_workers.store.store import Store

#: Drafts that one order resolves.
_MOST = 50

Id = Annotated[str, typer.Argument(metavar="ID")]


def _list(store: Store, query: Query, _prefix: str) -> Any:
    from seamline_workers.clock import business_clock
    from seamline_workers.store.reading.drafts import list_drafts

    return list_drafts(store, query, unmasked=True, now=business_clock()())


def _one(store: Store, key: str, _prefix: str) -> Any:
    from seamline_workers.clock import business_clock
    from seamline_workers.store.reading.drafts import show_draft

    return show_draft(store, key, unmasked=True, now=business_clock()())


def _states() -> Sequence[str]:
    from seamline_workers.store.reading.drafts import STATES

    return STATES


_COLUMNS = ("id", "state", "due_at", "seat", "channel", "audience", "recipients", "subject", "conflicts", "account")
app = make(Listed("draft", _COLUMNS, _list, _one, _states, {}), "Texts that wait for a human, by due time.")


@app.command()
@to_server
def approve(
    key: Id,
    sha256: Annotated[str | None, typer.Option(help="Of the text that you saw; without it, it is shown now.")] = None,
    yes_both: Annotated[bool, typer.Option("--yes-both", help="The customer gets this and what conflicts.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="I know enough without what its author missed.")] = False,
    pick: Annotated[list[str] | None, typer.Option(help="METRIC=VALUE: the number that holds.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for the time that its author named.")] = False,
    remark: Annotated[str | None, typer.Option("--note", help="Why.")] = None,
    *,
    server: Server,
) -> None:
    """Approve exactly the text that was seen, for sending."""
    confirm = [word for word, said in (("conflicts", yes_both), ("missing", missing)) if said]
    body: dict[str, Any] = {
        "sha256": sha256 or _seen(server.config, key),
        "confirm": confirm,
        "picks": dict(_pick(one) for one in pick or ()),
        "now": now,
    }
    body |= {} if remark is None else {"note": remark}
    _decide(server, key, "approve", body)


@app.command()
@to_server
def edit(
    key: Id,
    subject: Annotated[str | None, typer.Option(help="Another subject.")] = None,
    body: Annotated[str | None, typer.Option(help="Another text; @FILE is a file, - standard input.")] = None,
    to: Annotated[list[str] | None, typer.Option(help="Another recipient; several times for several.")] = None,
    *,
    server: Server,
) -> None:
    """Write a draft anew; without any change: it stands, having read what is new."""
    given = {"subject": subject, "body": None if body is None else _text(body), "recipients": to or None}
    wanted = {name: value for name, value in given.items() if value is not None}
    _decide(server, key, "edit", wanted)


@app.command()
@to_server
def reject(
    key: Id,
    reason: Annotated[str, typer.Option(help="Why.")],
    *,
    server: Server,
) -> None:
    """Decide that a draft is never sent."""
    _decide(server, key, "reject", {"reason": reason})


@app.command()
@to_server
def snooze(
    key: Id,
    until: Annotated[str, typer.Option(help="RFC 3339, such as 2026-11-22T09:00:00Z.")],
    *,
    server: Server,
) -> None:
    """Put a draft aside until a time before it lapses."""
    _decide(server, key, "snooze", {"until": until})


@app.command()
@to_server
def resolve(
    key: Id,
    result: Annotated[str, typer.Option(help="sent or failed.")],
    reason: Annotated[str, typer.Option(help="How you know.")],
    *,
    server: Server,
) -> None:
    """Say what became of a sending that is unknown, or of an approved text that is not to be sent from here."""
    wanted = {"result": result, "reason": reason}
    _decide(server, key, "resolve", wanted)


@app.command("resolve-all")
@to_server
def resolve_all(
    result: Annotated[str, typer.Option(help="sent or failed.")],
    reason: Annotated[str, typer.Option(help="How you know.")],
    channel: Annotated[str | None, typer.Option(help="Only those of this channel.")] = None,
    account: AccountOption = None,
    seat: SeatOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not show them and ask.")] = False,
    *,
    server: Server,
) -> None:
    """Say the same of all sendings that are unknown, such as those that an outage left."""
    chosen = _unknown(server.config, channel, words(account=account, seat=seat, since=since, until=until))
    if chosen and not yes:
        if not sys.stdin.isatty():
            raise ConfigError("--yes: say that you saw them; `seamline drafts list --state unknown` shows them")
        table(_COLUMNS, ([one[column] for column in _COLUMNS] for one in chosen))
        if not typer.confirm(f"Are all of these {result}?", err=True):
            raise typer.Exit(DONE)
    ids, resolved, left = [one["id"] for one in chosen], list[str](), list[Any]()
    for n in range(0, len(ids), _MOST):
        body = {"ids": ids[n : n + _MOST], "result": result, "reason": reason}
        told = server.order("drafts/resolve", body)
        resolved += told["resolved"]
        left += told["left"]
    if server.json:
        document({"resolved": resolved, "left": left})
    else:
        line(f"{len(resolved)} are {plain(result)}")
        for one in left:
            note(f"draft {plain(one['id'])}: {plain(one['detail'])} [{plain(one['code'])}]")
    if left:
        raise typer.Exit(WANTING)


def _unknown(config: Config, channel: str | None, filters: dict[str, str]) -> list[Any]:
    """Every draft that is unknown, as it is listed."""
    from seamline_workers.clock import business_clock
    from seamline_workers.store.reading.drafts import FILTERS
    from seamline_workers.store.reading.query import Query

    found, asked = list[Any](), {**filters, "state": "unknown", "limit": "1000"}
    with store_of(config) as store:
        while True:
            query = Query.read(asked, filters=FILTERS, states=_states(), prefix="", now=business_clock()())
            page = _list(store, query, "")
            found += [one for one in page["items"] if channel in (None, one["channel"])]
            if page["next"] is None:
                return found
            asked["cursor"] = page["next"]


def _decide(server: Server, key: str, action: str, body: dict[str, Any]) -> None:
    """Order it at the server, and say how the draft stands afterwards."""
    draft = server.order(address("drafts", key, action), body)
    if server.json:
        document(draft)
    else:
        line(f"draft {plain(draft.get('id'))} is {plain(draft.get('state'))}")


def _seen(config: Config, key: str) -> str:
    """Show a draft whole and ask about it. Returns the digest of what was shown."""
    if not sys.stdin.isatty():
        raise ConfigError("--sha256: say which text you saw; `seamline drafts show` tells its sha256")
    with store_of(config) as store:
        draft = _one(store, key, "")
    if draft is None:
        fail(WANTING, f"there is no draft {plain(key)}")
    whole(draft)
    note("")
    if not typer.confirm("Send exactly this?", err=True):
        raise typer.Exit(DONE)
    return str(draft["sha256"])


def _pick(words: str) -> tuple[str, float]:
    metric, _, value = words.partition("=")
    try:
        return metric.strip(), float(value)
    except ValueError:
        raise ConfigError("--pick: write METRIC=VALUE, such as leads=42") from None


def _text(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    if not given.startswith("@"):
        return given
    try:
        with open(given[1:], encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"--body: the file {given[1:]} cannot be read as UTF-8") from None
