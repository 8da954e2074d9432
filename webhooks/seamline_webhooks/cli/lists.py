"""``seamline deliveries|events|handoffs|dead``: lists and single things, as the API gives them, from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, import_seats, store_of, whoami
from seamline_webhooks.cli.output import WANTING, document, fail, note, plain, shown, table

if TYPE_CHECKING:
    from seamline_workers.store.reading.query import Query
    from seamline_workers.store.store import Store

SourceOption = Annotated[str | None, typer.Option("--source", help="The name of a source.")]
TypeOption = Annotated[
    str | None, typer.Option("--type", help="An event type, with or without prefix and version, or a glob.")
]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="An id, e-mail, phone, domain, or provider:kind:id.")
]
SeatOption = Annotated[str | None, typer.Option("--seat", help="The name of a seat.")]
StateOption = Annotated[str | None, typer.Option("--state", help="A state.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="Inclusive: RFC 3339, or a span such as 2h or 7d.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Exclusive: RFC 3339, or a span such as 2h or 7d.")]
LimitOption = Annotated[int, typer.Option("--limit", help="At most so many, up to 1000.")]
CursorOption = Annotated[str | None, typer.Option("--cursor", help="`next` of the page before.")]


@dataclass(frozen=True)
class Listed:
    """How a list is read and printed. ``fixed`` are filters that always hold; ``filters`` those that it knows."""

    noun: str
    columns: Sequence[str]
    read: Callable[[Store, Query, str], Any]
    one: Callable[[Store, str, str], Any]
    states: Callable[[], Sequence[str]]
    fixed: Mapping[str, str]
    filters: Sequence[str] = ("source", "type", "account", "seat", "state", "since", "until")
    #: Whether its rows are dated by the wall clock, as what the machine does is.
    wall: bool = False


def _deliveries(store: Store, query: Query, _prefix: str) -> Any:
    from seamline_workers.store.reading.deliveries import list_deliveries

    return list_deliveries(store, query)


def _delivery(store: Store, key: str, _prefix: str) -> Any:
    from seamline_workers.store.reading.deliveries import show_delivery

    return show_delivery(store, key, unmasked=True)


def _delivery_states() -> Sequence[str]:
    from seamline_workers.store.schema import DELIVERY_STATES

    return DELIVERY_STATES


def _events(store: Store, query: Query, prefix: str) -> Any:
    from seamline_workers.store.reading.events import Wire, list_events

    return list_events(store, query, Wire(prefix, unmasked=True))


def _event(store: Store, key: str, prefix: str) -> Any:
    from seamline_workers.store.reading.events import Wire, show_event

    return show_event(store, key, Wire(prefix, unmasked=True))


def _handoffs(store: Store, query: Query, _prefix: str) -> Any:
    from seamline_workers.store.reading.handoffs import list_handoffs

    return list_handoffs(store, query)


def _handoff(store: Store, key: str, _prefix: str) -> Any:
    from seamline_workers.store.reading.handoffs import show_handoff

    return show_handoff(store, key)


def _handoff_states() -> Sequence[str]:
    from seamline_workers.store.reading.handoffs import STATES

    return STATES


def _record(store: Store, query: Query, _prefix: str) -> Any:
    from seamline_workers.store.reading.record import list_record

    return list_record(store, query, unmasked=True)


def _entry(store: Store, key: str, _prefix: str) -> Any:
    from seamline_workers.store.reading.record import show_entry

    return show_entry(store, key, unmasked=True)


_HANDOFF_COLUMNS = ("id", "type", "seat", "as", "account", "state", "attempts", "due_at", "reason")
DELIVERIES = Listed(
    "delivery",
    ("id", "source", "state", "received_at", "key", "size", "duplicates", "reason"),
    _deliveries,
    _delivery,
    _delivery_states,
    {},
)
EVENTS = Listed(
    "event", ("sequence", "time", "type", "subject", "source", "trust", "id"), _events, _event, _handoff_states, {}
)
HANDOFFS = Listed("handoff", _HANDOFF_COLUMNS, _handoffs, _handoff, _handoff_states, {}, wall=True)
DEAD = replace(HANDOFFS, noun="dead handoff", fixed={"state": "dead"})
RECORD = Listed(
    "recorded entry", ("seq", "at", "by", "action", "subject", "decision", "map_row", "cause"), _record, _entry,
    lambda: (), {},
)  # fmt: skip


def make(listed: Listed, text: str) -> typer.Typer:
    """The commands ``list`` and ``show`` of a noun."""
    app = typer.Typer(help=text, no_args_is_help=True)

    def every(
        source: SourceOption = None,
        type: TypeOption = None,
        account: AccountOption = None,
        seat: SeatOption = None,
        state: StateOption = None,
        since: SinceOption = None,
        until: UntilOption = None,
        limit: LimitOption = 100,
        cursor: CursorOption = None,
        config: ConfigOption = None,
        json: JsonOption = False,
    ) -> None:
        """List them, newest first."""
        from seamline_workers.clock import business_clock
        from seamline_workers.store.reading.query import Query
        from seamline_workers.store.store import now_us

        found = configuration(config)
        asked = words(
            source=source, type=type, account=account, seat=seat, state=state, since=since, until=until,
            limit=str(limit), cursor=cursor,
        ) | dict(listed.fixed)  # fmt: skip
        prefix = found.company.event_prefix
        now = now_us() if listed.wall else business_clock()()
        query = Query.read(asked, filters=listed.filters, states=listed.states(), prefix=prefix, now=now)
        with store_of(found) as store:
            _with_types(found, listed)
            page = listed.read(store, query, prefix)
        if json:
            document(page)
            return
        table(listed.columns, ([_cell(item, column) for column in listed.columns] for item in page["items"]))
        if page["next"]:
            note(f"there are more: --cursor {page['next']}")

    def one(
        key: Annotated[str, typer.Argument(metavar="ID")], config: ConfigOption = None, json: JsonOption = False
    ) -> None:
        """Show one of them, whole."""
        found = configuration(config)
        with store_of(found) as store:
            _with_types(found, listed)
            thing = listed.one(store, key, found.company.event_prefix)
        if thing is None or any(thing.get(name) != value for name, value in listed.fixed.items()):
            fail(WANTING, f"there is no {listed.noun} {plain(key)}")
        shown(thing, json)

    app.command("list")(every)
    app.command("show")(one)
    return app


def _cell(item: Mapping[str, Any], column: str) -> Any:
    if column == "by":
        return f"{item['actor']['kind']} {item['actor']['id']}"
    return item.get(column)


def words(**given: str | None) -> dict[str, str]:
    """What was said of a list's parameters; what was left out is not there."""
    return {name: word for name, word in given.items() if word is not None}


def _with_types(config: Any, listed: Listed) -> None:
    if listed in (EVENTS, RECORD):
        import_seats(config)


deliveries = make(DELIVERIES, "Authentic requests as received.")
events = make(EVENTS, "The ledger.")
handoffs = make(HANDOFFS, "Events given to seats, and where each stands.")


@handoffs.command()
def cancel(
    key: Annotated[str, typer.Argument(metavar="ID", help="As `seamline handoffs list` shows it, such as 42.sales.")],
    reason: Annotated[str, typer.Option("--reason", help="Why nobody wants it any more.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Call a handoff off: what waits, fails or is put aside is over, and those behind it go on."""
    from seamline_workers.clock import business_clock
    from seamline_workers.refusal import Conflict, NoSuch
    from seamline_workers.store.handoffs import cancel_handoff
    from seamline_workers.store.store import now_us

    if not reason.strip():
        raise typer.BadParameter("--reason: say why")
    with store_of(configuration(config)) as store:
        try:
            with store.begin() as connection:
                now, why = business_clock()(), reason.strip()
                cancel_handoff(connection, key, by=whoami(), now=now, wall=now_us(), reason=why)
        except (Conflict, NoSuch) as error:
            fail(WANTING, str(error))
        shown(dict(_handoff(store, key, "")), json)


dead = make(DEAD, "Handoffs that were given up; run them again with: seamline replay.")
