"""Meta: leads from forms in ads, told thin by a webhook and read in full from the Graph API; ad accounts' figures.

Documented (developers.facebook.com/docs/graph-api/webhooks/getting-started and …/webhooks-for-leadgen): the GET
handshake with ``hub.verify_token``; ``X-Hub-Signature-256``, an HMAC-SHA256 of the raw body with the app secret;
batches of up to 1,000 changes; ``value.created_time`` is when the lead came, ``entry.time`` only when the notification
was sent. Ids are numbers in the documents and strings in practice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from seamline import (
    Adapter,
    Answer,
    Call,
    Calls,
    Delivery,
    Event,
    Evidence,
    Item,
    NeedsHuman,
    Nudge,
    Party,
    PayloadError,
    Ref,
    Replies,
    Reply,
    Request,
    Secrets,
    Sent,
    SignatureError,
    content_key,
    unix_s,
)
from seamline.errors import SecretMissing
from seamline.events import LeadReceived, MetricsSnapshot
from seamline.signature import Header, Hmac, Query, SharedToken
from seamline_adapters import told
from seamline_adapters.meta import figures, graph, insights, status
from seamline_adapters.meta import lead as leads
from seamline_adapters.meta.insights import GRAPH

#: Longest challenge that is given back; Meta sends a whole number.
MAX_CHALLENGE = 256

_VERIFY = SharedToken(Query("hub.verify_token"), secret="verify_token")  # noqa: S106  (the name of a secret)

#: The family of the page tokens: ``page_token.<page>``, or ``page_token`` for all pages (a system user's token).
TOKEN = "page_token"  # noqa: S105  (the name of a secret)


PageId = Annotated[str, told.NumberOrText, Field(pattern="^[0-9]{1,32}$")]
AdAccount = Annotated[str, Field(pattern="^act_[0-9]{1,32}$")]
Window = Literal["1d_click", "7d_click", "28d_click", "1d_view", "1d_ev"]


class MetaSettings(BaseModel):
    """``pages``: the only pages whose leads are ours; empty: every page of the app.

    ``ad_accounts``: whose figures are read each day; ``accounts``: whose they are. ``leads``: the action types that are
    added up. ``attribution``: in which windows; empty: as each ad set is set, as the Ads Manager shows it.
    """

    model_config = ConfigDict(extra="forbid")

    pages: tuple[PageId, ...] = ()
    graph_version: Annotated[str, Field(pattern=r"^v[0-9]{1,3}\.[0-9]$")] = "v24.0"
    ad_accounts: tuple[AdAccount, ...] = ()
    accounts: dict[AdAccount, Party] = Field(default_factory=dict)
    level: insights.Level = "account"
    leads: Annotated[tuple[str, ...], Field(min_length=1)] = ("lead",)
    attribution: tuple[Window, ...] = ()
    lag_days: Annotated[int, Field(ge=0, le=90)] | None = None
    history_days: Annotated[int, Field(ge=1, le=1000)] = 35
    reports: bool = False

    @field_validator("attribution")
    @classmethod
    def _apart(cls, value: tuple[Window, ...]) -> tuple[Window, ...]:
        kinds = [window.partition("_")[2] for window in value]
        if len(kinds) != len(set(kinds)):
            raise ValueError(
                "windows of one kind hold each other: name one of click, one of view and one of ev at most"
            )
        return value

    @model_validator(mode="after")
    def _known(self) -> MetaSettings:
        unknown = sorted(set(self.accounts) - set(self.ad_accounts))
        if unknown:
            raise ValueError(f"accounts names {', '.join(unknown)}, which ad_accounts lacks: it would never be read")
        return self


class Meta(Adapter):
    """Leads from forms in ads, and what ad accounts spend and bring in.

    Each lead is told with what its person wrote; without a page token, only that it came. A thin lead is told rather
    than held back, because somebody waits for an answer: the humans see it at once with form, ad and page, and read the
    rest at Meta. Once a token is there, translating again completes it.

    Figures are read four times a day, so that a day's are there soon after it has ended where its account is, and
    revised ones soon after Meta revised them.
    """

    name = "meta"
    signature = Hmac(Header("X-Hub-Signature-256", "sha256="), no_stamp="Meta signs the body only and sends no time")
    emits = (LeadReceived, MetricsSnapshot)
    hosts = ("graph.facebook.com",)
    optional_secrets = (TOKEN,)
    polls: ClassVar[Mapping[str, timedelta]] = {"insights": timedelta(hours=6)}
    replies = Replies(
        ok=Reply(200),
        foreign=Reply(200),
        retried=range(300, 600),
        attempts="immediately, then ever less often for 36 hours, then dropped (Graph API Webhooks, Getting Started)",
    )

    class Settings(MetaSettings):
        """Settings of a Meta source."""

    def __init__(self, settings: BaseModel | Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._insights = _insights(self.settings)
        self._figures = figures.Figures(self._insights, self.settings.leads, self.settings.accounts)

    def challenge(self, request: Request, secrets: Secrets) -> Reply | None:
        """Give ``hub.challenge`` back to whoever knows the verify token."""
        if request.method != "GET" or "hub.mode" not in request.query:
            return None
        try:
            _VERIFY.verify(request, secrets, datetime.min.replace(tzinfo=UTC), {})
        except SignatureError:
            return Reply(403)
        text = request.query.get("hub.challenge", "")
        if request.query["hub.mode"] != "subscribe" or not text.isascii() or not 0 < len(text) <= MAX_CHALLENGE:
            return Reply(403)
        return Reply(200, text.encode())

    def refuse(self, request: Request) -> str | None:
        """A request is foreign only as a whole: another object, or none of our pages."""
        body = request.json()
        if told.text(told.at(body, "object")) not in (None, "page"):
            return "the object is not a page"
        pages = set(_pages(body))
        if self.settings.pages and pages and pages.isdisjoint(self.settings.pages):
            return "none of the pages is in the settings"
        return None

    def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
        """One item a lead, or a row of figures. Other fields and other pages of ours are passed over.

        What is odd becomes an item of its own.
        """
        if delivery.poll is not None:
            yield from self._figures.split(delivery)
            return
        body = delivery.json()
        if body["object"] != "page":
            return
        for entry in told.listed(body["entry"], "entry"):
            for change in _changes(entry):
                item = self._item(entry, change)
                if item is not None:
                    yield item

    def fetch(self, item: Item) -> Calls[None]:
        if item.kind != "leadgen" or leads.fetched(item):
            return
        lead, page = item.data["leadgen_id"], item.data["page_id"]
        url = f"{GRAPH}/{self.settings.graph_version}/{lead}"
        answer = yield from _as_page(Call("lead", url, {"fields": leads.FIELDS}, accept=graph.TOLD_IN_BODY), page)
        graph.judge(answer, f"a lead of page {page}")

    def normalize(self, item: Item) -> Iterator[Event]:
        if item.kind == figures.KIND:
            yield from self._figures.event(item)
            return
        if item.kind != "leadgen":
            raise PayloadError(str(item.data))
        value = item.data
        lead = leads.fetched(item)
        wrote = leads.answers(lead)
        created = value.get("created_time")
        yield LeadReceived(
            party=leads.party(wrote, item.key, value["page_id"]),
            occurred_at=leads.created(lead) if created is None else unix_s(created),
            lead_id=item.key,
            channel="ad_form",
            fields=leads.fields(wrote, lead),
            platform=leads.platform(lead),
            form_id=told.text(lead.get("form_id")) or told.text(value.get("form_id")),
            ad_id=told.text(lead.get("ad_id")) or told.text(value.get("ad_id")),
            campaign_id=told.text(lead.get("campaign_id")),
        )

    def poll(self, poll: str, scope: str, cursor: str | None) -> Calls[str]:
        """Read the figures of the ad accounts. The cursor is JSON: how far each is read, and its report, if any."""
        if poll != "insights":
            raise PayloadError("Meta has one poll, 'insights'")
        return self._insights.poll(cursor)

    def status(self, ref: Ref) -> Calls[Evidence]:
        return status.status(self.settings.graph_version, ref)

    def sent(self, since: datetime) -> Calls[Iterable[Sent]]:
        """The leads of the pages in the settings, as notifications: what was dropped after 36 hours can be taken in."""
        found: list[Sent] = []
        for page in self.settings.pages:
            forms = yield from self._listed(f"{page}/leadgen_forms", {"fields": "id", "limit": "100"}, page)
            for form in forms:
                later = {"field": "time_created", "operator": "GREATER_THAN", "value": int(since.timestamp())}
                query = {"fields": "id,created_time,ad_id,form_id", "limit": "100", "filtering": json.dumps([later])}
                listed = yield from self._listed(f"{leads.ident(form.get('id'), 'the form')}/leads", query, page)
                found += [leads.notified(lead, page) for lead in listed]
        return found

    def _item(self, entry: Any, change: Any) -> Item | None:
        """The item of a change; None where it is none of ours."""
        try:
            if change["field"] != "leadgen":
                return None
            value = change["value"]
            page = leads.ident(value["page_id"] if "page_id" in value else entry["id"], "page_id")
            if self.settings.pages and page not in self.settings.pages:
                return None
            lead = leads.ident(value["leadgen_id"], "leadgen_id")
        except PayloadError as error:
            return Item(_odd(entry, change), str(error), "odd")
        except (KeyError, TypeError, AttributeError):
            return Item(
                _odd(entry, change),
                "the change lacks its field, its value or its ids (is Include Values on?)",
                "odd",
            )
        return Item(lead, {**value, "leadgen_id": lead, "page_id": page}, "leadgen")

    def _listed(self, path: str, query: Mapping[str, str], page: str) -> Calls[list[dict[str, Any]]]:
        """All pages of a list of the Graph API. Raises NeedsHuman for a list that does not end."""
        listed: list[dict[str, Any]] = []
        asked = dict(query)
        for _ in range(insights.MAX_PAGES):
            call = Call("list", f"{GRAPH}/{self.settings.graph_version}/{path}", asked, accept=graph.TOLD_IN_BODY)
            answer = yield from _as_page(call, page)
            body = graph.judge(answer, f"the leads of page {page}")
            listed += [one for one in told.listed(body.get("data"), "data") if isinstance(one, dict)]
            after = told.text(told.at(body, "paging.cursors.after"))
            if told.at(body, "paging.next") is None or after is None or after == asked.get("after"):
                return listed
            asked["after"] = after
        raise NeedsHuman(f"the leads of page {page} have more than {insights.MAX_PAGES} pages: ask for a later time")


def _insights(settings: MetaSettings) -> insights.Insights:
    lag = settings.lag_days
    return insights.Insights(
        accounts=settings.ad_accounts,
        version=settings.graph_version,
        level=settings.level,
        attribution=settings.attribution,
        lag=figures.lag(settings.attribution) if lag is None else timedelta(days=lag),
        history=timedelta(days=settings.history_days),
        reports=settings.reports,
    )


def _odd(entry: Any, change: Any) -> str:
    """The key of what has no readable lead id."""
    return f"odd:{content_key(entry if change is None else [told.at(entry, 'id'), change])}"


def _as_page(call: Call, page: str) -> Calls[Answer]:
    """Ask with the page's own token, else with the one for all pages."""
    try:
        return (yield replace(call, secret=f"{TOKEN}.{page}"))
    except SecretMissing:
        return (yield replace(call, secret=TOKEN))


def _pages(body: Any) -> Iterator[str]:
    """Every page that a request names, as far as it can be read."""
    entries = body.get("entry") if isinstance(body, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        told_by = [told.at(change, "value.page_id") for change in changes] if isinstance(changes, list) else []
        for page in (told.at(entry, "id"), *told_by):
            if (text := told.text(page)) is not None:
                yield text


def _changes(entry: Any) -> list[Any]:
    """The changes of an entry; one that cannot be read where its leads were left out (Include Values is off)."""
    if not isinstance(entry, dict):
        return [None]
    if "changes" in entry:
        changes = entry["changes"]
        return changes if isinstance(changes, list) else [None]
    fields = entry.get("changed_fields")
    return [None] if isinstance(fields, list) and "leadgen" in fields else []
