"""Stories of a generic signed source: what the relay tells, and the body that the specification advises."""

from __future__ import annotations

from pathlib import Path

from seamline.events import ProposalAccepted, ProposalViewed
from seamline.testing import ABSENT, Sample, Story, Suite, story
from seamline_adapters.standard_webhooks import StandardWebhooks
from seamline_adapters.stories.fact import facts

_ROOT = Path(__file__).parent.parent / "samples" / "standard_webhooks"
_ID = {"webhook-id": "msg_2abc"}

_STORIES = (
    *facts(_ROOT),
    story("one object", "one.json", ProposalViewed),
    story("two of a kind", "batch.json", ProposalViewed, ProposalViewed),
    Story(
        "a retry cut anew",
        (Sample("batch.json"), Sample("batch_again.json")),
        (ProposalViewed, ProposalViewed, ProposalAccepted),
        any_order=True,
    ),
    story("bad items and control events beside good ones", "mixed.json", ProposalViewed, ProposalViewed, quarantined=3),
    story("a message of the specification", "message.json", ProposalViewed, headers=_ID),
    Story(
        "a message sent again",
        (Sample("message.json", headers=_ID), Sample("message.json", headers=_ID)),
        (ProposalViewed,),
        any_order=True,
    ),
    story("a message without a party", "message.json", ProposalViewed, headers=_ID, patch={"data.party": ABSENT}),
    story("a message with a broken time", "message.json", headers=_ID, patch={"timestamp": 1763629200}, quarantined=1),
    story("a type that nobody knows", "message.json", headers=_ID, patch={"type": "weather.changed"}),
)

stories = Suite(StandardWebhooks, _ROOT, _STORIES)
