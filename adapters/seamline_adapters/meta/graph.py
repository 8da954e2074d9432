"""The Graph API's answers: what an error of Meta's means, and how long to wait.

Errors come as HTTP 400 (sometimes 401, 403, 404) with ``{"error": {code, error_subcode, is_transient}}``. Sources:
developers.facebook.com/docs/graph-api/guides/error-handling (codes), …/graph-api/overview/rate-limiting (80000 to 80014
and the header ``X-Business-Use-Case-Usage``, whose ``estimated_time_to_regain_access`` counts minutes).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from seamline import Answer, NeedsHuman, PayloadError, RetryLater

#: Statuses whose meaning stands in the body.
TOLD_IN_BODY = (400, 401, 403, 404)

#: 1, 2: Meta's own trouble; 4, 17, 32, 613: rate limits of app, user, page and ad account; 341: a temporary block.
_PASSING = frozenset({1, 2, 4, 17, 32, 341, 613})
#: Rate limits of business use cases: 80001 pages, 80004 ad account, 80005 leads.
_BUSINESS = range(80000, 80015)
#: 102, 190: the token is expired or withdrawn; 3, 10: the app lacks a capability or a permission.
_CREDENTIALS = frozenset({3, 10, 102, 190})
_PERMISSIONS = range(200, 300)
#: 100: no such object (or one that the app may not see); 803: no such id.
_GONE = frozenset({100, 803})

#: Timeouts of insights. A plain 100 is told for too much data, too.
_TOO_SLOW = frozenset({1504018, 1504038})

_LONGEST_WAIT = timedelta(days=1)


def judge(answer: Answer, subject: str) -> Any:
    """The body of a good answer; ``subject`` names what was asked for, for a human.

    Raises RetryLater for what passes, NeedsHuman for tokens and permissions, PayloadError for what is not there.
    """
    if 200 <= answer.status < 300:
        body = answer.json()
        if isinstance(body, dict) and "error" not in body:
            return body
        if not isinstance(body, dict):
            raise PayloadError(f"Meta's answer about {subject} is not an object")
    error = _error(answer)
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    named = f"Graph error {code}" + (f"/{subcode}" if subcode else "")
    if error.get("is_transient") is True or code in _PASSING or code in _BUSINESS:
        raise RetryLater(f"{named} about {subject}", regained(answer))
    if code in _CREDENTIALS or code in _PERMISSIONS:
        raise NeedsHuman(f"{named}: the token for {subject} is expired, withdrawn or lacks a permission")
    if code in _GONE:
        raise PayloadError(f"{named}: {subject} is gone, or the app may not read it (Leads Access Manager)")
    raise NeedsHuman(f"{named or 'an unknown Graph error'} about {subject} (HTTP {answer.status})")


def regained(answer: Answer) -> timedelta | None:
    """How long until the rate limit is over, as Meta estimates it; None: it says nothing."""
    try:
        usage = json.loads(answer.headers.get("x-business-use-case-usage", "null"))
    except ValueError:
        return None
    told = [_number(one.get("estimated_time_to_regain_access")) for one in _uses(usage)]
    minutes = max((value for value in told if value is not None), default=0)
    return min(timedelta(minutes=min(minutes, 10_000)), _LONGEST_WAIT) if minutes > 0 else None


def codes(answer: Answer) -> tuple[int | None, int | None]:
    """The code and subcode of an error; None where the answer is good, or its error cannot be read."""
    return _codes(_error(answer))


def codes_in(body: Any) -> tuple[int | None, int | None]:
    """The same of a body that is kept."""
    return _codes(_error_of(body))


def _codes(error: dict[str, Any]) -> tuple[int | None, int | None]:
    return _number(error.get("code")), _number(error.get("error_subcode"))


def too_slow(code: int | None, subcode: int | None) -> bool:
    """Whether insights could not be read in time (Marketing API, Error Codes), so that a report is to be made."""
    return subcode in _TOO_SLOW or (code == 100 and subcode is None)


def _uses(usage: Any) -> list[dict[str, Any]]:
    lists = usage.values() if isinstance(usage, dict) else []
    return [one for several in lists if isinstance(several, list) for one in several if isinstance(one, dict)]


def _error(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return _error_of(body)


def _error_of(body: Any) -> dict[str, Any]:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
