"""``seamline tail``: events and handoffs as they come, from the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamline_webhooks.cli.company import ConfigOption, configuration, import_seats, store_of
from seamline_webhooks.cli.lists import AccountOption, SourceOption, TypeOption, words
from seamline_webhooks.cli.output import line, note, plain, record

if TYPE_CHECKING:
    from seamline_workers.store.reading.events import Wire
    from seamline_workers.store.reading.query import Query
    from seamline_workers.store.store import Store

#: Seconds between two looks at the store.
LOOK_S = 0.3
#: Handoffs that are watched until they end; beyond these the oldest are let go.
MOST_WATCHED = 2_000

ENDED = ("done", "dead", "cancelled")


def tail(
    since: Annotated[int | None, typer.Option(min=0, help="Begin after this sequence; else with what comes.")] = None,
    source: SourceOption = None,
    type: TypeOption = None,
    account: AccountOption = None,
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Follow events and handoffs until interrupted."""
    from seamline_workers.clock import business_clock
    from seamline_workers.store.reading.events import Wire, head
    from seamline_workers.store.reading.query import Query

    found = configuration(config)
    prefix = found.company.event_prefix
    asked = words(source=source, type=type, account=account, limit="500")
    query = Query.read(asked, prefix=prefix, now=business_clock()())
    with store_of(found) as store:
        import_seats(found)
        after = head(store) if since is None else since
        if not json:
            note(f"following from {after} on; end with Ctrl-C")
        try:
            for told in follow(store, after, query, Wire(prefix, unmasked=True)):
                if json:
                    record(told)
                else:
                    line(_line(told))
        except KeyboardInterrupt:
            return


def follow(store: Store, after: int, query: Query, wire: Wire) -> Iterator[dict[str, Any]]:
    """Events after a ledger number, and their handoffs whenever their state changes, for ever."""
    from seamline_workers.store.reading.events import feed

    watched: dict[str, str] = {}
    fresh: list[int] = []
    while True:
        events, after = feed(store, after, query, wire)
        for event in events:
            yield {"kind": "event", **event}
            fresh.append(int(event["sequence"]))
        yield from _changed(store, fresh, watched)
        fresh.clear()
        for key in list(watched)[: max(0, len(watched) - MOST_WATCHED)]:
            del watched[key]
        if not events:
            time.sleep(LOOK_S)


def _changed(store: Store, fresh: list[int], watched: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The handoffs of new events, and those watched ones that are in another state now."""
    from seamline_workers.store.reading.handoffs import handoffs_of, key_of_id

    keys = [key_of_id(key) for key in watched]
    for handoff in handoffs_of(store, {*fresh, *(key[0] for key in keys if key)}):
        key, state = handoff["id"], handoff["state"]
        new = int(key.split(".", 1)[0]) in fresh
        if (new or key in watched) and watched.get(key) != state:
            yield {"kind": "handoff", **handoff}
            watched[key] = state
        if state in ENDED:
            watched.pop(key, None)


def _line(told: dict[str, Any]) -> str:
    if told["kind"] == "event":
        parts = (told["time"], told["sequence"], told["type"], told.get("subject"), told["source"])
    else:
        why = f"({told['reason']})" if told["reason"] else ""
        parts = ("  " + told["id"], told["as"], told["type"], told["state"], why)
    return "  ".join(plain(part) for part in parts if part)
