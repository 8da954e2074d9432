"""The figures of an ad account or a campaign on one day, from a row of Meta's insights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from seamline import Delivery, Item, Nudge, Party, PayloadError, Ref, content_key
from seamline.events import MetricsSnapshot
from seamline.events.values import Period
from seamline_adapters import told
from seamline_adapters.meta import graph
from seamline_adapters.meta.insights import ENDS, FAILED, FIELDS, Asked, Insights

#: The kind of the items.
KIND = "insight"

#: Largest count that is taken for one.
_MAX_COUNT = 10**12

#: Beside spend and leads.
_MORE = ("clicks", "impressions")


@dataclass(frozen=True)
class Figures:
    """How a row is read: which actions are leads, in which windows, and for how long a day stays open."""

    insights: Insights
    leads: tuple[str, ...]
    parties: dict[str, Party] = field(default_factory=dict, repr=False)

    def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
        """One item a row. What the poll asks besides tells nothing, but a report that is being made is looked at soon.

        Each read of a row is an item of its own; that its figures are the same as before is for ``event`` to see.
        """
        body, of = delivery.json(), delivery.url.partition("?")[0].rpartition("/")[2]
        if not isinstance(body, dict):
            raise PayloadError("the page is not an object")
        state = told.text(body.get("async_status"))
        if "error" in body:
            if not graph.too_slow(*graph.codes_in(body)):
                yield _odd([delivery.query, body], f"Meta refused to tell of {delivery.query.get('act')}")
        elif of == "report" or (of == "status" and state not in ENDS):
            yield Nudge(delivery.poll or "", delivery.scope or "")
        elif of == "status" and state in FAILED:
            yield _odd([delivery.query, body], f"Meta could not make a report of {delivery.query.get('act')}")
        elif of == "figures":
            asked = Asked.read(delivery.query)
            yield from (self._item(row, asked) for row in told.listed(body.get("data"), "data"))

    def event(self, item: Item) -> Iterator[MetricsSnapshot]:
        """The snapshot, unless what it tells was told by the read before."""
        snapshot = self._read(item.data["row"], Asked.read(dict(item.data["asked"])))
        if not isinstance(item.before, dict) or item.before.get("told") != item.data["told"]:
            yield snapshot

    def _item(self, row: Any, asked: Asked) -> Item:
        try:
            snapshot = self._read(row, asked)
        except (PayloadError, KeyError, TypeError, ValueError):
            # Which day it is cannot be trusted: it is quarantined by itself, once.
            return _odd([asked.act, row], "the row of an insight cannot be read")
        entity = f"insight:{asked.act}:{snapshot.campaign_id or ''}:{snapshot.period.start}"
        figures = content_key(snapshot.model_dump(mode="json", exclude={"as_of", "occurred_at", "party"}))
        data = {"row": row, "asked": asked.values, "told": figures}
        return Item(f"{entity}:{asked.as_of.isoformat()}", data, KIND, entity)

    def _read(self, row: Any, asked: Asked) -> MetricsSnapshot:
        if f"act_{told.ident(row['account_id'], 'account_id')}" != asked.act:
            raise PayloadError("account_id is not the account that was asked for")
        day = date.fromisoformat(row["date_start"])
        if row["date_stop"] != row["date_start"]:
            raise PayloadError("the row is of more than one day")
        campaign = told.ident(row["campaign_id"], "campaign_id") if self.insights.level == "campaign" else None
        total = asked.totals.get(day.isoformat()) if campaign else None
        return MetricsSnapshot(
            party=self._party(asked.act),
            occurred_at=asked.as_of,
            platform="meta",
            period=Period(start=day, end=day, tz=asked.zone),
            spend=told.minor(row["spend"], asked.currency),
            currency=asked.currency,
            leads=self._leads(row),
            attribution=",".join(self.insights.attribution) or "unified",
            as_of=asked.as_of,
            definition_hash=self._definition(asked),
            provisional=asked.today - day <= self.insights.lag,
            ad_account_id=asked.act,
            campaign_id=campaign,
            platform_spend=None if total is None else told.minor(total, asked.currency),
            more={name: _count(row[name], name) for name in _MORE if name in row},
        )

    def _leads(self, row: Any) -> int | float:
        """The leads, in the windows of the settings: none overlaps another, so they add up."""
        found = Decimal(0)
        for action in told.listed(row.get("actions", []), "actions"):
            if action["action_type"] in self.leads:
                places = self.insights.attribution or ("value",)
                found += sum(_decimal(action.get(place, 0), "an action's value") for place in places)
        return _whole(found)

    def _definition(self, asked: Asked) -> str:
        """What the figures mean: two that differ in it are not compared."""
        insights = self.insights
        return content_key(
            {
                "attribution": sorted(insights.attribution),
                "currency": asked.currency,
                "fields": FIELDS[insights.level],
                "leads": sorted(self.leads),
                "level": insights.level,
                "tz": asked.zone,
                "version": insights.version,
            }
        )

    def _party(self, act: str) -> Party:
        known = self.parties.get(act, Party())
        return known.model_copy(update={"refs": (*known.refs, Ref(of="account", kind="ad_account", id=act))})


def _odd(what: Any, reason: str) -> Item:
    return Item(f"odd:{content_key(what)}", reason, "odd")


def lag(windows: tuple[str, ...]) -> timedelta:
    """How long a day stays open: the longest window, by default the seven days of a click."""
    return timedelta(days=max((int(window.partition("d")[0]) for window in windows), default=7))


def _count(value: Any, name: str) -> int | float:
    return _whole(_decimal(value, name))


def _decimal(value: Any, name: str) -> Decimal:
    try:
        number = Decimal(told.text(value) or repr(float(value)))
    except (ArithmeticError, TypeError, ValueError):
        raise PayloadError(f"{name} is not a number") from None
    if isinstance(value, bool) or not number.is_finite() or not 0 <= number <= _MAX_COUNT:
        raise PayloadError(f"{name} is not a number")
    return number


def _whole(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)
