"""What people order through the API, but for drafts: tasks, handoffs, replays, sources, flags, facts, the map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from seamline_webhooks.api.context import Api
from seamline_webhooks.api.noun import nothing_asked
from seamline_webhooks.api.order import AnyRequest, Reason, Words, became, carried_out, route, said
from seamline_webhooks.api.problem import Problem
from seamline_workers.desk.channel import pause_channel, resume_channel
from seamline_workers.desk.exit import settle_item
from seamline_workers.desk.fact import read_fact, state_fact
from seamline_workers.desk.flag import clear_flag
from seamline_workers.desk.grade import override_grade
from seamline_workers.desk.replay import MOST_PER_SECOND, cancel_replay, plan_replay
from seamline_workers.desk.source import set_source
from seamline_workers.desk.task import end_task
from seamline_workers.outbound.boundary import confirm
from seamline_workers.store.handoffs import cancel_handoff, complete_handoff, replay_handoff
from seamline_workers.store.reading import shapes
from seamline_workers.store.reading.replays import Selector, plan
from seamline_workers.store.store import now_us


class Grading(msgspec.Struct, forbid_unknown_fields=True):
    """How far a snapshot's figures can be trusted, and why a human says so."""

    grade: Literal["trusted", "provisional", "untrusted"]
    reason: Words


class ReplayOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What to run again; filters as of the lists. A dry run only counts."""

    what: str
    filters: dict[str, str] = {}
    dry_run: bool = False
    per_second: Annotated[int, msgspec.Meta(ge=1, le=MOST_PER_SECOND)] = 50


class Statement(msgspec.Struct, forbid_unknown_fields=True):
    """What happened, and when: without a time, now."""

    type: Annotated[str, msgspec.Meta(max_length=200)]
    data: dict[str, Any] = {}
    occurred_at: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class Confirmation(msgspec.Struct, forbid_unknown_fields=True):
    """The version that was looked at, and is to hold."""

    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


def command_routes(api: Api) -> list[HTTPRouteHandler]:
    """Every order but those about drafts."""
    simply = [_simple(api, row) for row in _SIMPLE]
    return [*simply, _clear(api), _settle(api), _grade(api), _plan(api), _state(api), _confirm(api)]


class _Simple(NamedTuple):
    """An order on one thing that needs no words: ``work`` takes its id, and by whom."""

    noun: str
    action: str
    role: str
    shape: Any
    says: str
    work: Callable[[Api, Connection, str, str], str]


_SIMPLE = (
    _Simple("tasks", "done", "operator", shapes.Task, "Mark a task as done",
            lambda api, connection, key, by: end_task(connection, key, by=by, now=api.clock())),
    _Simple("handoffs", "replay", "operator", shapes.Handoff, "Run a handoff again",
            lambda _api, connection, key, _by: replay_handoff(connection, key)),
    _Simple("handoffs", "cancel", "operator", shapes.Handoff, "Call a handoff off",
            lambda api, connection, key, by: cancel_handoff(
                connection, key, by=by, now=api.clock(), wall=now_us())),
    _Simple("handoffs", "complete", "operator", shapes.Handoff, "Say that a human has done a handoff's work",
            lambda api, connection, key, by: complete_handoff(
                connection, key, by=by, now=api.clock(), wall=now_us())),
    _Simple("replays", "cancel", "operator", shapes.Replay, "Stop a replay",
            lambda _api, connection, key, _by: cancel_replay(connection, key)),
    _Simple("sources", "pause", "admin", shapes.Source, "Take in what a source sends, and let it wait",
            lambda _api, connection, key, _by: set_source(connection, key, "paused")),
    _Simple("sources", "resume", "admin", shapes.Source, "Go on with a paused source",
            lambda _api, connection, key, _by: set_source(connection, key, "active")),
    _Simple("channels", "pause", "admin", shapes.Channel, "Let nothing go out by a channel",
            lambda api, connection, key, by: pause_channel(connection, api.outbound.channels, key, by)),
    _Simple("channels", "resume", "admin", shapes.Channel, "Go on with a paused channel",
            lambda api, connection, key, _by: resume_channel(connection, api.outbound.channels, key)),
)  # fmt: skip


def _simple(api: Api, row: _Simple) -> HTTPRouteHandler:
    noun, action, role, shape, says, work = row

    @route(
        f"/{noun}/{{id:str}}/{action}",
        says,
        {200: became(shape)},
        operation=f"{action}_{noun}",
        tag=noun,
        role=role,
    )
    def order(request: AnyRequest, id: FromPath[str]) -> dict[str, Any]:
        return carried_out(api, request, None, lambda connection, by: work(api, connection, id, by.name))

    return order


def _clear(api: Api) -> HTTPRouteHandler:
    @route(
        "/flags/{id:str}/clear",
        "Clear a flag, with a reason",
        {200: became(shapes.Flag)},
        operation="clear_flags",
        tag="flags",
        role="approver",
    )
    def order(request: AnyRequest, id: FromPath[str], data: JSONBody[Reason]) -> dict[str, Any]:
        reason = said(data.reason)
        return carried_out(
            api,
            request,
            data,
            lambda connection, by: clear_flag(connection, api.plan, id, by=by.name, reason=reason, now=api.clock()),
        )

    return order


def _settle(api: Api) -> HTTPRouteHandler:
    @route(
        "/accounts/{id:str}/exit/{item:str}",
        "Settle an item of an exit's checklist by hand, with a reason",
        {200: became(shapes.CloudEvent, "the event in the ledger")},
        operation="settle_exit_item",
        tag="accounts",
        role="approver",
    )
    def order(request: AnyRequest, id: FromPath[str], item: FromPath[str], data: JSONBody[Reason]) -> dict[str, Any]:
        reason = said(data.reason)
        return carried_out(
            api,
            request,
            data,
            lambda connection, by: settle_item(
                connection, api.plan, id, item, by=by.name, reason=reason, now=api.clock()
            ),
        )

    return order


def _grade(api: Api) -> HTTPRouteHandler:
    @route(
        "/snapshots/{id:str}/grade",
        "Override the grade of a metrics.snapshot, with a reason",
        {200: became(shapes.CloudEvent, "the event in the ledger")},
        operation="grade_snapshot",
        tag="events",
        role="approver",
    )
    def order(request: AnyRequest, id: FromPath[str], data: JSONBody[Grading]) -> dict[str, Any]:
        reason = said(data.reason)
        return carried_out(
            api,
            request,
            data,
            lambda connection, by: override_grade(
                connection, api.plan, id, data.grade, by=by.name, reason=reason, now=api.clock()
            ),
        )

    return order


def _plan(api: Api) -> HTTPRouteHandler:
    @route(
        "/replays",
        "Run again what did not end well, or only count it",
        {
            201: became(shapes.Replay, "planned; a worker runs it"),
            200: became(shapes.Plan, "a dry run's counts"),
        },
        operation="plan_replays",
        tag="replays",
        role="operator",
        problems=(400, 401, 403, 409),
    )
    def order(request: AnyRequest, data: JSONBody[ReplayOrder]) -> Response[dict[str, Any]]:
        asked_at = now_us() if data.what == "handoffs" else api.clock()
        selector = Selector.read(data.what, data.filters, prefix=api.prefix, now=asked_at)
        if data.dry_run:
            nothing_asked(request)
            return Response(dict(plan(api.store, selector)), status_code=200)
        planned = carried_out(
            api,
            request,
            data,
            lambda connection, by: plan_replay(
                connection, selector, by=by.name, now=now_us(), per_second=data.per_second
            ),
        )
        return Response(planned, status_code=201)

    return order


def _state(api: Api) -> HTTPRouteHandler:
    @route(
        "/accounts/{id:str}/events",
        "State a fact about an account, as a human",
        {201: became(shapes.CloudEvent, "the event in the ledger")},
        operation="state_fact",
        tag="accounts",
        role="approver",
        description="Facts only; judgements are made by the seats that own them. Stated twice it is one event.",
    )
    def order(request: AnyRequest, id: FromPath[str], data: JSONBody[Statement]) -> dict[str, Any]:
        fact = read_fact(data.type, data.data, data.occurred_at, prefix=api.prefix)
        name, now = request.headers.get("idempotency-key"), api.clock()
        return carried_out(
            api,
            request,
            data,
            lambda connection, by: state_fact(connection, id, fact, api.plan, by=by.name, name=name, now=now),
        )

    return order


def _confirm(api: Api) -> HTTPRouteHandler:
    @route(
        "/boundary/confirm",
        "Put the proposed boundary map in force, as the COO",
        {200: became(shapes.BoundaryVersion)},
        operation="confirm_boundary",
        tag="boundary",
        role="approver",
    )
    def order(request: AnyRequest, data: JSONBody[Confirmation]) -> dict[str, Any]:
        actor = request.user
        if not api.is_coo(actor):
            raise Problem("forbidden", f"The COO confirms the boundary map, or an admin; {actor.name} is neither.")
        return carried_out(
            api,
            request,
            data,
            lambda connection, by: confirm(connection, data.sha256, api.plan, by=by.name, now=api.clock()),
        )

    return order
