"""Stories of Meta: batches of leads, other pages and fields, what the Graph API answers, the handshake, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seamline import NeedsHuman, Nudge, PayloadError, Ref, RetryLater, SecretMissing
from seamline.events import LeadReceived, MetricsSnapshot
from seamline.testing import ABSENT, Look, Respond, Sample, Story, Suite, story
from seamline_adapters.meta import Meta

_PAGE = "153125381133"
_TOKEN = {f"page_token.{_PAGE}": ["example-page-token"]}
_LEAD = "GET /v24.0/444444444444"
_SINGLE = "leadgen_single.json"
_BATCH = "leadgen_batch_docs.json"
_MIXED = "leadgen_multi_page_mixed_fields.json"

_HELLO = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
_VERIFY = {"verify_token": ["example-verify-token", "old-verify-token"]}


def _refused(name: str, file: str, raises: type[RetryLater] | type[NeedsHuman]) -> Story:
    return story(name, _SINGLE, answers={_LEAD: Respond(file, 400)}, secrets=_TOKEN, raises=raises)


_ACT = "act_1234567890"
_ACCOUNT = f"GET /v24.0/{_ACT}"
_INSIGHTS = f"GET /v24.0/{_ACT}/insights"
_MAKE = f"POST /v24.0/{_ACT}/insights"
_RUN = "GET /v24.0/6023920149050"
_RUN_PAGES = f"{_RUN}/insights"
_SPENT: Mapping[str, Any] = {
    "ad_accounts": [_ACT],
    "accounts": {_ACT: {"company": "Example Roofing", "domain": "roofing.example.com"}},
}
_SLOW = Respond("api_error_insights_timeout.json", 400)
_API = {"api": ["example-ads-token"]}


def _on(day: int, hour: int = 12, file: str = "api_ad_account.json") -> Respond:
    """An answer that Meta wrote in November 2026."""
    weekday = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")[(day - 1) % 7]
    return Respond(file, headers={"Date": f"{weekday}, {day:02} Nov 2026 {hour:02}:00:00 GMT"})


def _polled(
    name: str,
    told: Sequence[type[MetricsSnapshot] | type[Nudge]] = (),
    *,
    answers: Mapping[str, str | Respond | Sequence[str | Respond]],
    runs: int = 1,
    settings: Mapping[str, Any] = _SPENT,
    secrets: Mapping[str, Sequence[str]] = _API,
    **kw: Any,
) -> Story:
    steps = tuple(Sample(None, poll="insights") for _ in range(runs))
    return Story(name, steps, tuple(told), answers, secrets=secrets, settings=settings, **kw)


_STORIES = (
    story("a lead read in full", _SINGLE, LeadReceived, answers={_LEAD: "api_get_lead.json"}, secrets=_TOKEN),
    story("a lead without a page token is told thin", _SINGLE, LeadReceived),
    story("a batch of the documents", _BATCH, LeadReceived, LeadReceived),
    Story(
        "a retry cut anew",
        (Sample(_BATCH), Sample(_BATCH, patch={"entry.0.changes.0": ABSENT, "entry.0.time": 1438292365})),
        (LeadReceived, LeadReceived),
        any_order=True,
    ),
    story("several pages and other fields", _MIXED, LeadReceived, LeadReceived),
    story("only the pages in the settings", _MIXED, LeadReceived, settings={"pages": ["153125381999"]}),
    story("a request for other pages only", _SINGLE, settings={"pages": [999]}, refused=True),
    story("another object", "user_photos_getting_started.json", refused=True),
    story("ids and text in escapes", "vector_leadgen_escaped_unicode.json", LeadReceived),
    story("values were left out", "leadgen_without_values.json", quarantined=1),
    story(
        "one odd lead in a batch",
        _BATCH,
        LeadReceived,
        patch={"entry.0.changes.0.value.leadgen_id": "../me"},
        quarantined=1,
    ),
    _refused("too many calls", "api_error_rate_limit.json", RetryLater),
    _refused("the token has expired", "api_error_token_expired.json", NeedsHuman),
    _refused("a permission is missing", "api_error_permission.json", NeedsHuman),
    story(
        "the lead is gone", _SINGLE, answers={_LEAD: Respond("api_error_gone.json", 400)}, secrets=_TOKEN, quarantined=1
    ),
    Story(
        "the handshake",
        (
            Sample(
                None,
                method="GET",
                query={**_HELLO, "hub.verify_token": "old-verify-token"},
                challenged=True,
                replies=b"1158201444",
            ),
        ),
        secrets=_VERIFY,
    ),
    Story(
        "a handshake with another token",
        (Sample(None, method="GET", query={**_HELLO, "hub.verify_token": "guess"}, challenged=True, replies=b""),),
        secrets=_VERIFY,
    ),
    _polled(
        "figures on two pages, read again and the same",
        [MetricsSnapshot] * 3,
        answers={
            _ACCOUNT: [_on(22), _on(22, 18)],
            _INSIGHTS: ["api_insights_days.json", "api_insights_days_end.json", "api_insights_days_same.json"],
        },
        runs=2,
    ),
    _polled(
        "figures that Meta revises, and takes back",
        [MetricsSnapshot] * 4,
        answers={
            _ACCOUNT: [_on(22), _on(23), _on(24)],
            _INSIGHTS: [
                "api_insights_days_same.json",
                "api_insights_days_revised.json",
                "api_insights_days_same.json",
            ],
        },
        runs=3,
    ),
    _polled(
        "figures become final",
        [MetricsSnapshot] * 3,
        answers={
            _ACCOUNT: [_on(27), _on(28)],
            _INSIGHTS: ["api_insights_days_same.json", "api_insights_days_final.json"],
        },
        runs=2,
    ),
    _polled(
        "figures of campaigns beside the account's own total",
        [MetricsSnapshot] * 3,
        answers={
            _ACCOUNT: _on(22),
            _INSIGHTS: ["api_insights_totals.json", "api_insights_campaigns.json", "api_insights_campaigns_end.json"],
        },
        settings={**_SPENT, "level": "campaign", "attribution": ["7d_click", "1d_view"]},
    ),
    _polled(
        "figures that cannot be read beside one that can",
        [MetricsSnapshot],
        answers={_ACCOUNT: _on(22), _INSIGHTS: "api_insights_odd_rows.json"},
        quarantined=2,
    ),
    _polled(
        "figures by a report, where reading takes too long",
        [Nudge, *[MetricsSnapshot] * 3],
        answers={
            _ACCOUNT: _on(22),
            _INSIGHTS: _SLOW,
            _MAKE: "api_report_made.json",
            _RUN: [_on(22, 13, "api_report_running.json"), _on(22, 13, "api_report_done.json")],
            _RUN_PAGES: ["api_insights_days.json", "api_insights_days_end.json"],
        },
        runs=3,
        raises=RetryLater,
    ),
    _polled(
        "a report that failed is made anew",
        [Nudge, Nudge],
        answers={
            _ACCOUNT: _on(22),
            _MAKE: "api_report_made.json",
            _RUN: _on(22, 13, "api_report_failed.json"),
        },
        settings={**_SPENT, "reports": True},
        runs=3,
        quarantined=1,
    ),
    _polled(
        "too many calls to the ad account",
        answers={_ACCOUNT: Respond("api_error_rate_limit.json", 400)},
        raises=RetryLater,
    ),
    _polled(
        "the token of the ad accounts has expired",
        answers={_ACCOUNT: Respond("api_error_token_expired.json", 400)},
        raises=NeedsHuman,
    ),
    _polled("ad accounts without a token", answers={}, secrets={}, raises=SecretMissing),
    _polled("no ad accounts, nothing asked", answers={}, settings={}, secrets={}),
)

_SAID = {"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}
_CAMPAIGN = Ref(of="engagement", kind="campaign", id="120210000000000077")
_PIXEL = Ref(of="engagement", kind="pixel", id="880000000000088")
_SPENDER = Ref(of="account", kind="ad_account", id="act_1234567890")


def _look(name: str, ref: Ref, file: str, status: str = "", code: int = 200, **kw: Any) -> Look:
    """A look by one call, which this file answers."""
    path = f"{ref.id}/campaigns" if ref.kind == "ad_account" else ref.id
    return Look(name, ref, status, answers={f"GET /v24.0/{path}": Respond(file, code, _SAID)}, **kw)


_LOOKS = (
    _look("a campaign runs", _CAMPAIGN, "api_campaign_active.json", "ACTIVE"),
    _look("a campaign is paused", _CAMPAIGN, "api_campaign_paused.json", "CAMPAIGN_PAUSED", settled=True),
    _look("a campaign that is gone", _CAMPAIGN, "api_error_gone.json", code=400, raises=PayloadError),
    _look("a look with an expired token", _CAMPAIGN, "api_error_token_expired.json", code=400, raises=NeedsHuman),
    _look("a look too many", _CAMPAIGN, "api_error_rate_limit.json", code=400, raises=RetryLater),
    _look("a pixel fires", _PIXEL, "api_pixel_running.json", "running"),
    _look("a pixel is quiet", _PIXEL, "api_pixel_quiet.json", "quiet", settled=True),
    _look("an ad account spends", _SPENDER, "api_campaigns_running.json", "ACTIVE"),
    _look("nothing of an ad account runs", _SPENDER, "api_campaigns_none.json", "PAUSED", settled=True),
)

stories = Suite(Meta, Path(__file__).parent.parent / "samples" / "meta", _STORIES, looks=_LOOKS)
