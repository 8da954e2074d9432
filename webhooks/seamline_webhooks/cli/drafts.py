"""``seamline drafts``: what waits for a human. Lists read the store; decisions speak HTTP, with the human's token."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamline.errors import ConfigError
from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.lists import (
    AccountOption,
    Listed,
    SeatOption,
    SinceOption,
    UntilOption,
    make,
    words,
)
from seamline_webhooks.cli.order import TokenOption, UrlOption, address, order
from seamline_webhooks.cli.output import DONE, WANTING, document, fail, line, note, plain, table, whole

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
def approve(
    key: Id,
    sha256: Annotated[str | None, typer.Option(help="Of the text that you saw; without it, it is shown now.")] = None,
    yes_both: Annotated[bool, typer.Option("--yes-both", help="The customer gets this and what conflicts.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="I know enough without what its author missed.")] = False,
    pick: Annotated[list[str] | None, typer.Option(help="METRIC=VALUE: the number that holds.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for the time that its author named.")] = False,
    remark: Annotated[str | None, typer.Option("--note", help="Why.")] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Approve exactly the text that was seen, for sending."""
    found = configuration(config)
    confirm = [word for word, said in (("conflicts", yes_both), ("missing", missing)) if said]
    body: dict[str, Any] = {
        "sha256": sha256 or _seen(found, key),
        "confirm": confirm,
        "picks": dict(_pick(one) for one in pick or ()),
        "now": now,
    }
    body |= {} if remark is None else {"note": remark}
    _decide(found, url, token, key, "approve", body, json)


@app.command()
def edit(
    key: Id,
    subject: Annotated[str | None, typer.Option(help="Another subject.")] = None,
    body: Annotated[str | None, typer.Option(help="Another text; @FILE is a file, - standard input.")] = None,
    to: Annotated[list[str] | None, typer.Option(help="Another recipient; several times for several.")] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write a draft anew; without any change: it stands, having read what is new."""
    given = {"subject": subject, "body": None if body is None else _text(body), "recipients": to or None}
    wanted = {name: value for name, value in given.items() if value is not None}
    _decide(configuration(config), url, token, key, "edit", wanted, json)


@app.command()
def reject(
    key: Id,
    reason: Annotated[str, typer.Option(help="Why.")],
    url: UrlOption = None,
    token: TokenOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Decide that a draft is never sent."""
    _decide(configuration(config), url, token, key, "reject", {"reason": reason}, json)


@app.command()
def snooze(
    key: Id,
    until: Annotated[str, typer.Option(help="RFC 3339, such as 2026-11-22T09:00:00Z.")],
    url: UrlOption = None,
    token: TokenOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Put a draft aside until a time before it lapses."""
    _decide(configuration(config), url, token, key, "snooze", {"until": until}, json)


@app.command()
def resolve(
    key: Id,
    result: Annotated[str, typer.Option(help="sent or failed.")],
    reason: Annotated[str, typer.Option(help="How you know.")],
    url: UrlOption = None,
    token: TokenOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what became of a sending that nobody knows the end of."""
    wanted = {"result": result, "reason": reason}
    _decide(configuration(config), url, token, key, "resolve", wanted, json)


@app.command("resolve-all")
def resolve_all(
    result: Annotated[str, typer.Option(help="sent or failed.")],
    reason: Annotated[str, typer.Option(help="How you know.")],
    channel: Annotated[str | None, typer.Option(help="Only those of this channel.")] = None,
    account: AccountOption = None,
    seat: SeatOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not show them and ask.")] = False,
    url: UrlOption = None,
    token: TokenOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say the same of all sendings that are unknown, such as those that an outage left."""
    found = configuration(config)
    chosen = _unknown(found, channel, words(account=account, seat=seat, since=since, until=until))
    if chosen and not yes:
        if not sys.stdin.isatty():
            raise ConfigError("--yes: say that you saw them; `seamline drafts list --state unknown` shows them")
        table(_COLUMNS, ([one[column] for column in _COLUMNS] for one in chosen))
        if not typer.confirm(f"Are all of these {result}?", err=True):
            raise typer.Exit(DONE)
    ids, resolved, left = [one["id"] for one in chosen], list[str](), list[Any]()
    for n in range(0, len(ids), _MOST):
        body = {"ids": ids[n : n + _MOST], "result": result, "reason": reason}
        told = order(url or found.company.public_url, token, "drafts/resolve", body)
        resolved += told["resolved"]
        left += told["left"]
    if json:
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


def _decide(
    config: Config, url: str | None, token: str | None, key: str, action: str, body: dict[str, Any], as_json: bool
) -> None:
    """Order it at the server, and say how the draft stands afterwards."""
    draft = order(url or config.company.public_url, token, address("drafts", key, action), body)
    if as_json:
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
