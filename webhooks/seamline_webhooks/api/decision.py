"""What people decide about drafts, through the API. Only what was seen can be approved, and its sha256 says it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from seamline_webhooks.api.command import Words, carried_out
from seamline_webhooks.api.context import Actor, Api
from seamline_webhooks.api.noun import nothing_asked
from seamline_webhooks.api.problem import Problem, code_of, documented
from seamline_workers.desk.draft import Approval, Confirm, Edit, approve, edit, ordered, reject, resolve, snooze
from seamline_workers.desk.once import Order
from seamline_workers.outbound.outbound import Human, Outbound
from seamline_workers.refusal import AgentDecides, Conflict, Forbidden, NoSuch, Refused
from seamline_workers.store.reading import moment, shapes

AnyRequest = Request[Actor, Any, Any]
#: Drafts that one order resolves.
MOST = 200
Text = Annotated[str, msgspec.Meta(max_length=200_000, pattern=r"^[^\x00]*$")]
Recipient = Annotated[str, msgspec.Meta(min_length=1, max_length=320, pattern=r"^[^\x00]*$")]


class ApproveOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Approve the text of this digest. ``confirm`` answers what is asked besides; ``now`` does not wait."""

    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    confirm: list[Confirm] = []
    picks: dict[str, float] = {}
    now: bool = False
    note: Words | None = None


class EditOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What to write instead; nothing at all says that the text stands, having seen what is new.

    ``seen`` is the packet's ``read_to``: what comes after it was not seen.
    """

    subject: Text | None = None
    body: Text | None = None
    recipients: Annotated[list[Recipient], msgspec.Meta(max_length=100)] | None = None
    seen: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}$")] | None = None


class RejectOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is not sent."""

    reason: Words


class SnoozeOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Until when it is put aside."""

    until: Annotated[str, msgspec.Meta(max_length=40)]


class ResolveOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What became of a sending that nobody knew the end of, and how that is known."""

    result: Literal["sent", "failed"]
    reason: Words


class ResolveMany(msgspec.Struct, forbid_unknown_fields=True):
    """The same of many, such as those that an outage left. Each is resolved and recorded by itself."""

    ids: Annotated[list[Annotated[str, msgspec.Meta(max_length=40)]], msgspec.Meta(min_length=1, max_length=MOST)]
    result: Literal["sent", "failed"]
    reason: Words


#: An order about one draft: by its id and by whom.
Work = Callable[[Connection, Outbound, str, Human], str]


def decision_routes(api: Api) -> list[HTTPRouteHandler]:
    """Every order about a draft."""

    def approved(request: AnyRequest, id: FromPath[str], data: JSONBody[ApproveOrder]) -> dict[str, Any]:
        approval = Approval(data.sha256, data.confirm, data.picks, data.now, data.note)
        return _ordered(api, request, id, data, lambda c, out, key, by: approve(c, out, key, approval, by))

    def edited(request: AnyRequest, id: FromPath[str], data: JSONBody[EditOrder]) -> dict[str, Any]:
        seen = None if data.seen is None else int(data.seen)
        wanted = Edit(data.subject, data.body, data.recipients, seen)
        return _ordered(api, request, id, data, lambda c, out, key, by: edit(c, out, key, wanted, by))

    def rejected(request: AnyRequest, id: FromPath[str], data: JSONBody[RejectOrder]) -> dict[str, Any]:
        reason = _said(data.reason)
        return _ordered(api, request, id, data, lambda c, out, key, by: reject(c, out, key, reason, by))

    def snoozed(request: AnyRequest, id: FromPath[str], data: JSONBody[SnoozeOrder]) -> dict[str, Any]:
        try:
            until = moment.aware(moment.read(data.until, api.outbound.clock()))
        except ValueError:
            errors = [{"path": "until", "message": "write a time as 2026-11-22T09:00:00Z"}]
            raise Problem("invalid", "Mend the body.", errors) from None
        return _ordered(api, request, id, data, lambda c, out, key, by: snooze(c, out, key, until, by))

    def resolved(request: AnyRequest, id: FromPath[str], data: JSONBody[ResolveOrder]) -> dict[str, Any]:
        result, reason = data.result, _said(data.reason)
        return _ordered(api, request, id, data, lambda c, out, key, by: resolve(c, out, key, result, reason, by))

    return [
        _route("approve", "Approve exactly the text that was seen", approved),
        _route("edit", "Write a draft anew, or say that it stands", edited),
        _route("reject", "Decide that a draft is never sent", rejected),
        _route("snooze", "Put a draft aside until a time", snoozed),
        _route("resolve", "Say what became of a sending that is unknown", resolved),
        _resolve_many(api),
    ]


def _resolve_many(api: Api) -> HTTPRouteHandler:
    def order(request: AnyRequest, data: JSONBody[ResolveMany]) -> dict[str, Any]:
        nothing_asked(request)
        by, reason = Human(request.user.name, request.user.role), _said(data.reason)
        done, left = list[str](), list[shapes.Left]()
        for one in dict.fromkeys(data.ids):
            work = partial(resolve, outbound=api.outbound, id=one, result=data.result, reason=reason, by=by)
            try:
                ordered(api.store, api.outbound, _each(request, one, data), work)
                done.append(one)
            except AgentDecides:
                raise  # once is enough for the humans to see it
            except (NoSuch, Forbidden, Conflict, Refused) as error:
                left.append({"id": one, "code": code_of(error), "detail": str(error)})
        return {"resolved": done, "left": left}

    return post(
        "/drafts/resolve",
        status_code=200,
        operation_id="resolve_many_drafts",
        summary="Say what became of many sendings that are unknown",
        opt={"role": "approver", "judges": True},
        responses={
            200: ResponseSpec(data_container=shapes.Resolved, description="which were, and why the others were not"),
            **documented(400, 401, 403),
        },
        tags=["drafts"],
        sync_to_thread=True,
    )(order)


def _each(request: AnyRequest, id: str, data: ResolveMany) -> Order:
    """The order about one of many; sent again with the same Idempotency-Key it is that order again."""
    key = request.headers.get("idempotency-key")
    key = None if key is None else sha256(f"{key}\n{id}".encode()).hexdigest()
    return Order(request.user.name, f"{request.url.path}\n{data.result} {data.reason}", key)


def _route(action: str, says: str, order: Callable[..., dict[str, Any]]) -> HTTPRouteHandler:
    return post(
        f"/drafts/{{id:str}}/{action}",
        status_code=200,
        operation_id=f"{action}_drafts",
        summary=says,
        opt={"role": "approver", "judges": True},
        responses={
            200: ResponseSpec(data_container=shapes.Draft, description="as it is afterwards"),
            **documented(400, 401, 403, 404, 409),
        },
        tags=["drafts"],
        sync_to_thread=True,
    )(order)


def _ordered(api: Api, request: AnyRequest, id: str, data: msgspec.Struct, work: Work) -> dict[str, Any]:
    actor: Actor = request.user
    by = Human(actor.name, actor.role)
    return carried_out(
        api,
        request,
        actor,
        msgspec.json.encode(data, order="sorted").decode(),
        lambda connection: work(connection, api.outbound, id, by),
        partial(ordered, api.store, api.outbound),
    )


def _said(reason: str) -> str:
    if not reason.strip():
        raise Problem("invalid", "Say why.", [{"path": "reason", "message": "is blank"}])
    return reason.strip()
