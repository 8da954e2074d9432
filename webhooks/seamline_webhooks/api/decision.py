"""What people decide about drafts, through the API. Only what was seen can be approved, and its sha256 says it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from seamline.effect import MOST_RECIPIENTS
from seamline_webhooks.api.context import Api
from seamline_webhooks.api.noun import nothing_asked
from seamline_webhooks.api.order import AnyRequest, Reason, Words, became, carried_out, route, said
from seamline_webhooks.api.problem import Problem, code_of
from seamline_workers.desk.draft import Approval, Confirm, Edit, approve, edit, ordered, reject, resolve, snooze
from seamline_workers.desk.once import Order
from seamline_workers.outbound.outbound import Human, Outbound
from seamline_workers.refusal import AgentDecides, Conflict, Forbidden, NoSuch, Refused
from seamline_workers.store.reading import moment, shapes

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
    recipients: Annotated[list[Recipient], msgspec.Meta(max_length=MOST_RECIPIENTS)] | None = None
    seen: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}$")] | None = None


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

    def rejected(request: AnyRequest, id: FromPath[str], data: JSONBody[Reason]) -> dict[str, Any]:
        reason = said(data.reason)
        return _ordered(api, request, id, data, lambda c, out, key, by: reject(c, out, key, reason, by))

    def snoozed(request: AnyRequest, id: FromPath[str], data: JSONBody[SnoozeOrder]) -> dict[str, Any]:
        try:
            until = moment.aware(moment.read(data.until, api.outbound.clock()))
        except ValueError:
            errors = [{"path": "until", "message": "write a time as 2026-11-22T09:00:00Z"}]
            raise Problem("invalid", "Mend the body.", errors) from None
        return _ordered(api, request, id, data, lambda c, out, key, by: snooze(c, out, key, until, by))

    def resolved(request: AnyRequest, id: FromPath[str], data: JSONBody[ResolveOrder]) -> dict[str, Any]:
        result, reason = data.result, said(data.reason)
        return _ordered(api, request, id, data, lambda c, out, key, by: resolve(c, out, key, result, reason, by))

    return [
        _route("approve", "Approve exactly the text that was seen", approved),
        _route("edit", "Write a draft anew, or say that it stands", edited),
        _route("reject", "Decide that a draft is never sent", rejected),
        _route("snooze", "Put a draft aside until a time", snoozed),
        _route("resolve", "Say what became of a sending that is unknown, or approved", resolved),
        _resolve_many(api),
    ]


def _resolve_many(api: Api) -> HTTPRouteHandler:
    @route(
        "/drafts/resolve",
        "Say what became of many sendings that are unknown",
        {200: became(shapes.Resolved, "which were, and why the others were not")},
        operation="resolve_many_drafts",
        tag="drafts",
        role="approver",
        problems=(400, 401, 403),
        judges=True,
    )
    def order(request: AnyRequest, data: JSONBody[ResolveMany]) -> dict[str, Any]:
        nothing_asked(request)
        by, reason = Human(request.user.name, request.user.role), said(data.reason)
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

    return order


def _each(request: AnyRequest, id: str, data: ResolveMany) -> Order:
    """The order about one of many; sent again with the same Idempotency-Key it is that order again."""
    key = request.headers.get("idempotency-key")
    key = None if key is None else sha256(f"{key}\n{id}".encode()).hexdigest()
    return Order(request.user.name, f"{request.url.path}\n{data.result} {data.reason}", key)


def _route(action: str, says: str, order: Callable[..., dict[str, Any]]) -> HTTPRouteHandler:
    return route(
        f"/drafts/{{id:str}}/{action}",
        says,
        {200: became(shapes.Draft)},
        operation=f"{action}_drafts",
        tag="drafts",
        role="approver",
        judges=True,
    )(order)


def _ordered(api: Api, request: AnyRequest, id: str, data: msgspec.Struct, work: Work) -> dict[str, Any]:
    return carried_out(
        api,
        request,
        data,
        lambda connection, by: work(connection, api.outbound, id, Human(by.name, by.role)),
        partial(ordered, api.store, api.outbound),
    )
