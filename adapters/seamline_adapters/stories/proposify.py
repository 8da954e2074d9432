"""Stories of Proposify: every kind of proposal event, from a webhook, a relay and the activity."""

from __future__ import annotations

from pathlib import Path

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
from seamline.testing import ABSENT, Sample, Story, Suite, story
from seamline_adapters.proposify import Proposify

_VIEWED = "proposal_viewed_PLACEHOLDER.json"
_SIGNED = "proposal_signed_PLACEHOLDER.json"
_PAGE = "activity_page_PLACEHOLDER.json"
_LATER = {"timestamp": "2026-11-20T12:00:41-04:00"}

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
        "webhook and activity tell the same view",
        (Sample(_VIEWED), Sample(_PAGE, poll="activity", patch={"0": ABSENT})),
        (ProposalViewed,),
        any_order=True,
    ),
)

stories = Suite(Proposify, Path(__file__).parent.parent / "samples" / "proposify", _STORIES)
