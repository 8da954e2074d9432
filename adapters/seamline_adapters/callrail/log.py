"""CallRail's own call log, read over its API: what the webhooks have lost, because they are never sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from seamline import Answer, Call, Calls, NeedsHuman, PayloadError
from seamline_adapters import told

API = "https://api.callrail.com/v3/a"

#: The name of the secret with the header ``Token token="…"``.
ACCESS = "api"

#: Calls a page, the most that the API gives.
PAGE = 250

#: A log with more pages than this is taken to be endless.
MAX_PAGES = 400

#: What is read again each time: days are cut in the account's own time zone, and a call is listed while it lasts.
OVERLAP = timedelta(days=2)

#: What a listed call lacks unless it is asked for.
_FIELDS = (
    "call_type",
    "campaign",
    "company_id",
    "first_call",
    "formatted_tracking_source",
    "person_id",
    "source_name",
    "transcription",
    "utm_campaign",
)


def read(account: str, cursor: str | None) -> Calls[str]:
    """Read the calls since the newest that is known, in their order; without a cursor those of the last 30 days."""
    newest = None if not cursor else told.moment(cursor, "the cursor")
    query = {"fields": ",".join(_FIELDS), "per_page": str(PAGE), "sort": "start_time", "order": "asc"}
    query |= {"date_range": "recent"} if newest is None else {"start_date": (newest - OVERLAP).date().isoformat()}
    for page in range(1, MAX_PAGES + 1):
        asked = {**query, "page": str(page)}
        answer = yield Call("calls", f"{API}/{account}/calls.json", asked, secret=ACCESS, accept=(401, 403))
        if answer.status in (401, 403):
            raise NeedsHuman(f"CallRail answers {answer.status}: the api secret is not, or no longer, accepted")
        begun = [at for one in calls(answer.json()) if (at := _begun(one)) is not None]
        started = told.plausible(begun, answer)
        newest = max([*started, *([] if newest is None else [newest])], default=None)
        if page >= _pages(answer):
            return "" if newest is None else newest.isoformat()
    raise NeedsHuman(f"the call log has more than {MAX_PAGES} pages since the last poll")


def calls(page: Any) -> list[Any]:
    """The calls of a page. Raises PayloadError."""
    return told.listed(told.at(page, "calls"), "calls")


def _begun(one: Any) -> datetime | None:
    try:
        return told.moment(told.at(one, "start_time"), "start_time")
    except PayloadError:
        return None  # it is quarantined as an item; of where the log ends it says nothing


def _pages(answer: Answer) -> int:
    total = told.at(answer.json(), "total_pages")
    return total if isinstance(total, int) else 0
