"""An order through the API: its route, and how it is carried out. Who acts is the token's name; a key makes it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy import Connection

from seamline_webhooks.api.context import Actor, Api
from seamline_webhooks.api.noun import NOUNS, found, nothing_asked
from seamline_webhooks.api.problem import Problem, documented
from seamline_workers.desk.once import Order, carry_out

AnyRequest = Request[Actor, Any, Any]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]

#: The work of an order, in its transaction and by whom; gives what it made or changed, as ``<list>/<id>``.
Work = Callable[[Connection, Actor], str]
#: Carries an order out: ``desk.once.carry_out``, or what adds to it.
Carry = Callable[[Order, Callable[[Connection], str]], str]


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """Why."""

    reason: Words


def said(reason: str) -> str:
    """A reason that says something. Raises Problem."""
    if not reason.strip():
        raise Problem("invalid", "Say why.", [{"path": "reason", "message": "is blank"}])
    return reason.strip()


def became(shape: Any, description: str = "as it is afterwards") -> ResponseSpec:
    """What an order answers with."""
    return ResponseSpec(data_container=shape, description=description)


def route(
    path: str,
    says: str,
    answers: Mapping[int, ResponseSpec],
    *,
    operation: str,
    tag: str,
    role: str,
    problems: tuple[int, ...] = (400, 401, 403, 404, 409),
    description: str | None = None,
    judges: bool = False,
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A POST below /api/v1 for whoever has at least ``role``; ``answers`` by status, the first being the usual one.

    ``judges``: the order itself judges who may give it, so that the record tells of it.
    """
    return post(
        path,
        status_code=next(iter(answers)),
        operation_id=operation,
        summary=says,
        description=description,
        opt={"role": role, "judges": judges},
        responses={**answers, **documented(*problems)},
        tags=[tag],
        sync_to_thread=True,
    )


def carried_out(
    api: Api, request: AnyRequest, data: msgspec.Struct | None, work: Work, carry: Carry | None = None
) -> dict[str, Any]:
    """Carry an order out and show what it changed. ``data`` is its body. Raises Problem, NoSuch, Conflict."""
    nothing_asked(request)
    actor: Actor = request.user
    told = "" if data is None else msgspec.json.encode(data, order="sorted").decode()
    try:
        order = Order(actor.name, f"{request.url.path}\n{told}", request.headers.get("idempotency-key"))
    except ValueError as error:
        raise Problem("invalid", "Mend the header.", [{"path": "Idempotency-Key", "message": str(error)}]) from None
    ref = (carry or partial(carry_out, api.store))(order, lambda connection: work(connection, actor))
    noun, key = ref.split("/", 1)
    show = next(row.one for row in NOUNS if row.name == noun)
    return dict(found(noun, key, show(api, actor, key)))
