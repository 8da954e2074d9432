"""What people order through the API. Who acts is the token's name; an Idempotency-Key makes an order happen once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from seamline_webhooks.api.context import Actor, Api
from seamline_webhooks.api.noun import NOUNS, found, nothing_asked
from seamline_webhooks.api.problem import Problem, documented
from seamline_workers.desk.channel import pause_channel, resume_channel
from seamline_workers.desk.exit import settle_item
from seamline_workers.desk.fact import read_fact, state_fact
from seamline_workers.desk.flag import clear_flag
from seamline_workers.desk.grade import override_grade
from seamline_workers.desk.once import Order, carry_out
from seamline_workers.desk.replay import MOST_PER_SECOND, cancel_replay, plan_replay
from seamline_workers.desk.source import set_source
from seamline_workers.desk.task import end_task
from seamline_workers.handoffs import cancel_handoff, replay_handoff
from seamline_workers.outbound.boundary import confirm
from seamline_workers.store.reading import shapes
from seamline_workers.store.reading.replays import Selector, plan
from seamline_workers.store.store import now_us

AnyRequest = Request[Actor, Any, Any]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class Clearing(msgspec.Struct, forbid_unknown_fields=True):
    """Why a flag no longer stands."""

    reason: Words


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
    """Every order."""
    simple: list[tuple[str, str, Any, str, Work]] = [
        ("tasks/{id:str}/done", "operator", shapes.Task, "Mark a task as done",
         lambda connection, key, by, now: end_task(connection, key, by=by, now=now)),
        ("handoffs/{id:str}/replay", "operator", shapes.Handoff, "Run a handoff again",
         lambda connection, key, _by, _now: replay_handoff(connection, key)),
        ("handoffs/{id:str}/cancel", "operator", shapes.Handoff, "Call a handoff off",
         lambda connection, key, by, now: cancel_handoff(connection, key, by=by, now=now)),
        ("replays/{id:str}/cancel", "operator", shapes.Replay, "Stop a replay",
         lambda connection, key, _by, _now: cancel_replay(connection, key)),
        ("sources/{id:str}/pause", "admin", shapes.Source, "Take in what a source sends, and let it wait",
         lambda connection, key, _by, _now: set_source(connection, key, "paused")),
        ("sources/{id:str}/resume", "admin", shapes.Source, "Go on with a paused source",
         lambda connection, key, _by, _now: set_source(connection, key, "active")),
        ("channels/{id:str}/pause", "admin", shapes.Channel, "Let nothing go out by a channel",
         lambda connection, key, by, _now: pause_channel(connection, api.outbound.channels, key, by)),
        ("channels/{id:str}/resume", "admin", shapes.Channel, "Go on with a paused channel",
         lambda connection, key, _by, _now: resume_channel(connection, api.outbound.channels, key)),
    ]  # fmt: skip
    simply = [_simple(api, *row) for row in simple]
    return [*simply, _clear(api), _settle(api), _grade(api), _plan(api), _state(api), _confirm(api)]


#: An order on one thing: by its id, by whom, and when.
Work = Callable[[Connection, str, str, int], str]


def _simple(api: Api, path: str, role: str, shape: Any, says: str, work: Work) -> HTTPRouteHandler:
    def order(request: AnyRequest, id: FromPath[str]) -> dict[str, Any]:
        actor: Actor = request.user
        return carried_out(api, request, actor, "", lambda connection: work(connection, id, actor.name, now_us()))

    noun, action = path.split("/", 1)[0], path.rsplit("/", 1)[1]
    return post(
        f"/{path}",
        status_code=200,
        operation_id=f"{action}_{noun}",
        summary=says,
        opt={"role": role},
        responses={
            200: ResponseSpec(data_container=shape, description="as it is afterwards"),
            **documented(400, 401, 403, 404, 409),
        },
        tags=[noun],
        sync_to_thread=True,
    )(order)


def _clear(api: Api) -> HTTPRouteHandler:
    def order(request: AnyRequest, id: FromPath[str], data: JSONBody[Clearing]) -> dict[str, Any]:
        actor: Actor = request.user
        if not data.reason.strip():
            raise Problem("invalid", "Say why.", [{"path": "reason", "message": "is blank"}])
        return carried_out(
            api,
            request,
            actor,
            data.reason,
            lambda connection: clear_flag(
                connection, api.plan, id, by=actor.name, reason=data.reason.strip(), now=api.clock()
            ),
        )

    return post(
        "/flags/{id:str}/clear",
        status_code=200,
        operation_id="clear_flags",
        summary="Clear a flag, with a reason",
        opt={"role": "approver"},
        responses={
            200: ResponseSpec(data_container=shapes.Flag, description="as it is afterwards"),
            **documented(400, 401, 403, 404, 409),
        },
        tags=["flags"],
        sync_to_thread=True,
    )(order)


def _settle(api: Api) -> HTTPRouteHandler:
    def order(request: AnyRequest, id: FromPath[str], item: FromPath[str], data: JSONBody[Clearing]) -> dict[str, Any]:
        actor: Actor = request.user
        reason = data.reason.strip()
        if not reason:
            raise Problem("invalid", "Say why.", [{"path": "reason", "message": "is blank"}])
        return carried_out(
            api,
            request,
            actor,
            data.reason,
            lambda connection: settle_item(
                connection, api.plan, id, item, by=actor.name, reason=reason, now=api.clock()
            ),
        )

    return post(
        "/accounts/{id:str}/exit/{item:str}",
        status_code=200,
        operation_id="settle_exit_item",
        summary="Settle an item of an exit's checklist by hand, with a reason",
        opt={"role": "approver"},
        responses={
            200: ResponseSpec(data_container=shapes.CloudEvent, description="the event in the ledger"),
            **documented(400, 401, 403, 404, 409),
        },
        tags=["accounts"],
        sync_to_thread=True,
    )(order)


def _grade(api: Api) -> HTTPRouteHandler:
    def order(request: AnyRequest, id: FromPath[str], data: JSONBody[Grading]) -> dict[str, Any]:
        actor: Actor = request.user
        reason = data.reason.strip()
        if not reason:
            raise Problem("invalid", "Say why.", [{"path": "reason", "message": "is blank"}])
        return carried_out(
            api,
            request,
            actor,
            f"{data.grade} {data.reason}",
            lambda connection: override_grade(
                connection, api.plan, id, data.grade, by=actor.name, reason=reason, now=api.clock()
            ),
        )

    return post(
        "/snapshots/{id:str}/grade",
        status_code=200,
        operation_id="grade_snapshot",
        summary="Override the grade of a metrics.snapshot, with a reason",
        opt={"role": "approver"},
        responses={
            200: ResponseSpec(data_container=shapes.CloudEvent, description="the event in the ledger"),
            **documented(400, 401, 403, 404, 409),
        },
        tags=["events"],
        sync_to_thread=True,
    )(order)


def _plan(api: Api) -> HTTPRouteHandler:
    def order(request: AnyRequest, data: JSONBody[ReplayOrder]) -> Response[dict[str, Any]]:
        actor: Actor = request.user
        now = now_us()
        selector = Selector.read(data.what, data.filters, prefix=api.prefix, now=now)
        if data.dry_run:
            nothing_asked(request)
            return Response(dict(plan(api.store, selector)), status_code=200)
        what = msgspec.json.encode(data, order="sorted").decode()
        planned = carried_out(
            api,
            request,
            actor,
            what,
            lambda connection: plan_replay(connection, selector, by=actor.name, now=now, per_second=data.per_second),
        )
        return Response(planned, status_code=201)

    return post(
        "/replays",
        operation_id="plan_replays",
        summary="Run again what did not end well, or only count it",
        opt={"role": "operator"},
        responses={
            200: ResponseSpec(data_container=shapes.Plan, description="a dry run's counts"),
            201: ResponseSpec(data_container=shapes.Replay, description="planned; a worker runs it"),
            **documented(400, 401, 403, 409),
        },
        tags=["replays"],
        sync_to_thread=True,
    )(order)


def _state(api: Api) -> HTTPRouteHandler:
    def order(request: AnyRequest, id: FromPath[str], data: JSONBody[Statement]) -> dict[str, Any]:
        fact, actor = read_fact(data.type, data.data, data.occurred_at, prefix=api.prefix), request.user
        name, now = request.headers.get("idempotency-key"), now_us()
        return carried_out(
            api,
            request,
            actor,
            msgspec.json.encode(data, order="sorted").decode(),
            lambda connection: state_fact(connection, id, fact, api.plan, by=actor.name, name=name, now=now),
        )

    return post(
        "/accounts/{id:str}/events",
        operation_id="state_fact",
        summary="State a fact about an account, as a human",
        description="Facts only; judgements are made by the seats that own them. Stated twice it is one event.",
        opt={"role": "approver"},
        responses={
            201: ResponseSpec(data_container=shapes.CloudEvent, description="the event in the ledger"),
            **documented(400, 401, 403, 404, 409),
        },
        tags=["accounts"],
        sync_to_thread=True,
    )(order)


def _confirm(api: Api) -> HTTPRouteHandler:
    def order(request: AnyRequest, data: JSONBody[Confirmation]) -> dict[str, Any]:
        actor: Actor = request.user
        if not api.is_coo(actor):
            raise Problem("forbidden", f"The COO confirms the boundary map, or an admin; {actor.name} is neither.")
        return carried_out(
            api,
            request,
            actor,
            data.sha256,
            lambda connection: confirm(connection, data.sha256, api.plan, by=actor.name, now=api.clock()),
        )

    return post(
        "/boundary/confirm",
        status_code=200,
        operation_id="confirm_boundary",
        summary="Put the proposed boundary map in force, as the COO",
        opt={"role": "approver"},
        responses={
            200: ResponseSpec(data_container=shapes.BoundaryVersion, description="as it is afterwards"),
            **documented(400, 401, 403, 404, 409),
        },
        tags=["boundary"],
        sync_to_thread=True,
    )(order)


def carried_out(
    api: Api,
    request: AnyRequest,
    actor: Actor,
    what: str,
    work: Callable[[Connection], str],
    carry: Callable[[Order, Callable[[Connection], str]], str] | None = None,
) -> dict[str, Any]:
    """Carry an order out and show what it changed. Raises Problem, NoSuch, Conflict."""
    nothing_asked(request)
    try:
        order = Order(actor.name, f"{request.url.path}\n{what}", request.headers.get("idempotency-key"))
    except ValueError as error:
        raise Problem("invalid", "Mend the header.", [{"path": "Idempotency-Key", "message": str(error)}]) from None
    noun, key = (carry or partial(carry_out, api.store))(order, work).split("/", 1)
    show = next(row.one for row in NOUNS if row.name == noun)
    return dict(found(noun, key, show(api, actor, key)))
