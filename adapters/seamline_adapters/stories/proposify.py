"""Stories of Proposify: every kind of proposal event, from a webhook, a relay and the activity."""

from __future__ import annotations

from pathlib import Path

from seamline import NeedsHuman, RetryLater
from seamline.errors import SecretMissing
from seamline.events import (
    ContractSigned,
    ProposalAccepted,
    ProposalCommented,
    ProposalCreated,
    ProposalDeclined,
    ProposalExpired,
    ProposalSent,
    ProposalViewed,
)
from seamline.testing import ABSENT, Respond, Sample, Story, Suite, story
from seamline_adapters.proposify import Proposify

_VIEWED = "proposal_viewed_PLACEHOLDER.json"
_SIGNED = "proposal_signed_PLACEHOLDER.json"
_PAGE = "activity_page_PLACEHOLDER.json"
_LATER = {"timestamp": "2026-11-20T12:00:41-04:00"}

_ACTIVITY = "GET /api/activity"
_ACCESS = {"api": ["example-access-token"]}
_POLL = Sample(None, poll="activity")


def _page(file: str, more: bool) -> Respond:
    return Respond(file, headers={"Proposify-Has-More-Results": str(more).lower()})


_FIRST, _SECOND = _page(_PAGE, more=True), _page("activity_page_2_PLACEHOLDER.json", more=False)
_THIRD = _page("activity_later_PLACEHOLDER.json", more=True)

_STORIES = (
    story("created", "proposal_created_PLACEHOLDER.json", ProposalCreated),
    story("sent", "proposal_sent_PLACEHOLDER.json", ProposalSent),
    story("viewed", _VIEWED, ProposalViewed),
    Story(
        "viewed again",
        (Sample(_VIEWED), Sample(_VIEWED), Sample(_VIEWED, patch=_LATER)),
        (ProposalViewed, ProposalViewed),
        any_order=True,
    ),
    story("commented", "proposal_commented_PLACEHOLDER.json", ProposalCommented),
    story("signed", _SIGNED, ProposalAccepted),
    story(
        "signed, and the signature is the contract",
        _SIGNED,
        ProposalAccepted,
        ContractSigned,
        settings={"signature_is_contract": True},
    ),
    story(
        "won by hand is no contract",
        "proposal_won_PLACEHOLDER.json",
        ProposalAccepted,
        settings={"signature_is_contract": True},
    ),
    Story(
        "signed and won in the same second",
        (Sample("proposal_won_PLACEHOLDER.json"), Sample(_SIGNED)),
        (ProposalAccepted, ContractSigned),
        settings={"signature_is_contract": True},
        any_order=True,
    ),
    story("lost", "proposal_lost_PLACEHOLDER.json", ProposalDeclined, patch={"data.reason": "Too late in the year"}),
    story("expired", "proposal_lost_PLACEHOLDER.json", ProposalExpired, patch={"event": "proposal.expired"}),
    story(
        "a relay's own words",
        _VIEWED,
        ProposalViewed,
        patch={"event": "Opened"},
        settings={"words": {"Opened": "viewed"}},
    ),
    story("signed by HMAC", _VIEWED, ProposalViewed, settings={"proof": "hmac", "prefix": "sha256="}),
    story("without a time, known by its id", _VIEWED, ProposalViewed, patch={"timestamp": ABSENT, "id": "run-17"}),
    story("without time and id", _VIEWED, patch={"timestamp": ABSENT}, quarantined=1),
    story("a word that nobody knows", _VIEWED, patch={"event": "proposal.renamed"}),
    Story("a page of the activity", (Sample(_PAGE, poll="activity"),), (ProposalViewed, ProposalViewed)),
    Story(
        "pages of the activity that overlap",
        (Sample(_PAGE, poll="activity"), Sample(_PAGE, poll="activity", patch={"0": ABSENT})),
        (ProposalViewed, ProposalViewed),
        any_order=True,
    ),
    Story(
        "the activity read to its end, and again back to what is known",
        (_POLL, _POLL),
        (ProposalCreated, ProposalSent, ProposalViewed, ProposalViewed, ProposalCommented),
        answers={_ACTIVITY: [_FIRST, _SECOND, _THIRD]},
        secrets=_ACCESS,
    ),
    Story(
        "the activity is busy half-way, and read in full the next time",
        (_POLL, _POLL),
        (ProposalCreated, ProposalSent, ProposalViewed, ProposalViewed),
        answers={_ACTIVITY: [_FIRST, Respond(status=429), _FIRST, _SECOND]},
        secrets=_ACCESS,
        raises=RetryLater,
    ),
    Story(
        "the activity takes the access token no longer",
        (_POLL, _POLL),
        answers={_ACTIVITY: [Respond(status=401), Respond(status=403)]},
        secrets=_ACCESS,
        raises=NeedsHuman,
    ),
    Story(
        "an activity listed the other way round is for a human, not half read",
        (_POLL,),
        answers={_ACTIVITY: [_FIRST, _SECOND]},
        secrets=_ACCESS,
        settings={"activity_order": "oldest_first"},
        raises=NeedsHuman,
    ),
    story("without an access token nothing is asked", None, poll="activity", raises=SecretMissing),
    Story(
        "webhook and activity tell the same view",
        (Sample(_VIEWED), Sample(_PAGE, poll="activity", patch={"0": ABSENT})),
        (ProposalViewed,),
        any_order=True,
    ),
)

stories = Suite(Proposify, Path(__file__).parent.parent / "samples" / "proposify", _STORIES)
