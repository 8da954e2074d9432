"""Errors as problem details (RFC 9457), with a stable type and a detail that says what to do."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypedDict

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.serialization import msgspec_hooks
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from seamline_workers.refusal import Conflict, Forbidden, NoSuch, Refused, Stale
from seamline_workers.store.reading.query import InvalidQuery
from seamline_workers.store.store import transient

PROBLEM_JSON = "application/problem+json"
# Litestar takes any media type here, and says that it takes its own.
_MEDIA: Any = PROBLEM_JSON
#: Status and title by code.
CODES: Mapping[str, tuple[int, str]] = {
    "unauthenticated": (401, "Unauthenticated"),
    "forbidden": (403, "Forbidden"),
    "not-found": (404, "Not found"),
    "method": (405, "Method not allowed"),
    "invalid": (400, "Invalid"),
    "conflict": (409, "Conflict"),
    "stale-draft": (409, "The text has changed"),
    "AGENT_MAY_NOT_SEND": (409, "No gate opens this way out"),
    "STALE_CONTEXT": (409, "The customer has written since"),
    "PULSE_HOLD": (409, "A risk holds this back"),
    "NO_CONTRACT": (409, "There is no contract"),
    "UNTRUSTED_FIGURE": (409, "A figure cannot be trusted"),
    "INCOMPLETE": (409, "Something is lacking"),
    "EXPIRED": (409, "It has lapsed"),
    "CONFLICT": (409, "Two things contradict each other"),
    "refused": (409, "A guard refuses this"),
    "too-large": (413, "Too large"),
    "busy": (503, "Busy"),
    "internal": (500, "Internal error"),
}
_BY_STATUS = {status: code for code, (status, _) in reversed(list(CODES.items()))}
#: Seconds after which to try again when the store is busy.
RETRY_AFTER_S = 5

AnyRequest = Request[Any, Any, Any]
Errors = list[dict[str, str]]


class ProblemShape(TypedDict):
    """What went wrong, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """The problems that a route may answer with, for the OpenAPI document."""
    return {
        status: ResponseSpec(
            ProblemShape, generate_examples=False, description=CODES[_BY_STATUS[status]][1], media_type=_MEDIA
        )
        for status in (*statuses, 503)
    }


class Problem(HTTPException):
    """Raised to answer with a problem; ``errors`` names what does not fit, with a path and a message each."""

    def __init__(
        self, code: str, detail: str, errors: Errors | None = None, more: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail=detail, status_code=CODES.get(code, CODES["refused"])[0])
        self.code, self.errors, self.more = code, errors, more


def code_of(error: NoSuch | Forbidden | Conflict | Refused) -> str:
    """The code of the problem that such an error is answered with."""
    if isinstance(error, Refused):
        return error.code
    if isinstance(error, Conflict):
        return "conflict"
    return "not-found" if isinstance(error, NoSuch) else "forbidden"


def problem(request: AnyRequest, error: Problem) -> Response[dict[str, Any]]:
    """The answer."""
    status, title = CODES.get(error.code, CODES["refused"])
    content: dict[str, Any] = {
        "type": f"urn:seamline:problem:{error.code}",
        "title": title,
        "status": status,
        "detail": error.detail,
        "code": error.code,
        "instance": request.url.path,
    }
    if error.errors is not None:
        content["errors"] = error.errors
    content |= error.more or {}
    headers = {"cache-control": "no-store"}
    if error.code == "method":
        headers["allow"] = ", ".join(_allowed(request))
    if error.code == "unauthenticated":
        headers["www-authenticate"] = "Bearer"
    if error.code == "busy":
        headers["retry-after"] = str(RETRY_AFTER_S)
    return Response(content, status_code=status, media_type=PROBLEM_JSON, headers=headers)


def _allowed(request: AnyRequest) -> list[str]:
    """The methods that are served at this path, by asking the router for each."""
    found = []
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        try:
            request.app.asgi_router.handle_routing(request.scope["path"], method)
        except HTTPException:
            continue
        found.append(method)
    return found


def _problem(request: AnyRequest, error: Problem) -> Response[dict[str, Any]]:
    return problem(request, error)


def _query(request: AnyRequest, error: InvalidQuery) -> Response[dict[str, Any]]:
    return problem(request, Problem("invalid", "Mend the parameters that are named under errors.", error.errors))


def _no_such(request: AnyRequest, error: NoSuch) -> Response[dict[str, Any]]:
    return problem(request, Problem("not-found", str(error)))


def _conflict(request: AnyRequest, error: Conflict) -> Response[dict[str, Any]]:
    return problem(request, Problem("conflict", str(error)))


def _stale(request: AnyRequest, error: Stale) -> Response[dict[str, Any]]:
    return problem(request, Problem("stale-draft", str(error)))


def _forbidden(request: AnyRequest, error: Forbidden) -> Response[dict[str, Any]]:
    return problem(request, Problem("forbidden", str(error)))


def _refused(request: AnyRequest, error: Refused) -> Response[dict[str, Any]]:
    refusal = error.refusal
    more = {
        "map_row": error.map_row,
        "rule": refusal.rule,
        "evidence": list(refusal.evidence),
        "missing": list(refusal.missing),
    }
    return problem(request, Problem(refusal.code, refusal.reason, more=more))


def _invalid(request: AnyRequest, error: ValidationException) -> Response[dict[str, Any]]:
    extra = error.extra if isinstance(error.extra, list) else []
    errors = [
        {"path": str(one.get("key", "")), "message": str(one.get("message", ""))}
        for one in extra
        if isinstance(one, dict)
    ]
    return problem(request, Problem("invalid", "The body does not fit; see errors.", errors))


def _http(request: AnyRequest, error: HTTPException) -> Response[dict[str, Any]]:
    status = error.status_code
    code = _BY_STATUS.get(status) or ("invalid" if status < 500 else "internal")
    details = {
        "not-found": f"There is nothing at {request.url.path}; /schema lists what there is.",
        "method": f"{request.method} is not allowed here; /schema lists what is.",
        "invalid": "The request cannot be read: send JSON as /schema says.",
        "too-large": "The body is too large.",
    }
    return problem(request, Problem(code, details.get(code, HTTPStatus(status).phrase)))


def _unexpected(request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    if too_deep(error):
        return problem(request, Problem("invalid", "The body is nested too deeply."))
    if isinstance(error, PoolTimeout) or transient(error):
        return problem(request, Problem("busy", "The store is busy or away; try again later."))
    return problem(request, Problem("internal", "This is a fault of Seamline's; its log names it."))


def too_deep(error: Exception) -> bool:
    """Whether a body was nested deeper than its reader goes: whoever sent it can mend it, nobody here."""
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, RecursionError) and bool(frames) and frames[-1].filename == msgspec_hooks.__file__


#: For the application as a whole, so that paths that nobody serves are problems too.
EXCEPTION_HANDLERS: dict[int | type[Exception], Callable[..., Response[Any]]] = {
    Problem: _problem,
    InvalidQuery: _query,
    NoSuch: _no_such,
    Conflict: _conflict,
    Stale: _stale,
    Forbidden: _forbidden,
    Refused: _refused,
    ValidationException: _invalid,
    HTTPException: _http,
    DBAPIError: _unexpected,
    Exception: _unexpected,
}

__all__ = ["CODES", "EXCEPTION_HANDLERS", "PROBLEM_JSON", "Problem", "problem", "too_deep"]
