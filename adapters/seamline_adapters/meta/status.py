"""What of Meta's still runs: a campaign, a pixel, an ad account. For whoever ends a relationship."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from seamline import Call, Calls, Evidence, PayloadError, Ref
from seamline_adapters import told
from seamline_adapters.meta import graph
from seamline_adapters.meta import lead as leads
from seamline_adapters.meta.insights import ACCESS, GRAPH

#: Of a campaign's ``effective_status`` (the Campaign object's own list) those that spend nothing any more. What is not
#: named here, a new word too, may still run.
STOPPED = frozenset({"PAUSED", "CAMPAIGN_PAUSED", "ADSET_PAUSED", "ARCHIVED", "DELETED"})

#: A pixel that fired within this time is running.
QUIET = timedelta(hours=24)

_RUNNING = ["ACTIVE", "IN_PROCESS", "WITH_ISSUES"]


def status(version: str, ref: Ref) -> Calls[Evidence]:
    """Ask for the state of a ref. Raises PayloadError for a kind that Meta has not."""
    match ref.kind:
        case "campaign":
            return (yield from _campaign(version, ref))
        case "pixel":
            return (yield from _pixel(version, ref))
        case "ad_account":
            return (yield from _account(version, ref))
    raise PayloadError(f"Meta tells the status of a campaign, a pixel or an ad_account, not of {ref.kind}")


def _campaign(version: str, ref: Ref) -> Calls[Evidence]:
    answer = yield _call(version, leads.ident(ref.id, "the campaign"), {"fields": "id,effective_status"})
    body = graph.judge(answer, f"the campaign {ref.id}")
    found = told.ident(body.get("effective_status"), "effective_status")
    return Evidence(ref.id, found, told.written_at(answer, "Meta"), settled=found in STOPPED)


def _pixel(version: str, ref: Ref) -> Calls[Evidence]:
    answer = yield _call(version, leads.ident(ref.id, "the pixel"), {"fields": "id,last_fired_time"})
    body, now = graph.judge(answer, f"the pixel {ref.id}"), told.written_at(answer, "Meta")
    if told.text(body.get("id")) != ref.id:  # one that never fired has no time, so the id alone shows that it was read
        raise PayloadError("Meta's answer does not name the pixel")
    fired = body.get("last_fired_time")
    running = fired is not None and now - told.moment(fired, "last_fired_time") <= QUIET
    return Evidence(ref.id, "running" if running else "quiet", now, settled=not running)


def _account(version: str, ref: Ref) -> Calls[Evidence]:
    """Whether any campaign of an account runs: one is enough, and Meta is asked for those only."""
    act = f"act_{leads.ident(ref.id.removeprefix('act_'), 'the ad account')}"
    query = {"fields": "id,effective_status", "effective_status": json.dumps(_RUNNING), "limit": "50"}
    answer = yield _call(version, f"{act}/campaigns", query)
    rows: list[Any] = told.listed(graph.judge(answer, f"the campaigns of {act}").get("data"), "data")
    running = [row for row in rows if told.text(told.at(row, "effective_status")) not in STOPPED]
    return Evidence(ref.id, "ACTIVE" if running else "PAUSED", told.written_at(answer, "Meta"), settled=not running)


def _call(version: str, path: str, query: dict[str, str]) -> Call:
    return Call("status", f"{GRAPH}/{version}/{path}", query, secret=ACCESS, accept=graph.TOLD_IN_BODY)
