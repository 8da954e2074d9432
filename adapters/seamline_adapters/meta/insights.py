"""Insights of Meta's ad accounts: what is asked of the Graph API, day by day, and how far it has been read.

Documented (developers.facebook.com/docs/marketing-api/insights and …/insights/best-practices): ``time_increment=1``
gives a row a day; pages by cursor; where a read takes too long (error subcodes 1504018, 1504038) a report is made
instead: ``POST /act_…/insights`` gives ``report_run_id``, whose ``async_status`` ends in "Job Completed".

A page says nothing of its account's time zone or of when it was true. So the poll asks for the account first, and puts
what it learnt, with the answer's Date, into the query of the next calls' names: there ``split`` finds it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from seamline import Answer, Call, Calls, NeedsHuman, PayloadError, RetryLater
from seamline.errors import SeamlineError
from seamline_adapters import told
from seamline_adapters.meta import graph

GRAPH = "https://graph.facebook.com"

#: The name of the secret with the token of the ad accounts.
ACCESS = "api"

#: What a row holds, at each level.
FIELDS: Mapping[str, str] = {
    "account": "account_id,spend,impressions,clicks,actions,date_start,date_stop",
    "campaign": "account_id,campaign_id,campaign_name,spend,impressions,clicks,actions,date_start,date_stop",
}

_TOLD_IN_BODY = (*graph.TOLD_IN_BODY, 500)

#: Rows a page, and pages of one read: more is taken to be endless.
PAGE = 500
MAX_PAGES = 200

#: Meta answers for the last 37 months only.
LONGEST = timedelta(days=1095)

#: How long after its start a report is given up, and how long to wait before looking at it again.
REPORT_LIFE = timedelta(hours=3)
REPORT_WAIT = timedelta(seconds=30)

#: How a report ends (``async_status`` of an AdReportRun).
DONE = "Job Completed"
FAILED = ("Job Failed", "Job Skipped")
ENDS = (DONE, *FAILED)

Level = Literal["account", "campaign"]


class TooSlow(Exception):
    """Raised where Meta could not answer in time: a report can."""


@dataclass(frozen=True)
class Asked:
    """What the pages of one read answer. ``totals``: the account's own spend a day, as Meta writes it."""

    act: str
    zone: str
    currency: str
    as_of: datetime
    totals: Mapping[str, str] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.as_of.astimezone(zone(self.zone)).date()

    def name(self, of: str) -> str:
        """The name of a call: what it is of, and this."""
        return f"{of}?{self.query}"

    @property
    def values(self) -> dict[str, str]:
        """All of it as text; ``read`` reads it back."""
        totals = ",".join(f"{day}:{spend}" for day, spend in self.totals.items())
        values = {"act": self.act, "tz": self.zone, "currency": self.currency, "as_of": self.as_of.isoformat()}
        return {**values, "totals": totals} if totals else values

    @property
    def query(self) -> str:
        return urlencode(self.values)

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Asked:
        totals = dict(one.split(":", 1) for one in query.get("totals", "").split(",") if ":" in one)
        return cls(query["act"], query["tz"], query["currency"], told.moment(query["as_of"], "as_of"), totals)


@dataclass(frozen=True)
class Report:
    """A report that Meta is making: which, and of what."""

    id: str
    query: str

    @property
    def asked(self) -> Asked:
        return Asked.read(dict(parse_qsl(self.query)))


@dataclass(frozen=True)
class Place:
    """How far an account is read. ``on``: its own day at the last read; days open to attribution then are not done."""

    on: date | None = None
    report: Report | None = None


@dataclass(frozen=True)
class Insights:
    """What is read of the ad accounts, and by which settings."""

    accounts: tuple[str, ...]
    version: str
    level: Level
    attribution: tuple[str, ...]
    lag: timedelta
    history: timedelta
    reports: bool

    def poll(self, cursor: str | None) -> Calls[str]:
        """Read each account up to its yesterday; those first that were not read for longest.

        An account that cannot be read holds up no other: its error is a page like any, and quarantined. Where reports
        are being made, only they are looked at.
        """
        places = _read(cursor)
        done = {act: places.get(act, Place()) for act in self.accounts}
        waiting = [act for act in self.accounts if done[act].report is not None]
        failed: SeamlineError | None = None
        read = 0
        for act in sorted(waiting or self.accounts, key=lambda act: done[act].on or date.min):
            try:
                done[act] = yield from self._account(act, done[act])
                read += 1
            except RetryLater as error:
                failed = error
                break
            except (NeedsHuman, PayloadError) as error:
                failed = failed or error
        if failed is not None and not read:
            raise failed
        return _write(done)

    def _account(self, act: str, place: Place) -> Calls[Place]:
        if place.report is not None:
            return (yield from self._reported(place, place.report))
        asked = yield from self._about(act)
        since = max((place.on or asked.today - self.history) - self.lag, asked.today - LONGEST)
        query = self._query("account", since, asked.today - timedelta(days=1))
        if self.level == "campaign":
            asked = yield from self._with_totals(asked, query)
            query = self._query("campaign", since, asked.today - timedelta(days=1))
        if not self.reports:
            try:
                yield from self._pages(asked.name("figures"), f"{act}/insights", query, act)
                return Place(asked.today)
            except TooSlow:
                pass  # Meta's own advice: make a report of it
        call = self._call(asked.name("report"), f"{act}/insights", query)
        made = _body((yield _posted(call)), f"the insights of {act}")
        run = told.ident(made.get("report_run_id"), "report_run_id")
        if not run.isdecimal():
            raise PayloadError("report_run_id is not an id")
        return Place(place.on, Report(run, asked.query))

    def _reported(self, place: Place, report: Report) -> Calls[Place]:
        """The figures of a report, once it is made; one that fails or never ends is given up, and made anew later."""
        asked = report.asked
        answer = yield self._call(asked.name("status"), report.id, {"fields": "id,async_status"})
        try:
            status = told.text(_body(answer, f"a report of {asked.act}").get("async_status"))
        except PayloadError:
            return Place(place.on)  # it is gone; the page says so
        if status == DONE:
            try:
                yield from self._pages(asked.name("figures"), f"{report.id}/insights", {"limit": str(PAGE)}, asked.act)
            except TooSlow:
                raise RetryLater(f"Meta is slow with a report of {asked.act}", REPORT_WAIT) from None
            return Place(asked.today)
        if status in FAILED or told.written_at(answer, "Meta") - asked.as_of > REPORT_LIFE:
            return Place(place.on)
        raise RetryLater(f"Meta is making a report of {asked.act}", REPORT_WAIT)

    def _about(self, act: str) -> Calls[Asked]:
        answer = yield self._call(f"account?act={act}", act, {"fields": "id,currency,timezone_name"})
        body = _body(answer, f"the ad account {act}")
        currency = told.ident(body.get("currency"), "currency")
        if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise PayloadError("currency is none of ISO 4217")
        name = told.ident(body.get("timezone_name"), "timezone_name")
        zone(name)
        return Asked(act, name, currency, told.written_at(answer, "Meta"))

    def _with_totals(self, asked: Asked, query: Mapping[str, str]) -> Calls[Asked]:
        """The account's own spend a day, to check the sum of its campaigns against."""
        try:
            rows = yield from self._pages(asked.name("totals"), f"{asked.act}/insights", query, asked.act)
        except TooSlow:
            return asked
        totals = {}
        for row in rows:
            day, spend = told.text(row.get("date_start")), told.text(row.get("spend"))
            if day is not None and spend is not None and not {*",:"} & {*day, *spend}:
                totals[day] = spend
        return Asked(asked.act, asked.zone, asked.currency, asked.as_of, totals)

    def _pages(self, name: str, path: str, query: Mapping[str, str], act: str) -> Calls[list[dict[str, Any]]]:
        rows: list[dict[str, Any]] = []
        asked = dict(query)
        for _ in range(MAX_PAGES):
            answer = yield self._call(name, path, asked)
            if graph.too_slow(*graph.codes(answer)):
                raise TooSlow
            body = _body(answer, f"the insights of {act}")
            rows += [one for one in told.listed(body.get("data"), "data") if isinstance(one, dict)]
            after = told.text(told.at(body, "paging.cursors.after"))
            if told.at(body, "paging.next") is None or after is None or after == asked.get("after"):
                return rows
            asked["after"] = after
        raise NeedsHuman(
            f"the insights of {act} have more than {MAX_PAGES} pages of {PAGE} rows; set level = 'account'"
        )

    def _query(self, level: Level, since: date, until: date) -> dict[str, str]:
        span = json.dumps({"since": since.isoformat(), "until": until.isoformat()})
        if self.attribution:
            windows = {"action_attribution_windows": json.dumps(list(self.attribution))}
        else:
            windows = {"use_unified_attribution_setting": "true"}
        query = {"level": level, "fields": FIELDS[level], "time_increment": "1", "time_range": span}
        return {**query, **windows, "limit": str(PAGE)}

    def _call(self, name: str, path: str, query: Mapping[str, str]) -> Call:
        return Call(name, f"{GRAPH}/{self.version}/{path}", query, secret=ACCESS, accept=_TOLD_IN_BODY)


def _posted(call: Call) -> Call:
    """The same question as the start of a report: it only reads, so it may be asked again."""
    return Call(
        call.name,
        call.url,
        method="POST",
        form=call.query,
        secret=call.secret,
        accept=call.accept,
        repeatable=True,
    )


def zone(name: str) -> ZoneInfo:
    """A time zone of the IANA list. Raises PayloadError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise PayloadError("timezone_name is no time zone") from None


def _body(answer: Answer, subject: str) -> Any:
    """The body of a good answer. Raises what ``graph.judge`` raises."""
    if answer.status >= 500 and graph.codes(answer)[0] is None:
        raise RetryLater(f"Meta answered {answer.status} about {subject}")
    return graph.judge(answer, subject)


def _read(cursor: str | None) -> dict[str, Place]:
    return {act: Place(_day(held.get("on")), _report(held.get("report"))) for act, held in _held(cursor)}


def _held(cursor: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from json.loads(cursor or "{}").items()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _report(held: dict[str, Any] | None) -> Report | None:
    return None if held is None else Report(held["id"], held["query"])


def _write(places: Mapping[str, Place]) -> str:
    def shown(place: Place) -> dict[str, Any]:
        on = {} if place.on is None else {"on": place.on.isoformat()}
        report = place.report
        return on if report is None else {**on, "report": vars(report)}

    return json.dumps({act: shown(place) for act, place in places.items()})
