"""The lists of the API, and their single things: one table row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath

from seamline.events.base import STAGES
from seamline_webhooks.api.context import Actor, Api
from seamline_webhooks.api.problem import Problem, documented
from seamline_workers.outbound import boundary_reading as boundary
from seamline_workers.store.reading import (
    accounts,
    channels,
    deadlines,
    deliveries,
    drafts,
    events,
    flags,
    handoffs,
    items,
    messages,
    record,
    replays,
    seats,
    shapes,
    sources,
    tasks,
    timeline,
)
from seamline_workers.store.reading.query import FILTERS, Query
from seamline_workers.store.schema import DELIVERY_STATES
from seamline_workers.store.store import now_us

AnyRequest = Request[Actor, Any, Any]


@dataclass(frozen=True)
class Noun:
    """One list: what it takes, and how it is read."""

    name: str
    shape: Any
    page: Any
    all: Callable[[Api, Actor, Query], Any]
    one: Callable[[Api, Actor, str], Any]
    filters: Sequence[str] = FILTERS
    states: Sequence[str] = ()
    says: str = ""
    #: Whether its rows are dated by the wall clock, as what the machine does is.
    wall: bool = False


_WHEN = "RFC 3339, or a span back from now such as 2h or 7d"
_TIME = r"^([0-9]{1,6}[smhdw]|[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?)$"
#: A feed's ``since`` may be a sequence too.
_AFTER = _TIME.replace("^(", "^([0-9]{1,18}|")
#: What each parameter of a list means.
PARAMETERS = {
    "source": "the name of a source",
    "type": "an event type, with or without prefix and version, or a glob such as proposal.*",
    "account": "an account's id, e-mail address, phone, domain, or provider:kind:id",
    "seat": "the name of a seat",
    "state": "a state",
    "since": f"inclusive: {_WHEN}",
    "until": f"exclusive: {_WHEN}",
    "limit": "items of a page, 1 to 1000; 100 where nothing is said",
    "cursor": "`next` of the page before",
}


def parameters(names: Sequence[str], states: Sequence[str], *, feed: bool = False) -> list[Parameter]:
    """The parameters of a query, for the OpenAPI document."""
    found = []
    for name in names:
        schema = Schema(type=OpenAPIType.STRING)
        if name == "limit":
            schema = Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=1000, default=100)
        elif name in ("since", "until"):
            schema = Schema(type=OpenAPIType.STRING, pattern=_AFTER if feed and name == "since" else _TIME)
        elif name == "state" and states:
            schema = Schema(type=OpenAPIType.STRING, enum=list(states))
        found.append(Parameter(name=name, param_in="query", description=PARAMETERS[name], schema=schema))
    return found


def described(names: Sequence[str], states: Sequence[str], *, feed: bool = False) -> type[Operation]:
    """The class of operations whose parameters are these: how Litestar takes parameters that no signature names."""

    @dataclass
    class WithParameters(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or ()), *parameters(names, states, feed=feed)]

    return WithParameters


def read_query(
    request: AnyRequest, api: Api, filters: Sequence[str], states: Sequence[str] = (), *, wall: bool = False
) -> Query:
    """The query of a list; ``wall``: of what is dated by the wall clock. Raises InvalidQuery and Problem."""
    now = now_us() if wall else api.clock()
    return Query.read(single(request), filters=filters, states=states, prefix=api.prefix, now=now)


def single(request: AnyRequest) -> dict[str, str]:
    """The query's words, each given once. Raises Problem."""
    words: dict[str, str] = {}
    twice = []
    for name, word in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in words:
            twice.append({"path": name, "message": "is given twice"})
        words[name] = word
    if twice:
        raise Problem("invalid", "Mend the parameters that are named under errors.", twice)
    return words


def nothing_asked(request: AnyRequest) -> None:
    """Raise Problem where a route without parameters is given some."""
    unknown = [{"path": name, "message": "is not known here; there are none"} for name in single(request)]
    if unknown:
        raise Problem("invalid", "Leave out the parameters that are named under errors.", unknown)


def found(noun: str, id: str, thing: Any) -> Any:
    """The thing. Raises Problem where there is none."""
    if thing is None:
        raise Problem("not-found", f"There is no {noun} {id[:100]}; GET /api/v1/{noun} lists what there is.")
    return thing


def list_routes(api: Api) -> list[HTTPRouteHandler]:
    """GET of every list, of every single thing, and of an account's timeline."""
    return [*(route for noun in NOUNS for route in (_list(api, noun), _show(api, noun))), _timeline(api)]


def _list(api: Api, noun: Noun) -> HTTPRouteHandler:
    def read(request: AnyRequest) -> dict[str, Any]:
        query = read_query(request, api, noun.filters, noun.states, wall=noun.wall)
        found: dict[str, Any] = noun.all(api, request.user, query)
        return found

    return get(
        f"/{noun.name}",
        operation_id=f"list_{noun.name}",
        operation_class=described((*noun.filters, "limit", "cursor"), noun.states),
        summary=f"List {noun.name}",
        description=noun.says or None,
        responses={200: ResponseSpec(data_container=noun.page, description="one page"), **documented(400, 401)},
        tags=[noun.name],
        sync_to_thread=True,
    )(read)


def _show(api: Api, noun: Noun) -> HTTPRouteHandler:
    def read(request: AnyRequest, id: FromPath[str]) -> dict[str, Any]:
        nothing_asked(request)
        return dict(found(noun.name, id, noun.one(api, request.user, id)))

    return get(
        f"/{noun.name}/{{id:str}}",
        operation_id=f"show_{noun.name}",
        summary=f"Show one of {noun.name}",
        responses={200: ResponseSpec(data_container=noun.shape, description="the thing"), **documented(400, 401, 404)},
        tags=[noun.name],
        sync_to_thread=True,
    )(read)


def _timeline(api: Api) -> HTTPRouteHandler:
    def read(request: AnyRequest, id: FromPath[str]) -> dict[str, Any]:
        query, actor = read_query(request, api, timeline.FILTERS), request.user
        shown = timeline.timeline(api.store, id, query, unmasked=actor.unmasked)
        return dict(found("accounts", id, shown))

    return get(
        "/accounts/{id:str}/timeline",
        operation_id="account_timeline",
        operation_class=described((*timeline.FILTERS, "limit", "cursor"), ()),
        summary="An account's timeline, oldest first",
        responses={
            200: ResponseSpec(data_container=shapes.Page[shapes.TimelineItem], description="one page"),
            **documented(400, 401, 404),
        },
        tags=["accounts"],
        sync_to_thread=True,
    )(read)


def _account(api: Api, actor: Actor, key: str) -> Any:
    try:
        return accounts.show_account(api.store, key, unmasked=actor.unmasked)
    except LookupError as error:
        raise Problem("conflict", str(error)) from None


def _named(rows: Sequence[Any], name: str) -> Any:
    return next((row for row in rows if row["name"] == name), None)


def _whole(rows: Sequence[Any], query: Query) -> Any:
    # There are as many as somebody wrote into a configuration: one page, by name.
    matching = [row for row in rows if query.state in (None, row.get("state"))]
    return {"items": matching, "next": None}


def _sources(api: Api) -> list[shapes.Source]:
    return sources.list_sources(api.store, api.described(), now=api.clock(), wall=now_us())


def _channels(api: Api) -> list[shapes.Channel]:
    adapters = {name: channel.adapter.name for name, channel in api.outbound.channels.items()}
    return channels.list_channels(api.store, adapters)


def _seats(api: Api) -> list[shapes.Seat]:
    return seats.list_seats(api.store, api.roster.seats)


NOUNS: tuple[Noun, ...] = (
    Noun(
        "deliveries",
        shapes.Delivery,
        shapes.Page[shapes.Delivery],
        lambda api, _actor, query: deliveries.list_deliveries(api.store, query),
        lambda api, actor, key: deliveries.show_delivery(api.store, key, unmasked=actor.unmasked),
        states=DELIVERY_STATES,
        says="Authentic requests as received. `type`, `account` and `seat` are about the events that they became.",
    ),
    Noun(
        "items",
        shapes.Item,
        shapes.Page[shapes.Item],
        lambda api, _actor, query: items.list_items(api.store, query),
        lambda api, _actor, key: items.show_item(api.store, key),
        states=DELIVERY_STATES,
        says="The things that deliveries tell.",
    ),
    Noun(
        "events",
        shapes.CloudEvent,
        shapes.Page[shapes.CloudEvent],
        lambda api, actor, query: events.list_events(api.store, query, api.wire(actor)),
        lambda api, actor, key: events.show_event(api.store, key, api.wire(actor)),
        states=handoffs.STATES,
        says="The ledger. `since` and `until` are about when events were received; `state` is one of their handoffs'.",
    ),
    Noun(
        "accounts",
        shapes.Account,
        shapes.Page[shapes.Account],
        lambda api, actor, query: accounts.list_accounts(api.store, query, unmasked=actor.unmasked),
        _account,
        states=STAGES,
        says="Customers. `state` is the stage; the other filters are about their events.",
    ),
    Noun(
        "handoffs",
        shapes.Handoff,
        shapes.Page[shapes.Handoff],
        lambda api, _actor, query: handoffs.list_handoffs(api.store, query),
        lambda api, _actor, key: handoffs.show_handoff(api.store, key),
        states=handoffs.STATES,
        says="Events given to seats, and where each stands.",
        wall=True,
    ),
    Noun(
        "flags",
        shapes.Flag,
        shapes.Page[shapes.Flag],
        lambda api, actor, query: flags.list_flags(api.store, query, unmasked=actor.unmasked),
        lambda api, actor, key: flags.show_flag(api.store, key, unmasked=actor.unmasked),
        flags.FILTERS,
        flags.STATES,
        "What seats raised about accounts. `type` is the flag's name.",
    ),
    Noun(
        "tasks",
        shapes.Task,
        shapes.Page[shapes.Task],
        lambda api, actor, query: tasks.list_tasks(api.store, query, unmasked=actor.unmasked),
        lambda api, actor, key: tasks.show_task(api.store, key, unmasked=actor.unmasked),
        tasks.FILTERS,
        tasks.STATES,
        "The humans' queue. `type` is the task's kind.",
    ),
    Noun(
        "drafts",
        shapes.Draft,
        shapes.Page[shapes.Draft],
        lambda api, actor, query: drafts.list_drafts(api.store, query, unmasked=actor.unmasked, **api.review()),
        lambda api, actor, key: drafts.show_draft(api.store, key, unmasked=actor.unmasked, **api.review()),
        drafts.FILTERS,
        drafts.STATES,
        "Texts that wait for a human, by due time. `type` is the fact that sending one makes.",
    ),
    Noun(
        "dispatches",
        shapes.Dispatch,
        shapes.Page[shapes.Dispatch],
        lambda api, actor, query: drafts.list_dispatches(api.store, query, unmasked=actor.unmasked),
        lambda api, actor, key: drafts.show_dispatch(api.store, key, unmasked=actor.unmasked),
        drafts.FILTERS,
        drafts.DISPATCH_STATES,
        "Drafts that were approved, and what became of their sending.",
    ),
    Noun(
        "deadlines",
        shapes.Deadline,
        shapes.Page[shapes.Deadline],
        lambda api, _actor, query: deadlines.list_deadlines(api.store, query),
        lambda api, _actor, key: deadlines.show_deadline(api.store, key),
        deadlines.FILTERS,
        deadlines.STATES,
        "What is expected by when, by due time. `type` is the kind: expect, due, daily, handoff.",
    ),
    Noun(
        "messages",
        shapes.Message,
        shapes.Page[shapes.Message],
        lambda api, actor, query: messages.list_messages(api.store, query, unmasked=actor.unmasked),
        lambda api, actor, key: messages.show_message(api.store, key, unmasked=actor.unmasked),
        messages.FILTERS,
        messages.STATES,
        "Words from seat to seat. `seat` is who sent or got them.",
    ),
    Noun(
        "record",
        shapes.RecordEntry,
        shapes.Page[shapes.RecordEntry],
        lambda api, actor, query: record.list_record(api.store, query, unmasked=actor.unmasked),
        lambda api, actor, key: record.show_entry(api.store, key, unmasked=actor.unmasked),
        record.FILTERS,
        says="What was coordinated and decided, chained by hashes. `type` is the action, `seat` who acted.",
    ),
    Noun(
        "replays",
        shapes.Replay,
        shapes.Page[shapes.Replay],
        lambda api, _actor, query: replays.list_replays(api.store, query),
        lambda api, _actor, key: replays.show_replay(api.store, key),
        replays.FILTERS,
        replays.STATES,
        "What is run again, below live traffic.",
        wall=True,
    ),
    Noun(
        "seats",
        shapes.Seat,
        shapes.Page[shapes.Seat],
        lambda api, _actor, query: _whole(_seats(api), query),
        lambda api, _actor, key: _named(_seats(api), key),
        (),
        says="The company's roles, by name.",
    ),
    Noun(
        "seam",
        dict[str, Any],
        shapes.SeamPage,
        lambda api, _actor, _query: boundary.show_seam(api.store, api.process),
        lambda api, _actor, key: boundary.show_edge(api.store, api.process, key),
        (),
        says="Where the seam is: each way from the inside to the customer, with its gate and its approver.",
    ),
    Noun(
        "boundary",
        shapes.BoundaryVersion,
        shapes.Boundary,
        lambda api, _actor, _query: boundary.list_versions(api.store),
        lambda api, _actor, key: boundary.show_version(api.store, key),
        (),
        says="The boundary map: what holds, what waits for the COO, and what that would change. `current` is an id.",
    ),
    Noun(
        "sources",
        shapes.Source,
        shapes.Page[shapes.Source],
        lambda api, _actor, query: _whole(_sources(api), query),
        lambda api, _actor, key: _named(_sources(api), key),
        ("state",),
        ("active", "paused", "silent"),
        "The ways in, by name, with the counts of the last 24 hours.",
    ),
    Noun(
        "channels",
        shapes.Channel,
        shapes.Page[shapes.Channel],
        lambda api, _actor, query: _whole(_channels(api), query),
        lambda api, _actor, key: _named(_channels(api), key),
        ("state",),
        channels.STATES,
        "The ways out, by name: which are paused since sending by them went wrong, and what waits for each.",
    ),
)
