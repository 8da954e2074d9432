"""Stories of Meta Lead Ads: batches, other pages and fields, what the Graph API answers, the handshake."""

from __future__ import annotations

from pathlib import Path

from seamline import NeedsHuman, RetryLater
from seamline.events import LeadReceived
from seamline.testing import ABSENT, Respond, Sample, Story, Suite, story
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
)

stories = Suite(Meta, Path(__file__).parent.parent / "samples" / "meta", _STORIES)
